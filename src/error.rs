//! Errors of the core as exceptions of `mmap_rs`: the one place where they are made.

use crate::call::{call, import};
use crate::mapping::Mapping;
use crate::paths;
use mmap_rs_core::Error;
use mmap_rs_core::error::SystemError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// The exception for an error of the core.
pub fn raise(py: Python<'_>, error: Error) -> PyErr {
    build(py, error).unwrap_or_else(|failed| failed)
}

/// The same for a result.
pub fn told<T>(py: Python<'_>, result: mmap_rs_core::Result<T>) -> PyResult<T> {
    result.map_err(|error| raise(py, error))
}

/// `ConsumedError` with a message.
pub fn consumed(py: Python<'_>, message: String) -> PyErr {
    exception(py, "ConsumedError", (message,)).unwrap_or_else(|failed| failed)
}

/// `FaultError` of a mapping.
#[cold]
pub fn fault(py: Python<'_>, mapping: &Mapping) -> PyErr {
    let name = mapping.kind().name();
    let text = format!(
        "a page of this {name} could not be provided and reads as zeros: the file has become shorter, its disk is \
         full, or no huge page was free; make a new mapping"
    );
    exception(py, "FaultError", (EIO, text)).unwrap_or_else(|failed| failed)
}

/// The error number of a failed input or output, on every system that Python knows.
const EIO: i32 = 5;

/// `InvalidOffsetError` with a message.
pub fn invalid_offset(py: Python<'_>, message: String) -> PyErr {
    raise(py, Error::InvalidOffset(message))
}

fn build(py: Python<'_>, error: Error) -> PyResult<PyErr> {
    let name = match &error {
        Error::UnsafeFlagNeeded(..) => "UnsafeFlagNeededError",
        Error::InvalidSize(_) => "InvalidSizeError",
        Error::InvalidOffset(_) => "InvalidOffsetError",
        Error::InvalidOperation(_) => "InvalidOperationError",
        Error::MustBeAdjacent(_) => "MustBeAdjacentError",
        Error::AttributeMismatch(_) => "AttributeMismatchError",
        Error::BackingMismatch(_) => "BackingMismatchError",
        Error::Parse { .. } => "ParseError",
        Error::System(_) => "SystemCallError",
    };
    match &error {
        Error::UnsafeFlagNeeded(flags, message) => {
            exception(py, name, (message, crate::flags::unsafe_mmap_flags(py, *flags)?))
        }
        Error::Parse { variant, message } => {
            let named = PyDict::new(py);
            named.set_item("variant", variant)?;
            let value = call(&class(py, name)?, (message,), Some(&named))?;
            Ok(PyErr::from_value(value))
        }
        Error::System(error) => system(py, name, error),
        other => exception(py, name, (other.to_string(),)),
    }
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    import(py, "mmap_rs._errors", name)
}

fn exception<'py>(py: Python<'py>, name: &str, args: impl IntoPyObject<'py, Target = PyTuple>) -> PyResult<PyErr> {
    Ok(PyErr::from_value(call(&class(py, name)?, args, None)?))
}

fn system(py: Python<'_>, name: &str, error: &SystemError) -> PyResult<PyErr> {
    let named = PyDict::new(py);
    named.set_item("operation", &error.operation)?;
    named.set_item("hint", error.hint)?;
    named.set_item("variant", error.variant)?;
    if let Some(path) = &error.path {
        // As text, as `open()` has it.
        named.set_item("filename", paths::text(py, path)?)?;
    }
    // Python takes the class of the exception from the Windows number, where it is given one.
    if cfg!(windows) && error.errno.is_none() {
        named.set_item("winerror", error.code)?;
    }
    let text = std::io::Error::from_raw_os_error(error.code).to_string();
    // The standard library appends its own form of the number, which the exception shows anyway. Windows ends its texts
    // with a full stop, which Python leaves out of its own errors too.
    let text = text.split(" (os error ").next().unwrap_or_default().trim_end_matches('.');
    let value = call(&class(py, name)?, (error.errno.unwrap_or(error.code), text), Some(&named))?;
    if cfg!(windows) && error.errno.is_some() {
        value.setattr("winerror", error.code)?;
    }
    Ok(PyErr::from_value(value))
}
