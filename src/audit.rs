//! Audit events (PEP 578), as the standard library raises them for `mmap`. A hook that raises stops the operation.

use crate::call::{call, is_finalizing, of_sys};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Raises an event. The arguments begin with its name. Python code may run: nothing may be held.
///
/// `PySys_Audit` is in the stable ABI from Python 3.13 only, so this calls `sys.audit`.
pub fn event<'py>(py: Python<'py>, args: impl IntoPyObject<'py, Target = PyTuple>) -> PyResult<()> {
    match of_sys(py, c"audit") {
        Some(audit) => call(&audit, args, None).map(drop),
        // An ending interpreter has taken it away, and no hook is left either.
        None if is_finalizing(py) => Ok(()),
        None => Err(PyRuntimeError::new_err("lost sys.audit")),
    }
}
