//! Waiting without a lock: yields first, then ever longer sleeps.
//!
//! A lock or a condition variable could be held by another thread at the moment of a `fork`, and would then never be
//! released in the child. A word that is polled has no such state. Waits are rare (a transition meets a long call), so
//! sleeps of at most [`LONGEST`] cost nothing that anyone notices.

use std::time::Duration;

#[cfg(not(loom))]
const LONGEST: Duration = Duration::from_millis(2);
#[cfg(not(loom))]
const FIRST: Duration = Duration::from_micros(20);
#[cfg(not(loom))]
const YIELDS: u32 = 32;

/// One wait.
pub(super) struct Backoff {
    turn: u32,
    #[cfg_attr(loom, allow(dead_code))]
    left: Duration,
}

impl Backoff {
    pub(super) const fn new(patience: Duration) -> Self {
        Self { turn: 0, left: patience }
    }

    /// Yields or sleeps; false, without either, once the patience has been slept through.
    #[cfg(not(loom))]
    pub(super) fn snooze(&mut self) -> bool {
        if self.left.is_zero() {
            return false;
        }
        if self.turn < YIELDS {
            std::thread::yield_now();
        } else {
            let nap = FIRST.saturating_mul(1 << (self.turn - YIELDS).min(7)).min(LONGEST).min(self.left);
            std::thread::sleep(nap);
            self.left = self.left.saturating_sub(nap);
        }
        self.turn = self.turn.saturating_add(1);
        true
    }

    /// A model has no time: it waits until what it waits for has happened.
    #[cfg(loom)]
    pub(super) fn snooze(&mut self) -> bool {
        loom::thread::yield_now();
        self.turn = self.turn.saturating_add(1);
        true
    }
}
