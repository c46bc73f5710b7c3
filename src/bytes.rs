//! The bytes of `Mmap` and `MmapMut`: buffer, indexing, search, iteration, code.

use crate::access::{LARGE, glance, hold, intact, look, pin};
use crate::args::{Key, out_of_range, place};
use crate::call::{call, import};
use crate::foreign::Foreign;
use crate::iter::ByteIterator;
use crate::mapping::{Mapping, base};
use crate::search::{Needle, Window, matches, search};
use crate::slices::Unpacked;
use crate::{code, export};
use mmap_rs_core::memory::bytes as raw;
use pyo3::PyClass;
use pyo3::exceptions::{PyMemoryError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PySlice, PyTuple};
use std::ffi::c_int;

/// Base of `Mmap` and `MmapMut`: memory whose bytes can be read.
#[pyclass(module = "mmap_rs", name = "_Bytes", extends = crate::mapped::Mapped, subclass, frozen)]
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
    PyTypeError::new_err(format!("the bytes of a {} can't be read", mapping.kind().name()))
}

/// `m[key]`. A method of each class, not of their base: the interpreter's check of `self` is quicker for an exact
/// class.
#[inline]
pub fn get_item<'py>(slf: &Bound<'py, impl PyClass>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
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
    unsafe fn __getbuffer__(slf: &Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        // SAFETY: the view that the interpreter gave.
        unsafe { export::fill(base(slf), view, flags) }
    }

    unsafe fn __releasebuffer__(slf: &Bound<'_, Self>, _view: *mut ffi::Py_buffer) {
        export::release(slf.py(), base(slf).get());
    }

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

    /// as_slice(): a read-only memoryview of the whole mapping, without a copy. While it lives the mapping can't be
    /// closed or changed.
    fn as_slice<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        PyMemoryView::from(slf)?.call_method0("toreadonly")
    }

    /// as_file(): a seekable binary file object over the mapping, for what wants a file. Writable for `MmapMut`; it
    /// never grows. While it is open the mapping can't be closed or changed.
    fn as_file<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        call(&import(slf.py(), "mmap_rs._file", "MappingFile")?, (slf,), None)
    }

    /// find(sub[, start[, end]]): the lowest index where `sub`, bytes-like or an int of 0 to 255, is found; else -1.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn find(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        locate(slf, sub, Window::new(start, end)?, |part, needle| part.find(needle))
    }

    /// rfind(sub[, start[, end]]): the highest index where `sub` is found; else -1.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn rfind(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        locate(slf, sub, Window::new(start, end)?, |part, needle| part.rfind(needle))
    }

    /// index(sub[, start[, end]]): as `find()`, but `ValueError` where it is not found.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn index(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        there(Self::find(slf, sub, start, end)?)
    }

    /// rindex(sub[, start[, end]]): as `rfind()`, but `ValueError` where it is not found.
    #[pyo3(signature = (sub, start = None, end = None, /))]
    fn rindex(
        slf: &Bound<'_, Self>,
        sub: &Bound<'_, PyAny>,
        start: Option<&Bound<'_, PyAny>>,
        end: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<isize> {
        there(Self::rfind(slf, sub, start, end)?)
    }

    /// count(sub[, start[, end]]): how often `sub` is there, without overlaps.
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

    /// startswith(prefix[, start[, end]]): whether the bytes begin with `prefix`, or with one of a tuple of them.
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

    /// endswith(suffix[, start[, end]]): whether the bytes end with `suffix`, or with one of a tuple of them.
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

    /// is_executable(): whether the memory can be executed.
    fn is_executable(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Ok(pin(slf.py(), base(slf).get())?.with(|region| region.facts().access.is_exec()))
    }

    /// function(restype, *argtypes, offset=0): a ctypes callable for the machine code at `offset` bytes.
    ///
    /// `restype` and `argtypes` are ctypes types, `restype` may be `None`. While the callable lives, the mapping
    /// can't be closed or changed. Raises the audit event `mmap_rs.function` with the address.
    /// `InvalidOperationError` where the memory is not executable, `InvalidOffsetError` for an offset outside.
    ///
    /// Safety: calling it runs whatever the bytes are. They must be code for this processor that follows the
    /// calling convention of C with these types.
    #[pyo3(signature = (restype, *argtypes, offset = 0))]
    fn function<'py>(
        slf: &Bound<'py, Self>,
        restype: &Bound<'py, PyAny>,
        argtypes: &Bound<'py, PyTuple>,
        offset: usize,
    ) -> PyResult<Bound<'py, PyAny>> {
        code::function(base(slf), restype, argtypes, offset)
    }

    /// jit_write(): a context in which this thread may write memory made with `UnsafeMmapFlags.JIT`.
    ///
    /// On Apple Silicon such memory is executable or writable for a thread, never both; leaving the context makes it
    /// executable again. On other systems it does nothing.
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
