//! One atomic word: how many calls are in flight, how many buffers are out, who is alone, and whether it is over.
//!
//! ```text
//!                      pin/unpin, export/release
//!                        ┌──────────┐
//!                        ▼          │
//!   vacant ──fill──▶   LIVE  ───────┘
//!                      │  ▲
//!    pins = 0,         │  │ keep
//!    exports = 0       ▼  │
//!                   EXCLUSIVE ──consume──▶ GONE
//!                      LIVE ──linger (exports > 0, pins = 0)──▶ GONE + exports ──last release──▶ GONE
//! ```
//!
//! Every change is one compare-and-swap of the whole word, so the parts never disagree.

use super::backoff::Backoff;
use super::fork;
use super::sync::{AtomicU64, Ordering};
use std::time::Duration;

const PIN: u64 = 1;
const PINS: u64 = (1 << 20) - 1;
const EXPORT: u64 = 1 << 20;
const EXPORTS: u64 = ((1 << 28) - 1) << 20;
const GENERATION_SHIFT: u32 = 48;
const GENERATIONS: u64 = ((1 << 12) - 1) << GENERATION_SHIFT;
/// Someone waits to be alone: new pins hold back, as a courtesy (see [`Gate::wait`]).
const WANTED: u64 = 1 << 60;
const EXCLUSIVE: u64 = 1 << 61;
const GONE: u64 = 1 << 62;

/// How long a pin holds back for someone who waits to be alone and may have gone away.
const COURTESY: Duration = Duration::from_millis(200);

/// Why an act can't begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The region was consumed, closed, or never there.
    Gone,
    /// So many exports are alive; the act needs that there are none.
    Busy(usize),
    /// Another act runs that will end: [`Gate::wait`], then try again.
    Wait,
    /// A counter is full.
    Full,
}

/// What a waiter wants to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Pin or export.
    Share,
    /// Be alone.
    Alone,
}

/// How [`Gate::linger`] went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lone {
    /// Nothing was out: the caller is alone now and must end it.
    Alone,
    /// Exports are out; the last release will say so.
    Lingers,
}

/// The word. See the module's picture.
#[derive(Debug)]
pub struct Gate {
    word: AtomicU64,
}

fn exports_of(word: u64) -> usize {
    // 28 bits fit every `usize` that Rust's standard library supports here.
    ((word & EXPORTS) / EXPORT) as usize
}

/// The word as this process has to read it. In a child of `fork`, calls of the parent's other threads are not in
/// flight, and a region that one of them was changing alone is in an unknown state: it is gone, and leaked.
fn in_generation(word: u64, now: u64) -> u64 {
    let now = (now << GENERATION_SHIFT) & GENERATIONS;
    if word & GENERATIONS == now {
        return word;
    }
    let lost = if word & EXCLUSIVE != 0 { GONE } else { 0 };
    (word & !(GENERATIONS | PINS | WANTED | EXCLUSIVE)) | now | lost
}

impl Gate {
    /// A gate in front of nothing: gone, until [`Gate::fill`].
    pub fn vacant() -> Self {
        Self { word: AtomicU64::new(in_generation(GONE, fork::generation())) }
    }

    fn read(&self) -> u64 {
        in_generation(self.word.load(Ordering::Acquire), fork::generation())
    }

    /// Replaces the word by what `next` makes of it, or stops with what `next` says.
    fn change(&self, next: impl Fn(u64) -> Result<u64, Stop>) -> Result<u64, Stop> {
        let mut seen = self.word.load(Ordering::Acquire);
        loop {
            let word = in_generation(seen, fork::generation());
            let new = next(word)?;
            match self.word.compare_exchange_weak(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(new),
                Err(other) => seen = other,
            }
        }
    }

    /// Whether calls may use the span as things stand, without holding it: for callers that by other means (an
    /// interpreter lock) keep exclusive acts from beginning. One load.
    #[inline]
    pub fn peek(&self) -> Result<(), Stop> {
        // A stale generation has no part here: without EXCLUSIVE and GONE nothing changes with it.
        match self.word.load(Ordering::Acquire) & (EXCLUSIVE | GONE) {
            0 => Ok(()),
            GONE => Err(Stop::Gone),
            _ => Err(self.why_not_share()),
        }
    }

