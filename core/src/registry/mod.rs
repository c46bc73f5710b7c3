//! Where the live regions of this process are: what is adopted from other code must not be one of them.
//!
//! * [`slot`]: the place of one region; written by its owner, read by whoever adopts.
//! * `table`: all slots.
//!
//! No lock: one could be held by another thread at the moment of a `fork`.

pub mod slot;
mod sync;
mod table;

use crate::state::Span;
use slot::Slot;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many regions have no slot, as there was no memory for one.
static UNREGISTERED: AtomicUsize = AtomicUsize::new(0);

/// The place of one region, until it is dropped. By default nowhere.
#[derive(Debug, Default)]
pub struct Entry {
    slot: Option<(u32, &'static Slot)>,
    /// Whether it is one of [`UNREGISTERED`].
    is_unregistered: bool,
}

impl Entry {
    /// Registers whole pages.
    pub fn new(pages: Span) -> Self {
        let mut entry = Self::default();
        entry.set(pages);
        entry
    }

    /// Registers other pages in place of the ones before.
    pub fn set(&mut self, pages: Span) {
        if self.slot.is_none() && pages.len > 0 && !self.is_unregistered {
            self.slot = table::claim();
            self.is_unregistered = self.slot.is_none();
            UNREGISTERED.fetch_add(self.is_unregistered.into(), Ordering::SeqCst);
        }
        if let Some((_, slot)) = self.slot {
            slot.set(pages);
        }
    }

    /// Registers nothing: before the addresses become free for others.
    pub fn clear(&mut self) {
        if let Some((_, slot)) = self.slot {
            slot.clear();
        }
    }

    /// Says whether children of `fork` inherit the region. In those that don't, the addresses are somebody else's.
    pub fn set_inherited(&self, inherited: bool) {
        if let Some((_, slot)) = self.slot {
            slot.set_inherited(inherited);
        }
    }

    /// Where another region has some of these pages: its first address, or `None` where it is not known, as there was no
    /// memory to note it. Of two threads that register the same pages and then ask, one is told of the other.
    pub fn overlap(&self) -> Result<(), Option<usize>> {
        let Some((own, slot)) = self.slot else {
            return if self.is_unregistered { Err(None) } else { Ok(()) };
        };
        let pages = slot.registered();
        match table::all().find(|(number, other)| *number != own && other.meets(pages)) {
            Some((_, other)) => Err(Some(other.start())),
            None if UNREGISTERED.load(Ordering::SeqCst) > 0 => Err(None),
            None => Ok(()),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some((number, slot)) = self.slot.take() {
            slot.clear();
            slot.set_inherited(true);
            table::free(number, slot);
        }
        UNREGISTERED.fetch_sub(self.is_unregistered.into(), Ordering::SeqCst);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const BASE: usize = usize::MAX / 4;

    fn entry(start: usize, len: usize) -> Entry {
        Entry::new(Span { start: BASE + start, len })
    }

    #[test]
    fn entries_that_meet_are_found() {
        let one = entry(0x1000, 0x1000);
        assert_eq!(one.overlap(), Ok(()));
        let mut two = entry(0x1fff, 0x1000);
        assert_eq!((one.overlap(), two.overlap()), (Err(Some(BASE + 0x1fff)), Err(Some(BASE + 0x1000))));
        two.clear();
        assert_eq!(one.overlap(), Ok(()));
        two.set(Span { start: BASE + 0x2000, len: 0x1000 });
        assert_eq!(two.overlap(), Ok(()));
        two.set(Span { start: BASE + 0x800, len: 0x2000 });
        assert!(two.overlap().is_err());
        drop(one);
        assert_eq!(two.overlap(), Ok(()));
        assert_eq!(Entry::default().overlap(), Ok(()));
        assert_eq!(entry(0x800, 0).overlap(), Ok(()), "nothing meets nothing");
    }

    #[test]
    fn slots_are_used_again() {
        let numbers = || (0..1000).map(|n| entry(0x10_0000 + n, 1)).collect::<Vec<_>>();
        let largest = |all: &[Entry]| all.iter().filter_map(|one| one.slot).map(|(number, _)| number).max();
        let first = numbers();
        let before = largest(&first);
        drop(first);
        assert_eq!(largest(&numbers()), before);
    }
}
