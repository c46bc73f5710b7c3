//! Buffers of other objects, as sources and needles.

use crate::call::{get_buffer, release_buffer};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};
use std::marker::PhantomData;

/// The bytes of another object, held for as long as this lives. Getting and releasing it may run Python code.
pub struct Foreign<'a> {
    start: *const u8,
    len: usize,
    /// What holds the bytes; nothing where they belong to a `bytes` object, whose borrow is enough. Boxed, as an
    /// exporter may have kept its address.
    view: Option<Box<ffi::Py_buffer>>,
    object: PhantomData<&'a PyAny>,
}

// SAFETY: the view is released while attached only (see `Drop`); between, its bytes are looked at by address.
unsafe impl Sync for Foreign<'_> {}

impl<'a> Foreign<'a> {
    /// Holds the bytes of an object, of any format; of a view that is not contiguous a copy. `TypeError` where it
    /// is not bytes-like.
    #[inline]
    pub fn get(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            let bytes = bytes.as_bytes();
            return Ok(Self { start: bytes.as_ptr(), len: bytes.len(), view: None, object: PhantomData });
        }
        Self::view(object)
    }

    fn view(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        match Self::contiguous(object) {
            Err(error) if error.is_instance_of::<PyBufferError>(object.py()) => {
                let copy = PyMemoryView::from(object).and_then(|view| view.call_method0("tobytes"));
                // What the view says is of no use to the user where the first error says more.
                copy.and_then(|copy| Self::contiguous(&copy)).map_err(|_| error)
            }
            other => other,
        }
    }

    fn contiguous(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: attached, a live object, and a view to fill.
        if !unsafe { get_buffer(object, &mut view) } {
            return Err(PyErr::fetch(object.py()));
        }
        let (start, len) = (view.buf.cast_const().cast(), usize::try_from(view.len).unwrap_or(0));
        Ok(Self { start, len, view: Some(view), object: PhantomData })
    }

    /// The first byte.
    pub fn as_ptr(&self) -> *const u8 {
        self.start
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The bytes, for the search library.
    pub fn as_slice(&self) -> &[u8] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: the view keeps them in place. That other threads may write them meanwhile is the same bargain as
        // for a mapping's own bytes (see `mmap_rs_core::memory::bytes`).
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }
}

impl Drop for Foreign<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(view) = &mut self.view {
            // SAFETY: a view that `PyObject_GetBuffer` filled; only dropped by code that is attached.
            unsafe { release_buffer(view) };
        }
    }
}
