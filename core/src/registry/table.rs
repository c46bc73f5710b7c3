//! All slots. Free ones form a list, whose head carries a number that changes with it, so that a thread can't take a head
//! for the one it saw before.

use super::slot::Slot;
use crate::blocks::Blocks;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

static TABLE: Blocks<Slot> = Blocks::new();
/// How many slots were ever used.
static USED: AtomicU32 = AtomicU32::new(0);
/// The first free slot's number plus 1, or 0, in the low half; above it, how often that has changed.
static FREE: AtomicU64 = AtomicU64::new(0);

fn find(number: u32) -> Option<&'static Slot> {
    TABLE.get(number as usize)
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
    let next = |used| ((used as usize) < Blocks::<Slot>::CAPACITY).then_some(used + 1);
    let number = USED.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).ok()?;
    Some((number, TABLE.get_or_make(number as usize)?))
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
