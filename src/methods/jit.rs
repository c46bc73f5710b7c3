//! Writing memory for which a thread must first request write access.

use crate::state::borrow::{BytesOf, retry};
use crate::state::error::Result;
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::memory::jit;
use pyo3::prelude::*;

/// The context of `jit_write()`.
#[pyclass(module = "mmap_rs", name = "_JitWrite", frozen)]
pub struct JitWrite;

/// Refuses a write that would crash the process, because this thread has not requested write access.
#[inline]
pub fn may_write(py: Python<'_>, bytes: BytesOf<'_>) -> Result<()> {
    let is_closed = |requests| Ok(bytes.try_pin(requests)?.with(|region| jit::is_closed_for(region.facts())));
    if jit::MUST_ASK && retry(py, is_closed)? {
        let text = "this thread can't write executable memory now: write inside `with m.jit_write():`";
        return Err(CoreError::InvalidOperation(text.to_owned()).into());
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
