//! The slots that loops call: `m[i]`, `m[i] = v`, short slices, `len(m)`, buffers, the next byte of an iterator.
//!
//! PyO3 enters a slot through a trampoline, which counts the attachment, catches panics and checks the class of
//! `self`: as many instructions again as the work has. The slots here are functions of the C API. They do the usual
//! case by themselves, which neither fails nor runs Python code, and hand everything else to the trampoline. They get
//! into their classes by the trait that `#[pymethods]` implements; it is PyO3's own, so Cargo.toml pins PyO3.

use crate::access::{Glance, LARGE, glance};
use crate::args::place;
use crate::bytes::{self, Bytes};
use crate::call::unpack;
use crate::iter::ByteIterator;
use crate::mapping::Mapping;
use crate::slices::Unpacked;
use crate::{bytes_mut, export};
use mmap_rs_core::memory::{bytes as raw, jit};
use pyo3::ffi::{self, Py_buffer, Py_ssize_t, PyObject, PyType_Slot};
use pyo3::impl_::pyclass::{PyClassImplCollector, PyClassItems, PyMethods};
use pyo3::impl_::pymethods::{PyMethodDef, PyMethodDefType};
use pyo3::impl_::trampoline::get_trampoline_function;
use pyo3::prelude::*;
use pyo3::{Borrowed, PyClass};
use std::ffi::{c_int, c_void};
use std::ptr;

/// What `Mmap` and `MmapMut` have as readable memory by slots.
#[pyclass(module = "mmap_rs", name = "_Items", extends = crate::mapped::Mapped, subclass, frozen)]
pub struct Items;

/// What `MmapMut` has as writable memory by slots.
#[pyclass(module = "mmap_rs", name = "_ItemsMut", extends = Bytes, subclass, frozen)]
pub struct ItemsMut;

macro_rules! slots {
    ($class:ty: $($slot:ident = $function:ident as $type:ty),+; $($method:ident: $body:path)?) => {
        impl PyMethods<$class> for PyClassImplCollector<$class> {
            fn py_methods(self) -> &'static PyClassItems {
                static ITEMS: PyClassItems = PyClassItems {
                    methods: &[$(PyMethodDefType::Method(PyMethodDef::noargs(
                        pyo3::ffi::c_str!(stringify!($method)),
                        get_trampoline_function!(noargs, $body),
                        c"",
                    )))?],
                    slots: &[$(PyType_Slot { slot: ffi::$slot, pfunc: $function as $type as *mut c_void }),+],
                };
                &ITEMS
            }
        }
    };
}

slots! { Items:
    Py_mp_subscript = subscript as ffi::binaryfunc,
    Py_mp_length = length as ffi::lenfunc,
    Py_sq_length = length as ffi::lenfunc,
    Py_bf_getbuffer = get_buffer as ffi::getbufferproc,
    Py_bf_releasebuffer = release_buffer as ffi::releasebufferproc;
}

slots! { ItemsMut:
    Py_mp_ass_subscript = assign_subscript as ffi::objobjargproc;
}

slots! { ByteIterator:
    Py_tp_iter = itself as ffi::getiterfunc,
    Py_tp_iternext = next_byte as ffi::iternextfunc;
    __length_hint__: length_hint
}

/// The Rust value of an object.
///
/// # Safety
/// Attached for `'a`; a live object of that class or of one derived from it, as the interpreter gives a slot.
#[inline(always)]
unsafe fn value<'a, T: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync>(object: *mut PyObject) -> &'a T {
    // SAFETY: the caller vouches for it. The class is frozen, so that a shared reference is all there ever is.
    unsafe {
        let object = Borrowed::from_ptr(Python::assume_attached(), object).cast_unchecked::<T>();
        &*ptr::from_ref(object.get())
    }
}

/// An exact integer that fits; `None` for anything else, with no error set.
///
/// # Safety
/// Attached, a live object.
#[inline(always)]
unsafe fn integer(object: *mut PyObject) -> Option<isize> {
    // SAFETY: the caller vouches for the object. An exact integer runs no Python code.
    unsafe {
        if ffi::PyLong_CheckExact(object) == 0 {
            return None;
        }
        let number = ffi::PyLong_AsSsize_t(object);
        if number == -1 && !ffi::PyErr_Occurred().is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        Some(number)
    }
}

/// A live mapping none of whose pages was lost, for a call that stays attached.
#[inline(always)]
fn live(mapping: &Mapping) -> Option<Glance<'_>> {
    if mapping.cell().is_marked() { None } else { Glance::quick(mapping) }
}

/// The same for a call that writes. Where a thread may have to ask first, the thorough way finds out.
#[inline(always)]
fn live_to_write(mapping: &Mapping) -> Option<Glance<'_>> {
    if jit::MUST_ASK || !mapping.kind().is_writable() { None } else { live(mapping) }
}

