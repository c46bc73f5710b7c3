//! `find` and its kin, as on `bytes`.

use crate::access::{LARGE, detached_if, hold, intact, look};
use crate::args::{bound, byte};
use crate::foreign::Foreign;
use crate::mapping::Mapping;
use mmap_rs_core::memory::bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// What is looked for.
pub enum Needle<'a> {
    Byte([u8; 1]),
    Bytes(Foreign<'a>),
}

impl<'a> Needle<'a> {
    /// An integer or a bytes-like object, judged in the order of `bytes`.
    pub fn new(object: &'a Bound<'_, PyAny>) -> PyResult<Self> {
        // SAFETY: attached, a live object.
        let (buffer, number) =
            unsafe { (ffi::PyObject_CheckBuffer(object.as_ptr()) != 0, ffi::PyIndex_Check(object.as_ptr()) != 0) };
        match (buffer, number) {
            (true, _) => Foreign::get(object).map(Self::Bytes),
            (false, true) => Ok(Self::Byte([byte(object)?])),
            (false, false) => {
                let name = object.get_type().name()?;
                let text = format!("argument should be integer or bytes-like object, not '{name}'");
                Err(PyTypeError::new_err(text))
            }
        }
    }

    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Byte(byte) => byte,
            Self::Bytes(foreign) => foreign.as_slice(),
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
    mapping: &Mapping,
    needle: &Needle<'_>,
    window: Window,
    work: impl FnOnce(usize, Bytes<'_>, &[u8]) -> T + Send,
) -> PyResult<Option<T>> {
    let held = look(py, mapping)?;
    if held.span().len < LARGE {
        // SAFETY: the glance keeps the span mapped, and the caller has checked that it can be read.
        let bytes = unsafe { Bytes::new(held.span()) };
        let found = window.of(bytes).map(|(start, part)| work(start, part, needle.as_slice()));
        intact(py, mapping)?;
        return Ok(found);
    }
    held.end();
    let pinned = hold(py, mapping)?;
    // SAFETY: as above, by the pin.
    let bytes = unsafe { Bytes::new(pinned.span()) };
    let found = window.of(bytes).map(|(start, part)| {
        let needle = needle.as_slice();
        detached_if(py, part.len() >= LARGE, move || work(start, part, needle))
    });
    drop(pinned);
    intact(py, mapping)?;
    Ok(found)
}

/// `startswith` and `endswith`: one prefix or a tuple of them.
pub fn matches(
    py: Python<'_>,
    mapping: &Mapping,
    (name, object): (&str, &Bound<'_, PyAny>),
    window: Window,
    test: fn(Bytes<'_>, &[u8]) -> bool,
) -> PyResult<bool> {
    let one = |object: &Bound<'_, PyAny>| -> PyResult<bool> {
        let needle = Needle::Bytes(Foreign::get(object)?);
        Ok(search(py, mapping, &needle, window, |_, part, needle| test(part, needle))?.unwrap_or(false))
    };
    if let Ok(several) = object.cast::<PyTuple>() {
        for item in several {
            if one(&item)? {
                return Ok(true);
            }
        }
        // An empty tuple asks nothing of the bytes, but a consumed mapping must still say so.
        look(py, mapping)?;
        return Ok(false);
    }
    // SAFETY: attached, a live object.
    if unsafe { ffi::PyObject_CheckBuffer(object.as_ptr()) } == 0 {
        let got = object.get_type().name()?;
        let text = format!("{name} first arg must be bytes or a tuple of bytes, not {got}");
        return Err(PyTypeError::new_err(text));
    }
    one(object)
}
