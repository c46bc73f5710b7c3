//! Which addresses are guarded.
//!
//! Slots live in blocks that are never given back, so a reference to one is good for ever, also in a signal handler.
//! A slot is published by writing its end last, and withdrawn by writing it first; a torn view is one of no bytes.
//! Readers (the handler) look at every slot that was ever used; writers claim a slot by one compare-and-swap.

use crate::state::Span;
use crate::{Error, Result};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicUsize, Ordering};

/// The first block's number of slots; each one has twice as many as the one before.
const FIRST: usize = 64;
/// Enough for more mappings than any system allows.
const BLOCKS: usize = 24;

#[derive(Debug)]
struct Slot {
    claimed: AtomicBool,
    start: AtomicUsize,
    /// One past the last address; 0 while the slot guards nothing.
    end: AtomicUsize,
    page: AtomicUsize,
    /// `PROT_*` of the mapping, for pages that take the place of missing ones.
    protection: AtomicI32,
    /// Whether a page was replaced.
    faulted: AtomicBool,
}

static TABLE: [AtomicPtr<Slot>; BLOCKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; BLOCKS];
/// Where to look for a free slot first.
static HINT: AtomicUsize = AtomicUsize::new(0);
/// How many slots were ever used.
static USED: AtomicUsize = AtomicUsize::new(0);

const fn block_len(block: usize) -> usize {
    FIRST << block
}

/// A block, where there is one already. Async-signal-safe: one load.
fn block(index: usize) -> Option<&'static [Slot]> {
    let first = TABLE.get(index)?.load(Ordering::Acquire);
    if first.is_null() {
        return None;
    }
    // SAFETY: a block of that length, initialised before it was published, never freed.
    Some(unsafe { std::slice::from_raw_parts(first, block_len(index)) })
}

/// A block, made where it is wanting.
fn make_block(index: usize) -> Result<&'static [Slot]> {
    let full = || Error::system("Io", libc::ENOMEM, "registration of a guarded mapping".to_owned());
    if let Some(slots) = block(index) {
        return Ok(slots);
    }
    let mut slots = Vec::new();
    slots.try_reserve_exact(block_len(index)).map_err(|_| full())?;
    slots.resize_with(block_len(index), || Slot {
        claimed: AtomicBool::new(false),
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        page: AtomicUsize::new(0),
        protection: AtomicI32::new(0),
        faulted: AtomicBool::new(false),
    });
    let made = Box::into_raw(slots.into_boxed_slice());
    let entry = TABLE.get(index).ok_or_else(full)?;
    if entry.compare_exchange(std::ptr::null_mut(), made.cast(), Ordering::AcqRel, Ordering::Acquire).is_err() {
        // SAFETY: another thread was quicker; nobody has seen this one.
        drop(unsafe { Box::from_raw(made) });
    }
    block(index).ok_or_else(full)
}

/// The block of a slot's number, and its place there.
fn locate(number: usize) -> (usize, usize) {
    let block = (number / FIRST + 1).ilog2() as usize;
    (block, number - FIRST * ((1 << block) - 1))
}

fn claim() -> Result<&'static Slot> {
    let hint = HINT.load(Ordering::Relaxed);
    // From the hint up to the end of what was used, then from the beginning, then beyond.
    let used = USED.load(Ordering::Acquire);
    let reused = (hint..used).chain(0..hint.min(used));
    for number in reused.chain(used..usize::MAX) {
        let (block, place) = locate(number);
        let slots = make_block(block)?;
        let Some(slot) = slots.get(place) else { break };
        if slot.claimed.compare_exchange(false, true, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            HINT.store(number + 1, Ordering::Relaxed);
            USED.fetch_max(number + 1, Ordering::AcqRel);
            return Ok(slot);
        }
    }
    Err(Error::system("Io", libc::ENOMEM, "registration of a guarded mapping".to_owned()))
}

