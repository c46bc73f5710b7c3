//! The bytes of `Mmap` and `MmapMut`: buffer, indexing, search, iteration, code.

use super::iter::ByteIterator;
use super::lines::LineIterator;
use super::search::{Needle, Window, locate, matches, search};
use super::{code, copies, export, jit};
use crate::call::{attribute, call, member, memoryview};
use crate::convert::numbers::{Key, Number};
use crate::convert::slices::Unpacked;
use crate::state::borrow::{BytesOf, retry, span, with_region};
use crate::state::classes::{Bytes, Mapping, base};
use crate::state::error::{Result, unreadable};
use pyo3::PyClass;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// The mapping of an object whose bytes can be read. Its class may lie, if somebody assigned `__class__`.
#[inline]
pub fn readable<'a>(object: &'a Bound<'_, impl PyClass>) -> Result<&'a Mapping> {
    // A frozen class: the reference lives as long as the object.
    let mapping = base(object).get();
    if mapping.kind().is_readable() { Ok(mapping) } else { Err(unreadable(mapping.kind())) }
}

/// `m[key]`.
pub fn get_item<'py>(slf: &Bound<'py, Mapping>, key: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
    let (py, mapping) = (slf.py(), readable(slf)?);
    match Key::new(key)? {
        Key::Index(index) => {
            let value = retry(py, |requests| copies::item(mapping, index, requests))?;
            let Ok(number) = value.into_pyobject(py);
            Ok(number.into_any())
        }
        Key::Slice(key) => get_slice(py, mapping, Unpacked::new(key)?).map(Bound::into_any),
    }
}

/// `m[a:b:c]`.
pub fn get_slice<'py>(py: Python<'py>, mapping: &Mapping, key: Unpacked) -> Result<Bound<'py, PyBytes>> {
    match retry(py, |requests| copies::short_slice(py, mapping, key, requests))? {
        Some(short) => Ok(short),
        None => copies::slice(py, BytesOf::Mapping(mapping), key),
    }
}

#[pymethods]
impl Bytes {
    fn __iter__(slf: &Bound<'_, Self>) -> Result<Py<ByteIterator>> {
        span(slf.py(), readable(slf)?)?;
        Ok(ByteIterator::forwards(base(slf))?)
    }

    fn __reversed__(slf: &Bound<'_, Self>) -> Result<Py<ByteIterator>> {
        let len = span(slf.py(), readable(slf)?)?.len;
        Ok(ByteIterator::backwards(base(slf), len)?)
    }

    fn __contains__(slf: &Bound<'_, Self>, item: &Bound<'_, PyAny>) -> Result<bool> {
        let (mapping, needle) = (readable(slf)?, Needle::new(item)?);
        let found =
            search(slf.py(), BytesOf::Mapping(mapping), &needle, Window::WHOLE, |_, part, needle| part.find(needle))?;
        Ok(found.flatten().is_some())
    }

