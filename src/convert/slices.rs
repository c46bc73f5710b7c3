//! Slices as Python has them, applied to a length that is known only later.
#![expect(unsafe_code, reason = "the C API clips slices")]

use crate::call;
use mmap_rs_core::memory::bytes::Strided;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PySlice;

/// The three numbers of a slice, before they are clipped to a length.
#[derive(Clone, Copy)]
pub struct Unpacked {
    /// The first index, as in `range`; negative from the end.
    start: isize,
    /// The index to stop before; negative from the end.
    stop: isize,
    /// The distance from one index to the next; not 0.
    step: isize,
}

impl Unpacked {
    /// Reads a slice. May run Python code (`__index__`).
    #[inline]
    pub fn new(slice: &Bound<'_, PySlice>) -> PyResult<Self> {
        call::unpack(slice).map(|(start, stop, step)| Self { start, stop, step })
    }

    /// The slice from one index to another, neither negative.
    pub fn between(start: usize, stop: usize) -> Self {
        let number = |index| isize::try_from(index).unwrap_or(isize::MAX);
        Self { start: number(start), stop: number(stop), step: 1 }
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
