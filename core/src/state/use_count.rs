//! One atomic word per region: its current uses, the threads that wait for it, and how it ended.
//!
//! Every change replaces the whole word in one step, so that its parts (see `word`) never disagree.

use super::Ending;
use super::backoff::Backoff;
use super::fork;
use super::held::Held;
use super::sync::{AtomicU64, Ordering};
use super::word::{
    ENDING, EXCLUSIVE, EXPORT, EXPORTS, PIN, PINS, PRIVATE, REQUEST, REQUESTS, current, ending, exports, number,
};
use std::time::Duration;

/// Why a use can't begin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcquireError {
    /// The region has ended, or was never there.
    Ended(Ending),
    /// So many exports are alive, and the use needs that there are none.
    Exported(usize),
    /// Another use is in the way and will end: [`UseCount::wait`], then try again.
    InUse,
    /// As many exports are alive as can be counted.
    TooManyExports,
}

/// What a waiter is about to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A pin or an export.
    Shared(Requests),
    /// Exclusive access.
    Exclusive,
}

/// Whether a new pin or export stays back while somebody has requested exclusive access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requests {
    /// It does, so that a steady stream of calls can't starve the one that waits.
    Honoured,
    /// It does not: the threads that made the requests may have been stopped for good, as the interpreter is ending.
    Ignored,
}

/// See the module.
#[derive(Debug)]
pub struct UseCount {
    word: AtomicU64,
}

fn ended(word: u64) -> Result<(), AcquireError> {
    ending(word).map_or(Ok(()), |ending| Err(AcquireError::Ended(ending)))
}

fn check_shared(word: u64, requests: Requests) -> Result<(), AcquireError> {
    ended(word)?;
    let in_the_way = match requests {
        Requests::Honoured => EXCLUSIVE | REQUESTS,
        Requests::Ignored => EXCLUSIVE,
    };
    if word & in_the_way == 0 { Ok(()) } else { Err(AcquireError::InUse) }
}

/// Whether the holder of an export may use the region, which may have ended for others.
fn check_exported(word: u64) -> Result<(), AcquireError> {
    match ending(word) {
        how if word & EXPORTS == 0 => Err(AcquireError::Ended(how.unwrap_or(Ending::Closed))),
        Some(how) if how.is_foreign() => Err(AcquireError::Ended(how)),
        _ => Ok(()),
    }
}

impl UseCount {
    /// The count of a region that is not there yet.
    pub fn vacant() -> Self {
        Self { word: AtomicU64::new(current(number(Ending::NeverMapped), fork::generation())) }
    }

    fn read(&self) -> u64 {
        current(self.word.load(Ordering::Acquire), fork::generation())
    }

    /// Replaces the word by what `next` makes of it; gives the word before.
    fn change(&self, next: impl Fn(u64) -> Result<u64, AcquireError>) -> Result<u64, AcquireError> {
        let mut seen = self.word.load(Ordering::Acquire);
        loop {
            let word = current(seen, fork::generation());
            let new = next(word)?;
            match self.word.compare_exchange_weak(seen, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Ok(word),
                Err(other) => seen = other,
            }
        }
    }

    /// Whether calls may use the region as things stand, without a pin: for callers that keep exclusive uses from
    /// beginning by other means (an interpreter lock). One load.
    #[inline]
    pub fn peek(&self) -> Result<(), AcquireError> {
        // An older generation only matters together with these parts.
        if self.word.load(Ordering::Acquire) & (EXCLUSIVE | ENDING | PRIVATE) == 0 { Ok(()) } else { self.why_not() }
    }

    #[cold]
    fn why_not(&self) -> Result<(), AcquireError> {
        check_shared(self.read(), Requests::Ignored)
    }

    /// Counts a call in flight; gives the generation in which it was counted.
    #[inline]
    pub fn pin(&self, requests: Requests) -> Result<u64, AcquireError> {
        let generation = fork::generation();
        self.change(|word| {
            check_shared(word, requests)?;
            if word & PINS == PINS { Err(AcquireError::InUse) } else { Ok(word + PIN) }
        })?;
        Ok(generation)
    }

    /// Counts a call in flight that uses the region by an export which its caller has: also after it has ended for
    /// others. Without an export it is refused as if the region were closed.
    pub fn pin_exported(&self) -> Result<u64, AcquireError> {
        let generation = fork::generation();
        self.change(|word| {
            check_exported(word)?;
            if word & PINS == PINS { Err(AcquireError::InUse) } else { Ok(word + PIN) }
        })?;
        Ok(generation)
    }

    /// Ends a call in flight. True where that was the last use of a region that has ended: it is the caller's now.
    #[inline]
    #[must_use]
    pub fn unpin(&self, generation: u64) -> bool {
        // A child of `fork` has none of its parent's calls in flight, that of this thread included.
        if generation != fork::generation() {
            return false;
        }
        let before = self.word.fetch_sub(PIN, Ordering::AcqRel);
        debug_assert!(before & PINS != 0, "unpin without a pin");
        before & ENDING != 0 && before & (PINS | EXPORTS) == PIN
    }

    /// Counts a buffer that outlives the call.
    pub fn export(&self, requests: Requests) -> Result<(), AcquireError> {
        self.change(|word| {
            check_shared(word, requests)?;
            if word & EXPORTS == EXPORTS { Err(AcquireError::TooManyExports) } else { Ok(word + EXPORT) }
        })
        .map(drop)
    }

