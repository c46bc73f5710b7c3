//! `Mapping`: the base of the six classes, with all state and what they have in common.

use crate::access::{self, glance, pin};
use crate::change::{self, Act};
use crate::kinds;
use mmap_rs_core::memory::{Access, Kind, Region};
use mmap_rs_core::state::{Cell, Resident};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Common base of all mappings, for `isinstance`. It has no constructor: `MmapOptions` makes mappings.
///
/// A mapping that was closed, or consumed by a method that gave its memory to another object, answers `closed`,
/// `repr()` and `close()` only; anything else raises `ConsumedError`.
#[pyclass(module = "mmap_rs", subclass, frozen, weakref)]
pub struct Mapping {
    cell: Cell<Region>,
    /// The class it was made as. Methods trust this, not the class, as Python code may assign `__class__`.
    kind: Kind,
}

impl Mapping {
    pub fn vacant(kind: Kind) -> Self {
        Self { cell: Cell::vacant(), kind }
    }

    #[inline]
    pub fn cell(&self) -> &Cell<Region> {
        &self.cell
    }

    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How it ended, in words: `Mmap was consumed by make_mut`.
    pub fn end_story(&self) -> String {
        format!("{} {}", self.kind.name(), Act::story(self.cell.note()))
    }

    /// Fills a vacant object, which only its maker knows, with a region.
    pub fn fill(&self, region: Region) {
        // It can't be filled already, as only its maker knows it; a region refused would be dropped, so unmapped.
        let _ = self.cell.fill(region);
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // Unmapping much detaches. Where that can't be (the interpreter is ending), the cell's own end does it.
        if let Ok(alone) = self.cell.exclusive() {
            let region = alone.consume(Act::Close as u8);
            Python::try_attach(|py| access::free(py, region));
        }
    }
}

#[pymethods]
impl Mapping {
    /// start(): the first address of the mapping, an int.
    fn start(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(glance(py, self)?.span().start)
    }

    /// end(): one past the last address of the mapping, an int: `start() + size()`.
    fn end(&self, py: Python<'_>) -> PyResult<usize> {
        let span = glance(py, self)?.span();
        Ok(span.start.saturating_add(span.len))
    }

    /// as_ptr(): the address of the first byte, an int, for ctypes and the like.
    ///
    /// The address is valid until the mapping is closed or consumed; nothing keeps it so. A memoryview does.
    fn as_ptr(&self, py: Python<'_>) -> PyResult<usize> {
        self.start(py)
    }

    /// as_mut_ptr(): the same as `as_ptr()`. Writing through it needs memory that is writable.
    fn as_mut_ptr(&self, py: Python<'_>) -> PyResult<usize> {
        self.start(py)
    }

    /// size(): the length in bytes.
    fn size(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(glance(py, self)?.span().len)
    }

