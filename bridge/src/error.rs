//! What a use of a [`View`](crate::View) can fail with.

use pyo3::prelude::*;
use std::fmt;

/// Why bytes could not be read or written. As a `PyErr` it is the exception of `mmap_rs` with the same meaning.
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
        let raise = |py: Python<'_>| {
            let module = py.import("mmap_rs")?;
            let exception = match error {
                Error::OutOfBounds { .. } => module.getattr("InvalidOffsetError")?.call1((error.to_string(),))?,
                Error::ReadOnly => module.getattr("InvalidOperationError")?.call1((error.to_string(),))?,
                Error::Gone => module.getattr("ConsumedError")?.call1((error.to_string(),))?,
                // EIO, as the package has it.
                Error::Faulted => module.getattr("FaultError")?.call1((5, error.to_string()))?,
            };
            Ok(PyErr::from_value(exception))
        };
        Python::attach(|py| raise(py).unwrap_or_else(|failed| failed))
    }
}

/// An error of the crate `mmap-rs` as the exception that the Python package has for it, such as
/// `mmap_rs.InvalidSizeError`; what the system refused is `mmap_rs.SystemCallError` and the built-in subclass of `OSError`.
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
    use mmap_rs::Error as Upstream;
    let name = match &error {
        Upstream::InvalidSize => "InvalidSizeError",
        Upstream::InvalidOffset => "InvalidOffsetError",
        Upstream::InvalidOperation => "InvalidOperationError",
        Upstream::MustBeAdjacent => "MustBeAdjacentError",
        Upstream::AttributeMismatch => "AttributeMismatchError",
        Upstream::BackingMismatch => "BackingMismatchError",
        _ => "SystemCallError",
    };
    let raise = |py: Python<'_>| {
        let class = py.import("mmap_rs")?.getattr(name)?;
        let number = match &error {
            Upstream::Io(error) => error.raw_os_error(),
            #[cfg(unix)]
            Upstream::Nix(errno) => Some(*errno as i32),
            _ => None,
        };
        let exception = match number {
            _ if name != "SystemCallError" => class.call1((error.to_string(),))?,
            Some(number) => class.call1((number, std::io::Error::from_raw_os_error(number).to_string()))?,
            None => return Ok(pyo3::exceptions::PyOSError::new_err(error.to_string())),
        };
        Ok(PyErr::from_value(exception))
    };
    Python::attach(|py| raise(py).unwrap_or_else(|failed| failed))
}
