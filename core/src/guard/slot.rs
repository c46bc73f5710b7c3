//! One guarded span: changed by its owner while signal handlers read it.
//!
//! A slot holds its entry twice. The owner writes the copy that is not in use and then increments the turn, whose lowest
//! bit says which copy is in use. (Linux calls this a latch, and reads clocks by it in interrupts.) A reader that finds
//! the turn changed reads again. It never waits: not for an owner that it interrupted in the middle of a change, and not
//! in a child of `fork` for an owner that exists only in the parent.

use super::sync::{AtomicBool, AtomicI32, AtomicUsize, Ordering, fence};
use crate::state::Span;
use std::ops::Range;

/// How many faults of one mapping each replace a single page. After that a fault replaces everything from its page to
/// the end of the mapping, so that any number of faults adds at most twice as many memory areas as this, and one.
const SINGLE: usize = 16;

/// What a slot guards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The first address.
    pub start: usize,
    /// One past the last address, at the end of a page.
    pub end: usize,
    /// The size of its pages.
    pub page: usize,
    /// The `PROT_*` of the mapping, for pages that replace missing ones.
    pub protection: i32,
}

impl Entry {
    const NONE: Self = Self { start: 0, end: 0, page: 0, protection: 0 };

    /// `None` where an address is beyond the last, or the page is not a power of two.
    pub(super) fn new(start: usize, len: usize, page: usize, protection: i32) -> Option<Self> {
        // The kernel's mapping ends with a whole page.
        let end = start.checked_add(len)?.checked_next_multiple_of(page)?;
        page.is_power_of_two().then_some(Self { start, end, page, protection })
    }

    fn meets(&self, range: &Range<usize>) -> bool {
        self.start < range.end && range.start < self.end
    }
}

/// One of the two copies of an entry.
#[derive(Debug)]
struct Words {
    start: AtomicUsize,
    end: AtomicUsize,
    page: AtomicUsize,
    protection: AtomicI32,
}

impl Words {
    fn new() -> Self {
        let zero = || AtomicUsize::new(0);
        Self { start: zero(), end: zero(), page: zero(), protection: AtomicI32::new(0) }
    }
}

/// See the module.
#[derive(Debug)]
pub struct Slot {
    claimed: AtomicBool,
    turn: AtomicUsize,
    even: Words,
    odd: Words,
    /// Whether a page was replaced.
    marked: AtomicBool,
    /// How many faults there were.
    faults: AtomicUsize,
    /// 0, or what names the only process that has the memory: children of `fork` don't inherit it.
    process: AtomicUsize,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            claimed: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            even: Words::new(),
            odd: Words::new(),
            marked: AtomicBool::new(false),
            faults: AtomicUsize::new(0),
            process: AtomicUsize::new(0),
        }
    }
}

impl Slot {
    /// Claims it, where it is free.
    pub fn claim(&'static self) -> Option<Claim> {
        let claimed = self.claimed.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        // Not `then_some`: a claim that was made and dropped would free the slot.
        claimed.is_ok().then(|| Claim(self))
    }

    /// Whether a process has the memory. Async-signal-safe.
    pub fn is_in(&self, process: usize) -> bool {
        let only = self.process.load(Ordering::Relaxed);
        only == 0 || only == process
    }

    fn copy(&self, turn: usize) -> &Words {
        if turn % 2 == 0 { &self.even } else { &self.odd }
    }

    fn read(&self) -> Entry {
        loop {
            let turn = self.turn.load(Ordering::Acquire);
            let words = self.copy(turn);
            let entry = Entry {
                start: words.start.load(Ordering::Relaxed),
                end: words.end.load(Ordering::Relaxed),
                page: words.page.load(Ordering::Relaxed),
                protection: words.protection.load(Ordering::Relaxed),
            };
            // With the fence in `write`: where a word is of a later entry, the turn is seen to have changed.
            fence(Ordering::Acquire);
            if self.turn.load(Ordering::Relaxed) == turn {
                return entry;
            }
        }
    }

    /// By the owner only.
    fn write(&self, entry: Entry) {
        let turn = self.turn.load(Ordering::Relaxed).wrapping_add(1);
        let words = self.copy(turn);
        // Readers of this copy, which was in use until the turn before, must see that this is over.
        fence(Ordering::Release);
        words.start.store(entry.start, Ordering::Relaxed);
        words.end.store(entry.end, Ordering::Relaxed);
        words.page.store(entry.page, Ordering::Relaxed);
        words.protection.store(entry.protection, Ordering::Relaxed);
        self.turn.store(turn, Ordering::Release);
    }
}

/// A slot that is used by one owner, until this is dropped.
#[derive(Debug)]
pub struct Claim(&'static Slot);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.write(Entry::NONE);
        self.0.claimed.store(false, Ordering::Release);
    }
}

/// The guard of one region. It ends with the value, which must be before the memory is given back: from then on the
/// addresses may be somebody else's.
#[derive(Debug)]
pub struct Guard {
    claim: Claim,
    entry: Entry,
}

