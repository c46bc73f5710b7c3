//! `Mapping`: the base of the six classes, with all state and what they have in common.

use crate::access::{self, glance, pin};
use crate::args::Number;
use crate::change::{self, Act};
use crate::kinds;
use mmap_rs_core::memory::{Access, Kind, Region};
use mmap_rs_core::state::{Cell, Resident};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The common base of all mappings, for `isinstance`.
///
/// It has no constructor: `MmapOptions` makes mappings. A mapping that was closed, or consumed by a method
/// that gave its memory to another object, answers `closed`, `repr()` and `close()` only; anything else raises
/// `ConsumedError`. While a buffer over a mapping is alive (a `memoryview`, a NumPy array), what would change
/// or end it raises `BufferError`. `with` closes at the end of the block. Any thread may use a mapping.
///
/// Upstream: none; what its six types have in common.
///
/// Examples:
///     >>> isinstance(MmapOptions(4096).map(), Mapping), isinstance(b"", Mapping)
///     (True, False)
#[pyclass(module = "mmap_rs", subclass, frozen, weakref)]
pub struct Mapping {
    cell: Cell<Region>,
    /// The class it was made as. Methods trust this, not the class: `object` has a setter that goes round ours.
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

    /// The same for an error, with what to use in its place.
    pub fn why_gone(&self) -> String {
        format!("this {}{}", self.end_story(), Act::remedy(self.cell.note()))
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
    /// Return the first address of the mapping, an int.
    ///
    /// Upstream: `start`.
    fn start(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(glance(py, self)?.span().start)
    }

    /// Return the address after the last byte, an int: `start() + size()`.
    ///
    /// Upstream: `end`.
    fn end(&self, py: Python<'_>) -> PyResult<usize> {
        let span = glance(py, self)?.span();
        Ok(span.start.saturating_add(span.len))
    }

    /// Return the address of the first byte, an int, for ctypes and the like.
    ///
    /// Nothing keeps the address valid but the mapping itself: it ends when that is closed or consumed. A
    /// memoryview keeps the memory.
    ///
    /// Upstream: `as_ptr`.
    fn as_ptr(&self, py: Python<'_>) -> PyResult<usize> {
        self.start(py)
    }

    /// Return the address of the first byte, an int: the same as `as_ptr()`.
    ///
    /// Writing through it needs memory that is writable.
    ///
    /// Upstream: `as_mut_ptr`.
    fn as_mut_ptr(&self, py: Python<'_>) -> PyResult<usize> {
        self.start(py)
    }

    /// Return the length in bytes, an int.
    ///
    /// Upstream: `size`.
    fn size(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(glance(py, self)?.span().len)
    }

    /// Return the length in bytes, an int, as `len(m)` does.
    ///
    /// Upstream: `len`.
    fn len(&self, py: Python<'_>) -> PyResult<usize> {
        self.size(py)
    }

    /// Tell whether the length is 0, which it never is.
    ///
    /// Upstream: `is_empty`.
    fn is_empty(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.size(py)? == 0)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.size(py)
    }

    /// Whether the mapping was closed or consumed, a bool.
    #[getter]
    fn closed(&self) -> bool {
        self.cell.gate().is_gone()
    }

    /// Tell whether the system could not provide a page, so that the fault guard put zeros in its place.
    ///
    /// Always `False` without `MmapOptions.with_fault_guard()`.
    ///
    /// Upstream: none.
    fn faulted(&self, py: Python<'_>) -> PyResult<bool> {
        glance(py, self)?;
        Ok(self.cell.is_marked())
    }

    /// Give the memory back now; do nothing if the mapping was closed or consumed before.
    ///
    /// Args:
    ///     defer: if true, never wait for buffers: the mapping is consumed now, and its memory unmapped when
    ///         the last buffer over it goes.
    ///
    /// Raises:
    ///     BufferError: while buffers over it are alive, without `defer`; nothing has changed then.
    ///     SystemCallError: if the system refuses (munmap(2)); the mapping is then as before.
    ///
    /// Upstream: none; dropping the object.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> view = memoryview(m)
    ///     >>> m.close(defer=True)
    ///     >>> m.closed, view[0]
    ///     (True, 0)
    ///     >>> view.release()
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

