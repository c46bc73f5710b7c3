//! The slots that loops call, without PyO3's trampoline for the usual case.
//!
//! The trampoline counts the attachment, catches panics and checks the class of `self`: as many instructions again as
//! the work has. The slots here are functions of the C API. They make one attempt, which fails without a trace or is
//! done, and hand everything else to the trampoline. They get into their classes by the trait that `#[pymethods]`
//! implements, which is internal to PyO3: `public.rs` does without, more slowly.
#![expect(unsafe_code, reason = "functions that the C API calls")]

use super::super::export::Export;
use super::super::iter::ByteSteps;
use super::super::lines::LineSteps;
use super::super::{buffer_protocol, bytes, bytes_mut, copies};
use crate::convert::numbers::{exact, limit};
use crate::convert::slices::Unpacked;
use crate::state::borrow::{Glance, span};
use crate::state::classes::{Items, ItemsMut, Mapping};
use mmap_rs_core::memory::jit;
use mmap_rs_core::state::Requests;
use pyo3::Borrowed;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, PyObject, PyType_Slot};
use pyo3::impl_::pyclass::{PyClassImplCollector, PyClassItems, PyMethods};
use pyo3::impl_::pymethods::{PyMethodDef, PyMethodDefType};
use pyo3::impl_::trampoline::get_trampoline_function;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySlice};
use std::ffi::{c_int, c_void};
use std::ptr;

macro_rules! slots {
    ($class:ty, $($slot:ident = $function:ident as $type:ty),+) => {
        slots!($class, [], $($slot = $function as $type),+);
    };
    ($class:ty, [$($method:expr),*], $($slot:ident = $function:ident as $type:ty),+) => {
        impl PyMethods<$class> for PyClassImplCollector<$class> {
            fn py_methods(self) -> &'static PyClassItems {
                static ITEMS: PyClassItems = PyClassItems {
                    methods: &[$(PyMethodDefType::Method($method)),*],
                    slots: &[$(PyType_Slot { slot: ffi::$slot, pfunc: $function as $type as *mut c_void }),+],
                };
                &ITEMS
            }
        }
    };
}

slots!(
    Items,
    Py_mp_length = length as ffi::lenfunc,
    Py_mp_subscript = subscript as ffi::binaryfunc,
    Py_bf_getbuffer = get_buffer as ffi::getbufferproc,
    Py_bf_releasebuffer = release_buffer as ffi::releasebufferproc
);
slots!(ItemsMut, Py_mp_ass_subscript = assign_subscript as ffi::objobjargproc);
slots!(ByteSteps, Py_tp_iternext = iter_next as ffi::iternextfunc);
slots!(LineSteps, Py_tp_iternext = next_line as ffi::iternextfunc);
slots!(
    Export,
    [PyMethodDef::fastcall_cfunction_with_keywords(c"readline", read_line, c"The next line of at most `size` bytes.")],
    Py_tp_iternext = next_line_of_file as ffi::iternextfunc
);

/// An argument of a slot.
///
/// # Safety
/// Attached for `'a`; a live object, as the interpreter hands it to a slot.
#[inline(always)]
unsafe fn borrowed<'a, 'py>(object: *mut PyObject) -> Borrowed<'a, 'py, PyAny> {
    // SAFETY: the caller vouches for it.
    unsafe { Borrowed::from_ptr(Python::assume_attached(), object) }
}

/// `len(m)`.
unsafe extern "C" fn length(slf: *mut PyObject) -> ffi::Py_ssize_t {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject) -> PyResult<ffi::Py_ssize_t> {
        // SAFETY: attached, a live object of the slot's class.
        let slf = unsafe { Borrowed::from_ptr(py, slf).cast_unchecked::<Mapping>() };
        Ok(ffi::Py_ssize_t::try_from(span(py, slf.get())?.len)?)
    }
    // SAFETY: the interpreter calls a slot attached, with a live object of the slot's class.
    unsafe {
        if let Ok(glance) = Glance::new(borrowed(slf).cast_unchecked::<Mapping>().get(), Requests::Honoured) {
            if let Ok(len) = ffi::Py_ssize_t::try_from(glance.span().len) {
                return len;
            }
        }
        get_trampoline_function!(lenfunc, any)(slf)
    }
}

/// `next(iter(m))`.
unsafe extern "C" fn iter_next(slf: *mut PyObject) -> *mut PyObject {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject) -> PyResult<*mut PyObject> {
        // SAFETY: attached, a live object of the slot's class; small numbers always exist.
        let (steps, number) =
            unsafe { (Borrowed::from_ptr(py, slf).cast_unchecked::<ByteSteps>(), ffi::PyLong_FromLong) };
        Ok(match steps.get().next(py)? {
            // SAFETY: attached.
            Some(byte) => unsafe { number(byte.into()) },
            None => ptr::null_mut(),
        })
    }
    // SAFETY: as for `length`.
    unsafe {
        match borrowed(slf).cast_unchecked::<ByteSteps>().get().step(Requests::Honoured) {
            Ok(Some(byte)) => ffi::PyLong_FromLong(byte.into()),
            Ok(None) => ptr::null_mut(),
            Err(_) => get_trampoline_function!(iternextfunc, any)(slf),
        }
    }
}

