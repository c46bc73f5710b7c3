//! `Range<usize>` of upstream's: a `range` with step 1, or a `slice`.

use super::numbers::{Number, OutOfRange};
use crate::call;
use pyo3::Borrowed;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyRange, PySlice};

/// A range in bytes from the start of a mapping.
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

    /// The range itself; `None` where it has no end.
    pub fn bounded(self) -> Option<std::ops::Range<usize>> {
        self.end.map(|end| self.start..end)
    }
}

/// A start or an end. Users of sequences expect negative ones to count from the end.
fn limit(object: &Bound<'_, PyAny>) -> PyResult<usize> {
    match Number::checked(object)? {
        Ok(Number(limit)) => Ok(limit),
        Err(OutOfRange { text, is_negative: true }) => {
            Err(PyOverflowError::new_err(format!("{text}: a range counts from the start, never from the end")))
        }
        Err(OutOfRange { text, .. }) => Err(PyOverflowError::new_err(text)),
    }
}

fn check_step(step: &Bound<'_, PyAny>) -> PyResult<()> {
    if step.is_none() || matches!(Number::<isize>::checked(step)?, Ok(Number(1))) {
        return Ok(());
    }
    Err(PyValueError::new_err(format!("the step of a range must be 1, not {}", call::repr(step)?)))
}

impl<'py> FromPyObject<'_, 'py> for Range {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let is_range = object.cast::<PyRange>().is_ok();
        if !is_range && object.cast::<PySlice>().is_err() {
            let name = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "a range or a slice is needed, not {name}: range(start, start + length) for that many bytes from a start"
            )));
        }
        if let Some((start, end)) = call::consecutive(&object) {
            return Ok(Self { start, end: Some(end) });
        }
        // By attribute, as a range may hold numbers of any size.
        let part = |name| call::attribute(&object, name);
        check_step(&part("step")?)?;
        let limit = |object: Bound<'py, PyAny>| (!object.is_none()).then(|| limit(&object)).transpose();
        let (start, end) = (limit(part("start")?)?, limit(part("stop")?)?);
        Ok(Self { start: start.unwrap_or(0), end })
    }
}
