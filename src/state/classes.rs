//! The classes of mappings: what each one is and which base it has. All state is in [`Mapping`]; the methods are in
//! `methods/`.
//!
//! ```text
//! Mapping ◀── ReservedNone, Reserved, ReservedMut
//!    ▲
//! Mapped ◀── MmapNone
//!    ▲
//!  Items ◀── Bytes ◀── Mmap
//!              ▲
//!          ItemsMut ◀── MmapMut
//! ```
//!
//! The bases in between are not public, and carry the name of the one that is: messages and `help()` show names.
#![expect(unsafe_code, reason = "casts between the classes, which PyO3 would check each time")]

use mmap_rs_core::memory::{Kind, Region};
use mmap_rs_core::state::{AcquireError, Ending, RegionCell};
use pyo3::exceptions::PyTypeError;
#[cfg(not(Py_3_14))]
use pyo3::ffi;
use pyo3::prelude::*;
use std::sync::Arc;
#[cfg(not(Py_3_14))]
use std::sync::atomic::{AtomicPtr, Ordering};

/// The common base of all mappings, for `isinstance`.
///
/// It has no constructor: `MmapOptions` makes mappings. A mapping that was closed, or consumed by a method
/// that gave its memory to another object, supports only `closed`, `repr()` and `close()`; anything else raises
/// `ConsumedError`. While a buffer over a mapping is alive (a `memoryview`, a NumPy array), methods that would
/// change or end the mapping raise `BufferError`. `with` closes it at the end of the block. Any thread may use it.
///
/// Upstream: none; what its six types have in common.
///
/// Examples:
///     >>> isinstance(MmapOptions(4096).map(), Mapping), isinstance(b"", Mapping)
///     (True, False)
#[pyclass(module = "mmap_rs", subclass, frozen, weakref)]
pub struct Mapping {
    /// Shared with the views of other languages, which may outlive the object.
    cell: Arc<RegionCell<Region>>,
    /// The class it was made as. Methods trust this, not the class: `object` has a setter that goes round ours.
    kind: Kind,
    /// The object itself, for its destructor.
    #[cfg(not(Py_3_14))]
    object: AtomicPtr<ffi::PyObject>,
}

