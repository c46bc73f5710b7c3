//! All interleavings of two threads that adopt the same memory, by model checking: at most one of them has it.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p mmap-rs-core --release --test loom_registry`.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use mmap_rs_core::registry::slot::Slot;
use mmap_rs_core::state::Span;

const PAGES: Span = Span { start: 0x1000, len: 0x1000 };

/// What a thread does that adopts memory: it registers its pages, looks at the slot of the other, and withdraws where they
/// meet.
fn adopt(own: &Slot, other: &Slot) -> bool {
    own.set(PAGES);
    let is_alone = !other.meets(own.registered());
    if !is_alone {
        own.clear();
    }
    is_alone
}

#[test]
fn two_that_adopt_the_same() {
    loom::model(|| {
        let slots = Arc::new([Slot::default(), Slot::default()]);
        let other = {
            let slots = slots.clone();
            thread::spawn(move || adopt(&slots[1], &slots[0]))
        };
        let mine = adopt(&slots[0], &slots[1]);
        let theirs = other.join().expect("adopts");
        assert!(!(mine && theirs), "both have it");
    });
}

/// What another thread unmaps at this moment is refused, or was free before.
#[test]
fn one_that_adopts_what_another_gives_up() {
    loom::model(|| {
        let slots = Arc::new([Slot::default(), Slot::default()]);
        slots[1].set(PAGES);
        let other = {
            let slots = slots.clone();
            thread::spawn(move || slots[1].clear())
        };
        let _ = adopt(&slots[0], &slots[1]);
        other.join().expect("gives up");
        assert!(adopt(&slots[0], &slots[1]), "nothing is left standing");
    });
}
