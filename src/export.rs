//! Exports: what outlives a call and keeps the memory as it is.

use crate::access::{free, intact, until};
use crate::mapping::Mapping;
use mmap_rs_core::state::{Cell, Wish};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

/// Fills a view of a mapping's bytes, and counts it.
///
/// # Safety
/// `view` is a view to fill, as the buffer protocol hands it over.
pub unsafe fn fill(object: &Bound<'_, Mapping>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
    let (py, mapping) = (object.py(), object.get());
    // SAFETY: the caller's view. A failed call must leave no object there.
    unsafe { (*view).obj = std::ptr::null_mut() };
    if !mapping.kind().is_readable() {
        return Err(PyBufferError::new_err(format!("the bytes of this {} can't be read", mapping.kind().name())));
    }
    let span = until(py, mapping, Wish::Share, Cell::export)?;
    intact(py, mapping).inspect_err(|_| release(py, mapping))?;
    let filled = match ffi::Py_ssize_t::try_from(span.len) {
        // SAFETY: the view to fill; the span stays mapped, with the protection of its kind, until the release.
        Ok(len) => unsafe {
            let readonly = c_int::from(!mapping.kind().is_writable());
            ffi::PyBuffer_FillInfo(view, object.as_ptr(), span.start as *mut _, len, readonly, flags)
        },
        Err(_) => {
            release(py, mapping);
            return Err(PyBufferError::new_err(format!("{} bytes are more than a buffer can have", span.len)));
        }
    };
    if filled == 0 {
        return Ok(());
    }
    let error = PyErr::fetch(py);
    release(py, mapping);
    Err(error)
}

/// Does what [`fill`] does where nothing is in its way; false, and nothing done, where something is.
///
/// # Safety
/// Attached, an object with its mapping, and a view to fill.
#[inline]
pub unsafe fn fill_quickly(
    object: *mut ffi::PyObject,
    mapping: &Mapping,
    view: *mut ffi::Py_buffer,
    flags: c_int,
) -> bool {
    if !mapping.kind().is_readable() || mapping.cell().is_marked() {
        return false;
    }
    let readonly = !mapping.kind().is_writable();
    // What `PyBuffer_FillInfo` refuses.
    if readonly && flags & ffi::PyBUF_WRITABLE != 0 {
        return false;
    }
    let Ok(span) = mapping.cell().export() else { return false };
    // A length fits: no object is longer than half of the addresses.
    let len = ffi::Py_ssize_t::try_from(span.len).unwrap_or(ffi::Py_ssize_t::MAX);
    // SAFETY: the view to fill; the span stays mapped, with the protection of its kind, until the release.
    let filled = unsafe { ffi::PyBuffer_FillInfo(view, object, span.start as *mut _, len, readonly.into(), flags) };
    debug_assert_eq!(filled, 0, "writable where that is wanted");
    true
}

/// Ends an export. The last one of a mapping closed with `defer` unmaps it.
pub fn release(py: Python<'_>, mapping: &Mapping) {
    if let Some(region) = mapping.cell().release() {
        free(py, region);
    }
}

/// An export without a view, for a function: it ends with the object, and can't be ended before.
#[pyclass(module = "mmap_rs", name = "_Export", frozen)]
pub struct Export {
    mapping: Py<Mapping>,
}

impl Export {
    pub fn new(object: &Bound<'_, Mapping>) -> PyResult<Self> {
        let (py, mapping) = (object.py(), object.get());
        until(py, mapping, Wish::Share, Cell::export)?;
        // From here on it ends with this value.
        let export = Self { mapping: object.clone().unbind() };
        intact(py, mapping)?;
        Ok(export)
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // Where the interpreter is ending for good, the memory ends with the process.
        Python::try_attach(|py| release(py, self.mapping.get()));
    }
}
