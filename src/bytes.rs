//! The bytes of `Mmap` and `MmapMut`: buffer, indexing, search, iteration, code.

use crate::access::{LARGE, glance, hold, intact, look, pin};
use crate::args::{Key, Number, out_of_range, place};
use crate::call::{call, import};
use crate::code;
use crate::foreign::Foreign;
use crate::iter::ByteIterator;
use crate::mapping::{Mapping, base};
use crate::search::{Needle, Window, matches, search};
use crate::slices::Unpacked;
use mmap_rs_core::memory::bytes as raw;
use pyo3::PyClass;
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PySlice, PyTuple};

/// What `Mmap` and `MmapMut` have as memory whose bytes can be read.
#[pyclass(module = "mmap_rs", name = "_Bytes", extends = crate::slots::Items, subclass, frozen)]
pub struct Bytes;

/// The mapping of an object whose bytes can be read. Its class may lie, if somebody assigned `__class__`.
#[inline]
pub fn readable<'a>(object: &'a Bound<'_, impl PyClass>) -> PyResult<&'a Mapping> {
    // A frozen class: the reference lives as long as the object.
    let mapping = base(object).get();
    if mapping.kind().is_readable() { Ok(mapping) } else { Err(unreadable(mapping)) }
}

#[cold]
fn unreadable(mapping: &Mapping) -> PyErr {
    PyTypeError::new_err(format!("the bytes of this {} can't be read", mapping.kind().name()))
}

/// `m[key]`.
pub fn get_item<'py>(slf: &Bound<'py, Mapping>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let (py, mapping) = (slf.py(), readable(slf)?);
    match Key::new(key)? {
        Key::Index(index) => {
            let value = item(py, mapping, index)?;
            // SAFETY: attached; small numbers always exist.
            unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyLong_FromLong(value.into())) }
        }
        Key::Slice(key) => slice(py, mapping, key).map(Bound::into_any),
    }
}

/// One byte.
#[inline]
fn item(py: Python<'_>, mapping: &Mapping, index: isize) -> PyResult<u8> {
    let held = look(py, mapping)?;
    // SAFETY: the glance keeps the span mapped, and it is readable.
    let bytes = unsafe { raw::Bytes::new(held.span()) };
    let found = place(index, bytes.len()).and_then(|place| bytes.get(place));
    intact(py, mapping)?;
    found.ok_or_else(|| out_of_range(index, bytes.len()))
}

/// A new `bytes` object of uninitialised memory, and where that is.
fn new_bytes(py: Python<'_>, len: usize) -> PyResult<(Bound<'_, PyBytes>, *mut u8)> {
    let size = ffi::Py_ssize_t::try_from(len).unwrap_or(ffi::Py_ssize_t::MAX);
    // SAFETY: attached; null asks for memory that the caller fills. Not tracked by the collector: runs no code.
    let object = unsafe {
        let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), size);
        Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked::<PyBytes>()
    };
    // SAFETY: a bytes object.
    let memory = unsafe { ffi::PyBytes_AsString(object.as_ptr()) };
    Ok((object, memory.cast()))
}

/// The bytes of a slice, copied out.
fn slice<'py>(py: Python<'py>, mapping: &Mapping, key: &Bound<'py, PySlice>) -> PyResult<Bound<'py, PyBytes>> {
    let unpacked = Unpacked::new(key)?;
    let held = look(py, mapping)?;
    let slice = unpacked.of(held.span().len);
    if slice.len < LARGE {
        let (object, memory) = new_bytes(py, slice.len)?;
        // SAFETY: the glance keeps the span mapped and readable; the new object has room for the slice.
        let copied = unsafe { raw::Bytes::new(held.span()).copy_to(slice, memory) };
        debug_assert!(copied);
        intact(py, mapping)?;
        return Ok(object);
    }
    held.end();
    let pinned = hold(py, mapping)?;
    // The length may be another one by now.
    let slice = unpacked.of(pinned.span().len);
    let (object, memory) = new_bytes(py, slice.len)?;
    let memory = memory as usize;
    // SAFETY: as above, by the pin; nobody else knows the new object.
    let copied = py.detach(|| unsafe { raw::Bytes::new(pinned.span()).copy_to(slice, memory as *mut u8) });
    debug_assert!(copied);
    intact(py, mapping)?;
    Ok(object)
}