/// The guard of one region. It ends with the value, which must be before the memory is given back: from then on the
/// addresses may be somebody else's.
#[derive(Debug)]
pub struct Guard(&'static Slot);

impl Guard {
    /// Guards a span of pages of `page` bytes. `protection` is the `PROT_*` of the mapping.
    pub fn new(span: Span, page: usize, protection: i32) -> Result<Self> {
        let slot = claim()?;
        slot.page.store(page, Ordering::Relaxed);
        slot.protection.store(protection, Ordering::Relaxed);
        slot.faulted.store(false, Ordering::Relaxed);
        slot.start.store(span.start, Ordering::Relaxed);
        let guard = Self(slot);
        guard.resume(span);
        Ok(guard)
    }

    /// Guards nothing for a while.
    pub fn suspend(&self) {
        self.0.end.store(0, Ordering::Release);
    }

    /// Guards the span again.
    pub fn resume(&self, span: Span) {
        // The kernel's mapping ends with a whole page.
        let mask = self.0.page.load(Ordering::Relaxed) - 1;
        let end = span.start.saturating_add(span.len).saturating_add(mask) & !mask;
        self.0.end.store(end, Ordering::Release);
    }

    /// Whether a page was replaced: a flag that never moves.
    pub fn mark(&self) -> &'static AtomicBool {
        &self.0.faulted
    }

    /// A second guard of what lies from an address on, marked as this one is; before [`Guard::end_at`].
    pub fn copy_from(&self, at: usize) -> Result<Self> {
        let end = self.0.end.load(Ordering::Relaxed);
        let span = Span { start: at, len: end.saturating_sub(at) };
        let page = self.0.page.load(Ordering::Relaxed);
        let tail = Self::new(span, page, self.0.protection.load(Ordering::Relaxed))?;
        tail.0.faulted.store(self.0.faulted.load(Ordering::Acquire), Ordering::Release);
        Ok(tail)
    }

    /// Guards what lies before an address only.
    pub fn end_at(&self, at: usize) {
        self.0.end.store(at, Ordering::Release);
    }

    /// Takes in what `next`, which begins where this ends, guards. `next` is dropped by the caller after.
    pub fn extend(&self, next: &Self) {
        self.0.end.store(next.0.end.load(Ordering::Relaxed), Ordering::Release);
        if next.0.faulted.load(Ordering::Acquire) {
            self.0.faulted.store(true, Ordering::Release);
        }
    }

    /// Says what protection the mapping has from now on.
    pub fn protect(&self, protection: i32) {
        self.0.protection.store(protection, Ordering::Release);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.end.store(0, Ordering::Release);
        self.0.claimed.store(false, Ordering::Release);
    }
}

/// What the handler is to put in the place of the page at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) protection: i32,
}

/// The page of a guarded address. Async-signal-safe: atomic loads, arithmetic, no allocation, no lock.
pub(super) fn find(address: usize) -> Option<Page> {
    let slot = slots().find(|slot| covers(slot, address))?;
    let len = slot.page.load(Ordering::Relaxed);
    if !len.is_power_of_two() {
        return None;
    }
    let protection = slot.protection.load(Ordering::Relaxed);
    Some(Page { start: address & !(len - 1), len, protection })
}

/// Marks what guards an address. Async-signal-safe as `find`.
pub(super) fn mark(address: usize) {
    // While a guard is cut in two, both parts cover the tail for a moment.
    slots().filter(|slot| covers(slot, address)).for_each(|slot| slot.faulted.store(true, Ordering::Release));
}

fn covers(slot: &Slot, address: usize) -> bool {
    // The end first: it is published last.
    address < slot.end.load(Ordering::Acquire) && slot.start.load(Ordering::Relaxed) <= address
}

fn slots() -> impl Iterator<Item = &'static Slot> {
    let used = USED.load(Ordering::Acquire);
    (0..BLOCKS).map_while(block).flatten().take(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_places() {
        assert_eq!(locate(0), (0, 0));
        assert_eq!(locate(FIRST - 1), (0, FIRST - 1));
        assert_eq!(locate(FIRST), (1, 0));
        assert_eq!(locate(3 * FIRST), (2, 0));
        assert_eq!(locate(7 * FIRST - 1), (2, 4 * FIRST - 1));
    }

    #[test]
    fn guards_are_found_split_joined_and_gone() {
        // Addresses that no test maps: nothing here touches them.
        let base = 0x10_0000;
        let guard = Guard::new(Span { start: base, len: 5 * 4096 - 7 }, 4096, 1).expect("room");
        assert_eq!(find(base + 5000), Some(Page { start: base + 4096, len: 4096, protection: 1 }));
        assert_eq!(find(base + 5 * 4096 - 1).map(|page| page.start), Some(base + 4 * 4096));
        assert_eq!(find(base + 5 * 4096), None);
        assert_eq!(find(base - 1), None);
        let tail = guard.copy_from(base + 2 * 4096).expect("room");
        guard.end_at(base + 2 * 4096);
        mark(base + 3 * 4096);
        assert!(tail.mark().load(Ordering::Relaxed) && !guard.mark().load(Ordering::Relaxed));
        guard.extend(&tail);
        drop(tail);
        assert!(guard.mark().load(Ordering::Relaxed));
        guard.protect(3);
        assert_eq!(find(base + 4 * 4096).map(|page| page.protection), Some(3));
        guard.suspend();
        assert_eq!(find(base), None);
        guard.resume(Span { start: base, len: 1 });
        assert!(find(base + 4095).is_some());
        drop(guard);
        assert_eq!(find(base), None);
    }

    #[test]
    fn many_guards_at_once() {
        let base = 0x4000_0000;
        let guards: Vec<_> =
            (0..1000).map(|i| Guard::new(Span { start: base + i * 8192, len: 4096 }, 4096, 1).expect("room")).collect();
        for i in 0..1000 {
            assert!(find(base + i * 8192).is_some() && find(base + i * 8192 + 4096).is_none());
        }
        drop(guards);
        assert!((0..1000).all(|i| find(base + i * 8192).is_none()));
    }
}
