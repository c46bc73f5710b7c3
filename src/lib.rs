//! The PyO3 face of the binding: it registers, converts and delegates. What it delegates to is `mmap-rs-core`.

mod access;
mod areas;
mod args;
mod audit;
mod bytes;
mod bytes_mut;
mod call;
mod change;
mod code;
mod error;
mod export;
mod flags;
mod foreign;
mod iter;
mod kinds;
mod mapped;
mod mapping;
mod open;
mod options;
mod page_size;
mod paths;
mod search;
mod slices;
mod slots;

/// Memory mappings: the compiled part of `mmap_rs`.
#[pyo3::pymodule(gil_used = false)]
mod _mmap_rs {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        areas::{MemoryArea, MemoryAreas, by_text},
        bytes::Bytes,
        kinds::{Mmap, MmapMut, MmapNone, Reserved, ReservedMut, ReservedNone},
        mapped::Mapped,
        mapping::Mapping,
        options::MmapOptions,
        page_size::PageSize,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("__upstream_version__", env!("UPSTREAM_VERSION"))?;
        module.add("flag_bits", super::flags::all(module.py())?)
    }
}
