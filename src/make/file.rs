//! The `file` argument: a descriptor, an object that has one, or a path.
#![expect(unsafe_code, reason = "borrows descriptors and handles of Python's files")]

use super::memory_file::MemoryFile;
use crate::audit;
use crate::call::{attribute_or_none, call, member, repr};
use crate::convert::numbers::{Number, is_index};
use crate::convert::paths;
use crate::state::error::Result;
use mmap_rs_core::memory::{Access, Operation, Request, Source};
use pyo3::exceptions::{PyException, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use std::borrow::Cow;
use std::fs::File;
use std::path::PathBuf;

/// The same source with its file open. A path is opened here, with the audit event of `os.open`.
pub fn ready<'a>(py: Python<'_>, source: &'a Source, write: bool) -> Result<Cow<'a, Source>> {
    let Some(path) = source.unopened() else { return Ok(Cow::Borrowed(source)) };
    let flags = member(py, "os", if write { "O_RDWR" } else { "O_RDONLY" })?;
    let text = paths::text(py, path)?;
    audit::event(py, c"open", || (text, py.None(), flags))?;
    Ok(Cow::Owned(py.detach(|| source.opened(write))?))
}

/// The same request with its file open.
pub fn opened<'a>(py: Python<'_>, request: &'a Request, access: Access) -> Result<Cow<'a, Request>> {
    Ok(match &request.source {
        Some(source) => match ready(py, source, request.writes(access))? {
            Cow::Borrowed(_) => Cow::Borrowed(request),
            Cow::Owned(source) => Cow::Owned(Request { source: Some(source), ..request.clone() }),
        },
        None => Cow::Borrowed(request),
    })
}

/// The source that a `file` argument means.
pub fn source(file: &Bound<'_, PyAny>, offset: u64, past_end: bool) -> Result<Source> {
    let py = file.py();
    if let Ok(file) = file.cast::<MemoryFile>() {
        return file.get().source(offset, past_end);
    }
    if let Some((descriptor, name)) = descriptor(file)? {
        let file = duplicate(py, descriptor)?;
        return Ok(Source::open(file, &name, offset, past_end)?);
    }
    Ok(Source::path(path(file)?, offset, past_end)?)
}

/// A descriptor's number.
fn number(object: &Bound<'_, PyAny>) -> PyResult<i32> {
    Number::checked(object)?.map(|number| number.0).map_err(|wrong| PyOverflowError::new_err(wrong.text))
}

/// The descriptor of an integer or of an object with `fileno()`, and what to call it in messages.
fn descriptor(file: &Bound<'_, PyAny>) -> PyResult<Option<(i32, String)>> {
    let py = file.py();
    let unnamed = |descriptor| format!("descriptor {descriptor}");
    if is_index(file) {
        let descriptor = number(file)?;
        return Ok(Some((descriptor, unnamed(descriptor))));
    }
    let Some(fileno) = attribute_or_none(file, "fileno")? else { return Ok(None) };
    let descriptor = number(&call(&fileno, PyTuple::empty(py), None)?)?;
    // Files name themselves by the path, or by the number that they were opened with. One that can't is unnamed.
    let name = match attribute_or_none(file, "name") {
        Err(error) if error.is_instance_of::<PyException>(py) => None,
        found => found?,
    };
    let name = name.and_then(|name| name.cast::<PyString>().ok().map(|name| format!("'{}'", name.to_string_lossy())));
    Ok(Some((descriptor, name.unwrap_or_else(|| unnamed(descriptor)))))
}

fn path(file: &Bound<'_, PyAny>) -> Result<PathBuf> {
    let py = file.py();
    let path = match call(&member(py, "os", "fspath")?, (file,), None) {
        Ok(path) => call(&member(py, "os", "fsdecode")?, (path,), None)?,
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            let name = file.get_type().name()?;
            let text = format!("file must be a path, a descriptor or an object with fileno(), not {name}");
            return Err(PyTypeError::new_err(text).into());
        }
        Err(error) => return Err(error.into()),
    };
    // A string is read without running Python code.
    #[allow(clippy::disallowed_methods)]
    let path: PathBuf = path.extract()?;
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(PyValueError::new_err(format!("null byte in the path {}", repr(file)?)).into());
    }
    Ok(path)
}

#[cfg(unix)]
fn duplicate(_py: Python<'_>, descriptor: i32) -> Result<File> {
    use std::os::fd::BorrowedFd;
    let operation = Operation::Duplicate { descriptor };
    if descriptor < 0 {
        return Err(operation.refused(libc::EBADF).into());
    }
    // SAFETY: not -1, and used for this one call, which fails where it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let owned = borrowed.try_clone_to_owned().map_err(|error| operation.failed(&error))?;
    Ok(File::from(owned))
}

/// The C library's handle lets nobody delete the file; options live long, and must not keep one like it.
#[cfg(windows)]
fn duplicate(py: Python<'_>, descriptor: i32) -> Result<File> {
    use pyo3::exceptions::PyOSError;
    use std::os::windows::io::{BorrowedHandle, RawHandle};
    /// The system's number for a handle that is none.
    const ERROR_INVALID_HANDLE: i32 = 6;
    let operation = Operation::Duplicate { descriptor };
    let handle = match call(&member(py, "msvcrt", "get_osfhandle")?, (descriptor,), None) {
        Ok(handle) => Number::<isize>::checked(&handle)?.map_err(|wrong| PyOverflowError::new_err(wrong.text))?.0,
        Err(error) if error.is_instance_of::<PyOSError>(py) => {
            return Err(operation.refused(ERROR_INVALID_HANDLE).into());
        }
        Err(error) => return Err(error.into()),
    };
    // SAFETY: the handle of an open descriptor, used for this one call.
    let borrowed = unsafe { BorrowedHandle::borrow_raw(handle as RawHandle) };
    Ok(mmap_rs_core::memory::source::own(borrowed).map_err(|error| operation.failed(&error))?)
}
