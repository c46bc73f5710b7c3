//! The six classes, as a table: which base each one has. All state is in [`Mapping`], all methods in the bases.

use crate::bytes::{Bytes, get_item};
use crate::mapped::Mapped;
use crate::mapping::Mapping;
use mmap_rs_core::memory::Kind;
use pyo3::prelude::*;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident: $($base:ident),+;)*) => {
        $(kinds!(@class $name, [$($doc)*], $($base),+);)*

        /// A new object of a class, without a region, to be filled before anyone else sees it: what can fail for
        /// want of memory fails before anything is changed.
        pub fn vacant(py: Python<'_>, kind: Kind) -> PyResult<Bound<'_, Mapping>> {
            let init = PyClassInitializer::from(Mapping::vacant(kind));
            match kind {
                $(Kind::$name => {
                    let init = kinds!(@init init, $($base),+).add_subclass($name);
                    let object = Bound::new(py, init)?.into_any();
                    // SAFETY: all six classes derive from `Mapping`.
                    Ok(unsafe { object.cast_into_unchecked::<Mapping>() })
                })*
            }
        }
    };
    (@class MmapMut, $($rest:tt)*) => {};
    (@class $name:ident, [$($doc:literal)*], $base:ident $(, $far:ident)*) => {
        $(#[doc = $doc])*
        #[pyclass(module = "mmap_rs", extends = $base, frozen)]
        pub struct $name;

        kinds!(@try_from $name);
    };
    // Upstream has no way to make this one from another.
    (@try_from ReservedNone) => {};
    (@try_from Mmap) => {
        kinds!(@methods Mmap,
            fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                get_item(slf, key)
            }
        );
    };
    (@try_from $name:ident) => { kinds!(@methods $name,); };
    (@methods $name:ident, $($method:item)?) => {
        #[pymethods]
        impl $name {
            $($method)?

            /// try_from(other): this class from another mapping, which is consumed; for exactly upstream's pairs
            /// (`TryFrom`), another type is `TypeError`. From a reserved to a mapped type it commits.
            #[staticmethod]
            fn try_from<'py>(other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Mapping>> {
                convert(Kind::$name, other)
            }
        }
    };
    (@init $init:ident, Mapping) => { $init };
    (@init $init:ident, Mapped, Mapping) => { $init.add_subclass(Mapped) };
    (@init $init:ident, Bytes, Mapped, Mapping) => { $init.add_subclass(Mapped).add_subclass(Bytes) };
}

pub use crate::bytes_mut::MmapMut;
pub use crate::change::try_from as convert;

kinds! {
    /// Inaccessible memory (upstream: `mmap_rs::MmapNone`). Any access to it ends the process.
    ///
    /// Made by `MmapOptions.map_none()` or by `make_none()` of another mapping.
    MmapNone: Mapped, Mapping;

    /// Readable memory, perhaps executable (upstream: `mmap_rs::Mmap`).
    ///
    /// Made by `MmapOptions.map()`, `map_exec()`, or by `make_read_only()` or `make_exec()` of another mapping.
    Mmap: Bytes, Mapped, Mapping;

    /// Writable memory.
    MmapMut: Bytes, Mapped, Mapping;

    /// Reserved inaccessible memory (upstream: `mmap_rs::ReservedNone`): addresses, with no memory behind them yet.
    ///
    /// `MmapNone.try_from()`, or `Reserved` and `ReservedMut`, lead on from here.
    ReservedNone: Mapping;

    /// Reserved readable memory (upstream: `mmap_rs::Reserved`), committed by `Mmap.try_from()`.
    Reserved: Mapping;

    /// Reserved writable memory (upstream: `mmap_rs::ReservedMut`), committed by `MmapMut.try_from()`.
    ReservedMut: Mapping;
}
