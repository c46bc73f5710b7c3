//! Paths as Python has them.
//!
//! PyO3 takes the bytes of a path for UTF-8 wherever they could be. Where file names have another encoding (a locale of
//! ISO 8859-1; the locale C without Python's UTF-8 mode), Python would find another file by that name, or none.

use crate::call::{call, member};
use pyo3::prelude::*;
use std::path::Path;

/// A path as text, as `os.fsdecode` makes it.
pub fn text<'py>(py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyAny>> {
    #[cfg(unix)]
    if !path.as_os_str().is_ascii() {
        use std::os::unix::ffi::OsStrExt;
        let bytes = pyo3::types::PyBytes::new(py, path.as_os_str().as_bytes());
        return call(&member(py, "os", "fsdecode")?, (bytes,), None);
    }
    Ok(path.as_os_str().into_pyobject(py)?.into_any())
}

/// A path as a `pathlib.Path`.
pub fn object<'py>(py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyAny>> {
    call(&member(py, "pathlib", "Path")?, (text(py, path)?,), None)
}
