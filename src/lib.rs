//! The PyO3 face of the binding: it registers, converts and delegates. What it delegates to is `mmap-rs-core`.
//!
//! In layers, of which each imports from those above it only:
//!
//! * `call`: calls that may run Python code; `audit`: one of them;
//! * `convert`: Python's values as Rust's, and back;
//! * `state`: mappings as Python objects, their uses, and errors;
//! * `methods`, `make`, `areas`: what users call; `capi`: what other languages call.

mod areas;
mod audit;
mod call;
mod capi;
mod convert;
mod make;
mod methods;
mod state;

/// Memory mappings: the compiled part of `mmap_rs`.
#[pyo3::pymodule(gil_used = false)]
mod _mmap_rs {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::{
        areas::{AreaUsage, MemoryArea, MemoryAreas, by_text},
        make::made_file::map_made,
        make::memory_file::MemoryFile,
        make::options::MmapOptions,
        make::page_size::PageSize,
        methods::sending::sent,
        state::classes::{Mapping, Mmap, MmapMut, MmapNone, Reserved, ReservedMut, ReservedNone},
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        mmap_rs_core::state::watch()?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("__upstream_version__", env!("UPSTREAM_VERSION"))?;
        module.add("_C_API", super::capi::capsule(module.py())?)?;
        module.add("flag_bits", super::convert::flags::all(module.py())?)
    }
}
