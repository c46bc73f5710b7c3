//! Audit events (PEP 578), as the standard library raises them for `mmap`. A hook that raises stops the operation.

use crate::call::call;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

static AUDIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Raises an event. The arguments begin with its name. Python code may run: no state may be held.
///
/// `PySys_Audit` is in the stable ABI from Python 3.13 only, so this calls `sys.audit`.
pub fn event<'py>(py: Python<'py>, args: impl IntoPyObject<'py, Target = PyTuple>) -> PyResult<()> {
    call(AUDIT.import(py, "sys", "audit")?, args, None).map(drop)
}
