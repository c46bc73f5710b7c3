//! All interleavings of the slots of the fault guard, by model checking.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p mmap-rs-core --release --test loom_guard`. A handler of SIGBUS is a
//! thread here: what it can see when it interrupts an owner is what a thread can see that runs at that point.
#![cfg(all(loom, unix))]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering, fence};
use loom::thread;
use mmap_rs_core::guard::slot::{Entry, Guard, Slot, find, mark};

const PAGE: usize = 4;

/// Slots as the table keeps them: never freed.
fn slots(count: usize) -> &'static [Slot] {
    Vec::leak(std::iter::repeat_with(Slot::default).take(count).collect())
}

fn entry(start: usize, end: usize, protection: i32) -> Entry {
    Entry { start, end, page: PAGE, protection }
}

fn guard(slot: &'static Slot, entry: Entry) -> Guard {
    Guard::of(slot.claim().expect("free"), entry)
}

/// What the handler sees at an address.
fn seen(slots: &'static [Slot], address: usize) -> Option<Entry> {
    find(slots.iter(), address).map(|found| found.entry)
}

fn is_marked(guard: &Guard) -> bool {
    guard.mark().load(Ordering::Relaxed)
}

/// What the handler does, with `page` in the place of a missing one: 1 once there are zeros.
fn repair(slots: &'static [Slot], address: usize, page: &AtomicUsize) {
    let range = find(slots.iter(), address).expect("guarded").repair();
    mark(slots.iter(), &range);
    page.store(1, Ordering::Relaxed);
    mark(slots.iter(), &range);
}

#[test]
fn a_slot_used_again_covers_nothing_in_between() {
    // All schedules would take minutes.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(4);
    model.check(|| {
        let slots = slots(1);
        let first = guard(&slots[0], entry(8, 16, 1));
        let owner = thread::spawn(move || {
            drop(first);
            guard(&slots[0], entry(40, 48, 3))
        });
        assert_eq!(seen(slots, 24), None, "the start of one and the end of the other");
        let second = owner.join().expect("owner");
        assert_eq!(seen(slots, 40), Some(second.entry()));
    });
}

#[test]
fn an_address_is_guarded_while_its_entry_is_changed() {
    loom::model(|| {
        let slots = slots(1);
        let mut mine = guard(&slots[0], entry(8, 16, 1));
        let owner = thread::spawn(move || {
            mine.protect(3);
            mine.end_at(12);
            mine
        });
        let seen = seen(slots, 8).expect("never missed");
        let after = [entry(8, 16, 1), entry(8, 16, 3), entry(8, 12, 3)];
        assert!(after.contains(&seen), "{seen:?}");
        owner.join().expect("owner");
    });
}

#[test]
fn who_reads_zeros_sees_the_mark() {
    loom::model(|| {
        let slots = slots(1);
        let mine = Arc::new(guard(&slots[0], entry(8, 16, 1)));
        let page = Arc::new(AtomicUsize::new(0));
        let handler = {
            let page = page.clone();
            thread::spawn(move || repair(slots, 8, &page))
        };
        // What a call does: it reads the bytes, then looks at the mark.
        let zeros = page.load(Ordering::Relaxed) == 1;
        fence(Ordering::Acquire);
        assert!(!zeros || is_marked(&mine), "zeros without the mark");
        handler.join().expect("handler");
        assert!(is_marked(&mine));
    });
}

#[test]
fn a_fault_during_a_split_marks_the_part_that_keeps_the_page() {
    loom::model(|| {
        let slots = slots(2);
        let mut head = guard(&slots[0], entry(8, 16, 1));
        let page = Arc::new(AtomicUsize::new(0));
        let handler = {
            let page = page.clone();
            thread::spawn(move || repair(slots, 12, &page))
        };
        let tail = head.copy_from(slots[1].claim().expect("free"), 12);
        head.end_at(12);
        handler.join().expect("handler");
        assert!(is_marked(&tail));
    });
}

#[test]
fn a_fault_during_a_merge_marks_the_whole() {
    loom::model(|| {
        let slots = slots(2);
        let mut head = guard(&slots[0], entry(8, 12, 1));
        let tail = guard(&slots[1], entry(12, 16, 1));
        let page = Arc::new(AtomicUsize::new(0));
        let handler = {
            let page = page.clone();
            thread::spawn(move || repair(slots, 12, &page))
        };
        head.extend(&tail);
        drop(tail);
        handler.join().expect("handler");
        assert!(is_marked(&head));
    });
}