    #[cold]
    fn why_not_share(&self) -> Stop {
        if self.is_gone() { Stop::Gone } else { Stop::Wait }
    }

    /// Counts a call in flight.
    #[inline]
    pub fn pin(&self) -> Result<(), Stop> {
        self.change(|word| match word {
            _ if word & GONE != 0 => Err(Stop::Gone),
            _ if word & (EXCLUSIVE | WANTED) != 0 => Err(Stop::Wait),
            _ if word & PINS == PINS => Err(Stop::Wait),
            _ => Ok(word + PIN),
        })
        .map(drop)
    }

    /// Ends a call that [`Gate::pin`] counted.
    #[inline]
    pub fn unpin(&self) {
        let before = self.word.fetch_sub(PIN, Ordering::Release);
        debug_assert!(before & PINS != 0, "unpin without a pin");
    }

    /// Counts a buffer that outlives the call.
    pub fn export(&self) -> Result<(), Stop> {
        self.change(|word| match word {
            _ if word & GONE != 0 => Err(Stop::Gone),
            _ if word & (EXCLUSIVE | WANTED) != 0 => Err(Stop::Wait),
            _ if word & EXPORTS == EXPORTS => Err(Stop::Full),
            _ => Ok(word + EXPORT),
        })
        .map(drop)
    }

    /// Ends an export. True where it was the last one of a lingering region, which is now the caller's to end.
    #[must_use]
    pub fn release(&self) -> bool {
        let before = self.word.fetch_sub(EXPORT, Ordering::AcqRel);
        debug_assert!(before & EXPORTS != 0, "release without an export");
        before & GONE != 0 && exports_of(before) == 1
    }

    /// Becomes alone, or says why not.
    pub fn exclusive(&self) -> Result<(), Stop> {
        self.change(|word| match word {
            _ if word & GONE != 0 => Err(Stop::Gone),
            _ if word & EXPORTS != 0 => Err(Stop::Busy(exports_of(word))),
            _ if word & (EXCLUSIVE | PINS) != 0 => Err(Stop::Wait),
            _ => Ok((word & !WANTED) | EXCLUSIVE),
        })
        .map(drop)
    }

    /// Ends being alone; the region is there as before or changed.
    pub fn keep(&self) {
        let before = self.word.fetch_and(!EXCLUSIVE, Ordering::Release);
        debug_assert!(before & EXCLUSIVE != 0, "keep without exclusive");
    }

    /// Ends being alone and the region's life behind this gate.
    pub fn consume(&self) {
        // EXCLUSIVE is set and GONE is not: adding the difference turns one into the other in one step.
        let before = self.word.fetch_add(GONE - EXCLUSIVE, Ordering::Release);
        debug_assert!(before & (EXCLUSIVE | GONE) == EXCLUSIVE, "consume without exclusive");
    }

    /// Ends the region's life for calls, while exports may go on.
    pub fn linger(&self) -> Result<Lone, Stop> {
        self.change(|word| match word {
            _ if word & GONE != 0 => Err(Stop::Gone),
            _ if word & (EXCLUSIVE | PINS) != 0 => Err(Stop::Wait),
            _ if word & EXPORTS != 0 => Ok((word & !WANTED) | GONE),
            _ => Ok((word & !WANTED) | EXCLUSIVE),
        })
        .map(|word| if word & GONE != 0 { Lone::Lingers } else { Lone::Alone })
    }

    /// Becomes alone in front of nothing, to put a region there. Only for a gate nobody else has seen.
    pub fn fill(&self) -> Result<(), Stop> {
        self.change(|word| match word {
            _ if word & GONE == 0 => Err(Stop::Busy(exports_of(word))),
            _ if word & (EXCLUSIVE | PINS | EXPORTS) != 0 => Err(Stop::Wait),
            _ => Ok((word & !GONE) | EXCLUSIVE),
        })
        .map(drop)
    }

    /// Whether it is over for calls.
    pub fn is_gone(&self) -> bool {
        self.read() & GONE != 0
    }

    /// How many exports are alive.
    pub fn exports(&self) -> usize {
        exports_of(self.read())
    }

