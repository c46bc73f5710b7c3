//! Running code from a mapping, and writing it where a thread must ask to.

use crate::access::pin;
use crate::audit;
use crate::call::{call, import};
use crate::error;
use crate::export::Export;
use crate::mapping::Mapping;
use mmap_rs_core::Error;
use mmap_rs_core::memory::jit;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A ctypes function over the code at an offset, which holds an export.
pub fn function<'py>(
    object: &Bound<'py, Mapping>,
    restype: &Bound<'py, PyAny>,
    argtypes: &Bound<'py, PyTuple>,
    offset: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, mapping) = (object.py(), object.get());
    // From here on the mapping stays as it is; if anything below fails, this ends with it.
    let export = Bound::new(py, Export::new(object)?)?;
    let (span, executable) = {
        let pinned = pin(py, mapping)?;
        (pinned.span(), pinned.with(|region| region.facts().access.is_exec()))
    };
    if !executable {
        let message = format!("the memory of this {} is not executable: call make_exec()", mapping.kind().name());
        return Err(error::raise(py, Error::InvalidOperation(message)));
    }
    let address = span.start.checked_add(offset).filter(|_| offset < span.len).ok_or_else(|| {
        error::invalid_offset(py, format!("offset {offset} is outside the mapping of {} bytes", span.len))
    })?;
    audit::event(py, (intern!(py, "mmap_rs.function"), address))?;
    call(&import(py, "mmap_rs._function", "make")?, (export, address, restype, argtypes), None)
}

/// The context of `jit_write()`.
#[pyclass(module = "mmap_rs", name = "_JitWrite", frozen)]
pub struct JitWrite;

/// Refuses a write that the processor would end the process for: this thread has not asked.
#[inline]
pub fn may_write(py: Python<'_>, mapping: &Mapping) -> PyResult<()> {
    if jit::MUST_ASK && pin(py, mapping)?.with(|region| jit::is_closed_for(region.facts())) {
        let message =
            "this thread must ask before it writes memory that it can run: write inside `with m.jit_write():`";
        return Err(error::raise(py, Error::InvalidOperation(message.to_owned())));
    }
    Ok(())
}

#[pymethods]
impl JitWrite {
    fn __enter__(slf: Py<Self>) -> Py<Self> {
        jit::enter();
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyAny>) {
        jit::leave();
    }
}
