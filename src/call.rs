//! Calls of the C API that may run Python code. The rest of the crate runs such code through these functions only;
//! `clippy.toml` refuses PyO3's own.
//!
//! Nothing of a mapping may be held while Python code runs, as that code may wait for it. Builds with debug assertions
//! check it here.
//!
//! Until Python 3.13 an interpreter that ends stops its daemon threads where they next want its lock: by
//! `pthread_exit`, which unwinds their stacks. PyO3 declares Python's functions as ones that don't unwind, and the
//! process would be aborted. Here they are declared as what they are, and the thread sleeps for good in the
//! innermost frame: before any destructor runs, as none may without the lock. The process ends meanwhile. From Python
//! 3.14 on the interpreter does the same by itself.
#![expect(unsafe_code, reason = "functions of the C API, declared as ones that may unwind")]
#![allow(clippy::disallowed_methods)]

use mmap_rs_core::state::assert_nothing_held;
use pyo3::BoundObject;
use pyo3::exceptions::PyAttributeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyRange, PySlice, PyString, PyTuple};
use std::ffi::{CStr, c_char, c_int};

/// A function of the C API as one that may unwind. By its address, which is hidden from the optimiser: that would
/// take PyO3's word, from its own declaration, that no call of this name unwinds, and leave out what is to run then.
#[cfg(not(Py_3_14))]
macro_rules! unwinding {
    ($name:ident($($parameter:ty),*) -> $result:ty) => {{
        let function: unsafe extern "C" fn($($parameter),*) -> $result = ffi::$name;
        let function: unsafe extern "C-unwind" fn($($parameter),*) -> $result =
            // SAFETY: the types differ in what the compiler may assume only, and the new one lets it assume less.
            unsafe { std::mem::transmute(function) };
        std::hint::black_box(function)
    }};
}

#[cfg(Py_3_14)]
macro_rules! unwinding {
    ($name:ident($($parameter:ty),*) -> $result:ty) => {
        ffi::$name as unsafe extern "C" fn($($parameter),*) -> $result
    };
}

/// Sleeps for good where it is dropped, which only unwinding does.
#[cfg(not(Py_3_14))]
struct Sleep;

#[cfg(not(Py_3_14))]
impl Drop for Sleep {
    fn drop(&mut self) {
        loop {
            std::thread::sleep(std::time::Duration::from_secs(3600));
        }
    }
}

/// Runs one call of the C API, and nothing else: a panic would sleep too.
#[inline(always)]
pub fn run<T>(call: impl FnOnce() -> T) -> T {
    assert_nothing_held();
    #[cfg(not(Py_3_14))]
    let sleep = Sleep;
    let result = call();
    #[cfg(not(Py_3_14))]
    std::mem::forget(sleep);
    result
}

/// What a call of the C API gave: an object, or the error that stands.
fn object<'py>(py: Python<'py>, result: *mut ffi::PyObject) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: attached; a new reference, or null with an error set.
    unsafe { Bound::from_owned_ptr_or_err(py, result) }
}

/// The status of a call of the C API as a bool, or the error that stands.
pub fn status(py: Python<'_>, status: c_int) -> PyResult<bool> {
    if status < 0 { Err(PyErr::fetch(py)) } else { Ok(status != 0) }
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
    object(py, run(|| unsafe { function(callable, args, named) }))
}

/// `getattr(object, name)`.
pub fn attribute<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let py = object.py();
    // Interned: a type keeps the strings that it was asked for.
    let name = PyString::intern(py, name);
    let function = unwinding!(PyObject_GetAttr(*mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject);
    // SAFETY: attached, live objects.
    self::object(py, run(|| unsafe { function(object.as_ptr(), name.as_ptr()) }))
}

/// `getattr(object, name, None)`, but for an attribute that is `None`.
pub fn attribute_or_none<'py>(object: &Bound<'py, PyAny>, name: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
    match attribute(object, name) {
        Err(error) if error.is_instance_of::<PyAttributeError>(object.py()) => Ok(None),
        found => found.map(Some),
    }
}

/// `setattr(object, name, value)`.
#[cfg(windows)]
pub fn set_attribute<'py>(object: &Bound<'py, PyAny>, name: &str, value: impl IntoPyObject<'py>) -> PyResult<()> {
    let py = object.py();
    let (name, value) = (PyString::intern(py, name), value.into_pyobject(py).map_err(Into::into)?.into_any());
    let function = unwinding!(PyObject_SetAttr(*mut ffi::PyObject, *mut ffi::PyObject, *mut ffi::PyObject) -> c_int);
    // SAFETY: attached, live objects.
    status(py, run(|| unsafe { function(object.as_ptr(), name.as_ptr(), value.as_ptr()) })).map(drop)
}

