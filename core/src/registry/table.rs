//! All slots: in blocks that are never freed, so that a reference to one is valid for ever. Free ones form a list, whose
//! head carries a number that changes with it, so that a thread can't take a head for the one it saw before.
#![expect(unsafe_code, reason = "slots behind atomic pointers, which are never freed")]

use super::slot::Slot;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// The first block's number of slots; each one has twice as many as the one before.
const FIRST: u32 = 64;
/// Enough for more mappings than any system allows.
const BLOCKS: usize = 24;

static TABLE: [AtomicPtr<Slot>; BLOCKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; BLOCKS];
/// How many slots were ever used.
static USED: AtomicU32 = AtomicU32::new(0);
/// The first free slot's number plus 1, or 0, in the low half; above it, how often that has changed.
static FREE: AtomicU64 = AtomicU64::new(0);

const fn block_len(block: usize) -> usize {
    (FIRST as usize) << block
}

/// A block, where there is one already.
fn block(index: usize) -> Option<&'static [Slot]> {
    let first = TABLE.get(index)?.load(Ordering::Acquire);
    if first.is_null() {
        return None;
    }
    // SAFETY: a block of that length, initialised before it was published, never freed.
    Some(unsafe { std::slice::from_raw_parts(first, block_len(index)) })
}

/// A block, made where it is wanting; `None` without memory for it.
fn make_block(index: usize) -> Option<&'static [Slot]> {
    if let Some(slots) = block(index) {
        return Some(slots);
    }
    let entry = TABLE.get(index)?;
    let mut slots = Vec::new();
    slots.try_reserve_exact(block_len(index)).ok()?;
    slots.resize_with(block_len(index), Slot::default);
    let made = Box::into_raw(slots.into_boxed_slice());
    if entry.compare_exchange(std::ptr::null_mut(), made.cast(), Ordering::AcqRel, Ordering::Acquire).is_err() {
        // SAFETY: another thread was quicker; nobody has seen this one.
        drop(unsafe { Box::from_raw(made) });
    }
    block(index)
}

/// The block of a slot's number, and its place there.
fn locate(number: u32) -> (usize, usize) {
    let block = (number / FIRST + 1).ilog2();
    (block as usize, (number - FIRST * ((1 << block) - 1)) as usize)
}

fn find(number: u32) -> Option<&'static Slot> {
    let (index, place) = locate(number);
    block(index)?.get(place)
}

/// Another head of the list of free slots.
fn head(before: u64, first: u32) -> u64 {
    ((before >> 32).wrapping_add(1) << 32) | u64::from(first)
}

/// A slot that nobody else has; `None` without memory for it.
pub(super) fn claim() -> Option<(u32, &'static Slot)> {
    let mut seen = FREE.load(Ordering::Acquire);
    while let Some(number) = (seen as u32).checked_sub(1) {
        let slot = find(number)?;
        let next = head(seen, slot.next.load(Ordering::Acquire));
        match FREE.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Some((number, slot)),
            Err(other) => seen = other,
        }
    }
    let all = FIRST * ((1 << BLOCKS) - 1);
    let number =
        USED.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| (used < all).then_some(used + 1)).ok()?;
    let (index, place) = locate(number);
    Some((number, make_block(index)?.get(place)?))
}

/// Gives a slot back.
pub(super) fn free(number: u32, slot: &Slot) {
    let mut seen = FREE.load(Ordering::Acquire);
    loop {
        slot.next.store(seen as u32, Ordering::Release);
        match FREE.compare_exchange_weak(seen, head(seen, number + 1), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return,
            Err(other) => seen = other,
        }
    }
}

/// All slots that were ever used, with their numbers.
pub(super) fn all() -> impl Iterator<Item = (u32, &'static Slot)> {
    (0..USED.load(Ordering::Acquire)).filter_map(|number| Some((number, find(number)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_places() {
        assert_eq!([0, 63, 64, 191, 192].map(locate), [(0, 0), (0, 63), (1, 0), (1, 127), (2, 0)]);
    }
}
