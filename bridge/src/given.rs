//! Upstream's objects as Python's.

use crate::api::{Api, Memory};
use mmap_rs::{Mmap, MmapMut, MmapNone, Reserved, ReservedMut, ReservedNone};
use pyo3::prelude::*;

mod sealed {
    pub trait Sealed {}
}

/// The six types of `mmap_rs`, each with a class of the same name in Python.
///
/// # Examples
/// ```no_run
/// use pyo3_mmap_rs::pyo3::prelude::*;
/// use pyo3_mmap_rs::{MmapType, Taken};
///
/// /// How many bytes a mapping of any type has that is taken and unmapped.
/// fn unmap<T: MmapType>(mapping: &Bound<'_, PyAny>) -> PyResult<usize> {
///     // SAFETY: no slice is made of it.
///     Ok(unsafe { Taken::<T>::new(mapping) }?.size())
/// }
/// ```
pub trait MmapType: sealed::Sealed + Send + Sized + 'static {
    /// The C API's number of the class.
    #[doc(hidden)]
    const KIND: u32;
    #[doc(hidden)]
    fn place(&self) -> (usize, usize);
}

macro_rules! mmap_type {
    ($($type:ident = $kind:literal),+) => {
        $(
            impl sealed::Sealed for $type {}
            impl MmapType for $type {
                const KIND: u32 = $kind;
                fn place(&self) -> (usize, usize) {
                    (self.start(), self.size())
                }
            }
        )+
    };
}

mmap_type!(MmapNone = 0, Mmap = 1, MmapMut = 2, ReservedNone = 3, Reserved = 4, ReservedMut = 5);

/// A mapping of upstream's, to be given to Python: there it becomes an `mmap_rs.Mmap`, `mmap_rs.MmapMut` and so on, with
/// all its methods. No byte is copied. Python unmaps the memory.
///
/// On Windows the object can't be split or resized, as the system gives back memory as a whole.
///
/// # Errors
/// `ImportError` if the package is missing; the exceptions of the package if the memory is not as upstream has mapped it,
/// for instance because other code has unmapped a part of it. The mapping is dropped then.
///
/// # Examples
///
/// ```no_run
/// use pyo3_mmap_rs::mmap_rs::{MmapMut, MmapOptions};
/// use pyo3_mmap_rs::pyo3::prelude::*;
/// use pyo3_mmap_rs::{Given, to_pyerr};
///
/// /// Returns an `mmap_rs.MmapMut` of so many bytes.
/// #[pyfunction]
/// fn make(size: usize) -> PyResult<Given<MmapMut>> {
///     MmapOptions::new(size).and_then(MmapOptions::map_mut).map(Given).map_err(to_pyerr)
/// }
/// ```
#[derive(Debug)]
pub struct Given<T: MmapType>(pub T);

impl<T: MmapType> From<T> for Given<T> {
    fn from(mapping: T) -> Self {
        Self(mapping)
    }
}

impl<'py, T: MmapType> IntoPyObject<'py> for Given<T> {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let (start, len) = self.0.place();
        hand_over(py, self.0, Memory::new(start, len, T::KIND))
    }
}

/// Upstream's object holds nothing but the memory, which the package unmaps as upstream does.
#[cfg(unix)]
fn hand_over<T: MmapType>(py: Python<'_>, mapping: T, memory: Memory) -> PyResult<Bound<'_, PyAny>> {
    // SAFETY: upstream's object has mapped the memory, and is forgotten where Python has it.
    let made = unsafe { Api::get(py)?.adopt(py, &memory) }?;
    std::mem::forget(mapping);
    Ok(made)
}

/// Upstream's object holds more than the memory, so it stays, until Python gives the memory back.
#[cfg(not(unix))]
fn hand_over<T: MmapType>(py: Python<'_>, mapping: T, memory: Memory) -> PyResult<Bound<'_, PyAny>> {
    use std::ffi::c_void;

    unsafe extern "C" fn give_back<T: MmapType>(context: *mut c_void, _start: *mut c_void, _len: usize) {
        // SAFETY: the box that was handed over, which is given back once.
        drop(unsafe { Box::from_raw(context.cast::<T>()) });
    }
    let api = Api::get(py)?;
    let context = Box::into_raw(Box::new(mapping));
    let memory = Memory { give_back: Some(give_back::<T>), context: context.cast(), ..memory };
    // SAFETY: upstream's object has mapped the memory, and lives until it is given back.
    unsafe { api.adopt(py, &memory) }.inspect_err(|_| {
        // SAFETY: the box is still this function's.
        drop(unsafe { Box::from_raw(context) });
    })
}