/// `m[key]`.
unsafe extern "C" fn subscript(slf: *mut PyObject, key: *mut PyObject) -> *mut PyObject {
    // SAFETY: the interpreter calls a slot attached, with live objects, `self` of the slot's class.
    unsafe {
        let mapping = value::<Mapping>(slf);
        if let Some(index) = integer(key) {
            if let Some(byte) = item(mapping, index) {
                return ffi::PyLong_FromLong(byte.into());
            }
        } else if ffi::Py_TYPE(key) == &raw mut ffi::PySlice_Type {
            let Some(unpacked) = unpack(key) else { return ptr::null_mut() };
            return short(mapping, unpacked)
                .unwrap_or_else(|| unpacked.with_object(|key| any_subscript()(slf, key), ptr::null_mut()));
        }
        any_subscript()(slf, key)
    }
}

fn any_subscript() -> ffi::binaryfunc {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject, key: *mut PyObject) -> PyResult<*mut PyObject> {
        // SAFETY: attached, live objects, `self` of the slot's class.
        let (slf, key) = unsafe { (Borrowed::from_ptr(py, slf).cast_unchecked(), Borrowed::from_ptr(py, key)) };
        bytes::get_item(&slf, &key).map(Bound::into_ptr)
    }
    get_trampoline_function!(binaryfunc, any)
}

#[inline(always)]
fn item(mapping: &Mapping, index: isize) -> Option<u8> {
    if !mapping.kind().is_readable() {
        return None;
    }
    let held = live(mapping)?;
    // SAFETY: the glance keeps the span mapped, and it is readable.
    let bytes = unsafe { raw::Bytes::new(held.span()) };
    let byte = bytes.get(place(index, bytes.len())?)?;
    (!mapping.cell().is_marked()).then_some(byte)
}

/// A slice that is copied in less time than other threads would take to get their turn.
///
/// # Safety
/// Attached.
#[inline(always)]
unsafe fn short(mapping: &Mapping, unpacked: Unpacked) -> Option<*mut PyObject> {
    if !mapping.kind().is_readable() {
        return None;
    }
    let held = live(mapping)?;
    let slice = unpacked.of(held.span().len);
    if slice.step != 1 || slice.len >= LARGE {
        return None;
    }
    let len = Py_ssize_t::try_from(slice.len).ok()?;
    // SAFETY: the glance keeps the span mapped and readable.
    let first = unsafe { raw::Bytes::new(held.span()) }.address(slice)?;
    // SAFETY: attached; so many bytes can be read there. A bytes object is not tracked: making it runs no code.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(first.cast(), len) };
    if mapping.cell().is_marked() {
        // SAFETY: null with an error set, or a new object that nobody else knows.
        unsafe {
            ffi::PyErr_Clear();
            ffi::Py_XDECREF(object);
        }
        return None;
    }
    Some(object)
}

/// `m[key] = value` and, without a value, `del m[key]`.
unsafe extern "C" fn assign_subscript(slf: *mut PyObject, key: *mut PyObject, source: *mut PyObject) -> c_int {
    // SAFETY: as for `subscript`; no value is null.
    unsafe {
        let mapping = value::<Mapping>(slf);
        if source.is_null() {
            return any_assign()(slf, key, source);
        }
        if let Some(index) = integer(key) {
            if integer(source).is_some_and(|byte| set(mapping, index, byte)) {
                return 0;
            }
        } else if ffi::Py_TYPE(key) == &raw mut ffi::PySlice_Type && is_plain(source) {
            let Some(unpacked) = unpack(key) else { return -1 };
            if set_short(mapping, unpacked, source) {
                return 0;
            }
            return unpacked.with_object(|key| any_assign()(slf, key, source), -1);
        }
        any_assign()(slf, key, source)
    }
}

fn any_assign() -> ffi::objobjargproc {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject, key: *mut PyObject, source: *mut PyObject) -> PyResult<c_int> {
        // SAFETY: attached, live objects, `self` of the slot's class; no value is null.
        let (slf, key, source) = unsafe {
            let slf = Borrowed::from_ptr(py, slf).cast_unchecked();
            (slf, Borrowed::from_ptr(py, key), Borrowed::from_ptr_or_opt(py, source))
        };
        bytes_mut::set_item(&slf, &key, source.as_deref()).map(|()| 0)
    }
    get_trampoline_function!(setattrofunc, any)
}

#[inline(always)]
fn set(mapping: &Mapping, index: isize, byte: isize) -> bool {
    let set = || {
        let byte = u8::try_from(byte).ok()?;
        let held = live_to_write(mapping)?;
        let at = place(index, held.span().len)?;
        // SAFETY: the glance keeps the span mapped, and it is writable.
        let done = unsafe { raw::BytesMut::new(held.span()).set(at, byte) };
        (done && !mapping.cell().is_marked()).then_some(())
    };
    set().is_some()
}

/// Whether a buffer of this object is got and released without running Python code.
///
/// # Safety
/// Attached, a live object.
#[inline(always)]
unsafe fn is_plain(object: *mut PyObject) -> bool {
    // SAFETY: the caller vouches for the object; the addresses of types only.
    unsafe {
        ffi::PyBytes_CheckExact(object) != 0
            || ffi::PyByteArray_CheckExact(object) != 0
            || ffi::Py_TYPE(object) == &raw mut ffi::PyMemoryView_Type
    }
}

