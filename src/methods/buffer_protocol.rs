//! The buffer protocol of mappings: each buffer is an export.
#![expect(unsafe_code, reason = "fills the C API's buffer views")]

use crate::state::borrow::{Refused, retry, try_export};
use crate::state::classes::Mapping;
use crate::state::detach::free;
use crate::state::error::Result;
use mmap_rs_core::state::Requests;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_int;

/// Fills a view of a mapping's bytes, and counts it: one attempt. False where a Python error is set.
///
/// # Safety
/// Attached. `view` is a view to fill, as the buffer protocol hands it over.
#[inline]
pub unsafe fn try_fill<'a>(
    object: &'a Bound<'_, Mapping>,
    view: *mut ffi::Py_buffer,
    flags: c_int,
    requests: Requests,
) -> std::result::Result<bool, Refused<'a>> {
    let mapping = object.get();
    // SAFETY: the caller's view. A failed call must leave no object there.
    unsafe { (*view).obj = std::ptr::null_mut() };
    let kind = mapping.kind();
    if !kind.is_readable() {
        return Err(PyBufferError::new_err(format!("the bytes of this {} can't be read", kind.name())).into());
    }
    let export = try_export(mapping, requests)?;
    let span = export.span();
    let Ok(len) = ffi::Py_ssize_t::try_from(span.len) else {
        return Err(PyBufferError::new_err(format!("{} bytes are more than a buffer can have", span.len)).into());
    };
    let readonly = c_int::from(!kind.is_writable());
    // SAFETY: the view to fill; the span stays mapped, with the protection of its kind, until the release. It can fail:
    // a writable view of read-only memory, and flags that are none.
    let filled = unsafe { ffi::PyBuffer_FillInfo(view, object.as_ptr(), span.start as *mut _, len, readonly, flags) };
    if filled == 0 {
        export.leak();
    }
    Ok(filled == 0)
}

/// Fills a view of a mapping's bytes, and counts it.
///
/// # Safety
/// `view` is a view to fill, as the buffer protocol hands it over.
pub unsafe fn fill(object: &Bound<'_, Mapping>, view: *mut ffi::Py_buffer, flags: c_int) -> Result<()> {
    let py = object.py();
    // SAFETY: the caller vouches for it.
    if retry(py, |requests| unsafe { try_fill(object, view, flags, requests) })? {
        Ok(())
    } else {
        Err(PyErr::fetch(py).into())
    }
}

/// Ends an export. The last use of a mapping closed with `defer` unmaps it.
pub fn release(py: Python<'_>, mapping: &Mapping) {
    if let Some(region) = mapping.cell().release() {
        free(py, region);
    }
}