/// An attribute of a module, which is imported where nobody has done so yet.
pub fn member<'py>(py: Python<'py>, module: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let module = PyString::intern(py, module);
    let function = unwinding!(PyImport_GetModule(*mut ffi::PyObject) -> *mut ffi::PyObject);
    // SAFETY: attached, a live string; a new reference, or null with or without an error set.
    let known = run(|| unsafe { Bound::from_owned_ptr_or_opt(py, function(module.as_ptr())) });
    let module = match known {
        Some(module) => module,
        None => {
            // Whatever hid the module, the import says more.
            drop(PyErr::take(py));
            let function = unwinding!(PyImport_Import(*mut ffi::PyObject) -> *mut ffi::PyObject);
            // SAFETY: as above.
            object(py, run(|| unsafe { function(module.as_ptr()) }))?
        }
    };
    attribute(&module, name)
}

/// An object of the module `sys`; `None` where it has been taken away, as it is when the interpreter ends.
pub fn of_sys<'py>(py: Python<'py>, name: &CStr) -> Option<Bound<'py, PyAny>> {
    // SAFETY: attached; a borrowed reference, or null without an error set. It runs no Python code.
    unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PySys_GetObject(name.as_ptr())) }
}

/// Whether the interpreter is ending, so that no other thread will ever be attached again.
#[cold]
pub fn is_finalizing(py: Python<'_>) -> bool {
    let answer = of_sys(py, c"is_finalizing").map(|function| call(&function, PyTuple::empty(py), None));
    // Where even that is gone, it is.
    answer.is_none_or(|answer| answer.is_ok_and(|answer| answer.is(pyo3::types::PyBool::new(py, true))))
}

/// The exception that is on its way, or none, set aside while other code runs. PyO3's own way to take it would make an
/// instance of it, which runs Python code.
#[must_use = "the exception is to be restored"]
pub struct RaisedException {
    #[cfg(not(Py_3_12))]
    parts: [*mut ffi::PyObject; 3],
    #[cfg(Py_3_12)]
    exception: *mut ffi::PyObject,
}

impl RaisedException {
    /// Takes it.
    pub fn take(_py: Python<'_>) -> Self {
        #[cfg(not(Py_3_12))]
        {
            let [mut class, mut value, mut traceback] = [std::ptr::null_mut(); 3];
            // SAFETY: attached; three places for references.
            unsafe { ffi::PyErr_Fetch(&mut class, &mut value, &mut traceback) };
            Self { parts: [class, value, traceback] }
        }
        #[cfg(Py_3_12)]
        // SAFETY: attached; a new reference, or null.
        Self { exception: unsafe { ffi::PyErr_GetRaisedException() } }
    }

    /// Puts it back, in place of whatever was raised since.
    pub fn restore(self, _py: Python<'_>) {
        // SAFETY: attached; the references are handed over.
        #[cfg(not(Py_3_12))]
        unsafe {
            let [class, value, traceback] = self.parts;
            ffi::PyErr_Restore(class, value, traceback);
        }
        // SAFETY: as above.
        #[cfg(Py_3_12)]
        unsafe {
            ffi::PyErr_SetRaisedException(self.exception);
        }
    }
}

/// Runs the handlers of signals that have come.
pub fn check_signals(py: Python<'_>) -> PyResult<()> {
    let function = unwinding!(PyErr_CheckSignals() -> c_int);
    // SAFETY: attached.
    status(py, run(|| unsafe { function() })).map(drop)
}

/// `isinstance(object, class)`.
pub fn is_instance(object: &Bound<'_, PyAny>, class: &Bound<'_, PyAny>) -> PyResult<bool> {
    let function = unwinding!(PyObject_IsInstance(*mut ffi::PyObject, *mut ffi::PyObject) -> c_int);
    // SAFETY: attached, live objects.
    status(object.py(), run(|| unsafe { function(object.as_ptr(), class.as_ptr()) }))
}

/// `repr(object)`.
pub fn repr<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
    let function = unwinding!(PyObject_Repr(*mut ffi::PyObject) -> *mut ffi::PyObject);
    // SAFETY: attached, a live object. What it gives is a string.
    let text = self::object(object.py(), run(|| unsafe { function(object.as_ptr()) }))?;
    Ok(text.cast_into::<PyString>()?)
}