/// `next(m.lines())`.
unsafe extern "C" fn next_line(slf: *mut PyObject) -> *mut PyObject {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject) -> PyResult<*mut PyObject> {
        // SAFETY: attached, a live object of the slot's class.
        let steps = unsafe { Borrowed::from_ptr(py, slf).cast_unchecked::<LineSteps>() };
        Ok(steps.get().next(py)?.map_or(ptr::null_mut(), Bound::into_ptr))
    }
    // SAFETY: as for `length`.
    unsafe {
        let steps = borrowed(slf).cast_unchecked::<LineSteps>();
        match steps.get().step(steps.py(), Requests::Honoured) {
            Ok(Some(Some(line))) => line.into_ptr(),
            Ok(Some(None)) => ptr::null_mut(),
            _ => get_trampoline_function!(iternextfunc, any)(slf),
        }
    }
}

/// `next(file)`.
unsafe extern "C" fn next_line_of_file(slf: *mut PyObject) -> *mut PyObject {
    // At the end a line is empty.
    fn unless_empty(line: Bound<'_, PyBytes>) -> *mut PyObject {
        if line.as_bytes().is_empty() { ptr::null_mut() } else { line.into_ptr() }
    }
    unsafe fn any(py: Python<'_>, slf: *mut PyObject) -> PyResult<*mut PyObject> {
        // SAFETY: attached, a live object of the slot's class.
        let export = unsafe { Borrowed::from_ptr(py, slf).cast_unchecked::<Export>() };
        Ok(unless_empty(export.get().line(py, None)?))
    }
    // SAFETY: as for `length`.
    unsafe {
        let export = borrowed(slf).cast_unchecked::<Export>();
        match export.get().short_line(export.py(), Requests::Honoured) {
            Ok(Some(line)) => unless_empty(line),
            _ => get_trampoline_function!(iternextfunc, any)(slf),
        }
    }
}

/// `file.readline(size=-1, /)`.
unsafe extern "C" fn read_line(
    slf: *mut PyObject,
    args: *const *mut PyObject,
    count: ffi::Py_ssize_t,
    names: *mut PyObject,
) -> *mut PyObject {
    unsafe fn any(
        py: Python<'_>,
        slf: *mut PyObject,
        args: *const *mut PyObject,
        count: ffi::Py_ssize_t,
        names: *mut PyObject,
    ) -> PyResult<*mut PyObject> {
        if count > 1 || !names.is_null() {
            return Err(PyTypeError::new_err("readline() takes at most one argument, by its position"));
        }
        // SAFETY: attached, live objects, `self` of the method's class, which the method's descriptor has checked.
        let (export, size) = unsafe {
            let size = if count == 1 { Some(Borrowed::from_ptr(py, *args)) } else { None };
            (Borrowed::from_ptr(py, slf).cast_unchecked::<Export>(), size)
        };
        Ok(export.get().line(py, limit(size.as_deref())?).map(Bound::into_ptr)?)
    }
    // SAFETY: as for `length`; the arguments are as many as it says.
    unsafe {
        if count == 0 && names.is_null() {
            let export = borrowed(slf).cast_unchecked::<Export>();
            if let Ok(Some(line)) = export.get().short_line(export.py(), Requests::Honoured) {
                return line.into_ptr();
            }
        }
        get_trampoline_function!(fastcall_cfunction_with_keywords, any)(slf, args, count, names)
    }
}

/// The buffer protocol: fills a view.
unsafe extern "C" fn get_buffer(slf: *mut PyObject, view: *mut ffi::Py_buffer, flags: c_int) -> c_int {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<c_int> {
        // SAFETY: attached, a live object of the slot's class, and its caller's view to fill.
        unsafe { Ok(buffer_protocol::fill(&Borrowed::from_ptr(py, slf).cast_unchecked(), view, flags).map(|()| 0)?) }
    }
    // SAFETY: as for `length`, with its caller's view to fill.
    unsafe {
        match buffer_protocol::try_fill(&borrowed(slf).cast_unchecked(), view, flags, Requests::Honoured) {
            Ok(true) => 0,
            Ok(false) => -1,
            Err(_) => get_trampoline_function!(getbufferproc, any)(slf, view, flags),
        }
    }
}

/// The buffer protocol: ends a view.
unsafe extern "C" fn release_buffer(slf: *mut PyObject, _view: *mut ffi::Py_buffer) {
    // SAFETY: as for `length`.
    unsafe { buffer_protocol::release(Python::assume_attached(), borrowed(slf).cast_unchecked::<Mapping>().get()) }
}

