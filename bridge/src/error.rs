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
    /// The fault guard has replaced a page by zeros, as the system could not provide it: `mmap_rs.FaultError`.
    Faulted,
}

/// The result of a use of a [`View`](crate::View).
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { offset, count, len } => {
                write!(f, "{count} bytes at offset {offset} reach past the end of the mapping's {len} bytes")
            }
            Self::ReadOnly => f.write_str("the mapping is read-only"),
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
                // EIO, as the package has it.
                Error::Faulted => module.getattr("FaultError")?.call1((5, error.to_string()))?,
            };
            Ok(PyErr::from_value(exception))
        };
        Python::attach(|py| raise(py).unwrap_or_else(|failed| failed))
    }
}