    /// Counts one more export for the holder of one: also after the region has ended for others. Without an export it is
    /// refused as if the region were closed.
    pub fn export_again(&self) -> Result<(), AcquireError> {
        self.change(|word| {
            check_exported(word)?;
            if word & EXPORTS == EXPORTS { Err(AcquireError::TooManyExports) } else { Ok(word + EXPORT) }
        })
        .map(drop)
    }

    /// Ends an export. True where that was the last use of a region that has ended: it is the caller's now.
    #[must_use]
    pub fn release(&self) -> bool {
        // It never refuses. Without an export it would be a defect, which is left as it is.
        let before = self.change(|word| Ok(if word & EXPORTS == 0 { word } else { word - EXPORT }));
        debug_assert!(before.is_ok_and(|word| word & EXPORTS != 0), "release without an export");
        before.is_ok_and(|word| ending(word).is_some_and(|how| !how.is_foreign()) && word & (PINS | EXPORTS) == EXPORT)
    }

    /// Begins exclusive access.
    pub fn exclusive(&self) -> Result<(), AcquireError> {
        self.change(|word| {
            ended(word)?;
            match word {
                _ if word & EXPORTS != 0 => Err(AcquireError::Exported(exports(word))),
                _ if word & (EXCLUSIVE | PINS) != 0 => Err(AcquireError::InUse),
                _ => Ok(word | EXCLUSIVE),
            }
        })
        .map(drop)
    }

    /// Ends exclusive access; the region is there as before, or changed.
    pub fn keep(&self) {
        let before = self.word.fetch_and(!EXCLUSIVE, Ordering::Release);
        debug_assert!(before & EXCLUSIVE != 0, "keep without exclusive access");
    }

    /// Ends exclusive access and the region.
    pub fn end(&self, how: Ending) {
        // EXCLUSIVE is set and no ending is: one addition takes the one away and sets the other.
        let before = self.word.fetch_add(number(how).wrapping_sub(EXCLUSIVE), Ordering::Release);
        debug_assert!(before & (EXCLUSIVE | ENDING) == EXCLUSIVE, "end without exclusive access");
    }

    /// Ends the region for calls to come; the last of the uses in flight has it. True where there is none, and the
    /// region is the caller's now.
    pub fn end_deferred(&self, how: Ending) -> Result<bool, AcquireError> {
        let before = self.change(|word| {
            ended(word)?;
            if word & EXCLUSIVE != 0 { Err(AcquireError::InUse) } else { Ok(word | number(how)) }
        })?;
        Ok(before & (PINS | EXPORTS) == 0)
    }

    /// Begins exclusive access to a place without a region, to put one there.
    pub fn fill(&self) -> Result<(), AcquireError> {
        self.change(|word| match ending(word) {
            Some(Ending::NeverMapped) => Ok((word & !ENDING) | EXCLUSIVE),
            Some(other) => Err(AcquireError::Ended(other)),
            None => Err(AcquireError::InUse),
        })
        .map(drop)
    }

    /// How the region ended, if it has.
    pub fn ending(&self) -> Option<Ending> {
        ending(self.read())
    }

    /// Says whether children of `fork` inherit the region.
    pub fn set_inherited(&self, inherited: bool) {
        if (self.word.load(Ordering::Relaxed) & PRIVATE == 0) == inherited {
            return;
        }
        let result = self.change(|word| Ok(if inherited { word & !PRIVATE } else { word | PRIVATE }));
        debug_assert!(result.is_ok(), "never refused");
    }

    /// How many exports are alive.
    pub fn exports(&self) -> usize {
        exports(self.read())
    }

    /// Whether nobody uses the region, and its state is known: what a destructor asks.
    pub fn is_unused(&self) -> bool {
        let word = self.read();
        word & (EXCLUSIVE | PINS | EXPORTS) == 0 && !ending(word).is_some_and(Ending::is_foreign)
    }

    /// Keeps new pins and exports back for as long as the value lives, so that exclusive access can begin as soon as
    /// the uses in flight have ended.
    pub fn request(&self) -> Request<'_> {
        let generation = fork::generation();
        let counted = self.change(|word| {
            ended(word)?;
            // More waiters than can be counted wait all the same, only without keeping others back.
            if word & REQUESTS == REQUESTS { Err(AcquireError::InUse) } else { Ok(word + REQUEST) }
        });
        Request { uses: self, generation: counted.ok().map(|_| generation), _held: Held::new() }
    }

    /// Sleeps until `mode` may succeed, or `patience` ends. Another may be quicker, so the caller tries again.
    pub fn wait(&self, mode: Mode, patience: Duration) {
        let mut backoff = Backoff::new(patience);
        loop {
            let word = self.read();
            let ready = ending(word).is_some()
                || match mode {
                    Mode::Shared(requests) => check_shared(word, requests).is_ok() && word & PINS != PINS,
                    Mode::Exclusive => word & EXPORTS != 0 || word & (EXCLUSIVE | PINS) == 0,
                };
            if ready || !backoff.snooze() {
                return;
            }
        }
    }
}

/// A request for exclusive access, until it is dropped.
#[derive(Debug)]
pub struct Request<'a> {
    uses: &'a UseCount,
    /// The generation in which it was counted; `None` where it was not.
    generation: Option<u64>,
    _held: Held,
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        // As for `unpin`: a child of `fork` has no requests.
        if self.generation == Some(fork::generation()) {
            let before = self.uses.word.fetch_sub(REQUEST, Ordering::Release);
            debug_assert!(before & REQUESTS != 0, "a request that was not counted");
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
