//! Numbers: sizes, indices, bytes.
#![expect(unsafe_code, reason = "the C API reads integers without an exception")]

use crate::call;
use pyo3::exceptions::{PyIndexError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyInt, PySlice};
use pyo3::{Borrowed, ffi};

/// A number of one of Rust's types; another one is `OverflowError`, which says what would do.
#[derive(Clone, Copy)]
pub struct Number<T>(pub T);

/// A number that does not fit.
pub struct OutOfRange {
    /// What is wrong, with the number.
    pub text: String,
    /// Whether it is below 0.
    pub is_negative: bool,
}

impl<T> Number<T>
where
    T: for<'a, 'py> FromPyObject<'a, 'py, Error = PyErr> + Limits,
{
    /// The number that an object with `__index__` stands for.
    pub fn checked(object: &Bound<'_, PyAny>) -> PyResult<Result<Self, OutOfRange>> {
        let number = call::index(object)?;
        // An integer is read without running Python code.
        #[allow(clippy::disallowed_methods)]
        match number.extract::<T>() {
            Ok(value) => Ok(Ok(Self(value))),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                let shown = shown(&number);
                let is_negative = shown.starts_with('-');
                let text = format!("{shown} is not in the range of {} to {}", T::MIN, T::MAX);
                Ok(Err(OutOfRange { text, is_negative }))
            }
            Err(error) => Err(error),
        }
    }
}

impl<'a, 'py, T> FromPyObject<'a, 'py> for Number<T>
where
    T: for<'b, 'q> FromPyObject<'b, 'q, Error = PyErr> + Limits,
{
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Self::checked(&object)?.map_err(|wrong| PyOverflowError::new_err(wrong.text))
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
limits!(usize isize u64 u32 i32);

/// A number as a message shows it. Only of a plain integer: other classes have code of their own.
fn shown(number: &Bound<'_, PyInt>) -> String {
    // Python refuses to write a number of very many digits.
    let text = number.as_any().cast_exact::<PyInt>().ok().and_then(|plain| call::repr(plain).ok());
    text.map_or_else(|| "the number".to_owned(), |text| text.to_string())
}

/// The same of an object that stands for one.
pub fn shown_as_given(object: &Bound<'_, PyAny>) -> String {
    object.cast::<PyInt>().map_or_else(|_| "the number".to_owned(), shown)
}

/// What stands between the brackets of `m[key]`.
pub enum Key<'a, 'py> {
    /// An index, negative from the end.
    Index(isize),
    /// A slice, not read yet.
    Slice(&'a Bound<'py, PySlice>),
}

impl<'a, 'py> Key<'a, 'py> {
    /// Classifies a key; `TypeError` if it is neither. Exact integers and slices first, as nearly all keys are.
    #[inline]
    pub fn new(key: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        if let Some(value) = exact(key) {
            return Ok(Self::Index(value));
        }
        match key.cast_exact::<PySlice>() {
            Ok(slice) => Ok(Self::Slice(slice)),
            Err(_) if is_index(key) => {
                // SAFETY: an exception type: too large a number is `IndexError`.
                unsafe { call::as_ssize(key, ffi::PyExc_IndexError) }.map(Self::Index)
            }
            Err(_) => {
                let name = key.get_type().name()?;
                Err(PyTypeError::new_err(format!("indices must be integers or slices, not {name}")))
            }
        }
    }
}

/// An exact integer that fits; `None` for anything else. Runs no Python code.
#[inline(always)]
pub fn exact(object: &Bound<'_, PyAny>) -> Option<isize> {
    // SAFETY: attached, a live object.
    if unsafe { ffi::PyLong_CheckExact(object.as_ptr()) } == 0 {
        return None;
    }
    // SAFETY: attached, an integer.
    let number = unsafe { ffi::PyLong_AsSsize_t(object.as_ptr()) };
    // -1 is a number, or says that it is too large. Cleared by hand: below a slot of our own PyO3 counts no attachment, and
    // would keep the error for later.
    // SAFETY: attached.
    if number == -1 && unsafe { !ffi::PyErr_Occurred().is_null() } {
        // SAFETY: attached.
        unsafe { ffi::PyErr_Clear() };
        return None;
    }
    Some(number)
}

/// Whether an object has `__index__`.
pub fn is_index(object: &Bound<'_, PyAny>) -> bool {
    // SAFETY: attached, a live object. It looks at the type only.
    unsafe { ffi::PyIndex_Check(object.as_ptr()) != 0 }
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
    unsafe { call::as_ssize(object, std::ptr::null_mut()) }
}

/// The `size` argument of a file's methods: `None`, and a negative number, is no limit, and a large one as good as none.
pub fn limit(object: Option<&Bound<'_, PyAny>>) -> PyResult<Option<usize>> {
    bound(object, -1).map(|size| usize::try_from(size).ok())
}

/// The value of a byte: `TypeError` where it is not an integer, `ValueError` where it is not in 0 to 255.
#[inline]
pub fn byte(object: &Bound<'_, PyAny>) -> PyResult<u8> {
    let value = match exact(object) {
        Some(value) => value,
        // SAFETY: without an exception type the value is clipped, so out of range.
        None => unsafe { call::as_ssize(object, std::ptr::null_mut()) }?,
    };
    u8::try_from(value)
        .map_err(|_| PyValueError::new_err(format!("byte must be in range(0, 256), not {}", shown_as_given(object))))
}
