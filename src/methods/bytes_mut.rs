//! `MmapMut`: writing bytes.
#![expect(unsafe_code, reason = "raw pointers to mapped bytes")]

use super::copies::{assign, set, set_slice};
use super::jit::may_write;
use super::transitions;
use crate::call::memoryview;
use crate::convert::numbers::{Key, Number, byte};
use crate::convert::ranges::Range;
use crate::convert::slices::Unpacked;
use crate::state::borrow::{BytesOf, retry, with_bytes};
use crate::state::buffer::Buffer;
use crate::state::classes::{Mapping, MmapMut, base, no_constructor};
use crate::state::error::{Result, unwritable};
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::memory::Kind;
use mmap_rs_core::memory::bytes::{BytesMut, Strided};
use mmap_rs_core::memory::range::Checked;
use mmap_rs_core::state::Span;
use pyo3::PyClass;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// The mapping of an object whose bytes can be written. Its class may lie, if somebody assigned `__class__`.
#[inline]
fn writable<'a>(object: &'a Bound<'_, impl PyClass>) -> Result<&'a Mapping> {
    let mapping = base(object).get();
    if mapping.kind().is_writable() {
        may_write(object.py(), BytesOf::Mapping(mapping))?;
        Ok(mapping)
    } else {
        Err(unwritable(mapping.kind()))
    }
}

/// `m[key] = value` and, without a value, `del m[key]`.
pub fn set_item(slf: &Bound<'_, Mapping>, key: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> Result<()> {
    let Some(value) = value else {
        return Err(PyTypeError::new_err("bytes of a mapping can't be deleted: only resize() changes its size").into());
    };
    let (py, mapping) = (slf.py(), writable(slf)?);
    match Key::new(key)? {
        Key::Index(index) => {
            let value = byte(value)?;
            retry(py, |requests| set(mapping, index, value, requests))
        }
        Key::Slice(key) => assign_slice(slf, Unpacked::new(key)?, value),
    }
}

/// `m[a:b:c] = value`.
pub fn assign_slice(slf: &Bound<'_, Mapping>, key: Unpacked, value: &Bound<'_, PyAny>) -> Result<()> {
    let bytes = BytesOf::Mapping(writable(slf)?);
    set_slice(slf.py(), bytes, key, &Buffer::get(value)?)
}

/// Runs `work` on a span and a part of it, detached where the part is large.
fn over<T: Send>(
    slf: &Bound<'_, MmapMut>,
    part: impl Fn(usize) -> std::ops::Range<usize> + Sync,
    work: impl FnOnce(Span, Checked) -> T + Send,
) -> Result<T> {
    let mapping = writable(slf)?;
    let done = with_bytes(
        slf.py(),
        BytesOf::Mapping(mapping),
        |span| part(span.len).len(),
        |span| Checked::new(&part(span.len), span.len).map(|part| work(span, part)),
    );
    Ok(done??)
}

#[pymethods]
impl MmapMut {
    #[new]
    #[pyo3(signature = (*_args, **_named), text_signature = None)]
    fn refuse(_args: &Bound<'_, PyTuple>, _named: Option<&Bound<'_, PyDict>>) -> PyResult<PyClassInitializer<Self>> {
        Err(no_constructor(Kind::MmapMut))
    }

    /// Return a writable `memoryview` of the whole mapping, without a copy.
    ///
    /// While it is alive, the mapping can't be closed or changed.
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
    fn as_mut_slice<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>> {
        Ok(memoryview(slf)?)
    }

    /// Set all bytes, or those of a range, to `value`.
    ///
    /// Args:
    ///     value: an int from 0 to 255.
    ///     range: a `range` or `slice` in bytes from the start of the mapping; by default the whole mapping.
    ///
    /// Raises:
    ///     InvalidOffsetError: if the range reaches outside the mapping or ends before it starts.
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
    fn fill(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>, range: Option<Range>) -> Result<()> {
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

    /// Overwrite all bytes with those of `src`, which must be as long as the mapping.
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
    fn copy_from_slice(slf: &Bound<'_, Self>, src: &Bound<'_, PyAny>) -> Result<()> {
        let (py, mapping) = (slf.py(), writable(slf)?);
        assign(py, BytesOf::Mapping(mapping), &Buffer::get(src)?, |len, given| {
            if len == given {
                return Ok(Strided { start: 0, step: 1, len });
            }
            let text = format!("{given} bytes can't fill a mapping of {len}: m[a:b] = ... sets a part");
            Err(CoreError::InvalidSize(text).into())
        })
    }

    /// Copy a range of the bytes to another place in the mapping; the two may overlap.
    ///
    /// Args:
    ///     src_range: a `range` or `slice` in bytes from the start of the mapping.
    ///     dest: the index to copy to, in bytes.
    ///
    /// Raises:
    ///     InvalidOffsetError: if either reaches outside the mapping.
    ///
    /// Upstream: `copy_within` of Rust's slices.
    ///
    /// Examples:
    ///     >>> m = MmapOptions(4096).map_mut()
    ///     >>> m[0:4] = b"abcd"
    ///     >>> m.copy_within(range(0, 4), 2)
    ///     >>> m[0:6]
    ///     b'ababcd'
    fn copy_within(slf: &Bound<'_, Self>, src_range: Range, dest: Number<usize>) -> Result<()> {
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
        Ok(copied.map_err(|(count, len)| {
            CoreError::InvalidOffset(format!("{count} bytes at index {dest} would leave the mapping of {len} bytes"))
        })?)
    }

    /// Make an `MmapMut` from another mapping, which is consumed.
    ///
    /// Args:
    ///     other: an `Mmap` or `MmapNone`, which is made writable, or a `ReservedMut`, which is committed.
    ///
    /// Raises:
    ///     TypeError: if it is of another class.
    ///     BufferError: while buffers over it are alive.
    ///     SystemCallError: if the system refuses. In all cases `other` is as before, unless the message says that it
    ///         was unmapped.
    ///
    /// Upstream: `MmapMut: TryFrom`.
    ///
    /// Examples:
    ///     >>> m = MmapMut.try_from(MmapOptions(1 << 20).reserve_mut())
    ///     >>> m[0] = 1
    #[staticmethod]
    fn try_from<'py>(other: &Bound<'py, PyAny>) -> Result<Bound<'py, Mapping>> {
        transitions::try_from(Kind::MmapMut, other)
    }
}
