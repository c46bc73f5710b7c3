//! The six classes, as a table: which base each one has. All state is in [`Mapping`], all methods in the bases.

use crate::bytes::Bytes;
use crate::mapped::Mapped;
use crate::mapping::Mapping;
use crate::slots::{Items, ItemsMut};
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
    (@try_from MmapNone) => {
        kinds! { @try_from MmapNone,
        /// Make an `MmapNone` from another mapping, which is consumed.
        ///
        /// Args:
        ///     other: a `ReservedNone`, which is committed.
        ///
        /// Raises:
        ///     TypeError: if it is of another class.
        ///     BufferError: while buffers over it are alive.
        ///     SystemCallError: if the system refuses. In all cases `other` is as before.
        ///
        /// Upstream: `MmapNone: TryFrom`.
        ///
        /// Examples:
        ///     >>> rest = MmapOptions(1 << 20).reserve_none()
        ///     >>> MmapNone.try_from(rest).size() == 1 << 20
        ///     True
        }
    };
    (@try_from Mmap) => {
        kinds! { @try_from Mmap,
        /// Make an `Mmap` from another mapping, which is consumed.
        ///
        /// Args:
        ///     other: an `MmapMut` or `MmapNone`, which is made read-only, or a `Reserved`, which is committed.
        ///
        /// Raises:
        ///     TypeError: if it is of another class.
        ///     BufferError: while buffers over it are alive.
        ///     SystemCallError: if the system refuses. In all cases `other` is as before.
        ///
        /// Upstream: `Mmap: TryFrom`.
        ///
        /// Examples:
        ///     >>> m = MmapOptions(4096).map_mut()
        ///     >>> m[0] = 7
        ///     >>> Mmap.try_from(m)[0], m.closed
        ///     (7, True)
        }
    };
    (@try_from Reserved) => {
        kinds! { @try_from Reserved,
        /// Make a `Reserved` from another mapping, which is consumed.
        ///
        /// Args:
        ///     other: a `ReservedMut` or `ReservedNone`, which is made read-only.
        ///
        /// Raises:
        ///     TypeError: if it is of another class.
        ///     BufferError: while buffers over it are alive.
        ///     SystemCallError: if the system refuses. In all cases `other` is as before.
        ///
        /// Upstream: `Reserved: TryFrom`.
        ///
        /// Examples:
        ///     >>> rest = MmapOptions(1 << 20).reserve_mut()
        ///     >>> Reserved.try_from(rest).size() == 1 << 20
        ///     True
        }
    };
    (@try_from ReservedMut) => {
        kinds! { @try_from ReservedMut,
        /// Make a `ReservedMut` from another mapping, which is consumed.
        ///
        /// Args:
        ///     other: a `Reserved` or `ReservedNone`, which is made writable.
        ///
        /// Raises:
        ///     TypeError: if it is of another class.
        ///     BufferError: while buffers over it are alive.
        ///     SystemCallError: if the system refuses. In all cases `other` is as before.
        ///
        /// Upstream: `ReservedMut: TryFrom`.
        ///
        /// Examples:
        ///     >>> rest = MmapOptions(1 << 20).reserve_none()
        ///     >>> head = MmapMut.try_from(ReservedMut.try_from(rest))
        ///     >>> head[0] = 1
        }
    };
    (@try_from $name:ident, $(#[doc = $doc:literal])*) => {
        #[pymethods]
        impl $name {
            $(#[doc = $doc])*
            #[staticmethod]
            fn try_from<'py>(other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Mapping>> {
                convert(Kind::$name, other)
            }
        }
    };
    (@init $init:ident, Mapping) => { $init };
    (@init $init:ident, Mapped, Mapping) => { $init.add_subclass(Mapped) };
    (@init $init:ident, Bytes, Items, Mapped, Mapping) => {
        $init.add_subclass(Mapped).add_subclass(Items).add_subclass(Bytes)
    };
    (@init $init:ident, ItemsMut, Bytes, Items, Mapped, Mapping) => {
        $init.add_subclass(Mapped).add_subclass(Items).add_subclass(Bytes).add_subclass(ItemsMut)
    };
}

pub use crate::bytes_mut::MmapMut;
pub use crate::change::try_from as convert;

kinds! {
    /// Mapped memory that can't be accessed: any access to it ends the process.
    ///
    /// Made by `MmapOptions.map_none()` or by `make_none()` of another mapping. It is good for guard pages, and leads
    /// on by `make_read_only()`, `make_mut()` and the like.
    ///
    /// Upstream: `mmap_rs::MmapNone`.
    ///
    /// Examples:
    ///     >>> guard = MmapOptions(4096).map_none()
    ///     >>> guard.make_mut()[0]
    ///     0
    MmapNone: Mapped, Mapping;

    /// Readable memory, perhaps executable.
    ///
    /// Made by `MmapOptions.map()`, `map_exec()`, or by `make_read_only()` or `make_exec()` of another mapping. It has
    /// the buffer protocol, indexing, slices and search as `bytes` has.
    ///
    /// Upstream: `mmap_rs::Mmap`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map()
    ///     >>> m[0], m[0:3], len(m), 0 in m
    ///     (0, b'\x00\x00\x00', 4096, True)
    Mmap: Bytes, Items, Mapped, Mapping;

    /// Writable memory.
    MmapMut: ItemsMut, Bytes, Items, Mapped, Mapping;

    /// Reserved address space that can't be accessed, with no memory behind it yet.
    ///
    /// Made by `MmapOptions.reserve_none()` or by `make_none()` of another reserved one. `MmapNone.try_from()` commits
    /// it.
    ///
    /// Upstream: `mmap_rs::ReservedNone`.
    ///
    /// Examples:
    ///     >>> rest = MmapOptions(1 << 30).reserve_none()
    ///     >>> guard = MmapNone.try_from(rest.split_to(1 << 16))
    ///     >>> guard.end() == rest.start()
    ///     True
    ReservedNone: Mapping;

    /// Reserved readable address space, with no memory behind it yet.
    ///
    /// Made by `MmapOptions.reserve()`, `reserve_exec()`, or by `make_read_only()` or `make_exec()` of another reserved
    /// one. `Mmap.try_from()` commits it.
    ///
    /// Upstream: `mmap_rs::Reserved`.
    ///
    /// Examples:
    ///     >>> m = Mmap.try_from(MmapOptions(1 << 20).reserve())
    ///     >>> m[0]
    ///     0
    Reserved: Mapping;

    /// Reserved writable address space, with no memory behind it yet.
    ///
    /// Made by `MmapOptions.reserve_mut()`, `reserve_exec_mut()`, or by `make_mut()` of another reserved one.
    /// `MmapMut.try_from()` commits it.
    ///
    /// Upstream: `mmap_rs::ReservedMut`.
    ///
    /// Examples:
    ///     >>> m = MmapMut.try_from(MmapOptions(1 << 20).reserve_mut())
    ///     >>> m[0] = 1
    ReservedMut: Mapping;
}
