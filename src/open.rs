//! The `file` argument: a descriptor, an object that has one, or a path.

use crate::args::Number;
use crate::audit;
use crate::call::{call, import};
use crate::error::{raise, told};
use crate::paths;
use mmap_rs_core::Error;
use mmap_rs_core::memory::{Access, Request, Source};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};
use std::borrow::Cow;
use std::fs::File;
use std::path::PathBuf;

/// The same source with its file open. A path is opened here, with the audit event of `os.open`.
pub fn ready<'a>(py: Python<'_>, source: &'a Source, write: bool) -> PyResult<Cow<'a, Source>> {
    let Some(path) = source.unopened() else { return Ok(Cow::Borrowed(source)) };
    let flags = import(py, "os", if write { "O_RDWR" } else { "O_RDONLY" })?;
    audit::event(py, ("open", paths::text(py, path)?, py.None(), flags))?;
    told(py, py.detach(|| source.opened(write))).map(Cow::Owned)
}

/// The same request with its file open.
pub fn opened<'a>(py: Python<'_>, request: &'a Request, access: Access) -> PyResult<Cow<'a, Request>> {
    Ok(match &request.source {
        Some(source) => match ready(py, source, request.writes(access))? {
            Cow::Borrowed(_) => Cow::Borrowed(request),
            Cow::Owned(source) => Cow::Owned(Request { source: Some(source), ..request.clone() }),
        },
        None => Cow::Borrowed(request),
    })
}

/// The source that a `file` argument means.
pub fn source(file: &Bound<'_, PyAny>, offset: u64, past_end: bool) -> PyResult<Source> {
    let py = file.py();
    if let Some((descriptor, name)) = descriptor(file)? {
        let file = duplicate(py, descriptor)?;
        return told(py, Source::open(file, &name, offset, past_end));
    }
    let path = path(file)?;
    told(py, Source::path(path, offset, past_end))
}

/// The descriptor of an integer or of an object with `fileno()`, and what to call it in messages.
fn descriptor(file: &Bound<'_, PyAny>) -> PyResult<Option<(i32, String)>> {
    let py = file.py();
    // SAFETY: attached, a live object.
    if unsafe { ffi::PyIndex_Check(file.as_ptr()) } != 0 {
        let Number(descriptor) = file.extract::<Number<i32>>()?;
        return Ok(Some((descriptor, format!("descriptor {descriptor}"))));
    }
    let Some(fileno) = file.getattr_opt(intern!(py, "fileno"))? else { return Ok(None) };
    let Number(descriptor) = call(&fileno, PyTuple::empty(py), None)?.extract::<Number<i32>>()?;
    // Files name themselves by the path, or by the number that they were opened with.
    let name = file.getattr_opt(intern!(py, "name")).ok().flatten();
    let name = name.and_then(|name| name.cast::<PyString>().ok().map(|name| format!("'{}'", name.to_string_lossy())));
    Ok(Some((descriptor, name.unwrap_or_else(|| format!("descriptor {descriptor}")))))
}

fn path(file: &Bound<'_, PyAny>) -> PyResult<PathBuf> {
    let py = file.py();
    let path = match call(&import(py, "os", "fspath")?, (file,), None) {
        Ok(path) => call(&import(py, "os", "fsdecode")?, (path,), None)?,
        Err(error) if error.is_instance_of::<PyTypeError>(py) => {
            let name = file.get_type().name()?;
            let text = format!("file must be a path, a descriptor or an object with fileno(), not {name}");
            return Err(PyTypeError::new_err(text));
        }
        Err(error) => return Err(error),
    };
    let path: PathBuf = path.extract()?;
    if path.as_os_str().as_encoded_bytes().contains(&0) {
        return Err(PyValueError::new_err(format!("null byte in the path {}", file.repr()?)));
    }
    Ok(path)
}

#[cfg(unix)]
fn duplicate(py: Python<'_>, descriptor: i32) -> PyResult<File> {
    use std::os::fd::BorrowedFd;
    let operation = || format!("duplication of descriptor {descriptor}");
    if descriptor < 0 {
        return Err(raise(py, Error::system("Io", libc::EBADF, operation())));
    }
    // SAFETY: not -1, and used for this one call, which fails where it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    match borrowed.try_clone_to_owned() {
        Ok(owned) => Ok(File::from(owned)),
        Err(error) => Err(raise(py, Error::io(&error, operation()))),
    }
}

/// The C library's handle lets nobody delete the file; options live long, and must not keep one like it.
#[cfg(windows)]
fn duplicate(py: Python<'_>, descriptor: i32) -> PyResult<File> {
    use pyo3::exceptions::PyOSError;
    use std::os::windows::io::{BorrowedHandle, RawHandle};
    /// The system's number for a handle that is none.
    const ERROR_INVALID_HANDLE: i32 = 6;
    let operation = || format!("duplication of descriptor {descriptor}");
    let handle: isize = match call(&import(py, "msvcrt", "get_osfhandle")?, (descriptor,), None) {
        Ok(handle) => handle.extract()?,
        Err(error) if error.is_instance_of::<PyOSError>(py) => {
            return Err(raise(py, Error::system("Io", ERROR_INVALID_HANDLE, operation())));
        }
        Err(error) => return Err(error),
    };
    // SAFETY: the handle of an open descriptor, used for this one call.
    let borrowed = unsafe { BorrowedHandle::borrow_raw(handle as RawHandle) };
    mmap_rs_core::memory::source::own(borrowed).map_err(|error| raise(py, Error::io(&error, operation())))
}
