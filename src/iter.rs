//! Iteration over the bytes of a mapping, forwards and backwards.

use crate::access::{glance, intact, look};
use crate::mapping::Mapping;
use mmap_rs_core::memory::bytes::Bytes;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An iterator over the bytes of a mapping, each an int. It keeps the mapping alive, but not open.
#[pyclass(module = "mmap_rs", name = "_ByteIterator", frozen)]
pub struct ByteIterator {
    mapping: Py<Mapping>,
    /// Forwards: the index of the next byte. Backwards: one more than it.
    next: AtomicUsize,
    forwards: bool,
}

impl ByteIterator {
    pub fn forwards(mapping: Py<Mapping>) -> Self {
        Self { mapping, next: AtomicUsize::new(0), forwards: true }
    }

    pub fn backwards(mapping: Py<Mapping>, len: usize) -> Self {
        Self { mapping, next: AtomicUsize::new(len), forwards: false }
    }

    /// What it goes over.
    #[inline(always)]
    pub fn mapping(&self) -> &Py<Mapping> {
        &self.mapping
    }

    /// The index of the next byte of one that goes forwards and has not ended.
    #[inline(always)]
    pub fn ahead(&self) -> Option<isize> {
        let at = self.next.load(Ordering::Relaxed);
        if self.forwards { isize::try_from(at).ok() } else { None }
    }

    /// Goes past the byte whose index [`ByteIterator::ahead`] gave.
    #[inline(always)]
    pub fn advance(&self, index: isize) {
        self.next.store(index.unsigned_abs().saturating_add(1), Ordering::Relaxed);
    }

    /// The next byte; `None` at the end.
    pub fn step(&self, py: Python<'_>) -> PyResult<Option<u8>> {
        let at = self.next.load(Ordering::Relaxed);
        // Ended once means ended: forwards by a number no length reaches, backwards by 0.
        if at == if self.forwards { usize::MAX } else { 0 } {
            return Ok(None);
        }
        let held = look(py, self.mapping.get())?;
        // SAFETY: the glance keeps the span mapped; only readable mappings make iterators.
        let bytes = unsafe { Bytes::new(held.span()) };
        let (index, then) = if self.forwards { (at, at.saturating_add(1)) } else { (at - 1, at - 1) };
        let found = bytes.get(index);
        intact(py, self.mapping.get())?;
        let end = if self.forwards { usize::MAX } else { 0 };
        self.next.store(if found.is_some() { then } else { end }, Ordering::Relaxed);
        Ok(found)
    }

    /// How many bytes are left.
    pub fn left(&self, py: Python<'_>) -> PyResult<usize> {
        let at = self.next.load(Ordering::Relaxed);
        if !self.forwards || at == usize::MAX {
            return Ok(if self.forwards { 0 } else { at });
        }
        Ok(glance(py, self.mapping.get())?.span().len.saturating_sub(at))
    }
}
