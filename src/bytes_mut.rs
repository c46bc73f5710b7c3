//! `MmapMut`: writing bytes.

use crate::access::{LARGE, detached_if, hold, intact, look};
use crate::args::{Key, Number, Range, byte, out_of_range, place};
use crate::bytes::assign;
use crate::code::may_write;
use crate::error::{self, invalid_offset};
use crate::foreign::Foreign;
use crate::kinds;
use crate::mapping::{Mapping, base};
use crate::slices::Unpacked;
use mmap_rs_core::Error;
use mmap_rs_core::memory::bytes::{BytesMut, Strided};
use mmap_rs_core::memory::range::Checked;
use mmap_rs_core::state::Span;
use pyo3::PyClass;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyMemoryView;

/// Writable memory, perhaps executable.
///
/// Made by `MmapOptions.map_mut()`, `map_exec_mut()`, or by `make_mut()` of another mapping. It has the buffer
/// protocol, indexing, slices and assignment as `bytearray` has, but a fixed length.
///
/// Upstream: `mmap_rs::MmapMut`.
///
/// Examples:
///     >>> m = MmapOptions(4096).map_mut()
///     >>> m[0:5] = b"hello"
///     >>> m[0], m[4:0:-1], b"ell" in m
///     (104, b'olle', True)
#[pyclass(module = "mmap_rs", extends = crate::slots::ItemsMut, frozen)]
pub struct MmapMut;

/// The mapping of an object whose bytes can be written. Its class may lie, if somebody assigned `__class__`.
#[inline]
fn writable<'a>(object: &'a Bound<'_, impl PyClass>) -> PyResult<&'a Mapping> {
    let mapping = base(object).get();
    if mapping.kind().is_writable() {
        may_write(object.py(), mapping)?;
        Ok(mapping)
    } else {
        Err(PyTypeError::new_err(format!("the bytes of this {} can't be written", mapping.kind().name())))
    }
}

/// `m[key] = value` and, without a value, `del m[key]`.
pub fn set_item(slf: &Bound<'_, Mapping>, key: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let Some(value) = value else {
        return Err(PyTypeError::new_err("bytes of a mapping can't be deleted: it has a fixed size"));
    };
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
    /// Return a writable `memoryview` of the whole mapping, without a copy.
    ///
    /// While it lives the mapping can't be closed or changed.
    ///
    /// Raises:
    ///     ConsumedError: if the mapping is closed or consumed.
    ///
    /// Upstream: `as_mut_slice`.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> with m.as_mut_slice() as view:
    ///     ...     view[0] = 7
    ///     >>> m[0]
    ///     7
    fn as_mut_slice<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        PyMemoryView::from(slf).map(Bound::into_any)
    }

    /// Set all bytes, or those of a range, to `value`.
    ///
    /// Args:
    ///     value: an int of 0 to 255.
    ///     range: a `range` or `slice` in bytes from the start of the mapping; without it the whole mapping.
    ///
    /// Raises:
    ///     InvalidOffsetError: if the range leaves the mapping or ends before it starts.
    ///     ValueError: if `value` is not in 0 to 255.
    ///
    /// Upstream: `fill` of Rust's slices.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m.fill(0xFF, range(2, 4))
    ///     >>> m[0:6]
    ///     b'\x00\x00\xff\xff\x00\x00'
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

    /// Replace all bytes by those of `src`, which must be as long as the mapping.
    ///
    /// Args:
    ///     src: a bytes-like object.
    ///
    /// Raises:
    ///     InvalidSizeError: if it has another length.
    ///
    /// Upstream: `copy_from_slice` of Rust's slices.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(5).map_mut()
    ///     >>> m.copy_from_slice(b"hello")
    ///     >>> m[:]
    ///     b'hello'
    fn copy_from_slice(slf: &Bound<'_, Self>, src: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, mapping) = (slf.py(), writable(slf)?);
        let source = Foreign::get(src)?;
        assign(py, mapping, &source, |len| {
            if len == source.len() {
                return Ok(Strided { start: 0, step: 1, len });
            }
            let message = format!("{} bytes can't fill a mapping of {len}: m[a:b] = ... sets a part", source.len());
            Err(error::raise(py, Error::InvalidSize(message)))
        })
    }

    /// Copy a range of the bytes to another place in the mapping; the two may overlap.
    ///
    /// Args:
    ///     src_range: a `range` or `slice` in bytes from the start of the mapping.
    ///     dest: the index to copy to, in bytes.
    ///
    /// Raises:
    ///     InvalidOffsetError: if either leaves the mapping.
    ///
    /// Upstream: `copy_within` of Rust's slices.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[0:4] = b"abcd"
    ///     >>> m.copy_within(range(0, 4), 2)
    ///     >>> m[0:6]
    ///     b'ababcd'
    fn copy_within(slf: &Bound<'_, Self>, src_range: Range, dest: Number<usize>) -> PyResult<()> {
        let Number(dest) = dest;
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

    /// Make an `MmapMut` from another mapping, which is consumed.
    ///
    /// Args:
    ///     other: an `Mmap` or `MmapNone`, which is made writable, or a `ReservedMut`, which is committed.
    ///
    /// Raises:
    ///     TypeError: if it is of another class.
    ///     BufferError: while buffers over it are alive.
    ///     SystemCallError: if the system refuses. In all cases `other` is as before.
    ///
    /// Upstream: `MmapMut: TryFrom`.
    ///
    /// Examples:
    ///     >>> m = MmapMut.try_from(MmapOptions(1 << 20).reserve_mut())
    ///     >>> m[0] = 1
    #[staticmethod]
    fn try_from<'py>(other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Mapping>> {
        kinds::convert(mmap_rs_core::memory::Kind::MmapMut, other)
    }
}
