//! Arguments: indices, ranges and flags, as Python gives them.

use crate::call::{as_ssize, import};
use crate::flags::FlagClass;
use pyo3::exceptions::{PyIndexError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyRange, PySlice};
use pyo3::{Borrowed, ffi, intern};

/// A `range` with step 1, or a `slice`: upstream's `Range<usize>`.
#[derive(Clone, Copy)]
pub struct Range {
    start: usize,
    end: Option<usize>,
}

impl Range {
    /// The range in something of `len` bytes. Nothing is clipped.
    pub fn within(self, len: usize) -> std::ops::Range<usize> {
        self.start..self.end.unwrap_or(len)
    }

    /// A start or an end. Who gives a negative one is used to slices of sequences.
    fn limit(object: &Bound<'_, PyAny>) -> PyResult<usize> {
        object.extract().map(|Number(limit)| limit).map_err(|error| {
            let text = error.value(object.py()).to_string();
            if error.is_instance_of::<PyOverflowError>(object.py()) && text.starts_with('-') {
                PyOverflowError::new_err(format!("{text}: a range counts from the start, never from the end"))
            } else {
                error
            }
        })
    }
}

impl<'py> FromPyObject<'_, 'py> for Range {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let py = object.py();
        let step_is_one = |step: &Bound<'py, PyAny>| -> PyResult<()> {
            if step.is_none() || step.extract::<isize>()? == 1 {
                Ok(())
            } else {
                Err(PyValueError::new_err(format!("the step of a range must be 1, not {}", step.repr()?)))
            }
        };
        if let Ok(range) = object.cast::<PyRange>() {
            // Attributes, as a range may hold numbers of any size.
            step_is_one(&range.getattr(intern!(py, "step"))?)?;
            let start = Self::limit(&range.getattr(intern!(py, "start"))?)?;
            let end = Self::limit(&range.getattr(intern!(py, "stop"))?)?;
            return Ok(Self { start, end: Some(end) });
        }
        let Ok(slice) = object.cast::<PySlice>() else {
            let name = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!("a range or a slice is needed, not {name}")));
        };
        step_is_one(&slice.getattr(intern!(py, "step"))?)?;
        let limit = |object: Bound<'py, PyAny>| (!object.is_none()).then(|| Self::limit(&object)).transpose();
        let start = limit(slice.getattr(intern!(py, "start"))?)?;
        let end = limit(slice.getattr(intern!(py, "stop"))?)?;
        Ok(Self { start: start.unwrap_or(0), end })
    }
}

/// A number for the core: one that does not fit is `OverflowError`, which says what does.
#[derive(Clone, Copy)]
pub struct Number<T>(pub T);

impl<'a, 'py, T> FromPyObject<'a, 'py> for Number<T>
where
    T: FromPyObject<'a, 'py, Error = PyErr> + Limits,
{
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        object.extract().map(Self).map_err(|error| {
            if !error.is_instance_of::<PyOverflowError>(object.py()) {
                return error;
            }
            PyOverflowError::new_err(format!("{} is not in the range of {} to {}", shown(object), T::MIN, T::MAX))
        })
    }
}

/// The least and the greatest number of a type.
pub trait Limits {
    const MIN: i128;
    const MAX: i128;
}

macro_rules! limits {
    ($($number:ident)*) => {
        $(impl Limits for $number {
            const MIN: i128 = $number::MIN as i128;
            const MAX: i128 = $number::MAX as i128;
        })*
    };
}
limits!(usize u64 u32 i32);

/// A number as a message shows it. Only of a plain integer: other classes have code of their own.
fn shown(object: Borrowed<'_, '_, PyAny>) -> String {
    // SAFETY: attached, a live object.
    let plain = unsafe { ffi::PyLong_CheckExact(object.as_ptr()) } != 0;
    // Python refuses to write a number of very many digits.
    let text = if plain { object.repr().ok() } else { None };
    text.map_or_else(|| "the number".to_owned(), |text| text.to_string())
}

/// What stands between the brackets of `m[key]`.
pub enum Key<'a, 'py> {
    /// An index, negative from the end.
    Index(isize),
    /// A slice, not read yet.
    Slice(&'a Bound<'py, PySlice>),
}

