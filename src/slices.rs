//! Slices as Python has them, applied to a length that is known only later.

use crate::call::unpack;
use mmap_rs_core::memory::bytes::Strided;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PySlice;

/// The three numbers of a slice, before they are clipped to a length.
#[derive(Clone, Copy)]
pub struct Unpacked {
    /// The first index, as in `range`; negative from the end.
    pub start: isize,
    /// The index to stop before; negative from the end.
    pub stop: isize,
    /// The distance from one index to the next; not 0.
    pub step: isize,
}

impl Unpacked {
    /// Reads a slice. May run Python code (`__index__`).
    pub fn new(slice: &Bound<'_, PySlice>) -> PyResult<Self> {
        // SAFETY: attached, a slice.
        unsafe { unpack(slice.as_ptr()) }.ok_or_else(|| PyErr::fetch(slice.py()))
    }

    /// Calls `work` with a slice object of these numbers, so that what `__index__` said is not asked for again; gives
    /// `failed`, with the error set, where there is none.
    ///
    /// # Safety
    /// Attached.
    #[cold]
    pub unsafe fn with_object<T>(self, work: impl FnOnce(*mut ffi::PyObject) -> T, failed: T) -> T {
        // SAFETY: attached; a number is an object or null, each owned by its guard until the end.
        unsafe {
            let py = Python::assume_attached();
            let number = |value| Bound::from_owned_ptr_or_opt(py, ffi::PyLong_FromSsize_t(value));
            let (Some(start), Some(stop), Some(step)) = (number(self.start), number(self.stop), number(self.step))
            else {
                return failed;
            };
            let slice = ffi::PySlice_New(start.as_ptr(), stop.as_ptr(), step.as_ptr());
            Bound::from_owned_ptr_or_opt(py, slice).map_or(failed, |slice| work(slice.as_ptr()))
        }
    }

    /// The slice of something of `len` bytes. Runs no Python code.
    #[inline]
    pub fn of(self, len: usize) -> Strided {
        let (mut start, mut stop) = (self.start, self.stop);
        let len = isize::try_from(len).unwrap_or(isize::MAX);
        if self.step == 1 {
            // What `PySlice_AdjustIndices` does, without the call: nearly all slices have no step.
            let clip = |at: isize| if at < 0 { at.saturating_add(len).max(0) } else { at.min(len) };
            let (start, stop) = (clip(start), clip(stop));
            return Strided { start: start as usize, step: 1, len: stop.saturating_sub(start).max(0) as usize };
        }
        // SAFETY: arithmetic on three numbers.
        let count = unsafe { ffi::PySlice_AdjustIndices(len, &mut start, &mut stop, self.step) };
        // An empty slice has no first byte; its start may be -1.
        let start = usize::try_from(start).unwrap_or(0);
        Strided { start, step: self.step, len: usize::try_from(count).unwrap_or(0) }
    }
}
