//! The slots by `#[pymethods]`: what PyO3 gives to everyone, for builds without the feature `internal-slots`.
#![expect(unsafe_code, reason = "PyO3's buffer protocol is made of unsafe functions")]

use super::super::export::Export;
use super::super::iter::ByteSteps;
use super::super::lines::LineSteps;
use super::super::{buffer_protocol, bytes, bytes_mut};
use crate::convert::numbers::limit;
use crate::state::classes::{Items, ItemsMut, base};
use crate::state::error::Result;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use std::ffi::c_int;

#[pymethods]
impl Items {
    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> Result<Bound<'py, PyAny>> {
        bytes::get_item(base(slf), key)
    }

    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> Result<()> {
        // SAFETY: a view to fill, as the buffer protocol hands it over.
        unsafe { buffer_protocol::fill(base(&slf), view, flags) }
    }

    unsafe fn __releasebuffer__(slf: &Bound<'_, Self>, _view: *mut ffi::Py_buffer) {
        buffer_protocol::release(slf.py(), base(slf).get());
    }
}

#[pymethods]
impl ItemsMut {
    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> Result<()> {
        bytes_mut::set_item(base(slf), key, Some(value))
    }

    fn __delitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> Result<()> {
        bytes_mut::set_item(base(slf), key, None)
    }
}

#[pymethods]
impl ByteSteps {
    fn __next__(&self, py: Python<'_>) -> Result<Option<u8>> {
        self.next(py)
    }
}

#[pymethods]
impl LineSteps {
    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyBytes>>> {
        self.next(py)
    }
}

#[pymethods]
impl Export {
    fn __next__<'py>(&self, py: Python<'py>) -> Result<Option<Bound<'py, PyBytes>>> {
        // At the end a line is empty.
        Ok(Some(self.line(py, None)?).filter(|line| !line.as_bytes().is_empty()))
    }

    /// The next line of at most `size` bytes.
    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<&Bound<'py, PyAny>>) -> Result<Bound<'py, PyBytes>> {
        self.line(py, limit(size)?)
    }
}