impl<'a, 'py> Key<'a, 'py> {
    /// Tells which; `TypeError` for neither. Exact integers and slices first, as nearly all keys are.
    #[inline]
    pub fn new(key: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        // SAFETY: attached, a live object.
        if unsafe { ffi::PyLong_CheckExact(key.as_ptr()) } != 0 {
            // SAFETY: attached, an integer.
            let value = unsafe { ffi::PyLong_AsSsize_t(key.as_ptr()) };
            return if value == -1 { last_or_error(key) } else { Ok(Self::Index(value)) };
        }
        match key.cast_exact::<PySlice>() {
            Ok(slice) => Ok(Self::Slice(slice)),
            // SAFETY: as above.
            Err(_) if unsafe { ffi::PyIndex_Check(key.as_ptr()) } != 0 => index(key).map(Self::Index),
            Err(_) => {
                let name = key.get_type().name()?;
                Err(PyTypeError::new_err(format!("indices must be integers or slices, not {name}")))
            }
        }
    }
}

/// -1 is an index, or says that the number is too large.
#[cold]
fn last_or_error<'a, 'py>(key: &Bound<'py, PyAny>) -> PyResult<Key<'a, 'py>> {
    // Clears the `OverflowError` that may stand; `index` raises the right one.
    drop(PyErr::take(key.py()));
    index(key).map(Key::Index)
}

/// An index into a sequence, negative from its end; too large a number is `IndexError`.
#[inline]
fn index(object: &Bound<'_, PyAny>) -> PyResult<isize> {
    // SAFETY: an exception type.
    unsafe { as_ssize(object, ffi::PyExc_IndexError) }
}

/// The place that an index means in `len` bytes.
#[inline]
pub fn place(index: isize, len: usize) -> Option<usize> {
    let place = if index < 0 { len.checked_add_signed(index)? } else { index as usize };
    (place < len).then_some(place)
}

/// `IndexError` for a place outside.
#[cold]
pub fn out_of_range(index: isize, len: usize) -> PyErr {
    PyIndexError::new_err(format!("index {index} is out of range of the mapping's {len} bytes"))
}

/// A bound of a search, clipped like a slice's; the default where it is `None`.
pub fn bound(object: Option<&Bound<'_, PyAny>>, default: isize) -> PyResult<isize> {
    let Some(object) = object.filter(|object| !object.is_none()) else { return Ok(default) };
    // SAFETY: without an exception type the value is clipped.
    unsafe { as_ssize(object, std::ptr::null_mut()) }
}

/// The value of a byte: `TypeError` where it is no integer, `ValueError` where it is none of 0 to 255.
#[inline]
pub fn byte(object: &Bound<'_, PyAny>) -> PyResult<u8> {
    // SAFETY: attached, a live object.
    if unsafe { ffi::PyLong_CheckExact(object.as_ptr()) } != 0 {
        // SAFETY: attached, an integer: no Python code runs. What does not fit is -1, told below.
        let value = unsafe { ffi::PyLong_AsSsize_t(object.as_ptr()) };
        if let Ok(value) = u8::try_from(value) {
            return Ok(value);
        }
        drop(PyErr::take(object.py()));
    }
    // SAFETY: without an exception type the value is clipped, so out of range.
    let value = unsafe { as_ssize(object, std::ptr::null_mut()) }?;
    u8::try_from(value).map_err(|_| {
        let value = shown(object.as_borrowed());
        PyValueError::new_err(format!("byte must be in range(0, 256), not {value}"))
    })
}

/// Flags: members of their class, or plain integers with known bits.
pub fn flag<B: TryFrom<usize>, F>(
    object: &Bound<'_, PyAny>,
    class: &FlagClass,
    from_bits: impl FnOnce(B) -> Option<F>,
) -> PyResult<F> {
    let py = object.py();
    let known = class.get(py)?;
    let is_enum = || -> PyResult<bool> { object.is_instance(&import(py, "enum", "Enum")?) };
    // SAFETY: attached, a live object.
    let is_number = unsafe { ffi::PyIndex_Check(object.as_ptr()) } != 0;
    if !object.is_instance(known)? && (!is_number || is_enum()?) {
        let given = if is_number { object.repr()? } else { object.get_type().name()? };
        return Err(PyTypeError::new_err(format!("{} are needed, not {given}", class.name())));
    }
    let unknown = || {
        PyValueError::new_err(format!(
            "{} has bits that are no {1}: combine members of {1}",
            shown(object.as_borrowed()),
            class.name()
        ))
    };
    match object.extract::<usize>() {
        Ok(bits) => B::try_from(bits).ok().and_then(from_bits).ok_or_else(unknown),
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => Err(unknown()),
        Err(error) => Err(error),
    }
}
