//! The table of functions behind the capsule `mmap_rs._C_API`, version 1, as `mmap_rs.h` describes it.

use pyo3::exceptions::PyImportError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

/// The version that this crate needs.
const VERSION: u32 = 1;

/// The bits of protections.
pub(crate) const READ: u32 = 1;
pub(crate) const WRITE: u32 = 2;
pub(crate) const EXECUTE: u32 = 8;

/// What the system says.
pub(crate) const ANY: u32 = u32::MAX;

pub(crate) type GiveBack = unsafe extern "C" fn(*mut c_void, *mut c_void, usize);

#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Info {
    pub(crate) struct_size: usize,
    pub(crate) start: *mut c_void,
    pub(crate) len: usize,
    pub(crate) page_size: usize,
    pub(crate) kind: u32,
    pub(crate) protection: u32,
    pub(crate) share_mode: u32,
    pub(crate) faulted: u32,
}

impl Info {
    pub(crate) fn unknown() -> Self {
        Self {
            struct_size: size_of::<Self>(),
            start: std::ptr::null_mut(),
            len: 0,
            page_size: 0,
            kind: 0,
            protection: 0,
            share_mode: 0,
            faulted: 0,
        }
    }
}

#[repr(C)]
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) struct_size: usize,
    pub(crate) start: *mut c_void,
    pub(crate) len: usize,
    pub(crate) page_size: usize,
    pub(crate) kind: u32,
    pub(crate) protection: u32,
    pub(crate) share_mode: u32,
    pub(crate) divisible: u32,
    pub(crate) give_back: Option<GiveBack>,
    pub(crate) context: *mut c_void,
}

impl Memory {
    /// Memory that the system describes.
    pub(crate) fn new(start: usize, len: usize, kind: u32) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            start: start as *mut c_void,
            len,
            page_size: 0,
            kind,
            protection: ANY,
            share_mode: ANY,
            divisible: 0,
            give_back: None,
            context: std::ptr::null_mut(),
        }
    }
}

#[repr(C)]
pub(crate) struct RawView {
    _private: [u8; 0],
}

#[repr(C)]
pub(crate) struct Api {
    version: u32,
    _reserved: u32,
    info: unsafe extern "C" fn(*mut PyObject, *mut Info) -> c_int,
    view: unsafe extern "C" fn(*mut PyObject, c_int, *mut Info) -> *mut RawView,
    pub(crate) view_again: unsafe extern "C" fn(*const RawView) -> *mut RawView,
    pub(crate) view_state: unsafe extern "C" fn(*const RawView) -> c_int,
    pub(crate) release: unsafe extern "C" fn(*mut RawView),
    adopt: unsafe extern "C" fn(*const Memory) -> *mut PyObject,
    take: unsafe extern "C" fn(*mut PyObject, *mut Memory) -> c_int,
}

/// The table, once it was found: it lives as long as the process.
static API: AtomicPtr<Api> = AtomicPtr::new(std::ptr::null_mut());

impl Api {
    /// Imports `mmap_rs`; `ImportError` where it is not installed.
    pub(crate) fn get(py: Python<'_>) -> PyResult<&'static Api> {
        let known = API.load(Ordering::Acquire);
        let table = if known.is_null() { Self::find(py)? } else { known };
        // SAFETY: a table of the package's, which is never freed; version 1 or later begins like this structure.
        Ok(unsafe { &*table })
    }

    #[cold]
    fn find(py: Python<'_>) -> PyResult<*mut Api> {
        // `PyCapsule_Import` hides why a module can't be imported.
        py.import("mmap_rs")?;
        // SAFETY: attached; a name with its end.
        let table = unsafe { ffi::PyCapsule_Import(c"mmap_rs._C_API".as_ptr(), 0) }.cast::<Api>();
        if table.is_null() {
            return Err(PyErr::fetch(py));
        }
        // SAFETY: every version of the table begins with its version.
        let version = unsafe { (*table).version };
        if version < VERSION {
            let text = format!("mmap_rs has version {version} of its C API, and version {VERSION} is needed");
            return Err(PyImportError::new_err(text));
        }
        API.store(table, Ordering::Release);
        Ok(table)
    }

    pub(crate) fn info(&self, mapping: &Bound<'_, PyAny>) -> PyResult<Info> {
        let mut info = Info::unknown();
        // SAFETY: attached, a live object, a structure with its size.
        let status = unsafe { (self.info)(mapping.as_ptr(), &raw mut info) };
        if status < 0 { Err(PyErr::fetch(mapping.py())) } else { Ok(info) }
    }

    pub(crate) fn view(&self, mapping: &Bound<'_, PyAny>, writable: bool) -> PyResult<(NonNull<RawView>, Info)> {
        let mut info = Info::unknown();
        // SAFETY: as above.
        let view = unsafe { (self.view)(mapping.as_ptr(), writable.into(), &raw mut info) };
        NonNull::new(view).map(|view| (view, info)).ok_or_else(|| PyErr::fetch(mapping.py()))
    }

    /// # Safety
    /// The memory is as told, and the caller's to hand over.
    pub(crate) unsafe fn adopt<'py>(&self, py: Python<'py>, memory: &Memory) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: attached, a structure with its size; the caller vouches for the memory. A new reference comes, or null
        // with an exception.
        unsafe { Bound::from_owned_ptr_or_err(py, (self.adopt)(memory)) }
    }

    pub(crate) fn take(&self, mapping: &Bound<'_, PyAny>) -> PyResult<Memory> {
        let mut memory = Memory::new(0, 0, 0);
        // SAFETY: attached, a live object, a structure with its size.
        let status = unsafe { (self.take)(mapping.as_ptr(), &raw mut memory) };
        if status < 0 { Err(PyErr::fetch(mapping.py())) } else { Ok(memory) }
    }
}