#[pymethods]
impl Bytes {
    fn __iter__(slf: &Bound<'_, Self>) -> PyResult<ByteIterator> {
        glance(slf.py(), readable(slf)?)?;
        Ok(ByteIterator::forwards(base(slf).clone().unbind()))
    }

    fn __reversed__(slf: &Bound<'_, Self>) -> PyResult<ByteIterator> {
        let len = glance(slf.py(), readable(slf)?)?.span().len;
        Ok(ByteIterator::backwards(base(slf).clone().unbind(), len))
    }

    fn __contains__(slf: &Bound<'_, Self>, item: &Bound<'_, PyAny>) -> PyResult<bool> {
        let (mapping, needle) = (readable(slf)?, Needle::new(item)?);
        let found = search(slf.py(), mapping, &needle, Window::WHOLE, |_, part, needle| part.find(needle))?;
        Ok(found.flatten().is_some())
    }

    /// Return a read-only `memoryview` of the whole mapping, without a copy.
    ///
    /// While it lives the mapping can't be closed or changed.
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
    fn as_slice<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        PyMemoryView::from(slf)?.call_method0("toreadonly")
    }

    /// Return a seekable binary file object over the mapping, for what wants a file.
    ///
    /// It is writable for an `MmapMut`, and never grows. While it is open the mapping can't be closed or changed.
    ///
    /// Upstream: none.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[0:12] = b"one\ntwo\nend\n"
    ///     >>> with m.as_file() as file:
    ///     ...     file.readline(), file.readline()
    ///     (b'one\n', b'two\n')
    fn as_file<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        call(&import(slf.py(), "mmap_rs._file", "MappingFile")?, (slf,), None)
    }

    /// Return the lowest index where `sub` is found within `[start:end]`, an int, or -1.
    ///
    /// Args:
    ///     sub: a bytes-like object, or an int of 0 to 255.
    ///     start: where to begin, an index as of a slice.
    ///     end: where to stop, an index as of a slice.
    ///
    /// Raises:
    ///     ValueError: if `sub` is an int outside of 0 to 255.
    ///
    /// Upstream: none; as `bytes.find`.
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
    ) -> PyResult<isize> {
        locate(slf, sub, Window::new(start, end)?, |part, needle| part.find(needle))
    }

    /// Return the highest index where `sub` is found within `[start:end]`, an int, or -1.
    ///
    /// Arguments are those of `find()`.
    ///
    /// Upstream: none; as `bytes.rfind`.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn rfind(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        locate(slf, sub, Window::new(start, end)?, |part, needle| part.rfind(needle))
    }

    /// Return the lowest index where `sub` is found within `[start:end]`, an int.
    ///
    /// Arguments are those of `find()`.
    ///
    /// Raises:
    ///     ValueError: if it is not found.
    ///
    /// Upstream: none; as `bytes.index`.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn index(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        there(Self::find(slf, sub, start, end)?)
    }

    /// Return the highest index where `sub` is found within `[start:end]`, an int.
    ///
    /// Arguments are those of `find()`.
    ///
    /// Raises:
    ///     ValueError: if it is not found.
    ///
    /// Upstream: none; as `bytes.rindex`.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn rindex(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        there(Self::rfind(slf, sub, start, end)?)
    }

    /// Return how often `sub` is found within `[start:end]` without overlaps, an int.
    ///
    /// Arguments are those of `find()`.
    ///
    /// Upstream: none; as `bytes.count`.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn count(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<usize> {
        let (mapping, window) = (readable(slf)?, Window::new(start, end)?);
        let needle = Needle::new(sub)?;
        let counted = search(slf.py(), mapping, &needle, window, |_, part, needle| part.count(needle))?;
        Ok(counted.unwrap_or(0))
    }

    /// Tell whether the bytes of `[start:end]` begin with `prefix`.
    ///
    /// Args:
    ///     prefix: a bytes-like object, or a tuple of such of which one is enough.
    ///     start: where to begin, an index as of a slice.
    ///     end: where to stop, an index as of a slice.
    ///
    /// Upstream: none; as `bytes.startswith`.
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
    ) -> PyResult<bool> {
        let (mapping, window) = (readable(slf)?, Window::new(start, end)?);
        matches(slf.py(), mapping, ("startswith", prefix), window, |part, prefix| part.starts_with(prefix))
    }

    /// Tell whether the bytes of `[start:end]` end with `suffix`.
    ///
    /// Args:
    ///     suffix: a bytes-like object, or a tuple of such of which one is enough.
    ///     start: where to begin, an index as of a slice.
    ///     end: where to stop, an index as of a slice.
    ///
    /// Upstream: none; as `bytes.endswith`.
    #[pyo3(signature = (suffix, start = None, end = None, /))]
    fn endswith(
        slf: &Bound<'_, Self>,
        suffix: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<bool> {
        let (mapping, window) = (readable(slf)?, Window::new(start, end)?);
        matches(slf.py(), mapping, ("endswith", suffix), window, |part, suffix| part.ends_with(suffix))
    }

    /// Tell whether the memory can be executed.
    ///
    /// Upstream: none; upstream's types do not tell either.
    fn is_executable(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(pin(slf.py(), base(slf).get())?.with(|region| region.facts().access.is_exec()))
    }

    /// Return a ctypes callable for the machine code at `offset`.
    ///
    /// While the callable lives, the mapping can't be closed or changed. Raises the audit event
    /// `mmap_rs.function` with the address.
    ///
    /// Args:
    ///     restype: the ctypes type of the result, or `None`.
    ///     argtypes: the ctypes types of the arguments.
    ///     offset: where the code begins, in bytes from the start of the mapping.
    ///
    /// Raises:
    ///     InvalidOperationError: if the memory is not executable.
    ///     InvalidOffsetError: if `offset` is outside of the mapping.
    ///     TypeError: if a type is none of ctypes.
    ///
    /// Safety:
    ///     Calling it runs whatever the bytes are. They must be code for this processor that follows the calling
    ///     convention of C with these types.
    ///
    /// Upstream: none; there one transmutes the pointer.
    #[pyo3(
        signature = (restype, *argtypes, offset = Number(0)),
        text_signature = "($self, restype, *argtypes, offset=0)"
    )]
    fn function<'py>(
        slf: &Bound<'py, Self>,
        restype: &Bound<'py, PyAny>,
        argtypes: &Bound<'py, PyTuple>,
        offset: Number<usize>,
    ) -> PyResult<Bound<'py, PyAny>> {
        code::function(base(slf), restype, argtypes, offset.0)
    }

    /// Return a context in which this thread may write memory made with `UnsafeMmapFlags.JIT`.
    ///
    /// On Apple Silicon such memory is executable or writable for a thread, never both; leaving the last context of the
    /// thread makes it executable again. Outside of it a method that writes raises `InvalidOperationError`, and a
    /// write through a buffer ends the process. On other systems it does nothing.
    ///
    /// Upstream: none.
    fn jit_write(slf: &Bound<'_, Self>) -> PyResult<code::JitWrite> {
        glance(slf.py(), base(slf).get())?;
        Ok(code::JitWrite)
    }
}