impl Guard {
    /// Guards what the entry says.
    pub fn of(claim: Claim, entry: Entry) -> Self {
        // Left by the owner before.
        claim.0.marked.store(false, Ordering::Relaxed);
        claim.0.faults.store(0, Ordering::Relaxed);
        claim.0.process.store(0, Ordering::Relaxed);
        claim.0.write(entry);
        Self { claim, entry }
    }

    /// What it guards.
    pub fn entry(&self) -> Entry {
        self.entry
    }

    /// Whether a page was replaced: a flag that never moves, and is this guard's until the guard ends.
    ///
    /// It is set before the page is replaced. So a thread that has read from the new page sees it after a fence (acquire),
    /// one that has written to it after a full fence (sequentially consistent): the processor may load the mark before it
    /// looks up the page of an earlier store.
    pub fn mark(&self) -> &'static AtomicBool {
        &self.claim.0.marked
    }

    fn change(&mut self, entry: Entry) {
        self.entry = entry;
        self.claim.0.write(entry);
    }

    /// Says which process alone has the memory; 0 where children of `fork` inherit it.
    pub fn set_process(&self, process: usize) {
        self.claim.0.process.store(process, Ordering::Relaxed);
    }

    /// Guards another place, to which the memory has moved; the pages are of the same size.
    pub fn lies_at(&mut self, place: Span) {
        let end = place.start.saturating_add(place.len).checked_next_multiple_of(self.entry.page);
        self.change(Entry { start: place.start, end: end.unwrap_or(usize::MAX), ..self.entry });
    }

    /// Guards nothing until [`Guard::resume`].
    pub fn suspend(&mut self) {
        self.claim.0.write(Entry::NONE);
    }

    /// Guards again what it guarded before [`Guard::suspend`].
    pub fn resume(&mut self) {
        self.claim.0.write(self.entry);
    }

    /// A second guard of what lies from an address on, marked as this one is; before [`Guard::end_at`].
    pub fn copy_from(&self, claim: Claim, at: usize) -> Self {
        let tail = Self::of(claim, Entry { start: at, ..self.entry });
        tail.inherit(self);
        tail
    }

    /// A second guard, of the place to which the memory of this one is about to move, marked as this one is.
    pub fn moved(&self, claim: Claim, entry: Entry) -> Self {
        let moved = Self::of(claim, entry);
        moved.inherit(self);
        moved.claim.0.faults.store(self.claim.0.faults.load(Ordering::Relaxed), Ordering::Relaxed);
        moved
    }

    /// Guards what lies before an address.
    pub fn end_at(&mut self, at: usize) {
        self.change(Entry { end: at, ..self.entry });
    }

    /// Takes in what `next`, which begins where this ends, guards. `next` is dropped by the caller after.
    pub fn extend(&mut self, next: &Self) {
        self.change(Entry { end: next.entry.end, ..self.entry });
        self.inherit(next);
        self.claim.0.faults.fetch_add(next.claim.0.faults.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Says what protection the mapping has from now on.
    pub fn protect(&mut self, protection: i32) {
        self.change(Entry { protection, ..self.entry });
    }

    /// Takes over the mark of a guard whose addresses this one guards from now on. A handler that marks that guard now
    /// either is seen here, or sees this one when it marks for the second time (see [`mark`]).
    fn inherit(&self, from: &Self) {
        self.set_process(from.claim.0.process.load(Ordering::Relaxed));
        fence(Ordering::SeqCst);
        if from.claim.0.marked.load(Ordering::Relaxed) {
            self.claim.0.marked.store(true, Ordering::Release);
        }
    }
}

/// A guarded address.
#[derive(Debug)]
pub struct Found<'a> {
    slot: &'a Slot,
    /// What guards it.
    pub entry: Entry,
    address: usize,
}

/// What guards an address. Async-signal-safe, as all that follows: atomics, arithmetic, no allocation, no lock.
///
/// It looks twice: a merge moves addresses from one slot to another, which may be one that was looked at before.
pub fn find<'a>(slots: impl Iterator<Item = &'a Slot> + Clone, address: usize) -> Option<Found<'a>> {
    slots.clone().chain(slots).find_map(|slot| {
        let entry = slot.read();
        (entry.start..entry.end).contains(&address).then_some(Found { slot, entry, address })
    })
}

impl Found<'_> {
    /// Whether children of `fork` don't inherit the memory.
    pub fn is_private(&self) -> bool {
        self.slot.process.load(Ordering::Relaxed) != 0
    }

    /// The addresses to replace for a fault, which this counts: see [`SINGLE`].
    pub fn repair(&self) -> Range<usize> {
        let start = self.address & self.entry.page.wrapping_neg();
        let single = self.slot.faults.fetch_add(1, Ordering::Relaxed) < SINGLE;
        start..if single { start.saturating_add(self.entry.page) } else { self.entry.end }
    }
}