    /// Take `other`, which begins where this mapping ends, as this one's end; `other` is consumed.
    ///
    /// Args:
    ///     other: a mapping of the same class.
    ///
    /// Raises:
    ///     TypeError: if it is of another class.
    ///     MustBeAdjacentError: if it does not begin where this one ends.
    ///     AttributeMismatchError: if the two differ in protection, flags or page size.
    ///     BackingMismatchError: if they are not both anonymous, nor the same file continued at the right offset
    ///         with the same share mode.
    ///     BufferError: while either has buffers.
    ///
    /// Upstream: `merge`.
    ///
    /// Examples:
    ///     >>> page = MmapOptions.page_size()
    ///     >>> low = MmapOptions(2 * page).map_mut()
    ///     >>> high = low.split_off(page)
    ///     >>> low.merge(high)
    ///     >>> low.size() == 2 * page
    ///     True
    fn merge(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> PyResult<()> {
        change::merge(slf, other)
    }

    /// Cut off and return what lies from byte `at` on; this mapping keeps the bytes before it.
    ///
    /// Args:
    ///     at: an int of bytes, a multiple of the page size with `0 < at < size()`.
    ///
    /// Raises:
    ///     InvalidOffsetError: if it is not.
    ///     BufferError: while buffers are alive.
    ///
    /// Upstream: `split_off`.
    ///
    /// Examples:
    ///     >>> low = MmapOptions(1 << 20).map_mut()
    ///     >>> high = low.split_off(1 << 16)
    ///     >>> low.size(), high.size(), low.end() == high.start()
    ///     (65536, 983040, True)
    fn split_off<'py>(slf: &Bound<'py, Self>, at: Number<usize>) -> PyResult<Bound<'py, Mapping>> {
        change::split(slf, at.0, true)
    }

    /// Cut off and return the bytes before `at`; this mapping keeps what lies from `at` on.
    ///
    /// Args:
    ///     at: an int of bytes, a multiple of the page size with `0 < at < size()`.
    ///
    /// Raises:
    ///     InvalidOffsetError: if it is not.
    ///     BufferError: while buffers are alive.
    ///
    /// Upstream: `split_to`.
    fn split_to<'py>(slf: &Bound<'py, Self>, at: Number<usize>) -> PyResult<Bound<'py, Mapping>> {
        change::split(slf, at.0, false)
    }

    /// Make the memory inaccessible; consume this object and return the new one.
    ///
    /// Raises:
    ///     BufferError: while buffers are alive.
    ///     InvalidOperationError: on Apple Silicon, for memory of `UnsafeMmapFlags.JIT` that is writable and
    ///         executable: the system keeps it so.
    ///     SystemCallError: if the system refuses (mprotect(2)). In all cases this object is as before.
    ///
    /// Upstream: `make_none`.
    fn make_none<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::None, false, Act::MakeNone)
    }

    /// Make the memory readable only; consume this object and return the new one.
    ///
    /// Errors are those of `make_none()`.
    ///
    /// Upstream: `make_read_only`.
    ///
    /// Examples:
    ///     >>> writable = MmapOptions(4096).map_mut()
    ///     >>> frozen = writable.make_read_only()
    ///     >>> writable
    ///     <mmap_rs.MmapMut consumed by make_read_only>
    fn make_read_only<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::Read, false, Act::MakeReadOnly)
    }

    /// Make the memory readable and executable, and flush the instruction cache.
    ///
    /// Consumes this object and returns the new one. Errors are those of `make_none()`. Raises the audit event
    /// `mmap_rs.exec` with address and size.
    ///
    /// Upstream: `make_exec`.
    ///
    /// Examples:
    ///     >>> code = MmapOptions(4096).map_mut().make_exec()
    ///     >>> type(code).__name__, code.is_executable()
    ///     ('Mmap', True)
    fn make_exec<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::Exec, true, Act::MakeExec)
    }

    /// Make the memory readable and executable, without flushing the instruction cache.
    ///
    /// Consumes this object and returns the new one. Errors are those of `make_none()`. Raises the audit event
    /// `mmap_rs.exec` with address and size.
    ///
    /// Safety:
    ///     On processors whose caches are not coherent (Arm, AArch64) the processor may run what was in the memory
    ///     before. Call `flush_icache()` before you run code from it.
    ///
    /// Upstream: `make_exec_no_flush`.
    fn make_exec_no_flush<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::Exec, false, Act::MakeExecNoFlush)
    }

    /// Make the memory readable and writable; consume this object and return the new one.
    ///
    /// Raises:
    ///     PermissionError: for a shared mapping of a file that was opened for reading only. Other errors are
    ///         those of `make_none()`.
    ///
    /// Upstream: `make_mut`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map().make_mut()
    ///     >>> m[0] = 1
    fn make_mut<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::Write, false, Act::MakeMut)
    }

    /// Make the memory readable, writable and executable; consume this object and return the new one.
    ///
    /// Raises:
    ///     UnsafeFlagNeededError: if it was not mapped with `UnsafeMmapFlags.JIT`. Other errors are those of
    ///         `make_none()`.
    ///
    /// Safety:
    ///     Memory that can be written and executed helps an attacker: prefer to write first (`make_mut()`) and
    ///     then execute (`make_exec()`). Call `flush_icache()` after writing code and before running it.
    ///
    /// Upstream: `make_exec_mut`.
    fn make_exec_mut<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Mapping>> {
        change::make(slf, Access::ExecWrite, false, Act::MakeExecMut)
    }

    // An object of another class would not be told when a buffer that it gave is released.
    #[getter(__class__)]
    fn class<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyType> {
        slf.get_type()
    }

    #[setter(__class__)]
    fn set_class(&self, _class: &Bound<'_, PyAny>) -> PyResult<()> {
        let text = format!("the class of this {} can't be assigned: make_*() gives another", self.kind.name());
        Err(PyTypeError::new_err(text))
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
            "no {} can be pickled or copied: its memory has one owner; bytes(m) copies what is in it",
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