/// `find` and `rfind`.
fn locate(
    slf: &Bound<'_, Bytes>,
    sub: &Bound<'_, PyAny>,
    window: Window,
    work: fn(raw::Bytes<'_>, &[u8]) -> Option<usize>,
) -> PyResult<isize> {
    let (mapping, needle) = (readable(slf)?, Needle::new(sub)?);
    let found = search(slf.py(), mapping, &needle, window, |start, part, needle| {
        work(part, needle).and_then(|at| at.checked_add(start))
    })?;
    Ok(found.flatten().and_then(|at| isize::try_from(at).ok()).unwrap_or(-1))
}

fn there(found: isize) -> PyResult<isize> {
    if found < 0 { Err(PyValueError::new_err("subsection not found")) } else { Ok(found) }
}

/// Copies a foreign buffer into a slice of writable bytes: `m[a:b:c] = buffer`.
pub fn assign(
    py: Python<'_>,
    mapping: &Mapping,
    source: &Foreign<'_>,
    slice: impl Fn(usize) -> PyResult<raw::Strided>,
) -> PyResult<()> {
    let copy = |span, slice| {
        // SAFETY: held by the caller of this closure, and writable by its kind; the source has the slice's length,
        // which `slice` has checked.
        let copied = unsafe { raw::BytesMut::new(span).copy_from(slice, source.as_ptr()) };
        debug_assert!(copied != Ok(false));
        copied
    };
    let copied = if source.len() < LARGE {
        let held = look(py, mapping)?;
        copy(held.span(), slice(held.span().len)?)
    } else {
        let pinned = hold(py, mapping)?;
        let slice = slice(pinned.span().len)?;
        py.detach(|| copy(pinned.span(), slice))
    };
    intact(py, mapping)?;
    copied.map(drop).map_err(|error| PyMemoryError::new_err(error.to_string()))
}
