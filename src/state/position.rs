//! A position that threads share, such as that of an iterator.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A number that threads move without a lock: that of a thread which was stopped, by a fork or by the end of the
/// interpreter, would never be free again. Nothing else is published by it, so its order among other accesses is free.
pub struct Position(AtomicUsize);

impl Position {
    pub const fn new(start: usize) -> Self {
        Self(AtomicUsize::new(start))
    }

    #[inline(always)]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub fn set(&self, to: usize) {
        self.0.store(to, Ordering::Relaxed);
    }

    /// Moves on, unless another thread has.
    #[inline(always)]
    pub fn advance(&self, from: usize, to: usize) -> bool {
        // With the GIL none can meanwhile: this thread is attached, and so are all others that look at it.
        #[cfg(not(Py_GIL_DISABLED))]
        {
            let is_first = self.get() == from;
            if is_first {
                self.set(to);
            }
            is_first
        }
        #[cfg(Py_GIL_DISABLED)]
        self.0.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
