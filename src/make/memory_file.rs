//! `MemoryFile`: a file that is nowhere but in memory.
#![expect(unsafe_code, reason = "takes over a descriptor that another process has sent")]

use super::page_size::PageSize;
use crate::audit;
use crate::convert::flags;
use crate::convert::numbers::Number;
use crate::state::error::{Result, closed_memory_file};
use mmap_rs_core::memory::{self, Source};
use mmap_rs_core::state::{Ending, RegionCell, Requests};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// A file that exists only in memory. It can be mapped several times and sent to other processes.
///
/// `MmapOptions.for_file()` and `with_file()` take it. Two mappings of it with `MmapFlags.SHARED` are the same memory,
/// with different addresses and protections. The file is freed when nothing uses it any more. A mapping keeps its
/// bytes, even after `close()`. Through `multiprocessing` it can be sent to another process, and so can a shared
/// mapping of it.
///
/// Linux, Android and FreeBSD make it by memfd_create(2), macOS and iOS as a shared memory object without a name, Windows as
/// a section of the page file.
///
/// Args:
///     size: its size in bytes, an int.
///     name: a str that the system shows in its lists, with the others of this process; `None` for none.
///     page_size: a `PageSize` of huge pages; by default base pages.
///
/// Raises:
///     InvalidSizeError: if `size` is 0, not a multiple of `page_size`, or the system has no such pages.
///     InvalidOperationError: if `name` is longer than 200 bytes or contains a null character.
///     UnicodeEncodeError: if `name` contains surrogates.
///     SystemCallError: if the system refuses.
///
/// Upstream: none. Source: memfd_create(2), shm_open(3), CreateFileMappingW.
///
/// Examples:
///     >>> size = MmapOptions.allocation_granularity()
///     >>> with MemoryFile(size, name="example") as file:
///     ...     options = MmapOptions.for_file(file).with_flags(MmapFlags.SHARED)
///     ...     writable, readable = options.map_mut(), options.map()
///     >>> writable[:5] = b"hello"
///     >>> readable[:5]
///     b'hello'
#[pyclass(module = "mmap_rs", frozen, weakref)]
pub struct MemoryFile {
    /// Used only for as long as it takes to copy it. No lock: a child of `fork` may find one taken for ever.
    cell: RegionCell<memory::MemoryFile>,
}

impl MemoryFile {
    pub fn of(file: memory::MemoryFile) -> Self {
        let cell = RegionCell::vacant();
        // A vacant cell refuses nothing.
        drop(cell.fill(file));
        Self { cell }
    }

    /// The file; `ValueError` where it is closed.
    pub fn file(&self) -> Result<memory::MemoryFile> {
        self.peek().ok_or_else(closed_memory_file)
    }

    fn peek(&self) -> Option<memory::MemoryFile> {
        self.cell.pin(Requests::Ignored).ok().map(|pin| pin.with(Clone::clone))
    }

    /// Does what may wait, or let go of the file, while other threads run.
    fn detached<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&memory::MemoryFile) -> mmap_rs_core::Result<T> + Send,
    ) -> Result<T> {
        let file = self.file()?;
        Ok(py.detach(move || work(&file))?)
    }

    /// Where the bytes of a mapping of it come from.
    pub fn source(&self, offset: u64, past_end: bool) -> Result<Source> {
        Ok(self.file()?.source(offset, past_end)?)
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        if let Ok(alone) = self.cell.exclusive() {
            let file = alone.end(Ending::Closed);
            Python::try_attach(|py| py.detach(move || drop(file)));
        }
    }
}

