//! Reading and writing single bytes and slices. The short ones are one attempt each, for `slots/` to make first.
#![expect(unsafe_code, reason = "raw pointers to mapped bytes, and to new bytes objects")]

use crate::convert::numbers::{out_of_range, place};
use crate::convert::slices::Unpacked;
use crate::state::borrow::{BytesOf, Glance, Refused, check_fault, retry, with_bytes};
use crate::state::buffer::{Buffer, check_held};
use crate::state::classes::Mapping;
use crate::state::detach::{LARGE, detached_if};
use crate::state::error::Result;
use mmap_rs_core::memory::bytes::{Bytes, BytesMut, Strided};
use mmap_rs_core::state::Requests;
use pyo3::exceptions::{PyMemoryError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// One byte: one attempt.
#[inline(always)]
pub fn item(mapping: &Mapping, index: isize, requests: Requests) -> std::result::Result<u8, Refused<'_>> {
    let glance = Glance::of_bytes(mapping, requests)?;
    // SAFETY: the glance keeps the span mapped, and it can be read.
    let bytes = unsafe { Bytes::new(glance.span()) };
    let found = place(index, bytes.len()).and_then(|place| bytes.get(place));
    glance.check()?;
    Ok(found.ok_or_else(|| out_of_range(index, bytes.len()))?)
}

/// A new `bytes` object of uninitialised memory, and where that is.
pub fn new_bytes(py: Python<'_>, len: usize) -> PyResult<(Bound<'_, PyBytes>, *mut u8)> {
    let size = ffi::Py_ssize_t::try_from(len).unwrap_or(ffi::Py_ssize_t::MAX);
    // SAFETY: attached; null asks for memory that the caller fills.
    let object = unsafe {
        let object = ffi::PyBytes_FromStringAndSize(std::ptr::null(), size);
        Bound::from_owned_ptr_or_err(py, object)?.cast_into_unchecked::<PyBytes>()
    };
    // SAFETY: a bytes object.
    let memory = unsafe { ffi::PyBytes_AsString(object.as_ptr()) };
    Ok((object, memory.cast()))
}

/// The bytes of a short slice, copied out: one attempt; `None` where it is long.
#[inline(always)]
pub fn short_slice<'a, 'py>(
    py: Python<'py>,
    mapping: &'a Mapping,
    slice: Unpacked,
    requests: Requests,
) -> std::result::Result<Option<Bound<'py, PyBytes>>, Refused<'a>> {
    let glance = Glance::of_bytes(mapping, requests)?;
    let slice = slice.of(glance.span().len);
    if slice.len >= LARGE {
        return Ok(None);
    }
    // Not tracked by the collector: making it runs no code.
    let (object, memory) = new_bytes(py, slice.len)?;
    // SAFETY: the glance keeps the span mapped, and it can be read; the new object has room for the slice.
    let copied = unsafe { Bytes::new(glance.span()).copy_to(slice, memory) };
    debug_assert!(copied);
    glance.check()?;
    Ok(Some(object))
}

/// The bytes of a slice of any length, copied out.
pub fn slice<'py>(py: Python<'py>, bytes: BytesOf<'_>, slice: Unpacked) -> Result<Bound<'py, PyBytes>> {
    loop {
        let len = slice.of(bytes.size(py)?).len;
        // Nothing is held while it is made.
        let (object, memory) = new_bytes(py, len)?;
        let memory = memory as usize;
        let copied = with_bytes(
            py,
            bytes,
            |_| len,
            move |span| {
                let slice = slice.of(span.len);
                // SAFETY: pinned, and it can be read; the new object, which nobody else knows, has room for `len` bytes.
                slice.len == len && unsafe { Bytes::new(span).copy_to(slice, memory as *mut u8) }
            },
        )?;
        // Otherwise it has another length by now.
        if copied {
            return Ok(object);
        }
    }
}

/// Sets one byte: one attempt. The caller knows that it can be written.
#[inline(always)]
pub fn set(mapping: &Mapping, index: isize, value: u8, requests: Requests) -> std::result::Result<(), Refused<'_>> {
    let glance = Glance::of_bytes(mapping, requests)?;
    let span = glance.span();
    // SAFETY: the glance keeps the span mapped, and it is writable.
    let done = place(index, span.len).is_some_and(|place| unsafe { BytesMut::new(span).set(place, value) });
    glance.check()?;
    if done { Ok(()) } else { Err(out_of_range(index, span.len).into()) }
}

/// The slice of a mapping of `len` bytes that is set from `given` bytes.
fn target(slice: Unpacked, len: usize, given: usize) -> Result<Strided> {
    let slice = slice.of(len);
    if slice.len == given {
        return Ok(slice);
    }
    let text = format!(
        "a slice of {} bytes can't be set from {given}: an assignment keeps the size of the mapping; resize() makes it longer",
        slice.len
    );
    Err(PyValueError::new_err(text).into())
}

/// Sets a short slice: one attempt; false where it is long. The caller knows that it can be written.
#[cfg(feature = "internal-slots")]
#[inline(always)]
pub fn set_short_slice<'a>(
    mapping: &'a Mapping,
    slice: Unpacked,
    source: &[u8],
    requests: Requests,
) -> std::result::Result<bool, Refused<'a>> {
    if source.len() >= LARGE {
        return Ok(false);
    }
    let glance = Glance::of_bytes(mapping, requests)?;
    let span = glance.span();
    let slice = target(slice, span.len, source.len())?;
    // SAFETY: the glance keeps the span mapped, and it is writable; the source has the slice's length.
    let copied = unsafe { BytesMut::new(span).copy_from(slice, source.as_ptr()) };
    debug_assert_eq!(copied, Ok(true), "a source that does not overlap takes no memory");
    glance.check()?;
    Ok(true)
}

/// Sets a slice from a buffer of the same length.
pub fn set_slice(py: Python<'_>, bytes: BytesOf<'_>, slice: Unpacked, source: &Buffer<'_>) -> Result<()> {
    assign(py, bytes, source, |len, given| target(slice, len, given))
}

/// Copies a buffer into a slice, which `slice` computes from the mapping's length and the buffer's.
pub fn assign(
    py: Python<'_>,
    bytes: BytesOf<'_>,
    source: &Buffer<'_>,
    slice: impl Fn(usize, usize) -> Result<Strided>,
) -> Result<()> {
    let (source, pinned, slice) = retry(py, |requests| {
        let source = source.hold(requests)?;
        let pinned = bytes.try_pin(requests)?;
        let slice = slice(pinned.span().len, source.len())?;
        Ok((source, pinned, slice))
    })?;
    let (copied, is_faulted, source_faulted) = detached_if(py, slice.len >= LARGE, move || {
        // SAFETY: pinned, and writable by its kind; the source is held, and `slice` has compared the lengths.
        let copied = unsafe { BytesMut::new(pinned.span()).copy_from(slice, source.as_ptr()) };
        debug_assert!(copied != Ok(false));
        (copied, pinned.is_faulted(), source.faulted())
    });
    check_fault(bytes.kind(), is_faulted)?;
    check_held(source_faulted)?;
    Ok(copied.map(drop).map_err(|error| PyMemoryError::new_err(error.to_string()))?)
}
