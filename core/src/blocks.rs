//! A table that only grows, without a lock. Its blocks are never freed, so a reference to an entry is valid for ever,
//! also in a signal handler.
#![expect(unsafe_code, reason = "entries behind atomic pointers, which are never freed")]

use std::sync::atomic::{AtomicPtr, Ordering};

/// The first block's number of entries; each block has twice as many as the one before.
const FIRST: usize = 64;
/// Enough for more mappings than any system allows.
const BLOCKS: usize = 24;

/// The table, a static.
pub(crate) struct Blocks<T>([AtomicPtr<T>; BLOCKS]);

impl<T: Default + Sync> Blocks<T> {
    /// How many entries there can be.
    pub(crate) const CAPACITY: usize = FIRST * ((1 << BLOCKS) - 1);

    pub(crate) const fn new() -> Self {
        Self([const { AtomicPtr::new(std::ptr::null_mut()) }; BLOCKS])
    }

    /// An entry, where there is one already. Async-signal-safe: one load.
    pub(crate) fn get(&'static self, number: usize) -> Option<&'static T> {
        let (index, place) = locate(number);
        self.block(index)?.get(place)
    }

    /// An entry, made where it is wanting; `None` without memory for it.
    pub(crate) fn get_or_make(&'static self, number: usize) -> Option<&'static T> {
        let (index, place) = locate(number);
        let block = match self.block(index) {
            Some(block) => block,
            None => self.make_block(index)?,
        };
        block.get(place)
    }

    /// All entries in the order of their numbers. Async-signal-safe. Only the fault guard needs it.
    #[cfg(any(unix, test))]
    pub(crate) fn iter(&'static self) -> impl Iterator<Item = &'static T> + Clone {
        (0..BLOCKS).map_while(|index| self.block(index)).flatten()
    }

    fn block(&'static self, index: usize) -> Option<&'static [T]> {
        let first = self.0.get(index)?.load(Ordering::Acquire);
        if first.is_null() {
            return None;
        }
        // SAFETY: a block of that length, initialised before it was published, never freed.
        Some(unsafe { std::slice::from_raw_parts(first, block_len(index)) })
    }

    fn make_block(&'static self, index: usize) -> Option<&'static [T]> {
        let pointer = self.0.get(index)?;
        let mut entries = Vec::new();
        entries.try_reserve_exact(block_len(index)).ok()?;
        entries.resize_with(block_len(index), T::default);
        let made = Box::into_raw(entries.into_boxed_slice());
        if pointer.compare_exchange(std::ptr::null_mut(), made.cast(), Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: another thread was quicker; nobody has seen this one.
            drop(unsafe { Box::from_raw(made) });
        }
        self.block(index)
    }
}

const fn block_len(index: usize) -> usize {
    FIRST << index
}

/// The block of an entry's number, and its place there.
fn locate(number: usize) -> (usize, usize) {
    let block = (number / FIRST + 1).ilog2() as usize;
    (block, number - FIRST * ((1 << block) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_places() {
        assert_eq!([0, 63, 64, 191, 192].map(locate), [(0, 0), (0, 63), (1, 0), (1, 127), (2, 0)]);
        assert_eq!(locate(7 * FIRST - 1), (2, 4 * FIRST - 1));
    }

    #[test]
    fn entries_are_made_when_they_are_wanted() {
        static TABLE: Blocks<std::sync::atomic::AtomicUsize> = Blocks::new();
        assert!(TABLE.get(100).is_none() && TABLE.iter().next().is_none());
        TABLE.get_or_make(0).expect("room").store(1, Ordering::Relaxed);
        TABLE.get_or_make(100).expect("room").store(2, Ordering::Relaxed);
        assert_eq!(TABLE.get(100).map(|entry| entry.load(Ordering::Relaxed)), Some(2));
        assert_eq!(TABLE.iter().count(), 64 + 128);
        assert!(TABLE.get_or_make(Blocks::<std::sync::atomic::AtomicUsize>::CAPACITY).is_none());
    }
}
