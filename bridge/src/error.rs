//! What a use of a [`View`](crate::View) can fail with.

use mmap_rs::Error as Upstream;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyTuple};
use std::fmt;

/// Why bytes could not be read or written. As a `PyErr` it is the exception of `mmap_rs` with the same meaning; before the
/// interpreter has begun, or when it is ending, it is a `RuntimeError`.
///
/// # Examples
/// ```no_run
/// use pyo3_mmap_rs::View;
/// use pyo3_mmap_rs::pyo3::PyResult;
///
/// fn last(view: &View) -> PyResult<u8> {
///     let mut byte = [0];
///     view.read_into(view.len().saturating_sub(1), &mut byte)?;
///     Ok(byte[0])
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// So many bytes from this offset on reach past the end: `mmap_rs.InvalidOffsetError`.
    OutOfBounds {
        /// Where they begin, in bytes.
        offset: usize,
        /// How many bytes.
        count: usize,
        /// The length of the mapping in bytes.
        len: usize,
    },
    /// The view is for reading only: `mmap_rs.InvalidOperationError`.
    ReadOnly,
    /// The memory belongs to the parent of this process only, a child of `fork`: `mmap_rs.ConsumedError`.
    Gone,
    /// The fault guard has replaced a page by zeros, as the system could not provide it: `mmap_rs.FaultError`.
    Faulted,
}

/// The result of a use of a [`View`](crate::View).
///
/// # Examples
/// ```no_run
/// use pyo3_mmap_rs::{Result, View};
///
/// fn clear(view: &View) -> Result<()> {
///     view.write_from(0, &[0; 16])
/// }
/// ```
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { offset, count, len } => {
                let bytes = if *count == 1 { "byte reaches" } else { "bytes reach" };
                write!(f, "{count} {bytes} past the end of the mapping's {len} bytes, from offset {offset} on")
            }
            Self::ReadOnly => f.write_str("the view is for reading only: write to an MmapMut, through View::writable"),
            Self::Gone => f.write_str("the mapping was not inherited by this process: it has Inherit.NONE"),
            Self::Faulted => f.write_str("a page of the mapping could not be provided and reads as zeros"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        raised(error.to_string(), |py| {
            let module = py.import("mmap_rs")?;
            let exception = match error {
                Error::OutOfBounds { .. } => module.getattr("InvalidOffsetError")?.call1((error.to_string(),))?,
                Error::ReadOnly => module.getattr("InvalidOperationError")?.call1((error.to_string(),))?,
                Error::Gone => module.getattr("ConsumedError")?.call1((error.to_string(),))?,
                // EIO, as the package has it.
                Error::Faulted => module.getattr("FaultError")?.call1((5, error.to_string()))?,
            };
            Ok(PyErr::from_value(exception))
        })
    }
}

/// Makes an exception of the package. Where no code of Python's can run, as the interpreter is ending or has not begun, it
/// is a `RuntimeError` with the same text, which Python makes later.
fn raised(text: String, make: impl FnOnce(Python<'_>) -> PyResult<PyErr>) -> PyErr {
    Python::try_attach(|py| make(py).unwrap_or_else(|failed| failed)).unwrap_or_else(|| PyRuntimeError::new_err(text))
}

/// An error of the crate `mmap-rs` as the exception that the Python package has for it, such as
/// `mmap_rs.InvalidSizeError`, with the same `variant`. What the system refused is `mmap_rs.SystemCallError` and the built-in
/// subclass of `OSError`.
///
/// # Examples
/// ```no_run
/// use pyo3_mmap_rs::mmap_rs::{MmapMut, MmapOptions};
/// use pyo3_mmap_rs::pyo3::PyResult;
/// use pyo3_mmap_rs::{Given, to_pyerr};
///
/// fn make(size: usize) -> PyResult<Given<MmapMut>> {
///     MmapOptions::new(size).and_then(MmapOptions::map_mut).map(Given).map_err(to_pyerr)
/// }
/// ```
pub fn to_pyerr(error: mmap_rs::Error) -> PyErr {
    raised(error.to_string(), |py| exception(py, &error))
}

fn exception(py: Python<'_>, error: &Upstream) -> PyResult<PyErr> {
    let module = py.import("mmap_rs")?;
    let named = |variant: &str| [("variant", variant)].into_py_dict(py);
    let text = error.to_string();
    let made = match error {
        Upstream::UnsafeFlagNeeded(flags) => {
            let flags = module.getattr("UnsafeMmapFlags")?.call1((flags.bits(),))?;
            module.getattr("UnsafeFlagNeededError")?.call1((text, flags))?
        }
        Upstream::InvalidSize => module.getattr("InvalidSizeError")?.call1((text,))?,
        Upstream::InvalidOffset => module.getattr("InvalidOffsetError")?.call1((text,))?,
        Upstream::InvalidOperation => module.getattr("InvalidOperationError")?.call1((text,))?,
        Upstream::MustBeAdjacent => module.getattr("MustBeAdjacentError")?.call1((text,))?,
        Upstream::AttributeMismatch => module.getattr("AttributeMismatchError")?.call1((text,))?,
        Upstream::BackingMismatch => module.getattr("BackingMismatchError")?.call1((text,))?,
        other => {
            // Its debug output begins with it. Not every version that this crate allows has the same variants.
            let debug = format!("{other:?}");
            match debug.split(['(', ' ']).next().unwrap_or_default() {
                variant @ ("ParseInt" | "TryFromInt" | "Utf8") => {
                    module.getattr("ParseError")?.call((text,), Some(&named(variant)?))?
                }
                variant => module.getattr("SystemCallError")?.call(refusal(py, other)?, Some(&named(variant)?))?,
            }
        }
    };
    Ok(PyErr::from_value(made))
}

/// What `SystemCallError` is made of: the error number, or 0 where there is none, and the system's text.
#[cfg(unix)]
fn refusal<'py>(py: Python<'py>, error: &Upstream) -> PyResult<Bound<'py, PyTuple>> {
    let number = match error {
        Upstream::Io(error) => error.raw_os_error(),
        Upstream::Nix(errno) => Some(*errno as i32),
        _ => None,
    };
    match number {
        Some(number) => (number, py.import("os")?.getattr("strerror")?.call1((number,))?).into_pyobject(py),
        None => (0, error.to_string()).into_pyobject(py),
    }
}

/// The same; Python finds the `errno` that belongs to an error number of Windows.
#[cfg(windows)]
fn refusal<'py>(py: Python<'py>, error: &Upstream) -> PyResult<Bound<'py, PyTuple>> {
    let number = match error {
        Upstream::Io(error) => error.raw_os_error(),
        // An HRESULT of the Win32 facility holds the number in its low 16 bits.
        Upstream::Windows(error) => Some(error.code().0 & 0xffff),
        _ => None,
    };
    (0, error.to_string(), None::<&str>, number).into_pyobject(py)
}
