//! Waiting without a lock: turns of the processor first, then ever longer naps.
//!
//! A lock or a condition variable could be held by another thread at the moment of a `fork` and would then never
//! be free again in the child. A word that is looked at again has no such state. Waits are rare (a transition
//! meets a long call), so a nap of at most [`LONGEST`] is no cost that anyone sees.

use std::time::Duration;

const LONGEST: Duration = Duration::from_millis(2);
#[cfg(not(loom))]
const FIRST: Duration = Duration::from_micros(20);
#[cfg(not(loom))]
const TURNS: u32 = 32;

/// How long one wait has gone on.
pub(super) struct Backoff {
    turn: u32,
    slept: Duration,
}

impl Backoff {
    pub(super) const fn new() -> Self {
        Self { turn: 0, slept: Duration::ZERO }
    }

    /// The time slept so far, a lower bound.
    pub(super) fn slept(&self) -> Duration {
        self.slept
    }

    #[cfg(not(loom))]
    pub(super) fn snooze(&mut self) {
        if self.turn < TURNS {
            std::thread::yield_now();
        } else {
            let nap = FIRST.saturating_mul(1 << (self.turn - TURNS).min(7)).min(LONGEST);
            std::thread::sleep(nap);
            self.slept = self.slept.saturating_add(nap);
        }
        self.turn = self.turn.saturating_add(1);
    }

    #[cfg(loom)]
    pub(super) fn snooze(&mut self) {
        loom::thread::yield_now();
        self.turn = self.turn.saturating_add(1);
        self.slept += LONGEST;
    }
}
