//! `MmapMut`: writing bytes.

use crate::access::{LARGE, detached_if, hold, intact, look};
use crate::args::{Key, Range, byte, out_of_range, place};
use crate::bytes::{Bytes, assign, get_item};
use crate::error::{self, invalid_offset};
use crate::foreign::Foreign;
use crate::kinds;
use crate::mapping::{Mapping, base};
use crate::slices::Unpacked;
use mmap_rs_core::Error;
use mmap_rs_core::memory::bytes::{BytesMut, Strided};
use mmap_rs_core::memory::range::Checked;
use mmap_rs_core::state::Span;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

/// Writable memory, perhaps executable (upstream: `mmap_rs::MmapMut`).
///
/// Made by `MmapOptions.map_mut()`, `map_exec_mut()`, or by `make_mut()` of another mapping.
#[pyclass(module = "mmap_rs", extends = Bytes, frozen)]
pub struct MmapMut;

/// The mapping of an object whose bytes can be written. Its class may lie, if somebody assigned `__class__`.
#[inline]
fn writable<'a>(object: &'a Bound<'_, MmapMut>) -> PyResult<&'a Mapping> {
    let mapping = base(object).get();
    if mapping.kind().is_writable() {
        Ok(mapping)
    } else {
        Err(PyTypeError::new_err(format!("the bytes of a {} can't be written", mapping.kind().name())))
    }
}

/// Runs `work` on a span and a part of it, detached where the part is large.
fn over<T: Send>(
    slf: &Bound<'_, MmapMut>,
    part: impl Fn(usize) -> std::ops::Range<usize>,
    work: impl FnOnce(Span, Checked) -> T + Send,
) -> PyResult<T> {
    let py = slf.py();
    let mapping = writable(slf)?;
    let pinned = hold(py, mapping)?;
    let span = pinned.span();
    let part = error::told(py, Checked::new(&part(span.len), span.len))?;
    let done = detached_if(py, part.len() >= LARGE, move || {
        let done = work(span, part);
        drop(pinned);
        done
    });
    intact(py, mapping)?;
    Ok(done)
}

#[pymethods]
impl MmapMut {
    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        get_item(slf, key)
    }

    fn __setitem__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, mapping) = (slf.py(), writable(slf)?);
        let key = match Key::new(key)? {
            Key::Slice(key) => key,
            Key::Index(index) => {
                let value = byte(value)?;
                let held = look(py, mapping)?;
                let span = held.span();
                // SAFETY: the glance keeps the span mapped, and it is writable.
                let done = place(index, span.len).is_some_and(|place| unsafe { BytesMut::new(span).set(place, value) });
                intact(py, mapping)?;
                return if done { Ok(()) } else { Err(out_of_range(index, span.len)) };
            }
        };
        let unpacked = Unpacked::new(key)?;
        let source = Foreign::get(value)?;
        assign(py, mapping, &source, |len| {
            let slice = unpacked.of(len);
            if slice.len == source.len() {
                return Ok(slice);
            }
            Err(PyValueError::new_err(format!(
                "a slice of {} bytes can't be set from {}: a mapping has a fixed size",
                slice.len,
                source.len()
            )))
        })
    }

    fn __delitem__(&self, _key: &Bound<'_, PyAny>) -> PyResult<()> {
        Err(PyTypeError::new_err("bytes of a mapping can't be deleted: it has a fixed size"))
    }

    /// as_mut_slice(): a writable memoryview of the whole mapping, without a copy. While it lives the mapping can't
    /// be closed or changed.
    fn as_mut_slice<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        PyMemoryView::from(slf).map(Bound::into_any)
    }

    /// fill(value, range=None): set all bytes, or those of a `range` or `slice`, to `value`, an int of 0 to 255.
    ///
    /// `InvalidOffsetError` for a range that leaves the mapping or ends before it starts.
    #[pyo3(signature = (value, range = None))]
    fn fill(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>, range: Option<Range>) -> PyResult<()> {
        let value = byte(value)?;
        over(
            slf,
            |len| range.map_or(0..len, |range| range.within(len)),
            move |span, part| {
                let part = Span { start: span.start.saturating_add(part.start), len: part.len() };
                // SAFETY: a part of a span that is held and writable.
                unsafe { BytesMut::new(part) }.fill(value);
            },
        )
    }

    /// copy_from_slice(src): copy a bytes-like object of exactly the length of the mapping, else `ValueError`
    /// (`InvalidSizeError`).
    fn copy_from_slice(slf: &Bound<'_, Self>, src: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, mapping) = (slf.py(), writable(slf)?);
        let source = Foreign::get(src)?;
        assign(py, mapping, &source, |len| {
            if len == source.len() {
                return Ok(Strided { start: 0, step: 1, len });
            }
            let message = format!("{} bytes can't fill a mapping of {len} bytes", source.len());
            Err(error::raise(py, Error::InvalidSize(message)))
        })
    }

    /// copy_within(src_range, dest): copy the bytes of a `range` or `slice` to the index `dest`; both may overlap.
    ///
    /// `InvalidOffsetError` where either leaves the mapping.
    fn copy_within(slf: &Bound<'_, Self>, src_range: Range, dest: usize) -> PyResult<()> {
        let copied = over(
            slf,
            |len| src_range.within(len),
            move |span, part| {
                // SAFETY: the span is held and writable.
                let done = unsafe { BytesMut::new(span) }.copy_within(part.start, part.end, dest);
                if done { Ok(()) } else { Err((part.len(), span.len)) }
            },
        )?;
        copied.map_err(|(count, len)| {
            let text = format!("{count} bytes at index {dest} would leave the mapping of {len} bytes");
            invalid_offset(slf.py(), text)
        })
    }

    /// try_from(other): a `MmapMut` from a `Mmap` or `MmapNone` (made writable) or a `ReservedMut` (committed), which
    /// is consumed. Another type is `TypeError`.
    #[staticmethod]
    fn try_from<'py>(other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Mapping>> {
        kinds::convert(mmap_rs_core::memory::Kind::MmapMut, other)
    }
}
