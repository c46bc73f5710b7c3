//! The bytes of other objects, as sources and needles.
#![expect(unsafe_code, reason = "the C API's buffer views, and the bytes behind them")]

use super::borrow::{BytesOf, Refused, check_fault, retry};
use super::classes::Mapping;
use super::error::Result;
use crate::call::{attribute, call, get_buffer, memoryview, release_buffer};
use mmap_rs_core::memory::{Kind, Region};
use mmap_rs_core::state::{Pinned, Requests};
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

/// A bytes-like object. To get or drop it may run Python code.
pub enum Buffer<'a> {
    /// A `bytes` object, whose borrow is enough to keep its bytes.
    Bytes(&'a [u8]),
    /// A mapping of ours. Its bytes are held for the length of a call, not by an export: that of a call in flight would
    /// stay for ever in a child of `fork`, where the thread that makes the call is missing.
    Mapping(&'a Mapping),
    /// Any other.
    View(BufferView),
}

/// A view of another object's bytes.
pub struct BufferView {
    /// Boxed, as the exporter may have kept its address.
    view: Box<ffi::Py_buffer>,
}

impl BufferView {
    fn get(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: a view to fill, which stays in its box.
        unsafe { get_buffer(object, &mut view) }?;
        Ok(Self { view })
    }
}

impl Drop for BufferView {
    fn drop(&mut self) {
        // SAFETY: a view that was filled; only dropped by code that is attached.
        unsafe { release_buffer(&mut self.view) };
    }
}

impl<'a> Buffer<'a> {
    /// The bytes of an object, of any format; of a view that is not contiguous a copy. `TypeError` where it is not
    /// bytes-like.
    #[inline]
    pub fn get(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.cast_exact::<PyBytes>() {
            return Ok(Self::Bytes(bytes.as_bytes()));
        }
        match object.cast::<Mapping>() {
            Ok(mapping) if mapping.get().kind().is_readable() => Ok(Self::Mapping(mapping.get())),
            _ => Self::view(object).map(Self::View),
        }
    }

    fn view(object: &Bound<'_, PyAny>) -> PyResult<BufferView> {
        match BufferView::get(object) {
            Err(error) if error.is_instance_of::<PyBufferError>(object.py()) => {
                // A view of the copy keeps the copy. What this says is of no use to the user where the first error
                // says more.
                let copied = memoryview(object)
                    .and_then(|view| call(&attribute(&view, "tobytes")?, PyTuple::empty(object.py()), None));
                match copied {
                    Ok(copy) => BufferView::get(&copy),
                    Err(other) if other.is_instance_of::<pyo3::exceptions::PyException>(object.py()) => Err(error),
                    Err(other) => Err(other),
                }
            }
            other => other,
        }
    }

    /// How many bytes it has now. Those of a mapping may change until they are held.
    pub fn len(&self, py: Python<'_>) -> Result<usize> {
        retry(py, |requests| Ok(self.hold(requests)?.len()))
    }

    /// Holds the bytes for the length of a call: one attempt.
    #[inline]
    pub fn hold(&self, requests: Requests) -> std::result::Result<HeldBytes<'_>, Refused<'_>> {
        Ok(match self {
            Self::Bytes(bytes) => HeldBytes::from(*bytes),
            Self::View(BufferView { view }) => {
                let len = usize::try_from(view.len).unwrap_or(0);
                HeldBytes { start: view.buf.cast_const().cast(), len, pin: None }
            }
            Self::Mapping(mapping) => {
                let pin = BytesOf::Mapping(mapping).try_pin(requests)?;
                let span = pin.span();
                HeldBytes { start: span.start as *const u8, len: span.len, pin: Some((pin, mapping.kind())) }
            }
        })
    }
}

/// Bytes that stay where they are as long as this lives.
pub struct HeldBytes<'a> {
    start: *const u8,
    len: usize,
    pin: Option<(Pinned<'a, Region>, Kind)>,
}

// SAFETY: an address and a length, and perhaps a pin, which any thread may end. What keeps the bytes stays with the
// buffer that this borrows.
unsafe impl Send for HeldBytes<'_> {}

impl<'a> From<&'a [u8]> for HeldBytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { start: bytes.as_ptr(), len: bytes.len(), pin: None }
    }
}

impl HeldBytes<'_> {
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
        // SAFETY: they stay in place. That other threads may write them meanwhile is the same bargain as for a
        // mapping's own bytes (see `mmap_rs_core::memory::bytes`).
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// The kind of the mapping that they are of, where it is faulted.
    pub fn faulted(&self) -> Option<Kind> {
        self.pin.as_ref().and_then(|(pin, kind)| pin.is_faulted().then_some(*kind))
    }
}

/// `FaultError` if [`HeldBytes::faulted`] returned a kind.
pub fn check_held(faulted: Option<Kind>) -> Result<()> {
    faulted.map_or(Ok(()), |kind| check_fault(kind, true))
}
