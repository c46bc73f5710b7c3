//! Audit events (PEP 578), as the standard library raises them for `mmap`. A hook that raises stops the operation.

use pyo3::call::PyCallArgs;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

static AUDIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Raises an event. The arguments begin with its name. Python code may run: no state may be held.
///
/// `PySys_Audit` is in the stable ABI from Python 3.13 only, so this calls `sys.audit`.
pub fn event<'py>(py: Python<'py>, args: impl PyCallArgs<'py>) -> PyResult<()> {
    AUDIT.import(py, "sys", "audit")?.call1(args).map(drop)
}
