//! Slices as Python has them, applied to a length that is known only later.

use mmap_rs_core::memory::bytes::Strided;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PySlice;

/// The three numbers of a slice, before they are clipped to a length.
#[derive(Clone, Copy)]
pub struct Unpacked {
    start: isize,
    stop: isize,
    step: isize,
}

impl Unpacked {
    /// Reads a slice. May run Python code (`__index__`).
    pub fn new(slice: &Bound<'_, PySlice>) -> PyResult<Self> {
        let (mut start, mut stop, mut step) = (0, 0, 0);
        // SAFETY: attached, a slice, and three places for its numbers.
        let status = unsafe { ffi::PySlice_Unpack(slice.as_ptr(), &mut start, &mut stop, &mut step) };
        if status == 0 { Ok(Self { start, stop, step }) } else { Err(PyErr::fetch(slice.py())) }
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
