//! The parts of a [`UseCount`](super::UseCount)'s word.
//!
//! ```text
//!  63        46    45     44    41      40      39       36 35       12 11     0
//! ┌────────────┬─────────┬────────┬───────────┬───────────┬───────────┬────────┐
//! │ generation │ private │ ending │ exclusive │ requests  │  exports  │  pins  │
//! └────────────┴─────────┴────────┴───────────┴───────────┴───────────┴────────┘
//! ```
//!
//! *Generation* is the number of forks before the word was last written: a child of `fork` has none of the threads that
//! hold pins, requests or exclusive access, so it reads those parts of an older word as 0 ([`current`]).
//! A *private* region is not inherited: in a child it has ended.

use super::Ending;

pub(super) const PIN: u64 = 1;
pub(super) const PINS: u64 = 0xfff;
pub(super) const EXPORT: u64 = 1 << 12;
pub(super) const EXPORTS: u64 = 0xff_ffff << 12;
pub(super) const REQUEST: u64 = 1 << 36;
pub(super) const REQUESTS: u64 = 0xf << 36;
pub(super) const EXCLUSIVE: u64 = 1 << 40;
const ENDING_SHIFT: u32 = 41;
pub(super) const ENDING: u64 = 0xf << ENDING_SHIFT;
pub(super) const PRIVATE: u64 = 1 << 45;
const GENERATION_SHIFT: u32 = 46;
/// It wraps after a quarter of a million forks, each in the child of the one before.
pub(super) const GENERATION: u64 = 0x3_ffff << GENERATION_SHIFT;

/// How many exports are alive.
pub(super) const fn exports(word: u64) -> usize {
    // 24 bits fit every `usize` that Rust's standard library supports here.
    ((word & EXPORTS) / EXPORT) as usize
}

/// How the region ended, if it has.
pub(super) const fn ending(word: u64) -> Option<Ending> {
    Ending::from_number((word & ENDING) >> ENDING_SHIFT)
}

/// An ending as a part of the word.
pub(super) const fn number(ending: Ending) -> u64 {
    (ending as u64) << ENDING_SHIFT
}

/// The word as this process must read it. What another thread of the parent was changing at the moment of the fork is
/// in an unknown state.
pub(super) fn current(word: u64, generation: u64) -> u64 {
    let generation = (generation << GENERATION_SHIFT) & GENERATION;
    if word & GENERATION == generation {
        return word;
    }
    let lost = match word {
        // Also one that has ended for calls, where exports are alive: they would end with an unmapping.
        _ if word & PRIVATE != 0 && (word & ENDING == 0 || word & EXPORTS != 0) => {
            return (word & EXPORTS) | generation | number(Ending::NotInherited);
        }
        _ if word & ENDING == 0 && word & EXCLUSIVE != 0 => number(Ending::LostInFork),
        _ => 0,
    };
    (word & (EXPORTS | ENDING)) | generation | lost
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fill_the_word() {
        let parts = [PINS, EXPORTS, REQUESTS, EXCLUSIVE, ENDING, PRIVATE, GENERATION];
        assert_eq!(parts.iter().fold(0, |all, part| all ^ part), u64::MAX);
        assert_eq!(parts.iter().map(|part| part.count_ones()).sum::<u32>(), 64);
    }

    #[test]
    fn a_child_has_no_calls_in_flight() {
        let seen = current(3 * PIN + 2 * EXPORT + 5 * REQUEST, 1);
        assert_eq!((seen & (PINS | REQUESTS), exports(seen), ending(seen)), (0, 2, None));
        assert_eq!(current(seen, 1), seen);
    }

    #[test]
    fn generations_do_not_wrap_soon() {
        for forks in [4096, 8192, 1 << 17] {
            assert_eq!(current(PIN + REQUEST, forks) & (PINS | REQUESTS), 0, "{forks}");
        }
    }

    #[test]
    fn a_child_loses_what_was_being_changed() {
        let seen = current(EXCLUSIVE, 7);
        assert_eq!((seen & EXCLUSIVE, ending(seen)), (0, Some(Ending::LostInFork)));
    }

    #[test]
    fn a_child_keeps_what_ended_before() {
        let seen = current(number(Ending::Closed) + PIN + EXPORT, 7);
        assert_eq!((ending(seen), seen & PINS, exports(seen)), (Some(Ending::Closed), 0, 1));
    }
}
