//! Running code from a mapping.

use super::export::Export;
use crate::audit;
use crate::call::{call, member};
use crate::state::borrow::with_region;
use crate::state::classes::Mapping;
use crate::state::error::Result;
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::state::Extent;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A ctypes function over the code at an offset, which holds an export.
pub fn function<'py>(
    object: &Bound<'py, Mapping>,
    restype: &Bound<'py, PyAny>,
    argtypes: &Bound<'py, PyTuple>,
    offset: usize,
) -> Result<Bound<'py, PyAny>> {
    let (py, mapping) = (object.py(), object.get());
    // From here on the mapping stays as it is; if anything below fails, this ends with it.
    let export = Bound::new(py, Export::new(object)?)?;
    let (span, executable) =
        with_region(py, mapping, |_| false, |region| (region.span(), region.facts().access.is_exec()))?;
    if !executable {
        let text = format!("the memory of this {} is not executable: call make_exec()", mapping.kind().name());
        return Err(CoreError::InvalidOperation(text).into());
    }
    let address = span.start.checked_add(offset).filter(|_| offset < span.len).ok_or_else(|| {
        CoreError::InvalidOffset(format!("offset {offset} is outside the mapping of {} bytes", span.len))
    })?;
    audit::event(py, c"mmap_rs.function", || (address,))?;
    Ok(call(&member(py, "mmap_rs._function", "make")?, (export, address, restype, argtypes), None)?)
}
