//! Calls that run Python code, which a thread may never come back from.
//!
//! Until Python 3.13 an interpreter that ends stops its daemon threads where they next want its lock: by
//! `pthread_exit`, which unwinds their stacks. PyO3 declares Python's functions as ones that don't unwind, and the
//! process would be aborted. Here they are declared as what they are, and the thread sleeps for good in the
//! innermost frame: before any destructor runs, as none may without the lock. The process ends meanwhile. From Python
//! 3.14 on the interpreter does the same by itself.

use crate::slices::Unpacked;
use pyo3::BoundObject;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::ffi::c_int;
use std::time::Duration;

/// A function of the C API as one that may unwind. By its address, which is hidden from the optimiser: that would
/// take PyO3's word, from its own declaration, that no call of this name unwinds, and leave out what is to run then.
macro_rules! unwinding {
    ($name:ident($($parameter:ty),*) -> $result:ty) => {{
        let function: unsafe extern "C" fn($($parameter),*) -> $result = ffi::$name;
        let function: unsafe extern "C-unwind" fn($($parameter),*) -> $result =
            // SAFETY: the types differ in what the compiler may assume only, and the new one lets it assume less.
            unsafe { std::mem::transmute(function) };
        std::hint::black_box(function)
    }};
}

/// Sleeps for good where it is dropped, which only unwinding does.
struct Sleep;

impl Drop for Sleep {
    fn drop(&mut self) {
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
}

/// Runs one call of the C API, and nothing else: a panic would sleep too.
#[inline(always)]
fn stopping<T>(call: impl FnOnce() -> T) -> T {
    let sleep = Sleep;
    let result = call();
    std::mem::forget(sleep);
    result
}

/// What a call of the C API gave: an object, or the error that stands.
fn object<'py>(py: Python<'py>, result: *mut ffi::PyObject) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: attached; a new reference, or null with an error set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// Calls an object.
pub fn call<'py>(
    callable: &Bound<'py, PyAny>,
    args: impl IntoPyObject<'py, Target = PyTuple>,
    named: Option<&Bound<'py, PyDict>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let args = args.into_pyobject(py).map_err(Into::into)?;
    let args = BoundObject::into_any(args).into_bound();
    let (callable, args, named) =
        (callable.as_ptr(), args.as_ptr(), named.map_or(std::ptr::null_mut(), |named| named.as_ptr()));
    let function =
        unwinding!(PyObject_Call(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject);
    // SAFETY: attached, live objects of the types that it wants.
    object(py, stopping(|| unsafe { function(callable, args, named) }))
}

/// An attribute of a module.
pub fn import<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let module = PyString::new(py, module);
    let function = unwinding!(PyImport_Import(*mut ffi::PyObject) -> *mut ffi::PyObject);
    // SAFETY: attached, a live string.
    let module = object(py, stopping(|| unsafe { function(module.as_ptr()) }))?;
    module.getattr(name)
}

/// `PyNumber_AsSsize_t`: an object with `__index__` as a number. Too large a one is `error`, or clipped where that is
/// null.
///
/// # Safety
/// `error` is null or an exception type.
#[inline]
pub unsafe fn as_ssize(object: &Bound<'_, PyAny>, error: *mut ffi::PyObject) -> PyResult<isize> {
    let function = unwinding!(PyNumber_AsSsize_t(*mut ffi::PyObject, *mut ffi::PyObject) -> ffi::Py_ssize_t);
    // SAFETY: attached, a live object; the caller vouches for the other.
    let value = stopping(|| unsafe { function(object.as_ptr(), error) });
    if value == -1 {
        if let Some(error) = PyErr::take(object.py()) {
            return Err(error);
        }
    }
    Ok(value)
}

/// `PySlice_Unpack`; `None`, with the error set, where it failed.
///
/// # Safety
/// Attached, and a slice.
#[inline]
pub unsafe fn unpack(slice: *mut ffi::PyObject) -> Option<Unpacked> {
    let function = unwinding!(
        PySlice_Unpack(*mut ffi::PyObject, *mut ffi::Py_ssize_t, *mut ffi::Py_ssize_t, *mut ffi::Py_ssize_t) -> c_int
    );
    let (mut start, mut stop, mut step) = (0, 0, 0);
    // SAFETY: the caller vouches for the slice; three places for its numbers.
    let status = stopping(|| unsafe { function(slice, &mut start, &mut stop, &mut step) });
    (status == 0).then_some(Unpacked { start, stop, step })
}

/// `PyObject_GetBuffer` of contiguous bytes; false, with the error set, where it failed.
///
/// # Safety
/// The view is the caller's to fill, and stays in its place until it is released.
#[must_use]
pub unsafe fn get_buffer(object: &Bound<'_, PyAny>, view: &mut ffi::Py_buffer) -> bool {
    let function = unwinding!(PyObject_GetBuffer(*mut ffi::PyObject, *mut ffi::Py_buffer, c_int) -> c_int);
    // SAFETY: attached, a live object; the caller vouches for the view.
    stopping(|| unsafe { function(object.as_ptr(), view, ffi::PyBUF_SIMPLE) }) == 0
}

/// `PyBuffer_Release`.
///
/// # Safety
/// Attached, and a view that [`get_buffer`] filled.
pub unsafe fn release_buffer(view: &mut ffi::Py_buffer) {
    let function = unwinding!(PyBuffer_Release(*mut ffi::Py_buffer) -> ());
    // SAFETY: the caller vouches for it.
    stopping(|| unsafe { function(view) });
}