/// Marks what guards any of these addresses: before they are replaced, so that nobody reads zeros without the mark; and
/// again after that, for a guard that has just taken over some of them.
pub fn mark<'a>(slots: impl Iterator<Item = &'a Slot>, range: &Range<usize>) {
    slots.filter(|slot| slot.read().meets(range)).for_each(|slot| slot.marked.store(true, Ordering::Release));
    fence(Ordering::SeqCst);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    fn slots(count: usize) -> &'static [Slot] {
        Vec::leak(std::iter::repeat_with(Slot::default).take(count).collect())
    }

    fn guard(slot: &'static Slot, start: usize, len: usize) -> Guard {
        Guard::of(slot.claim().expect("free"), Entry::new(start, len, PAGE, 1).expect("no overflow"))
    }

    #[test]
    fn guards_are_found_split_joined_and_gone() {
        let slots = slots(2);
        let found = |address| find(slots.iter(), address).map(|found| (found.entry.start, found.entry.end));
        let base = 16 * PAGE;
        let mut head = guard(&slots[0], base, 5 * PAGE - 7);
        assert!(slots[0].claim().is_none());
        assert_eq!(found(base + 5 * PAGE - 1), Some((base, base + 5 * PAGE)));
        assert_eq!((found(base - 1), found(base + 5 * PAGE)), (None, None));
        let tail = head.copy_from(slots[1].claim().expect("free"), base + 2 * PAGE);
        head.end_at(base + 2 * PAGE);
        mark(slots.iter(), &(base + 3 * PAGE..base + 4 * PAGE));
        assert!(tail.mark().load(Ordering::Relaxed) && !head.mark().load(Ordering::Relaxed));
        head.extend(&tail);
        drop(tail);
        assert!(head.mark().load(Ordering::Relaxed));
        head.protect(3);
        assert_eq!(find(slots.iter(), base + 4 * PAGE).map(|found| found.entry), Some(head.entry()));
        head.suspend();
        assert_eq!(found(base), None);
        head.resume();
        assert_eq!(found(base), Some((base, base + 5 * PAGE)));
        drop(head);
        assert_eq!(found(base), None);
        let next = guard(&slots[0], base, PAGE);
        assert!(!next.mark().load(Ordering::Relaxed), "the mark of the owner before");
    }

    #[test]
    fn an_open_split_marks_both_sides() {
        let slots = slots(2);
        let head = guard(&slots[0], PAGE, 4 * PAGE);
        let tail = head.copy_from(slots[1].claim().expect("free"), 3 * PAGE);
        mark(slots.iter(), &(4 * PAGE..5 * PAGE));
        assert!(head.mark().load(Ordering::Relaxed) && tail.mark().load(Ordering::Relaxed));
    }

    #[test]
    fn a_mark_is_inherited() {
        let slots = slots(2);
        let head = guard(&slots[0], PAGE, 4 * PAGE);
        mark(slots.iter(), &(PAGE..2 * PAGE));
        let tail = head.copy_from(slots[1].claim().expect("free"), 3 * PAGE);
        assert!(tail.mark().load(Ordering::Relaxed));
    }

    #[test]
    fn many_faults_take_the_rest() {
        let slots = slots(2);
        let mut head = guard(&slots[0], 0, 100 * PAGE);
        let repair = |address| find(slots.iter(), address).expect("guarded").repair();
        for page in 0..SINGLE - 1 {
            assert_eq!(repair(2 * page * PAGE + 5), 2 * page * PAGE..(2 * page + 1) * PAGE);
        }
        let tail = guard(&slots[1], 100 * PAGE, 10 * PAGE);
        assert_eq!(repair(101 * PAGE), 101 * PAGE..102 * PAGE);
        head.extend(&tail);
        drop(tail);
        // The faults of both count.
        assert_eq!(repair(70 * PAGE + 1), 70 * PAGE..110 * PAGE);
        assert_eq!(repair(3 * PAGE), 3 * PAGE..110 * PAGE);
    }

    #[test]
    fn a_change_that_never_ends_keeps_nobody_waiting() {
        // The owner was interrupted, or exists only in the parent of this process.
        let slots = slots(1);
        let mine = guard(&slots[0], PAGE, PAGE);
        let next = slots[0].copy(slots[0].turn.load(Ordering::Relaxed).wrapping_add(1));
        next.end.store(9 * PAGE, Ordering::Relaxed);
        assert_eq!(find(slots.iter(), PAGE).map(|found| found.entry), Some(mine.entry()));
        assert!(find(slots.iter(), 3 * PAGE).is_none());
    }

    #[test]
    fn entries_that_can_not_be() {
        assert_eq!(Entry::new(usize::MAX - 5, 10, PAGE, 1), None);
        assert_eq!(Entry::new(usize::MAX - PAGE, PAGE - 1, PAGE, 1), None);
        assert_eq!(Entry::new(0, 1, 5000, 1), None);
        assert_eq!(Entry::new(0, 1, 0, 1), None);
    }
}