/// Sets a slice from an object that [`is_plain`]; false, and nothing done, where it is not of the slice's length or
/// something is in the way.
///
/// # Safety
/// Attached, and such an object.
#[inline(always)]
unsafe fn set_short(mapping: &Mapping, unpacked: Unpacked, source: *mut PyObject) -> bool {
    // SAFETY: the caller vouches for the object. A view that was filled is released, once.
    unsafe {
        if ffi::PyBytes_CheckExact(source) != 0 {
            let len = usize::try_from(ffi::PyBytes_Size(source)).unwrap_or(0);
            return copy_in(mapping, unpacked, ffi::PyBytes_AsString(source).cast_const().cast(), len);
        }
        let mut view = Py_buffer::new();
        if ffi::PyObject_GetBuffer(source, &mut view, ffi::PyBUF_SIMPLE) != 0 {
            ffi::PyErr_Clear();
            return false;
        }
        let len = usize::try_from(view.len).unwrap_or(0);
        let copied = copy_in(mapping, unpacked, view.buf.cast_const().cast(), len);
        ffi::PyBuffer_Release(&mut view);
        copied
    }
}

/// # Safety
/// Attached, and `len` bytes at `source` that can be read.
#[inline(always)]
unsafe fn copy_in(mapping: &Mapping, unpacked: Unpacked, source: *const u8, len: usize) -> bool {
    let Some(held) = live_to_write(mapping) else { return false };
    let slice = unpacked.of(held.span().len);
    if slice.step != 1 || slice.len >= LARGE || slice.len != len {
        return false;
    }
    // SAFETY: the glance keeps the span mapped, it is writable, and the source has the slice's length.
    let copied = unsafe { raw::BytesMut::new(held.span()).copy_from(slice, source) };
    copied == Ok(true) && !mapping.cell().is_marked()
}

/// `len(m)`.
unsafe extern "C" fn length(slf: *mut PyObject) -> Py_ssize_t {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject) -> PyResult<Py_ssize_t> {
        // SAFETY: attached, a live object of the slot's class.
        let len = glance(py, unsafe { value::<Mapping>(slf) })?.span().len;
        Ok(Py_ssize_t::try_from(len)?)
    }
    // SAFETY: as for `subscript`.
    let held = Glance::quick(unsafe { value::<Mapping>(slf) });
    match held.map(|held| Py_ssize_t::try_from(held.span().len)) {
        Some(Ok(len)) => len,
        // SAFETY: handed on as it came.
        _ => unsafe { get_trampoline_function!(lenfunc, any)(slf) },
    }
}

/// The buffer protocol: one more export.
unsafe extern "C" fn get_buffer(slf: *mut PyObject, view: *mut Py_buffer, flags: c_int) -> c_int {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject, view: *mut Py_buffer, flags: c_int) -> PyResult<c_int> {
        // SAFETY: attached, a live object of the slot's class, and a view to fill.
        unsafe { export::fill(&Borrowed::from_ptr(py, slf).cast_unchecked(), view, flags) }.map(|()| 0)
    }
    // SAFETY: as for `subscript`; a view to fill.
    unsafe {
        if export::fill_quickly(slf, value::<Mapping>(slf), view, flags) {
            return 0;
        }
        get_trampoline_function!(getbufferproc, any)(slf, view, flags)
    }
}

/// The buffer protocol: one export less.
unsafe extern "C" fn release_buffer(slf: *mut PyObject, _view: *mut Py_buffer) {
    // SAFETY: as for `subscript`.
    unsafe { export::release(Python::assume_attached(), value::<Mapping>(slf)) }
}

/// An iterator is its own.
unsafe extern "C" fn itself(slf: *mut PyObject) -> *mut PyObject {
    // SAFETY: as for `subscript`.
    unsafe { ffi::Py_NewRef(slf) }
}

/// The next byte; null without an error at the end.
unsafe extern "C" fn next_byte(slf: *mut PyObject) -> *mut PyObject {
    unsafe fn any(py: Python<'_>, slf: *mut PyObject) -> PyResult<*mut PyObject> {
        // SAFETY: attached, a live object of the slot's class.
        let byte = unsafe { value::<ByteIterator>(slf) }.step(py)?;
        // SAFETY: attached; small numbers always exist.
        Ok(byte.map_or(ptr::null_mut(), |byte| unsafe { ffi::PyLong_FromLong(byte.into()) }))
    }
    // SAFETY: as for `subscript`.
    unsafe {
        let iterator = value::<ByteIterator>(slf);
        let next = || iterator.ahead().and_then(|index| Some((index, item(iterator.mapping().get(), index)?)));
        match next() {
            Some((index, byte)) => {
                iterator.advance(index);
                ffi::PyLong_FromLong(byte.into())
            }
            None => get_trampoline_function!(iternextfunc, any)(slf),
        }
    }
}

/// `operator.length_hint(iterator)`.
unsafe fn length_hint(py: Python<'_>, slf: *mut PyObject) -> PyResult<*mut PyObject> {
    // SAFETY: attached, a live object of the method's class.
    let left = unsafe { value::<ByteIterator>(slf) }.left(py)?;
    Ok(left.into_pyobject(py)?.into_ptr())
}
