//! Everything that a call can fail with, as plain values, and the one place where they become Python exceptions.
//!
//! To make an exception runs Python code: of the exception's class, and of whatever the collector finds to finalise.
//! So a method returns an [`Error`], and PyO3 turns that into an exception after the method has returned, when nothing
//! of a mapping is held any more. (A `PyErr` with a type and a text is a plain value too, until it is raised.)

use crate::call::{call, member};
use crate::convert::{flags, paths};
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::error::SystemError;
use mmap_rs_core::memory::Kind;
use mmap_rs_core::state::{AcquireError, Ending, assert_nothing_held};
use pyo3::exceptions::{PyBufferError, PyMemoryError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// See the module.
#[derive(Debug)]
pub enum Error {
    /// A Python exception.
    Python(PyErr),
    /// An error of the core.
    Core(CoreError),
    /// The mapping has ended.
    Ended(Kind, Ending),
    /// So many buffers over the mapping are alive.
    Exported(Kind, usize),
    /// As many buffers over the mapping are alive as can be counted.
    TooManyExports,
    /// A page of the mapping could not be provided.
    Fault(Kind),
}

/// The result of what the face does.
pub type Result<T> = std::result::Result<T, Error>;

impl From<PyErr> for Error {
    fn from(error: PyErr) -> Self {
        Self::Python(error)
    }
}

impl From<CoreError> for Error {
    fn from(error: CoreError) -> Self {
        Self::Core(error)
    }
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        Python::attach(|py| error.into_exception(py))
    }
}

/// Why a mapping can't be used now: an error, or `None` where a wait will help.
pub fn refused(kind: Kind, refusal: AcquireError) -> Option<Error> {
    match refusal {
        AcquireError::InUse => None,
        AcquireError::Ended(how) => Some(Error::Ended(kind, how)),
        AcquireError::Exported(count) => Some(Error::Exported(kind, count)),
        AcquireError::TooManyExports => Some(Error::TooManyExports),
    }
}

pub fn unreadable(kind: Kind) -> Error {
    PyTypeError::new_err(format!("the bytes of this {} can't be read", kind.name())).into()
}

pub fn unwritable(kind: Kind) -> Error {
    PyTypeError::new_err(format!("the bytes of this {} can't be written", kind.name())).into()
}

/// What the files of the standard library say.
pub fn closed_file() -> Error {
    PyValueError::new_err("I/O operation on closed file").into()
}

/// The same of a `MemoryFile`.
pub fn closed_memory_file() -> Error {
    PyValueError::new_err("the MemoryFile is closed").into()
}

/// How a mapping ended, in words: `Mmap was consumed by make_mut`.
pub fn story(kind: Kind, how: Ending) -> String {
    let name = kind.name();
    match how {
        Ending::NeverMapped => format!("{name} was never mapped"),
        Ending::LostInFork => format!("{name} was lost in a fork"),
        Ending::Closed => format!("{name} was closed"),
        Ending::NotInherited => format!("{name} was not inherited by this process: it has Inherit.NONE"),
        Ending::Taken => format!("{name} was taken by code in another language"),
        Ending::Broken => format!("{name} was unmapped, as a change failed halfway and could not be rolled back"),
        consumed => format!("{name} was consumed by {}", consumed.method().unwrap_or_default()),
    }
}

/// What to use in its place, as the end of a message.
fn remedy(how: Ending) -> &'static str {
    match how {
        Ending::WithReservation => ": use the mapping that took its place",
        Ending::Merge => ": use the mapping that it became part of",
        _ if how.method().is_some() => ": use the mapping that it returned",
        _ => "",
    }
}

impl Error {
    /// The exception. Python code may run.
    pub fn into_exception(self, py: Python<'_>) -> PyErr {
        assert_nothing_held();
        match self {
            Self::Python(error) => error,
            Self::Core(error) => of_core(py, &error).unwrap_or_else(|failed| failed),
            Self::Ended(kind, how) => {
                let text = format!("this {}{}", story(kind, how), remedy(how));
                exception(py, "ConsumedError", (text,)).unwrap_or_else(|failed| failed)
            }
            Self::Exported(kind, exports) => {
                let (are, them) = if exports == 1 { ("buffer is", "it") } else { ("buffers are", "them") };
                PyBufferError::new_err(format!(
                    "{exports} {are} alive over this {} (memoryview, array, function, file, or view in another language): \
                     release {them} first",
                    kind.name()
                ))
            }
            Self::TooManyExports => PyBufferError::new_err("too many exported buffers"),
            Self::Fault(kind) => {
                let text = format!(
                    "a page of this {} could not be provided and reads as zeros: the file has shrunk, its disk is \
                     full, or no huge page was free; make a new mapping",
                    kind.name()
                );
                exception(py, "FaultError", (EIO, text)).unwrap_or_else(|failed| failed)
            }
        }
    }
}

/// The error number of a failed input or output, on every system that Python knows.
const EIO: i32 = 5;

fn of_core(py: Python<'_>, error: &CoreError) -> PyResult<PyErr> {
    let name = match error {
        CoreError::UnsafeFlagNeeded(..) => "UnsafeFlagNeededError",
        CoreError::InvalidSize(_) => "InvalidSizeError",
        CoreError::InvalidOffset(_) => "InvalidOffsetError",
        CoreError::InvalidOperation(_) => "InvalidOperationError",
        CoreError::MustBeAdjacent(_) => "MustBeAdjacentError",
        CoreError::AttributeMismatch(_) => "AttributeMismatchError",
        CoreError::BackingMismatch(_) => "BackingMismatchError",
        CoreError::Parse { .. } => "ParseError",
        CoreError::System(_) => "SystemCallError",
        CoreError::OutOfMemory => return Ok(PyMemoryError::new_err(())),
    };
    match error {
        CoreError::UnsafeFlagNeeded(flags, message) => {
            exception(py, name, (message, flags::unsafe_mmap_flags(py, *flags)?))
        }
        CoreError::Parse { variant, message } => {
            let named = PyDict::new(py);
            named.set_item("variant", variant)?;
            let value = call(&class(py, name)?, (message,), Some(&named))?;
            Ok(PyErr::from_value(value))
        }
        CoreError::System(error) => system(py, name, error),
        other => exception(py, name, (other.to_string(),)),
    }
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    member(py, "mmap_rs._errors", name)
}

fn exception<'py>(py: Python<'py>, name: &str, args: impl IntoPyObject<'py, Target = PyTuple>) -> PyResult<PyErr> {
    Ok(PyErr::from_value(call(&class(py, name)?, args, None)?))
}

fn system(py: Python<'_>, name: &str, error: &SystemError) -> PyResult<PyErr> {
    let named = PyDict::new(py);
    named.set_item("operation", &error.operation)?;
    named.set_item("hint", error.hint.as_deref())?;
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
    #[cfg(windows)]
    if error.errno.is_some() {
        crate::call::set_attribute(&value, "winerror", error.code)?;
    }
    Ok(PyErr::from_value(value))
}