    /// Return a read-only `memoryview` of the whole mapping, without a copy.
    ///
    /// While it is alive, the mapping can't be closed or changed.
    ///
    /// Raises:
    ///     ConsumedError: if the mapping is closed or consumed.
    ///
    /// Upstream: `as_slice`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> with m.as_slice() as view:
    ///     ...     view.readonly, view.nbytes
    ///     (True, 4096)
    fn as_slice<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        let view = memoryview(slf)?;
        Ok(call(&attribute(&view, "toreadonly")?, PyTuple::empty(slf.py()), None)?)
    }

    /// Return a seekable binary file object over the mapping, for code that expects a file.
    ///
    /// It is writable for an `MmapMut`, and never grows. While it is open, the mapping can't be closed or changed.
    ///
    /// Upstream: none.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[0:12] = b"one\ntwo\nend\n"
    ///     >>> with m.as_file() as file:
    ///     ...     file.readline(), file.readline()
    ///     (b'one\n', b'two\n')
    fn as_file<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        let export = export::FileExport::new(base(slf))?;
        Ok(call(&member(slf.py(), "mmap_rs._file", "MappingFile")?, (slf, export), None)?)
    }

    /// Return an iterator over the lines, each a `bytes` object.
    ///
    /// A line ends with a newline, `b"\n"`, as in a binary file. The iterator holds a reference to the mapping but does
    /// not prevent it from being closed. After that, the next step raises `ConsumedError`. Threads that share an
    /// iterator get each line once.
    ///
    /// Args:
    ///     keepends: whether the lines keep their newlines.
    ///
    /// Upstream: none; like the lines of a file.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(8).map_mut()
    ///     >>> m[:] = b"one\ntwo\n"
    ///     >>> list(m.lines())
    ///     [b'one\n', b'two\n']
    ///     >>> list(m.lines(keepends=False))
    ///     [b'one', b'two']
    #[pyo3(signature = (*, keepends = true), text_signature = "($self, *, keepends=True)")]
    fn lines(slf: &Bound<'_, Self>, keepends: bool) -> Result<Py<LineIterator>> {
        span(slf.py(), readable(slf)?)?;
        Ok(LineIterator::new(base(slf), keepends)?)
    }

    /// Return the lowest index where `sub` is found within `[start:end]`, an int, or -1.
    ///
    /// Args:
    ///     sub: a bytes-like object, or an int from 0 to 255.
    ///     start: where to start, an index as in a slice.
    ///     end: where to stop, an index as in a slice.
    ///
    /// Raises:
    ///     ValueError: if `sub` is an int outside 0 to 255.
    ///
    /// Upstream: none; like `bytes.find`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[10:14] = b"blue"
    ///     >>> m.find(b"blue"), m.find(b"blue", 11), m.find(0xFF)
    ///     (10, -1, -1)
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn find(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> Result<isize> {
        let bytes = BytesOf::Mapping(readable(slf)?);
        locate(slf.py(), bytes, sub, Window::new(start, end)?, |part, needle| part.find(needle))
    }

    /// Return the highest index where `sub` is found within `[start:end]`, an int, or -1.
    ///
    /// Arguments are those of `find()`.
    ///
    /// Upstream: none; like `bytes.rfind`.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn rfind(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> Result<isize> {
        let bytes = BytesOf::Mapping(readable(slf)?);
        locate(slf.py(), bytes, sub, Window::new(start, end)?, |part, needle| part.rfind(needle))
    }

    /// Return the lowest index where `sub` is found within `[start:end]`, an int.
    ///
    /// Arguments are those of `find()`.
    ///
    /// Raises:
    ///     ValueError: if it is not found.
    ///
    /// Upstream: none; like `bytes.index`.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn index(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> Result<isize> {
        there(Self::find(slf, sub, start, end)?)
    }

    /// Return the highest index where `sub` is found within `[start:end]`, an int.
    ///
    /// Arguments are those of `find()`.
    ///
    /// Raises:
    ///     ValueError: if it is not found.
    ///
    /// Upstream: none; like `bytes.rindex`.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn rindex(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> Result<isize> {
        there(Self::rfind(slf, sub, start, end)?)
    }

    /// Return the number of non-overlapping occurrences of `sub` within `[start:end]`, an int.
    ///
    /// Arguments are those of `find()`.
    ///
    /// Upstream: none; like `bytes.count`.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn count(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> Result<usize> {
        let (mapping, window) = (readable(slf)?, Window::new(start, end)?);
        let needle = Needle::new(sub)?;
        let counted =
            search(slf.py(), BytesOf::Mapping(mapping), &needle, window, |_, part, needle| part.count(needle))?;
        Ok(counted.unwrap_or(0))
    }

    /// Return whether the bytes of `[start:end]` start with `prefix`.
    ///
    /// Args:
    ///     prefix: a bytes-like object, or a tuple of them, of which one must match.
    ///     start: where to start, an index as in a slice.
    ///     end: where to stop, an index as in a slice.
    ///
    /// Upstream: none; like `bytes.startswith`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[0:4] = b"PK34"
    ///     >>> m.startswith((b"GIF", b"PK")), m.startswith(b"34", 2)
    ///     (True, True)
    #[pyo3(signature = (prefix, start = None, end = None, /))]
    fn startswith(
        slf: &Bound<'_, Self>,
        prefix: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> Result<bool> {
        let (mapping, window) = (readable(slf)?, Window::new(start, end)?);
        matches(slf.py(), mapping, ("startswith", prefix), window, |part, prefix| part.starts_with(prefix))
    }

    /// Return whether the bytes of `[start:end]` end with `suffix`.
    ///
    /// Args:
    ///     suffix: a bytes-like object, or a tuple of them, of which one must match.
    ///     start: where to start, an index as in a slice.
    ///     end: where to stop, an index as in a slice.
    ///
    /// Upstream: none; like `bytes.endswith`.
    #[pyo3(signature = (suffix, start = None, end = None, /))]
    fn endswith(
        slf: &Bound<'_, Self>,
        suffix: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> Result<bool> {
        let (mapping, window) = (readable(slf)?, Window::new(start, end)?);
        matches(slf.py(), mapping, ("endswith", suffix), window, |part, suffix| part.ends_with(suffix))
    }

    /// Return whether the memory can be executed.
    ///
    /// Upstream: none; upstream's types don't say so either.
    fn is_executable(slf: &Bound<'_, Self>) -> Result<bool> {
        with_region(slf.py(), base(slf).get(), |_| false, |region| region.facts().access.is_exec())
    }

    /// Return a ctypes callable for the machine code at `offset`.
    ///
    /// While the callable is alive, the mapping can't be closed or changed. Raises the audit event
    /// `mmap_rs.function` with the address.
    ///
    /// Args:
    ///     restype: the ctypes type of the result, or `None`.
    ///     argtypes: the ctypes types of the arguments.
    ///     offset: where the code starts, in bytes from the start of the mapping.
    ///
    /// Raises:
    ///     InvalidOperationError: if the memory is not executable.
    ///     InvalidOffsetError: if `offset` is outside the mapping.
    ///     TypeError: if a type is not a ctypes type.
    ///
    /// Safety:
    ///     Calling it executes the bytes, whatever they are. They must be code for this processor that follows the C
    ///     calling convention with these types.
    ///
    /// Upstream: none; in Rust you transmute the pointer.
    #[pyo3(
        signature = (restype, *argtypes, offset = Number(0)),
        text_signature = "($self, restype, *argtypes, offset=0)"
    )]
    fn function<'py>(
        slf: &Bound<'py, Self>,
        restype: &Bound<'py, PyAny>,
        argtypes: &Bound<'py, PyTuple>,
        offset: Number<usize>,
    ) -> Result<Bound<'py, PyAny>> {
        code::function(base(slf), restype, argtypes, offset.0)
    }

    /// Return a context in which this thread may write memory made with `UnsafeMmapFlags.JIT`.
    ///
    /// On Apple Silicon such memory is executable or writable for a thread, never both; leaving the thread's outermost
    /// context makes it executable again. Outside a context, a method that writes raises `InvalidOperationError`, and a
    /// write through a buffer ends the process. On other systems the context does nothing.
    ///
    /// Upstream: none.
    fn jit_write(slf: &Bound<'_, Self>) -> Result<jit::JitWrite> {
        span(slf.py(), base(slf).get())?;
        Ok(jit::JitWrite)
    }
}

fn there(found: isize) -> Result<isize> {
    if found < 0 { Err(PyValueError::new_err("subsection not found").into()) } else { Ok(found) }
}
