//! Iteration over the bytes of a mapping, forwards and backwards.
#![expect(unsafe_code, reason = "raw pointers to mapped bytes")]

use crate::state::borrow::{Glance, Refused, retry, span};
use crate::state::classes::Mapping;
use crate::state::error::Result;
use mmap_rs_core::memory::bytes::Bytes;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An iterator over the bytes of a mapping, each an int. It keeps the mapping alive, but not open. Threads that share
/// it get each byte once. Its `__next__` is in `slots/`.
#[pyclass(module = "mmap_rs", name = "ByteIterator", subclass, frozen)]
pub struct ByteSteps {
    mapping: Py<Mapping>,
    /// Forwards: the index of the next byte. Backwards: one more than it.
    next: AtomicUsize,
    forwards: bool,
}

impl ByteSteps {
    /// What `next` is once the end was reached: forwards a number that no length reaches. Ended once means ended.
    fn end(&self) -> usize {
        if self.forwards { usize::MAX } else { 0 }
    }

    /// Moves on, unless another thread has taken this byte.
    #[inline(always)]
    fn advance(&self, at: usize, then: usize) -> bool {
        // With the GIL none can: this thread stays attached during a step.
        #[cfg(not(Py_GIL_DISABLED))]
        {
            debug_assert_eq!(self.next.load(Ordering::Relaxed), at);
            self.next.store(then, Ordering::Relaxed);
            true
        }
        #[cfg(Py_GIL_DISABLED)]
        self.next.compare_exchange(at, then, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The next byte; `None` at the end.
    pub fn step(&self, requests: mmap_rs_core::state::Requests) -> std::result::Result<Option<u8>, Refused<'_>> {
        loop {
            let at = self.next.load(Ordering::Relaxed);
            if at == self.end() {
                return Ok(None);
            }
            let glance = Glance::of_bytes(self.mapping.get(), requests)?;
            // SAFETY: the glance keeps the span mapped, and it can be read.
            let bytes = unsafe { Bytes::new(glance.span()) };
            let (index, then) = if self.forwards { (at, at.saturating_add(1)) } else { (at - 1, at - 1) };
            let found = bytes.get(index);
            glance.check()?;
            let then = if found.is_some() { then } else { self.end() };
            if self.advance(at, then) {
                return Ok(found);
            }
        }
    }

    /// The next byte, waited for; `None` at the end.
    pub fn next(&self, py: Python<'_>) -> Result<Option<u8>> {
        retry(py, |requests| self.step(requests))
    }
}

/// What such an iterator has beyond its steps.
#[pyclass(module = "mmap_rs", name = "ByteIterator", extends = ByteSteps, frozen)]
pub struct ByteIterator;

impl ByteIterator {
    pub fn forwards(mapping: &Bound<'_, Mapping>) -> PyResult<Py<Self>> {
        Self::new(mapping, 0, true)
    }

    pub fn backwards(mapping: &Bound<'_, Mapping>, len: usize) -> PyResult<Py<Self>> {
        Self::new(mapping, len, false)
    }

    fn new(mapping: &Bound<'_, Mapping>, next: usize, forwards: bool) -> PyResult<Py<Self>> {
        let steps = ByteSteps { mapping: mapping.clone().unbind(), next: AtomicUsize::new(next), forwards };
        Py::new(mapping.py(), PyClassInitializer::from(steps).add_subclass(Self))
    }
}

#[pymethods]
impl ByteIterator {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __length_hint__(slf: &Bound<'_, Self>) -> Result<usize> {
        let steps = slf.as_super().get();
        let at = steps.next.load(Ordering::Relaxed);
        if at == steps.end() || !steps.forwards {
            return Ok(if steps.forwards { 0 } else { at });
        }
        Ok(span(slf.py(), steps.mapping.get())?.len.saturating_sub(at))
    }
}