    /// len(): the length in bytes, as `len(m)`.
    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        self.size(py)
    }

    /// is_empty(): whether the length is 0, which it never is.
    fn is_empty(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.size(py)? == 0)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.size(py)
    }

    /// Whether the mapping was closed or consumed.
    #[getter]
    fn closed(&self) -> bool {
        self.cell.gate().is_gone()
    }

    /// faulted(): whether the system could not provide a page, so that the fault guard put zeros in its place. Always
    /// `False` without `MmapOptions.with_fault_guard()`.
    fn faulted(&self, py: Python<'_>) -> PyResult<bool> {
        glance(py, self)?;
        Ok(self.cell.is_marked())
    }

    /// close(*, defer=False): give the memory back now. Of a closed or consumed mapping: nothing.
    ///
    /// Raises `BufferError` while buffers over it are alive, and then changes nothing. With `defer=True` it never
    /// does: the mapping is consumed now, and its memory unmapped when the last buffer goes. `SystemCallError` where
    /// the system refuses (munmap(2)); the mapping is then as before.
    #[pyo3(signature = (*, defer = false))]
    fn close(&self, py: Python<'_>, defer: bool) -> PyResult<()> {
        change::close(py, self, defer)
    }

    fn __enter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, Self>> {
        glance(slf.py(), slf.get())?;
        Ok(slf)
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) -> PyResult<()> {
        change::close(py, self, false)
    }

    /// merge(other): take the mapping that begins where this one ends as this one's end; `other` is consumed.
    ///
    /// Both must be of the same class (`TypeError`), adjacent (`MustBeAdjacentError`), of the same protection and
    /// flags (`AttributeMismatchError`), and of the same backing: both anonymous, or the same file continued at the
    /// right offset, with the same share mode (`BackingMismatchError`). `BufferError` while either has buffers.
    fn merge(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        change::merge(slf, other)
    }

    /// split_off(at): cut off and return what lies from byte `at` on; this mapping keeps the bytes before it.
    ///
    /// `at` is a multiple of the page size with `0 < at < size()`, else `InvalidOffsetError`. `BufferError` while
    /// buffers are alive.
    fn split_off<'py>(slf: &Bound<'py, Self>, at: usize) -> PyResult<Bound<'py, Mapping>> {
        change::split(slf, at, true)
    }

    /// split_to(at): cut off and return the bytes before `at`; this mapping keeps what lies from `at` on.
    ///
    /// `at` is a multiple of the page size with `0 < at < size()`, else `InvalidOffsetError`. `BufferError` while
    /// buffers are alive.
    fn split_to<'py>(slf: &Bound<'py, Self>, at: usize) -> PyResult<Bound<'py, Mapping>> {
        change::split(slf, at, false)
    }

    /// make_none(): make the memory inaccessible. Consumes this object and returns the new one.
    ///
    /// `BufferError` while buffers are alive, `SystemCallError` where the system refuses (mprotect(2)); in both
    /// cases this object is as before.
    fn make_none<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::None, false, Act::MakeNone)
    }

    /// make_read_only(): make the memory readable only. Consumes this object and returns the new one.
    ///
    /// Errors as of `make_none()`.
    fn make_read_only<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::Read, false, Act::MakeReadOnly)
    }

    /// make_exec(): make the memory readable and executable, and flush the instruction cache. Consumes this object
    /// and returns the new one.
    ///
    /// Errors as of `make_none()`. Raises the audit event `mmap_rs.exec` with address and size.
    fn make_exec<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::Exec, true, Act::MakeExec)
    }

    /// make_exec_no_flush(): as `make_exec()`, without flushing the instruction cache.
    ///
    /// Safety: on processors whose caches are not coherent (Arm, AArch64) code that was written before may run as
    /// it was before. Call `flush_icache()` before you run it.
    fn make_exec_no_flush<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::Exec, false, Act::MakeExecNoFlush)
    }

    /// make_mut(): make the memory readable and writable. Consumes this object and returns the new one.
    ///
    /// Errors as of `make_none()`; `PermissionError` for a shared mapping of a file that was opened for reading.
    fn make_mut<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::Write, false, Act::MakeMut)
    }

    /// make_exec_mut(): make the memory readable, writable and executable. Consumes this object and returns the new
    /// one. Needs `UnsafeMmapFlags.JIT`, else `UnsafeFlagNeededError`.
    ///
    /// Safety: memory that can be written and executed helps an attacker. Prefer to write first (`make_mut()`) and
    /// then execute (`make_exec()`). Call `flush_icache()` after writing code and before running it.
    fn make_exec_mut<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::ExecWrite, false, Act::MakeExecMut)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        if self.cell.gate().is_gone() {
            return Ok(format!("<mmap_rs.{}>", self.end_story().replacen(" was ", " ", 1)));
        }
        let told = pin(py, self).map(|pinned| {
            let span = pinned.span();
            pinned.with(|region| {
                format!(
                    "<mmap_rs.{} {:#x}-{:#x} size={} {}>",
                    self.kind.name(),
                    span.start,
                    span.start.saturating_add(span.len),
                    region.span().len,
                    region.facts()
                )
            })
        });
        // Another thread may have closed it meanwhile.
        told.or_else(|_| Ok(format!("<mmap_rs.{}>", self.end_story().replacen(" was ", " ", 1))))
    }

    fn __reduce__(&self) -> PyResult<()> {
        Err(PyTypeError::new_err(format!(
            "a {} can't be pickled or copied: its memory has one owner",
            self.kind.name()
        )))
    }

    fn __copy__(&self) -> PyResult<()> {
        self.__reduce__()
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> PyResult<()> {
        self.__reduce__()
    }
}

/// The mapping behind an object of one of the classes that derive from [`Mapping`].
#[inline]
pub fn base<'a, 'py>(object: &'a Bound<'py, impl pyo3::PyClass>) -> &'a Bound<'py, Mapping> {
    // SAFETY: called with `Mapped`, `Bytes` and the six classes only, all of which derive from `Mapping`.
    unsafe { object.as_any().cast_unchecked::<Mapping>() }
}

/// Makes the object for a new region.
pub fn wrap(py: Python<'_>, region: Region) -> PyResult<Bound<'_, Mapping>> {
    // Where this fails, the region is dropped, and so unmapped.
    let object = kinds::vacant(py, region.kind())?;
    object.get().fill(region);
    Ok(object)
}