/// `operator.index(object)`.
pub fn index<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyInt>> {
    if let Ok(exact) = object.cast_exact::<PyInt>() {
        return Ok(exact.clone());
    }
    let function = unwinding!(PyNumber_Index(*mut ffi::PyObject) -> *mut ffi::PyObject);
    // SAFETY: attached, a live object. What it gives is an integer.
    let number = self::object(object.py(), run(|| unsafe { function(object.as_ptr()) }))?;
    Ok(number.cast_into::<PyInt>()?)
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
    let value = run(|| unsafe { function(object.as_ptr(), error) });
    if value == -1 {
        if let Some(error) = PyErr::take(object.py()) {
            return Err(error);
        }
    }
    Ok(value)
}

/// `PySlice_Unpack`: start, stop and step.
#[inline]
pub fn unpack(slice: &Bound<'_, PySlice>) -> PyResult<(isize, isize, isize)> {
    let function = unwinding!(
        PySlice_Unpack(*mut ffi::PyObject, *mut ffi::Py_ssize_t, *mut ffi::Py_ssize_t, *mut ffi::Py_ssize_t) -> c_int
    );
    let (mut start, mut stop, mut step) = (0, 0, 0);
    // SAFETY: attached, a slice, and three places for its numbers.
    let done = run(|| unsafe { function(slice.as_ptr(), &mut start, &mut stop, &mut step) });
    status(slice.py(), done).map(|_| (start, stop, step))
}

/// `memoryview(object)`.
pub fn memoryview<'py>(object: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let function = unwinding!(PyMemoryView_FromObject(*mut ffi::PyObject) -> *mut ffi::PyObject);
    // SAFETY: attached, a live object.
    self::object(object.py(), run(|| unsafe { function(object.as_ptr()) }))
}

/// `PyObject_GetBuffer` of contiguous bytes.
///
/// # Safety
/// The view is the caller's to fill, and stays in its place until it is released.
pub unsafe fn get_buffer(object: &Bound<'_, PyAny>, view: &mut ffi::Py_buffer) -> PyResult<()> {
    let function = unwinding!(PyObject_GetBuffer(*mut ffi::PyObject, *mut ffi::Py_buffer, c_int) -> c_int);
    // SAFETY: attached, a live object; the caller vouches for the view.
    status(object.py(), run(|| unsafe { function(object.as_ptr(), view, ffi::PyBUF_SIMPLE) })).map(drop)
}

/// Warns the caller of the running function. The error is that of a filter that makes errors of warnings.
pub fn warn(py: Python<'_>, category: &Bound<'_, PyAny>, message: &CStr) -> PyResult<()> {
    let function = unwinding!(PyErr_WarnEx(*mut ffi::PyObject, *const c_char, ffi::Py_ssize_t) -> c_int);
    // SAFETY: attached, a category and a text.
    status(py, run(|| unsafe { function(category.as_ptr(), message.as_ptr(), 1) })).map(drop)
}

/// `PyObject_ClearWeakRefs`: runs the callbacks of the weak references to an object.
///
/// # Safety
/// Attached, and an object that is being deallocated.
#[cfg(not(Py_3_14))]
pub unsafe fn clear_weakrefs(object: *mut ffi::PyObject) {
    let function = unwinding!(PyObject_ClearWeakRefs(*mut ffi::PyObject) -> ());
    // SAFETY: the caller vouches for it.
    run(|| unsafe { function(object) });
}

/// `PyBuffer_Release`.
///
/// # Safety
/// Attached, and a view that [`get_buffer`] filled.
pub unsafe fn release_buffer(view: &mut ffi::Py_buffer) {
    let function = unwinding!(PyBuffer_Release(*mut ffi::Py_buffer) -> ());
    // SAFETY: the caller vouches for it.
    run(|| unsafe { function(view) });
}

/// The first number of a `range` and the one behind its last, if it has two numbers at least, its step is 1, and it holds
/// what a `usize` does. Its attributes would take five times as long.
pub fn consecutive(range: &Bound<'_, PyAny>) -> Option<(usize, usize)> {
    let py = range.py();
    range.cast_exact::<PyRange>().ok()?;
    // A range whose length is too large for that says so by an exception. No Python code runs for an exact one.
    // SAFETY: attached, a live object.
    let len = usize::try_from(unsafe { ffi::PyObject_Size(range.as_ptr()) });
    let item = |at: usize| {
        let at = isize::try_from(at).ok()?;
        // SAFETY: attached, a live object; a new reference, or null with an error set.
        let number = unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PySequence_GetItem(range.as_ptr(), at)) }?;
        number.cast_exact::<PyInt>().ok()?.extract::<usize>().ok()
    };
    let found = len.ok().filter(|len| *len > 1).and_then(|len| {
        let (first, last) = (item(0)?, item(len - 1)?);
        (last.checked_sub(first)? == len - 1).then_some((first, last.checked_add(1)?))
    });
    if found.is_none() {
        // What one of them could not say. The caller asks for the attributes.
        drop(PyErr::take(py));
    }
    found
}
