//! `Mapping`: what all mappings have.

use super::transitions;
use crate::call::{call, member};
use crate::convert::flags;
use crate::convert::numbers::Number;
use crate::state::borrow::{self, pin, span, with_region};
use crate::state::classes::Mapping;
use crate::state::error::{Error, Result, story};
use mmap_rs_core::memory::{Access, inheritance};
use mmap_rs_core::state::{Ending, Extent};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

#[pymethods]
impl Mapping {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        Err(PyTypeError::new_err("cannot create 'mmap_rs.Mapping' instances: map_file() and MmapOptions make mappings"))
    }

    /// Return the first address of the mapping, an int.
    ///
    /// Upstream: `start`.
    fn start(&self, py: Python<'_>) -> Result<usize> {
        Ok(span(py, self)?.start)
    }

    /// Return the address after the last byte, an int: `start() + size()`.
    ///
    /// Upstream: `end`.
    fn end(&self, py: Python<'_>) -> Result<usize> {
        let span = span(py, self)?;
        Ok(span.start.saturating_add(span.len))
    }

    /// Return the address of the first byte, an int, for ctypes and the like.
    ///
    /// The address is valid only until the mapping is closed or consumed. A memoryview keeps the memory mapped.
    ///
    /// Upstream: `as_ptr`.
    fn as_ptr(&self, py: Python<'_>) -> Result<usize> {
        self.start(py)
    }

    /// Return the address of the first byte, an int: the same as `as_ptr()`.
    ///
    /// Writing through it requires writable memory.
    ///
    /// Upstream: `as_mut_ptr`.
    fn as_mut_ptr(&self, py: Python<'_>) -> Result<usize> {
        self.start(py)
    }

    /// Return the length of the mapping in bytes, an int.
    ///
    /// `mmap.mmap.size()` is the size of the file: `os.stat(path).st_size` returns that.
    ///
    /// Upstream: `size`.
    fn size(&self, py: Python<'_>) -> Result<usize> {
        Ok(span(py, self)?.len)
    }

    /// Return the length in bytes, an int, as `len(m)` does.
    ///
    /// Upstream: `len`.
    fn len(&self, py: Python<'_>) -> Result<usize> {
        self.size(py)
    }

    /// Return whether the length is 0: the mapping is of an empty file.
    ///
    /// Upstream: `is_empty`.
    fn is_empty(&self, py: Python<'_>) -> Result<bool> {
        Ok(self.size(py)? == 0)
    }

    fn __len__(&self, py: Python<'_>) -> Result<usize> {
        self.size(py)
    }

    /// Whether the mapping was closed or consumed, a bool.
    #[getter]
    fn closed(&self) -> bool {
        self.cell().ending().is_some()
    }

    /// Return whether the fault guard has replaced a page that the system could not provide with zeros.
    ///
    /// Always `False` without `MmapOptions.with_fault_guard()`.
    ///
    /// Upstream: none.
    fn faulted(&self, py: Python<'_>) -> Result<bool> {
        borrow::retry(py, |requests| {
            let _glance = borrow::Glance::new(self, requests)?;
            Ok(self.cell().is_faulted())
        })
    }

    /// Unmap the memory now; do nothing if the mapping was already closed or consumed.
    ///
    /// Args:
    ///     defer: if true, close even while buffers are alive: the mapping is consumed now, and its memory is unmapped
    ///         when the last buffer is released.
    ///
    /// Raises:
    ///     BufferError: while buffers over it are alive, unless `defer` is true; nothing has changed then.
    ///     SystemCallError: if the system refuses (munmap(2)); the mapping is then as before.
    ///
    /// Upstream: none; there the object is dropped.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> view = memoryview(m)
    ///     >>> m.close(defer=True)
    ///     >>> m.closed, view[0]
    ///     (True, 0)
    ///     >>> view.release()
    #[pyo3(signature = (*, defer = false))]
    fn close(&self, py: Python<'_>, defer: bool) -> Result<()> {
        transitions::close(py, self, defer)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Result<Bound<'_, Self>> {
        span(slf.py(), slf.get())?;
        Ok(slf)
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) -> Result<()> {
        transitions::close(py, self, false)
    }

    /// Set how a child of `fork` inherits this mapping.
    ///
    /// A mapping with `Inherit.NONE` is closed in the child, where its addresses are free.
    ///
    /// Args:
    ///     inherit: an `Inherit`.
    ///
    /// Raises:
    ///     TypeError: if `inherit` is something else.
    ///     InvalidOperationError: for `Inherit.ZERO` of a mapping that is shared or of a file (Linux, Android), on
    ///         macOS and iOS always; on Windows for all members, as there is no `fork`.
    ///     SystemCallError: if the system refuses; nothing has changed then.
    ///
    /// Safety:
    ///     With `Inherit.NONE`, a buffer over the mapping (a `memoryview`, a NumPy array) must not be accessed in the
    ///     child, and a callable that `function()` returned must not be called there: that crashes the process, or
    ///     accesses whatever has been mapped there since.
    ///
    /// Upstream: none. Source: madvise(2), `MADV_DONTFORK` and `MADV_WIPEONFORK`; minherit(2).
    ///
    /// Examples:
    ///     >>> secret = MmapOptions(4096).map_mut()
    ///     >>> secret.set_inheritance(Inherit.ZERO)
    fn set_inheritance(&self, py: Python<'_>, inherit: &Bound<'_, PyAny>) -> Result<()> {
        let inherit = flags::inherit(inherit)?;
        Ok(inheritance::set(&pin(py, self)?, inherit)?)
    }

    /// Set the name that the system shows for this memory in its list of areas.
    ///
    /// Linux 5.17 and later, and Android, show it: see `MemoryArea.name()` and proc_pid_maps(5). Elsewhere it does
    /// nothing.
    ///
    /// Args:
    ///     name: a str of at most 79 printable ASCII characters, none of them a backslash, backquote, dollar sign or
    ///         square bracket; `None` removes the name.
    ///
    /// Raises:
    ///     InvalidOperationError: if it is not such a name, or the mapping is of a file.
    ///     UnicodeEncodeError: if it contains surrogates.
    ///
    /// Upstream: none. Source: prctl(2), `PR_SET_VMA_ANON_NAME`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m.set_name("frame buffer")
    fn set_name(&self, py: Python<'_>, name: Option<&Bound<'_, PyString>>) -> Result<()> {
        let name = name.map(|name| name.to_str()).transpose()?;
        with_region(py, self, |_| false, |region| region.set_name(name))??;
        Ok(())
    }

    /// Append `other`, which must start where this mapping ends, and consume it.
    ///
    /// Args:
    ///     other: a mapping of the same class.
    ///
    /// Raises:
    ///     TypeError: if it is of another class.
    ///     MustBeAdjacentError: if it does not start where this one ends.
    ///     AttributeMismatchError: if the two differ in protection, flags or page size.
    ///     BackingMismatchError: if they are neither both anonymous, nor adjacent parts of the same file with the same
    ///         share mode.
    ///     BufferError: while buffers over either are alive.
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
    fn merge(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>) -> Result<()> {
        transitions::merge(slf, other)
    }

    /// Split off and return the bytes from `at` on; this mapping keeps the bytes before.
    ///
    /// Args:
    ///     at: a number of bytes, an int; a multiple of the page size with `0 < at < size()`.
    ///
    /// Raises:
    ///     InvalidOffsetError: if it is not.
    ///     InvalidOperationError: if the system does not allow this mapping to be split, such as the ring buffer of a
    ///         perf event.
    ///     BufferError: while buffers are alive.
    ///
    /// Upstream: `split_off`.
    ///
    /// Examples:
    ///     >>> low = MmapOptions(1 << 20).map_mut()
    ///     >>> high = low.split_off(1 << 16)
    ///     >>> low.size(), high.size(), low.end() == high.start()
    ///     (65536, 983040, True)
    fn split_off<'py>(slf: &Bound<'py, Self>, at: Number<usize>) -> Result<Bound<'py, Mapping>> {
        transitions::split(slf, at.0, true)
    }

    /// Split off and return the bytes before `at`; this mapping keeps the bytes from `at` on.
    ///
    /// Args:
    ///     at: a number of bytes, an int; a multiple of the page size with `0 < at < size()`.
    ///
    /// Raises:
    ///     InvalidOffsetError: if it is not.
    ///     InvalidOperationError: if the system does not allow this mapping to be split, such as the ring buffer of a
    ///         perf event.
    ///     BufferError: while buffers are alive.
    ///
    /// Upstream: `split_to`.
    fn split_to<'py>(slf: &Bound<'py, Self>, at: Number<usize>) -> Result<Bound<'py, Mapping>> {
        transitions::split(slf, at.0, false)
    }

    /// Make the memory inaccessible; consume this object and return the new one.
    ///
    /// Raises:
    ///     BufferError: while buffers are alive.
    ///     InvalidOperationError: on Apple Silicon, for memory made with `UnsafeMmapFlags.JIT` that is writable and
    ///         executable: its protection can't be changed.
    ///     SystemCallError: if the system refuses (mprotect(2)). In all cases this object is as before, unless the
    ///         message says that it was unmapped.
    ///
    /// Upstream: `make_none`.
    fn make_none<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, Mapping>> {
        transitions::make(slf, Access::None, false, Ending::MakeNone)
    }

    /// Make the memory read-only; consume this object and return the new one.
    ///
    /// Raises what `make_none()` raises.
    ///
    /// Upstream: `make_read_only`.
    ///
    /// Examples:
    ///     >>> writable = MmapOptions(4096).map_mut()
    ///     >>> frozen = writable.make_read_only()
    ///     >>> writable
    ///     <mmap_rs.MmapMut consumed by make_read_only>
    fn make_read_only<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, Mapping>> {
        transitions::make(slf, Access::Read, false, Ending::MakeReadOnly)
    }

    /// Make the memory readable and executable, and flush the instruction cache.
    ///
    /// Consumes this object and returns the new one. Raises what `make_none()` raises, and also the audit event
    /// `mmap_rs.exec` with address and size.
    ///
    /// Upstream: `make_exec`.
    ///
    /// Examples:
    ///     >>> code = MmapOptions(4096).map_mut().make_exec()
    ///     >>> type(code).__name__, code.is_executable()
    ///     ('Mmap', True)
    fn make_exec<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, Mapping>> {
        transitions::make(slf, Access::Exec, true, Ending::MakeExec)
    }

    /// Make the memory readable and executable, without flushing the instruction cache.
    ///
    /// Consumes this object and returns the new one. Raises what `make_none()` raises, and also the audit event
    /// `mmap_rs.exec` with address and size.
    ///
    /// Safety:
    ///     If its caches are not coherent (Arm, AArch64), the processor may run the memory's previous contents. Call
    ///     `flush_icache()` before you run code from it.
    ///
    /// Upstream: `make_exec_no_flush`.
    fn make_exec_no_flush<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, Mapping>> {
        transitions::make(slf, Access::Exec, false, Ending::MakeExecNoFlush)
    }

    /// Make the memory readable and writable; consume this object and return the new one.
    ///
    /// Raises:
    ///     PermissionError: for a shared mapping of a file that was opened for reading only. Otherwise what
    ///         `make_none()` raises.
    ///
    /// Upstream: `make_mut`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map().make_mut()
    ///     >>> m[0] = 1
    fn make_mut<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, Mapping>> {
        transitions::make(slf, Access::Write, false, Ending::MakeMut)
    }

    /// Make the memory readable, writable and executable; consume this object and return the new one.
    ///
    /// Raises:
    ///     UnsafeFlagNeededError: if it was not mapped with `UnsafeMmapFlags.JIT`. Otherwise what `make_none()`
    ///         raises.
    ///
    /// Safety:
    ///     Memory that can be both written and executed helps an attacker: prefer to write first (`make_mut()`) and
    ///     execute later (`make_exec()`). Call `flush_icache()` after writing code and before running it.
    ///
    /// Upstream: `make_exec_mut`.
    fn make_exec_mut<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, Mapping>> {
        transitions::make(slf, Access::ExecWrite, false, Ending::MakeExecMut)
    }

    // An object of another class would not learn when a buffer that it exported is released.
    #[getter(__class__)]
    fn class<'py>(slf: &Bound<'py, Self>) -> Bound<'py, PyType> {
        slf.get_type()
    }

    #[setter(__class__)]
    fn set_class(&self, _class: &Bound<'_, PyAny>) -> Result<()> {
        let text = format!("the class of this {} can't be assigned: make_*() return another class", self.kind().name());
        Err(PyTypeError::new_err(text).into())
    }

    fn __repr__(&self, py: Python<'_>) -> Result<String> {
        let name = self.kind().name();
        let shown = with_region(
            py,
            self,
            |_| false,
            |region| {
                let span = region.span();
                let end = span.start.saturating_add(span.len);
                format!("<mmap_rs.{name} {:#x}-{end:#x} size={} {}>", span.start, span.len, region.facts())
            },
        );
        match shown {
            Err(Error::Ended(kind, how)) => Ok(format!("<mmap_rs.{}>", story(kind, how).replacen(" was ", " ", 1))),
            shown => shown,
        }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        call(&member(slf.py(), "mmap_rs._sending", "reduce_mapping")?, (slf,), None)
    }

    fn __copy__(&self) -> Result<()> {
        Err(PyTypeError::new_err(format!(
            "{} objects can't be copied: their memory has one owner; bytes(m) copies the contents",
            self.kind().name()
        ))
        .into())
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> Result<()> {
        self.__copy__()
    }
}
