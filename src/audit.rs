//! Audit events (PEP 578), as the standard library raises them for `mmap`. A hook that raises stops the operation.
#![expect(unsafe_code, reason = "PySys_Audit, which takes variable arguments")]

use crate::call::{call, is_finalizing, of_sys, run, status};
use pyo3::BoundObject;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

/// `PySys_Audit`: the event's name, a format as of `Py_BuildValue`, and what it asks for.
type Audit = unsafe extern "C-unwind" fn(*const c_char, *const c_char, ...) -> c_int;

/// Raises an event, with the arguments that `args` makes if anybody listens. Python code may run: nothing may be held.
pub fn event<'py, A, F>(py: Python<'py>, name: &CStr, args: F) -> PyResult<()>
where
    A: IntoPyObject<'py, Target = PyTuple>,
    F: FnOnce() -> A,
{
    let Some(audit) = function() else {
        return by_module(py, name, args());
    };
    let mut pending = Pending { py, args: Some(args) };
    let data: *mut c_void = ptr::from_mut(&mut pending).cast();
    // SAFETY: attached. For "O&", CPython calls the converter with `data` during this call: if there is a hook, once.
    let done = run(|| unsafe { audit(name.as_ptr(), c"O&".as_ptr(), build_args::<A, F> as Converter, data) });
    status(py, done).map(drop)
}

/// Arguments that are made when they are asked for.
struct Pending<'py, F> {
    py: Python<'py>,
    args: Option<F>,
}

type Converter = unsafe extern "C" fn(*mut c_void) -> *mut ffi::PyObject;

/// Makes the arguments: a new reference to a tuple, or null with an error set.
///
/// # Safety
/// Attached, and `data` is a `Pending` that nobody else uses.
unsafe extern "C" fn build_args<'py, A, F>(data: *mut c_void) -> *mut ffi::PyObject
where
    A: IntoPyObject<'py, Target = PyTuple>,
    F: FnOnce() -> A,
{
    // SAFETY: the caller's promise.
    let pending = unsafe { &mut *data.cast::<Pending<'py, F>>() };
    let py = pending.py;
    let args = pending.args.take().ok_or_else(|| PyRuntimeError::new_err("arguments of an event are made once"));
    match args.and_then(|args| args().into_pyobject(py).map_err(Into::into)) {
        Ok(args) => args.into_any().into_bound().into_ptr(),
        Err(error) => {
            error.restore(py);
            ptr::null_mut()
        }
    }
}

/// `PySys_Audit`, where it can be found: all CPythons have it, but the stable ABI only from 3.13 on.
fn function() -> Option<Audit> {
    static FOUND: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    const ABSENT: *mut c_void = ptr::dangling_mut::<u8>().cast();
    let mut found = FOUND.load(Ordering::Relaxed);
    if found.is_null() {
        let address = address();
        found = if address.is_null() { ABSENT } else { address };
        FOUND.store(found, Ordering::Relaxed);
    }
    // SAFETY: the address of the function of that name, which CPython declares so.
    (found != ABSENT).then(|| unsafe { std::mem::transmute::<*mut c_void, Audit>(found) })
}

#[cfg(unix)]
fn address() -> *mut c_void {
    // SAFETY: reads the name. Libraries are searched in the order in which this one's own names were resolved.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PySys_Audit".as_ptr()) }
}

#[cfg(not(unix))]
fn address() -> *mut c_void {
    ptr::null_mut()
}

/// By `sys.audit`, whose arguments begin with the name.
#[cold]
fn by_module<'py>(py: Python<'py>, name: &CStr, args: impl IntoPyObject<'py, Target = PyTuple>) -> PyResult<()> {
    let args = args.into_pyobject(py).map_err(Into::into)?.into_any().into_bound().cast_into::<PyTuple>()?;
    let all = [name.to_string_lossy().into_pyobject(py)?.into_any()].into_iter().chain(&args);
    let all = PyTuple::new(py, all.collect::<Vec<_>>())?;
    match of_sys(py, c"audit") {
        Some(audit) => call(&audit, all, None).map(drop),
        // An ending interpreter has taken it away, and no hook is left either.
        None if is_finalizing(py) => Ok(()),
        None => Err(PyRuntimeError::new_err("lost sys.audit")),
    }
}
