//! `find` and its kin, as on `bytes`.
#![expect(unsafe_code, reason = "raw pointers to mapped bytes")]

use crate::convert::numbers::{bound, byte, is_index};
use crate::state::borrow::{BytesOf, Glance, Refused, check_fault, retry};
use crate::state::buffer::{Buffer, HeldBytes, check_held};
use crate::state::classes::Mapping;
use crate::state::detach::{LARGE, detached_if};
use crate::state::error::Result;
use mmap_rs_core::memory::bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Whether an object has the buffer protocol.
fn is_buffer(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached, a live object. It looks at the type only.
    unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) != 0 }
}

/// What is looked for.
pub enum Needle<'a> {
    Byte([u8; 1]),
    Bytes(Buffer<'a>),
}

impl<'a> Needle<'a> {
    /// An integer or a bytes-like object, judged in the order of `bytes`.
    pub fn new(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        match (is_buffer(object), is_index(object)) {
            (true, _) => Buffer::get(object).map(Self::Bytes),
            (false, true) => Ok(Self::Byte([byte(object)?])),
            (false, false) => {
                let name = object.get_type().name()?;
                let text = format!("argument should be integer or bytes-like object, not '{name}'");
                Err(PyTypeError::new_err(text))
            }
        }
    }
}

/// The bounds of a search, as they were given.
#[derive(Clone, Copy)]
pub struct Window {
    start: isize,
    end: isize,
}

impl Window {
    pub const WHOLE: Self = Self { start: 0, end: isize::MAX };

    pub fn new(start: Option<&Bound<'_, PyAny>>, end: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        Ok(Self { start: bound(start, 0)?, end: bound(end, isize::MAX)? })
    }

    /// From one index to another, neither negative.
    pub fn between(start: usize, end: usize) -> Self {
        let number = |index| isize::try_from(index).unwrap_or(isize::MAX);
        Self { start: number(start), end: number(end) }
    }

    /// The part of the bytes, and where it begins; `None` where not even an empty needle is found.
    fn of<'a>(self, bytes: Bytes<'a>) -> Option<(usize, Bytes<'a>)> {
        let len = isize::try_from(bytes.len()).unwrap_or(isize::MAX);
        let clip = |at: isize| if at < 0 { at.saturating_add(len).max(0) } else { at };
        let start = usize::try_from(clip(self.start)).ok()?;
        let end = usize::try_from(clip(self.end).min(len)).ok()?;
        bytes.part(start, end).map(|part| (start, part))
    }
}

/// Runs a search over a window, detached where it is large.
pub fn search<T: Send>(
    py: Python<'_>,
    bytes: BytesOf<'_>,
    needle: &Needle<'_>,
    window: Window,
    work: impl FnOnce(usize, Bytes<'_>, &[u8]) -> T + Send,
) -> Result<Option<T>> {
    let (needle, pinned) = retry(py, |requests| {
        let needle = match needle {
            Needle::Byte(byte) => HeldBytes::from(byte.as_slice()),
            Needle::Bytes(buffer) => buffer.hold(requests)?,
        };
        Ok((needle, bytes.try_pin(requests)?))
    })?;
    // SAFETY: pinned, and it can be read.
    let large = window.of(unsafe { Bytes::new(pinned.span()) }).is_some_and(|(_, part)| part.len() >= LARGE);
    let (found, is_faulted, needle_faulted) = detached_if(py, large, move || {
        // SAFETY: as above.
        let found =
            window.of(unsafe { Bytes::new(pinned.span()) }).map(|(start, part)| work(start, part, needle.as_slice()));
        (found, pinned.is_faulted(), needle.faulted())
    });
    check_fault(bytes.kind(), is_faulted)?;
    check_held(needle_faulted)?;
    Ok(found)
}

/// `startswith` and `endswith`: one prefix or a tuple of them.
pub fn matches(
    py: Python<'_>,
    mapping: &Mapping,
    (name, object): (&str, &Bound<'_, PyAny>),
    window: Window,
    test: fn(Bytes<'_>, &[u8]) -> bool,
) -> Result<bool> {
    let one = |object: &Bound<'_, PyAny>| -> Result<bool> {
        let needle = Needle::Bytes(Buffer::get(object)?);
        Ok(search(py, BytesOf::Mapping(mapping), &needle, window, |_, part, needle| test(part, needle))?
            .unwrap_or(false))
    };
    if let Ok(several) = object.cast::<PyTuple>() {
        for item in several {
            if one(&item)? {
                return Ok(true);
            }
        }
        // An empty tuple asks nothing of the bytes, but a mapping that has ended must still say so.
        retry(py, |requests| Glance::of_bytes(mapping, requests)?.check().map_err(Refused::from))?;
        return Ok(false);
    }
    if !is_buffer(object) {
        let got = object.get_type().name()?;
        let text = format!("{name} first arg must be bytes or a tuple of bytes, not {got}");
        return Err(PyTypeError::new_err(text).into());
    }
    one(object)
}

/// `find` and `rfind`.
pub fn locate(
    py: Python<'_>,
    bytes: BytesOf<'_>,
    sub: &Bound<'_, PyAny>,
    window: Window,
    work: fn(Bytes<'_>, &[u8]) -> Option<usize>,
) -> Result<isize> {
    let needle = Needle::new(sub)?;
    let found = search(py, bytes, &needle, window, |start, part, needle| {
        work(part, needle).and_then(|at| at.checked_add(start))
    })?;
    Ok(found.flatten().and_then(|at| isize::try_from(at).ok()).unwrap_or(-1))
}