impl Mapping {
    fn new(kind: Kind) -> Self {
        Self {
            cell: Arc::new(RegionCell::vacant()),
            kind,
            #[cfg(not(Py_3_14))]
            object: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    #[inline]
    pub fn cell(&self) -> &RegionCell<Region> {
        &self.cell
    }

    /// The cell as a value that may outlive the object.
    pub fn shared_cell(&self) -> Arc<RegionCell<Region>> {
        self.cell.clone()
    }

    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Fills a vacant object, which only its maker knows, with a region.
    pub fn fill(&self, region: Region) {
        // It can't be filled already, as only its maker knows it; a region refused would be dropped, so unmapped.
        drop(self.cell.fill(region));
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // Before PyO3 does it, whose call can't be unwound (see `call.rs`).
        #[cfg(not(Py_3_14))]
        if let Some(object) = std::ptr::NonNull::new(*self.object.get_mut()) {
            // SAFETY: attached, as this runs in the object's own deallocation.
            unsafe { crate::call::clear_weakrefs(object.as_ptr()) };
        }
        let region = match self.cell.exclusive() {
            Ok(alone) => Some(alone.end(Ending::Closed)),
            // Views of other languages are alive: the last of them unmaps it.
            Err(AcquireError::Exported(_)) => self.cell.end_deferred(Ending::Closed).ok().flatten(),
            Err(_) => None,
        };
        // Unmapping much detaches. Where that can't be (the interpreter is ending), the region's own end does it.
        if let Some(region) = region {
            Python::try_attach(|py| super::detach::free(py, region));
        }
    }
}

/// Methods of the mapped classes `MmapNone`, `Mmap` and `MmapMut`, which the reserved ones lack.
#[pyclass(module = "mmap_rs", name = "Mapping", extends = Mapping, subclass, frozen)]
pub struct Mapped;

/// What `Mmap` and `MmapMut` have as readable memory by slots of our own.
#[pyclass(module = "mmap_rs", name = "Mapping", extends = Mapped, subclass, frozen)]
pub struct Items;

/// Methods of `Mmap` and `MmapMut`, whose bytes can be read.
#[pyclass(module = "mmap_rs", name = "Mapping", extends = Items, subclass, frozen)]
pub struct Bytes;

/// What `MmapMut` has as writable memory by slots of our own.
#[pyclass(module = "mmap_rs", name = "Mapping", extends = Bytes, subclass, frozen)]
pub struct ItemsMut;

/// Mapped memory that can't be accessed: any access to it ends the process.
///
/// Made by `MmapOptions.map_none()`, or by `make_none()` of another mapping. Use it for guard pages, or make it
/// accessible with `make_read_only()`, `make_mut()` or another `make_*()`.
///
/// Upstream: `mmap_rs::MmapNone`.
///
/// Examples:
///     >>> guard = MmapOptions(4096).map_none()
///     >>> guard.make_mut()[0]
///     0
#[pyclass(module = "mmap_rs", extends = Mapped, frozen)]
pub struct MmapNone;

/// Readable memory, perhaps executable.
///
/// Made by `MmapOptions.map()` or `map_exec()`, or by `make_read_only()` or `make_exec()` of another mapping. It
/// supports the buffer protocol, indexing, slices and search, like `bytes`.
///
/// Upstream: `mmap_rs::Mmap`.
///
/// Examples:
///     >>> m = MmapOptions(4096).map()
///     >>> m[0], m[0:3], len(m), 0 in m
///     (0, b'\x00\x00\x00', 4096, True)
#[pyclass(module = "mmap_rs", extends = Bytes, frozen)]
pub struct Mmap;

/// Writable memory, perhaps executable.
///
/// Made by `MmapOptions.map_mut()` or `map_exec_mut()`, or by `make_mut()` of another mapping. It supports the buffer
/// protocol, indexing, slices and assignment, like `bytearray`, but assignments and deletions can't change its length.
///
/// Upstream: `mmap_rs::MmapMut`.
///
/// Examples:
///     >>> m = MmapOptions(4096).map_mut()
///     >>> m[0:5] = b"hello"
///     >>> m[0], m[4:0:-1], b"ell" in m
///     (104, b'olle', True)
#[pyclass(module = "mmap_rs", extends = ItemsMut, frozen)]
pub struct MmapMut;

/// Reserved address space that can't be accessed, with no memory behind it yet.
///
/// Made by `MmapOptions.reserve_none()`, or by `make_none()` of another reserved mapping. `MmapNone.try_from()`
/// commits it.
///
/// Upstream: `mmap_rs::ReservedNone`.
///
/// Examples:
///     >>> rest = MmapOptions(1 << 30).reserve_none()
///     >>> guard = MmapNone.try_from(rest.split_to(1 << 16))
///     >>> guard.end() == rest.start()
///     True
#[pyclass(module = "mmap_rs", extends = Mapping, frozen)]
pub struct ReservedNone;

/// Reserved readable address space, with no memory behind it yet.
///
/// Made by `MmapOptions.reserve()` or `reserve_exec()`, or by `make_read_only()` or `make_exec()` of another
/// reserved mapping. `Mmap.try_from()` commits it.
///
/// Upstream: `mmap_rs::Reserved`.
///
/// Examples:
///     >>> m = Mmap.try_from(MmapOptions(1 << 20).reserve())
///     >>> m[0]
///     0
#[pyclass(module = "mmap_rs", extends = Mapping, frozen)]
pub struct Reserved;

/// Reserved writable address space, with no memory behind it yet.
///
/// Made by `MmapOptions.reserve_mut()` or `reserve_exec_mut()`, or by `make_mut()` of another reserved mapping.
/// `MmapMut.try_from()` commits it.
///
/// Upstream: `mmap_rs::ReservedMut`.
///
/// Examples:
///     >>> m = MmapMut.try_from(MmapOptions(1 << 20).reserve_mut())
///     >>> m[0] = 1
#[pyclass(module = "mmap_rs", extends = Mapping, frozen)]
pub struct ReservedMut;

/// `TypeError` for a call of a class of mappings: none has a constructor.
#[cold]
pub fn no_constructor(kind: Kind) -> PyErr {
    let remedy = match kind {
        Kind::Mmap => "map_file(path) maps a file, MmapOptions(size).map() anonymous memory",
        Kind::MmapMut => "map_file(path, 'r+') maps a file, MmapOptions(size).map_mut() anonymous memory",
        Kind::MmapNone => "MmapOptions(size).map_none() makes one",
        Kind::ReservedNone => "MmapOptions(size).reserve_none() makes one",
        Kind::Reserved => "MmapOptions(size).reserve() makes one",
        Kind::ReservedMut => "MmapOptions(size).reserve_mut() makes one",
    };
    PyTypeError::new_err(format!("cannot create 'mmap_rs.{}' instances: {remedy}", kind.name()))
}

/// A new object of a class, without a region, to be filled before anyone else sees it: what can fail for want of
/// memory fails before anything is changed.
pub fn vacant(py: Python<'_>, kind: Kind) -> PyResult<Bound<'_, Mapping>> {
    let base = PyClassInitializer::from(Mapping::new(kind));
    let bytes = |base: PyClassInitializer<Mapping>| base.add_subclass(Mapped).add_subclass(Items).add_subclass(Bytes);
    let object = match kind {
        Kind::MmapNone => Bound::new(py, base.add_subclass(Mapped).add_subclass(MmapNone))?.into_any(),
        Kind::Mmap => Bound::new(py, bytes(base).add_subclass(Mmap))?.into_any(),
        Kind::MmapMut => Bound::new(py, bytes(base).add_subclass(ItemsMut).add_subclass(MmapMut))?.into_any(),
        Kind::ReservedNone => Bound::new(py, base.add_subclass(ReservedNone))?.into_any(),
        Kind::Reserved => Bound::new(py, base.add_subclass(Reserved))?.into_any(),
        Kind::ReservedMut => Bound::new(py, base.add_subclass(ReservedMut))?.into_any(),
    };
    // SAFETY: all six classes derive from `Mapping`.
    let object = unsafe { object.cast_into_unchecked::<Mapping>() };
    #[cfg(not(Py_3_14))]
    object.get().object.store(object.as_ptr(), Ordering::Relaxed);
    Ok(object)
}

/// Makes the object for a new region.
pub fn wrap(py: Python<'_>, region: Region) -> PyResult<Bound<'_, Mapping>> {
    // Where this fails, the region is dropped, and so unmapped.
    let object = vacant(py, region.kind())?;
    object.get().fill(region);
    Ok(object)
}

/// The mapping behind an object of one of the classes that derive from [`Mapping`].
#[inline]
pub fn base<'a, 'py>(object: &'a Bound<'py, impl pyo3::PyClass>) -> &'a Bound<'py, Mapping> {
    // SAFETY: called with the classes of this module only, all of which derive from `Mapping`.
    unsafe { object.as_any().cast_unchecked::<Mapping>() }
}