/// `m[key]`.
unsafe extern "C" fn subscript(slf: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    unsafe fn any_key(py: Python<'_>, slf: *mut PyObject, key: *mut PyObject) -> PyResult<*mut PyObject> {
        // SAFETY: attached, live objects, `self` of the slot's class.
        let (slf, key) = unsafe { (Borrowed::from_ptr(py, slf).cast_unchecked(), Borrowed::from_ptr(py, key)) };
        Ok(bytes::get_item(&slf, &key).map(Bound::into_ptr)?)
    }
    unsafe fn any_slice(py: Python<'_>, slf: *mut PyObject, key: *mut PyObject) -> PyResult<*mut PyObject> {
        // SAFETY: as above, but for the key: see below.
        let (slf, key) = unsafe { (Borrowed::from_ptr(py, slf).cast_unchecked::<Mapping>(), *key.cast::<Unpacked>()) };
        Ok(bytes::get_slice(py, slf.get(), key).map(Bound::into_ptr)?)
    }
    // SAFETY: the interpreter calls a slot attached, with live objects, `self` of the slot's class. The trampoline hands
    // its arguments on as they are, so that a slice which was read, and is not to be read twice, can take the key's place.
    unsafe {
        let mapping = borrowed(slf).cast_unchecked::<Mapping>();
        let key = borrowed(key);
        if let Some(at) = exact(&key) {
            if let Ok(byte) = copies::item(mapping.get(), at, Requests::Honoured) {
                return ffi::PyLong_FromLong(byte.into());
            }
        } else if let Ok(slice) = key.cast_exact::<PySlice>() {
            let mut slice = match Unpacked::new(&slice) {
                Ok(slice) => slice,
                Err(error) => return raise(key.py(), error, ptr::null_mut()),
            };
            return match copies::short_slice(key.py(), mapping.get(), slice, Requests::Honoured) {
                Ok(Some(bytes)) => bytes.into_ptr(),
                _ => get_trampoline_function!(binaryfunc, any_slice)(slf, (&raw mut slice).cast()),
            };
        }
        get_trampoline_function!(binaryfunc, any_key)(slf, key.as_ptr())
    }
}

/// Sets an error, and returns the value that signals it.
#[cold]
fn raise<T>(py: Python<'_>, error: PyErr, failed: T) -> T {
    error.restore(py);
    failed
}

/// `m[key] = value` and, without a value, `del m[key]`.
unsafe extern "C" fn assign_subscript(slf: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> c_int {
    type Args<'a, 'py> = (Borrowed<'a, 'py, Mapping>, Borrowed<'a, 'py, PyAny>);
    unsafe fn any_key(py: Python<'_>, slf: *mut PyObject, key: *mut PyObject, value: *mut PyObject) -> PyResult<c_int> {
        // SAFETY: attached, live objects, `self` of the slot's class; no value is null.
        let ((slf, key), value): (Args<'_, '_>, _) = unsafe {
            let slf = Borrowed::from_ptr(py, slf).cast_unchecked();
            ((slf, Borrowed::from_ptr(py, key)), Borrowed::from_ptr_or_opt(py, value))
        };
        Ok(bytes_mut::set_item(&slf, &key, value.as_deref()).map(|()| 0)?)
    }
    unsafe fn any_slice(
        py: Python<'_>,
        slf: *mut PyObject,
        key: *mut PyObject,
        value: *mut PyObject,
    ) -> PyResult<c_int> {
        // SAFETY: as above, but for the key: see `subscript`.
        let ((slf, value), key): (Args<'_, '_>, _) = unsafe {
            let slf = Borrowed::from_ptr(py, slf).cast_unchecked();
            ((slf, Borrowed::from_ptr(py, value)), *key.cast::<Unpacked>())
        };
        Ok(bytes_mut::assign_slice(&slf, key, &value).map(|()| 0)?)
    }
    // SAFETY: as for `subscript`; no value is null.
    unsafe {
        let mapping = borrowed(slf).cast_unchecked::<Mapping>();
        let key = borrowed(key);
        // Where a thread may have to ask before it writes, the thorough way finds out.
        if !value.is_null() && !jit::MUST_ASK && mapping.get().kind().is_writable() {
            let value = borrowed(value);
            if let Some(at) = exact(&key) {
                let byte = exact(&value).and_then(|byte| u8::try_from(byte).ok());
                if byte.is_some_and(|byte| copies::set(mapping.get(), at, byte, Requests::Honoured).is_ok()) {
                    return 0;
                }
            } else if let (Ok(slice), Ok(source)) = (key.cast_exact::<PySlice>(), value.cast_exact::<PyBytes>()) {
                let mut slice = match Unpacked::new(&slice) {
                    Ok(slice) => slice,
                    Err(error) => return raise(key.py(), error, -1),
                };
                return match copies::set_short_slice(mapping.get(), slice, source.as_bytes(), Requests::Honoured) {
                    Ok(true) => 0,
                    _ => {
                        get_trampoline_function!(setattrofunc, any_slice)(slf, (&raw mut slice).cast(), value.as_ptr())
                    }
                };
            }
        }
        get_trampoline_function!(setattrofunc, any_key)(slf, key.as_ptr(), value)
    }
}
