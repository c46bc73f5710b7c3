//! Running code from a mapping, and writing it where a thread must ask to.

use crate::access::pin;
use crate::audit;
use crate::call::{call, import};
use crate::error;
use crate::export::Export;
use crate::mapping::Mapping;
use mmap_rs_core::Error;
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
    audit::event(py, ("mmap_rs.function", address))?;
    call(&import(py, "mmap_rs._function", "make")?, (export, address, restype, argtypes), None)
}

/// The context of `jit_write()`.
#[pyclass(module = "mmap_rs", name = "_JitWrite", frozen)]
pub struct JitWrite;

#[cfg(all(target_os = "macos", target_arch = "aarch64"))]
fn protect(on: bool) {
    // SAFETY: changes how this thread sees memory made with MAP_JIT, nothing else.
    unsafe { libc::pthread_jit_write_protect_np(i32::from(on)) };
}

#[cfg(not(all(target_os = "macos", target_arch = "aarch64")))]
fn protect(_on: bool) {}

#[pymethods]
impl JitWrite {
    fn __enter__(slf: Py<Self>) -> Py<Self> {
        protect(false);
        slf
    }

    #[pyo3(signature = (*_args))]
    fn __exit__(&self, _args: &Bound<'_, PyAny>) {
        protect(true);
    }
}
