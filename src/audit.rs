//! Audit events (PEP 578), as the standard library raises them for `mmap`. A hook that raises stops the operation.

use crate::call::call;
use mmap_rs_core::memory::Kind;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyString, PyTuple};

/// The names of the six classes, made once: every event of a new mapping has one.
static KINDS: PyOnceLock<[Py<PyString>; 6]> = PyOnceLock::new();

static AUDIT: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// Raises an event. The arguments begin with its name. Python code may run: no state may be held.
///
/// `PySys_Audit` is in the stable ABI from Python 3.13 only, so this calls `sys.audit`.
pub fn event<'py>(py: Python<'py>, args: impl IntoPyObject<'py, Target = PyTuple>) -> PyResult<()> {
    call(AUDIT.import(py, "sys", "audit")?, args, None).map(drop)
}

/// The name of a kind, as an argument of an event.
pub fn kind(py: Python<'_>, kind: Kind) -> &Bound<'_, PyString> {
    let make = || Kind::ALL.map(|kind| PyString::new(py, kind.name()).unbind());
    KINDS.get_or_init(py, make)[kind as usize].bind(py)
}
