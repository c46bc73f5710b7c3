//! The C API: the table behind the capsule `mmap_rs._C_API`. `python/mmap_rs/include/mmap_rs.h` describes it.
//!
//! * [`layout`]: the structures of the header;
//! * `view`: exports that other languages hold;
//! * `exchange`: memory that changes its owner.
#![expect(unsafe_code, reason = "functions and structures of the C API")]

mod exchange;
mod layout;
mod view;

use crate::state::classes::Mapping;
use crate::state::error::Result;
use layout::{Api, VERSION};
use pyo3::Borrowed;
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

static API: Api = Api {
    version: VERSION,
    reserved: 0,
    info: view::info,
    view: view::view,
    view_again: view::view_again,
    view_state: view::view_state,
    release: view::release,
    adopt: exchange::adopt,
    take: exchange::take,
};

/// The capsule. Its table lives as long as the process, as modules are never unloaded.
pub fn capsule(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let table = (&raw const API).cast_mut().cast::<c_void>();
    // SAFETY: attached; the table and the name are static; nothing is to be done when the capsule goes.
    unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyCapsule_New(table, c"mmap_rs._C_API".as_ptr(), None)) }
}

/// Runs a function of the table that is called attached. An error becomes the thread's exception.
///
/// # Safety
/// The thread is attached, in whatever way: `PyGILState_Ensure` does not know threads of sub-interpreters, and waits for
/// ever in them.
unsafe fn answer<T: Copy>(failure: T, work: impl FnOnce(Python<'_>) -> Result<T>) -> T {
    // SAFETY: the caller vouches for it.
    let py = unsafe { Python::assume_attached() };
    let done = catch_unwind(AssertUnwindSafe(|| work(py).map_err(|error| error.into_exception(py))));
    let error = match done {
        Ok(Ok(answer)) => return answer,
        Ok(Err(error)) => error,
        Err(_) => PyRuntimeError::new_err("mmap_rs has panicked: this is a defect of it"),
    };
    error.restore(py);
    failure
}

/// The mapping behind a borrowed object.
///
/// # Safety
/// Null, or a live object for as long as `'a`.
unsafe fn mapping<'a>(py: Python<'_>, object: *mut ffi::PyObject) -> Result<&'a Mapping> {
    // SAFETY: the caller vouches for it.
    let Some(object) = (unsafe { Borrowed::from_ptr_or_opt(py, object) }) else {
        return Err(PyTypeError::new_err("a mapping is needed, not NULL").into());
    };
    match object.cast::<Mapping>() {
        // SAFETY: as long as the caller says.
        Ok(mapping) => Ok(unsafe { &*std::ptr::from_ref(mapping.get()) }),
        Err(_) => {
            let name = object.get_type().name()?;
            Err(PyTypeError::new_err(format!("a mapping of mmap_rs is needed, not {name}")).into())
        }
    }
}

/// Refuses a structure whose size was not set.
fn check_size(given: usize, needed: usize, name: &str) -> Result<()> {
    if given < needed {
        let text = format!("struct_size is {given}: set it to sizeof({name})");
        return Err(PyValueError::new_err(text).into());
    }
    Ok(())
}