    /// Whether nothing is in flight and the region is there: what a destructor asks.
    pub fn is_quiet(&self) -> bool {
        self.read() & (GONE | EXCLUSIVE | PINS | EXPORTS) == 0
    }

    /// Sleeps until the wish may come true, or `patience` ends; true in the first case. The caller then tries
    /// again, as another may be quicker. Who wants to be alone keeps new pins away while it waits; a pin honours
    /// that for [`COURTESY`] only, as the waiter's thread may have been stopped for good.
    pub fn wait(&self, wish: Wish, patience: Duration) -> bool {
        let mut backoff = Backoff::new();
        loop {
            let word = self.read();
            let ready = match wish {
                _ if word & GONE != 0 => true,
                Wish::Share => word & (EXCLUSIVE | WANTED) == 0 && word & PINS != PINS,
                Wish::Alone => word & EXPORTS != 0 || word & (EXCLUSIVE | PINS) == 0,
            };
            if ready {
                return true;
            }
            match wish {
                Wish::Share if word & EXCLUSIVE == 0 && backoff.slept() >= COURTESY => self.unwant(),
                Wish::Share => {}
                Wish::Alone => {
                    let _ = self.change(|word| Ok(word | WANTED));
                }
            }
            if backoff.slept() >= patience {
                if wish == Wish::Alone {
                    self.unwant();
                }
                return false;
            }
            backoff.snooze();
        }
    }

    /// Takes back the wish to be alone.
    pub fn unwant(&self) {
        let _ = self.change(|word| Ok(word & !WANTED));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn live() -> Gate {
        let gate = Gate::vacant();
        gate.fill().expect("vacant");
        gate.keep();
        gate
    }

    #[test]
    fn a_child_has_no_calls_in_flight() {
        let word = 3 * PIN + 2 * EXPORT;
        let seen = in_generation(word | WANTED, 1);
        assert_eq!(seen & PINS, 0);
        assert_eq!(exports_of(seen), 2);
        assert_eq!(seen & (GONE | WANTED), 0);
        assert_eq!(in_generation(seen, 1), seen);
    }

    #[test]
    fn a_child_loses_what_was_being_changed() {
        let seen = in_generation(EXCLUSIVE, 7);
        assert_eq!(seen & (EXCLUSIVE | GONE), GONE);
    }

    #[test]
    fn exports_refuse_and_pins_delay() {
        let gate = live();
        gate.pin().expect("live");
        assert_eq!(gate.exclusive(), Err(Stop::Wait));
        gate.export().expect("live");
        assert_eq!(gate.exclusive(), Err(Stop::Busy(1)));
        gate.unpin();
        assert!(!gate.release());
        gate.exclusive().expect("free");
        assert_eq!(gate.pin(), Err(Stop::Wait));
        gate.consume();
        assert_eq!(gate.pin(), Err(Stop::Gone));
        assert_eq!(gate.peek(), Err(Stop::Gone));
    }

    #[test]
    fn the_last_release_of_a_lingering_region_says_so() {
        let gate = live();
        gate.export().expect("live");
        gate.export().expect("live");
        assert_eq!(gate.linger(), Ok(Lone::Lingers));
        assert_eq!(gate.export(), Err(Stop::Gone));
        assert!(!gate.release());
        assert!(gate.release());
    }

    #[test]
    fn a_forgotten_wish_does_not_stop_others_for_good() {
        let gate = live();
        gate.change(|word| Ok(word | WANTED)).expect("no stop");
        assert_eq!(gate.pin(), Err(Stop::Wait));
        assert!(gate.wait(Wish::Share, Duration::from_secs(5)));
        gate.pin().expect("the wish has lapsed");
    }

    #[test]
    fn patience_ends() {
        let gate = live();
        gate.pin().expect("live");
        assert!(!gate.wait(Wish::Alone, Duration::from_millis(5)));
        gate.pin().expect("the wish was taken back");
    }

    #[test]
    fn counters_stop_at_their_ends() {
        let gate = live();
        gate.change(|word| Ok(word | EXPORTS)).expect("no stop");
        assert_eq!(gate.export(), Err(Stop::Full));
        gate.change(|word| Ok(word | PINS)).expect("no stop");
        assert_eq!(gate.pin(), Err(Stop::Wait));
    }
}