#[pymethods]
impl MemoryFile {
    #[new]
    #[pyo3(
        signature = (size, *, name = None, page_size = None),
        text_signature = "(size, *, name=None, page_size=None)"
    )]
    fn new(
        py: Python<'_>,
        size: Number<u64>,
        name: Option<&Bound<'_, PyString>>,
        page_size: Option<&Bound<'_, PyAny>>,
    ) -> Result<Self> {
        let exponent = match page_size {
            Some(page_size) => match page_size.cast::<PageSize>() {
                Ok(page_size) => Some(page_size.get().exponent()),
                Err(_) => {
                    let name = page_size.get_type().name()?;
                    return Err(PyTypeError::new_err(format!("page_size must be a PageSize, not {name}")).into());
                }
            },
            None => None,
        };
        let name = name.map(|name| name.to_str().map(str::to_owned)).transpose()?;
        audit::event(py, c"mmap_rs.memory_file", || (size.0, name.clone()))?;
        Ok(Self::of(py.detach(|| memory::MemoryFile::new(size.0, name.as_deref(), exponent))?))
    }

    /// Return the size in bytes, an int.
    ///
    /// Raises:
    ///     ValueError: if the file is closed.
    ///
    /// Upstream: none.
    fn size(&self, py: Python<'_>) -> Result<u64> {
        self.detached(py, memory::MemoryFile::size)
    }

    /// Give the file another size; new bytes are zero.
    ///
    /// A mapping of it keeps its length: see `Mmap.resize()`. Accessing a page of it that the file no longer has ends the
    /// process, unless the mapping has a fault guard.
    ///
    /// Args:
    ///     size: the new size in bytes, an int.
    ///
    /// Raises:
    ///     InvalidSizeError: if `size` is 0, or not a multiple of the file's huge pages.
    ///     InvalidOperationError: on Windows.
    ///     SystemCallError: if the system refuses: if a seal forbids it; on macOS and iOS, which set the size once, when
    ///         the file is made.
    ///     ValueError: if the file is closed.
    ///
    /// Upstream: none. Source: ftruncate(2).
    fn resize(&self, py: Python<'_>, size: Number<u64>) -> Result<()> {
        self.detached(py, |file| file.resize(size.0))
    }

    /// Return the descriptor, an int; it belongs to this object.
    ///
    /// Raises:
    ///     InvalidOperationError: on Windows, where it has none.
    ///     ValueError: if the file is closed.
    ///
    /// Upstream: none.
    fn fileno(&self) -> Result<i32> {
        let file = self.file()?;
        #[cfg(unix)]
        return Ok(std::os::fd::AsRawFd::as_raw_fd(file.file()));
        #[cfg(not(unix))]
        {
            drop(file);
            let text = "on Windows a memory file has no descriptor: pass the object itself";
            Err(mmap_rs_core::Error::InvalidOperation(text.to_owned()).into())
        }
    }

    /// The name that it was given, a str; `None` if it has none, or is closed.
    #[getter]
    fn name(&self) -> Option<String> {
        self.peek().and_then(|file| file.name().map(str::to_owned))
    }

    /// Permanently forbid operations on the file, for every process that uses it.
    ///
    /// Args:
    ///     seals: a `Seals`: `SHRINK`, `GROW` (its size), `WRITE` (all writes; refused while a writable shared mapping
    ///         exists), `FUTURE_WRITE` (writes, except through mappings that already exist), `EXEC` (its mode), `SEAL`
    ///         (more seals).
    ///
    /// Raises:
    ///     TypeError, ValueError: if `seals` is something else.
    ///     InvalidOperationError: on macOS, iOS and Windows.
    ///     SystemCallError: if the system refuses.
    ///
    /// Upstream: none. Source: fcntl(2), `F_ADD_SEALS`.
    fn seal(&self, seals: &Bound<'_, PyAny>) -> Result<()> {
        let py = seals.py();
        let seals = flags::seals(seals)?;
        self.detached(py, |file| file.seal(seals))
    }

    /// Return the seals that are set, a `Seals`.
    ///
    /// Raises:
    ///     InvalidOperationError: on macOS, iOS and Windows.
    ///     ValueError: if the file is closed.
    ///
    /// Upstream: none. Source: fcntl(2), `F_GET_SEALS`.
    fn seals<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>> {
        Ok(flags::seal_members(py, self.detached(py, memory::MemoryFile::seals)?)?)
    }

    /// Close the file; do nothing if it is closed. Mappings of it keep its bytes.
    ///
    /// Upstream: none.
    fn close(&self, py: Python<'_>) {
        // The last user of a file waits until the system has freed its pages.
        if let Ok(Some(file)) = self.cell.end_deferred(Ending::Closed) {
            py.detach(move || drop(file));
        }
    }

    /// Whether the file was closed, a bool.
    #[getter]
    fn closed(&self) -> bool {
        self.cell.ending().is_some()
    }

    fn __enter__(slf: Bound<'_, Self>) -> Result<Bound<'_, Self>> {
        slf.get().file()?;
        Ok(slf)
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, py: Python<'_>, _args: &Bound<'_, PyAny>) {
        self.close(py);
    }

    fn __repr__(&self) -> String {
        let Some(file) = self.peek() else { return "<mmap_rs.MemoryFile closed>".to_owned() };
        let name = file.name().map_or_else(String::new, |name| format!(" name={name:?}"));
        let size = file.size().map_or_else(|_| String::new(), |size| format!(" size={size}"));
        format!("<mmap_rs.MemoryFile{name}{size}>")
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        crate::call::call(&crate::call::member(slf.py(), "mmap_rs._sending", "reduce_file")?, (slf,), None)
    }

    fn __copy__(&self) -> Result<()> {
        let text = "a MemoryFile can't be copied: pass the object itself, or send it through multiprocessing";
        Err(PyTypeError::new_err(text).into())
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> Result<()> {
        self.__copy__()
    }

    /// Return another object for the same open file, which stays open when this one is closed.
    fn _clone(&self) -> Result<Self> {
        Ok(Self::of(self.file()?))
    }

    /// Return the number of the descriptor, or of the handle of the section.
    fn _number(&self) -> Result<isize> {
        let file = self.file()?;
        #[cfg(unix)]
        return Ok(std::os::fd::AsRawFd::as_raw_fd(file.file()) as isize);
        #[cfg(windows)]
        return Ok(std::os::windows::io::AsRawHandle::as_raw_handle(file.file()) as isize);
    }

    /// Return the file that another process has sent; takes the descriptor or handle over.
    #[staticmethod]
    fn _of_number(number: isize, name: Option<String>, size: u64) -> Result<Self> {
        #[cfg(unix)]
        let file = {
            let number = i32::try_from(number).ok().filter(|number| *number >= 0);
            let number = number.ok_or_else(closed_memory_file)?;
            // SAFETY: the one that `multiprocessing` has just received, for this object.
            unsafe { <std::fs::File as std::os::fd::FromRawFd>::from_raw_fd(number) }
        };
        #[cfg(windows)]
        // SAFETY: the one that `multiprocessing` has just received, for this object.
        let file = unsafe { <std::fs::File as std::os::windows::io::FromRawHandle>::from_raw_handle(number as *mut _) };
        Ok(Self::of(memory::MemoryFile::of(file, name.as_deref(), size)))
    }
}
