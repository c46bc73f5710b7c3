//! In builds with debug assertions, how much the current thread holds: pins, requests, exclusive access.
//!
//! While a thread holds any of these it may not run code that could wait for it, such as Python code. The callers of
//! such code ask [`assert_nothing_held`].

#[cfg(all(debug_assertions, not(loom)))]
thread_local! {
    static COUNT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// One thing held by this thread, until it is dropped. Without debug assertions it is nothing.
#[derive(Debug)]
pub struct Held(());

impl Held {
    /// Counts it.
    #[inline]
    #[allow(clippy::new_without_default)] // it does something
    pub fn new() -> Self {
        #[cfg(all(debug_assertions, not(loom)))]
        COUNT.with(|count| count.set(count.get() + 1));
        Self(())
    }
}

#[cfg(all(debug_assertions, not(loom)))]
impl Drop for Held {
    fn drop(&mut self) {
        COUNT.with(|count| count.set(count.get() - 1));
    }
}

/// Panics, in builds with debug assertions, where this thread holds something.
#[inline]
pub fn assert_nothing_held() {
    #[cfg(all(debug_assertions, not(loom)))]
    COUNT.with(|count| assert_eq!(count.get(), 0, "code that may wait must not run while anything is held"));
}

#[cfg(all(test, debug_assertions, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_is_counted() {
        assert_nothing_held();
        let held = Held::new();
        assert!(std::panic::catch_unwind(assert_nothing_held).is_err());
        drop(held);
        assert_nothing_held();
    }
}
