//! The counts, one use after another; `core/tests/loom.rs` has them side by side.

use super::super::word::GENERATION;
use super::Requests::{Honoured, Ignored};
use super::*;

fn live() -> UseCount {
    let uses = UseCount::vacant();
    uses.fill().expect("vacant");
    uses.keep();
    uses
}

fn with(uses: &UseCount, bits: u64) {
    uses.change(|word| Ok(word | bits)).expect("never refused");
}

#[test]
fn a_child_does_not_have_what_is_private() {
    let uses = live();
    uses.set_inherited(false);
    assert_eq!((uses.ending(), uses.peek()), (None, Ok(())));
    uses.export(Honoured).expect("live");
    let word = uses.word.load(Ordering::Relaxed);
    let child = UseCount { word: AtomicU64::new(current(word, fork::generation() + 1)) };
    let gone = AcquireError::Ended(Ending::NotInherited);
    // As the child reads it, in its own generation.
    let child = UseCount { word: AtomicU64::new((child.word.into_inner() & !GENERATION) | (word & GENERATION)) };
    assert_eq!((child.peek(), child.pin_exported()), (Err(gone), Err(gone)));
    assert!(!child.release(), "nobody unmaps it");
    assert!(!child.is_unused());
    assert_eq!(uses.end_deferred(Ending::Closed), Ok(false));
    let ended = current(uses.word.load(Ordering::Relaxed), fork::generation() + 1);
    assert_eq!((ending(ended), exports(ended)), (Some(Ending::NotInherited), 1));
    assert_eq!(current(PRIVATE | number(Ending::Merge), 3) & ENDING, number(Ending::Merge));
    let uses = live();
    uses.set_inherited(false);
    uses.set_inherited(true);
    assert_eq!(current(uses.word.load(Ordering::Relaxed), fork::generation() + 1) & ENDING, 0);
}

#[test]
fn exports_refuse_and_pins_delay() {
    let uses = live();
    let generation = uses.pin(Honoured).expect("live");
    assert_eq!(uses.exclusive(), Err(AcquireError::InUse));
    uses.export(Honoured).expect("live");
    assert_eq!(uses.exclusive(), Err(AcquireError::Exported(1)));
    assert!(!uses.unpin(generation));
    assert!(!uses.release());
    uses.exclusive().expect("unused");
    assert_eq!(uses.pin(Ignored), Err(AcquireError::InUse));
    uses.end(Ending::Closed);
    assert_eq!(uses.pin(Honoured), Err(AcquireError::Ended(Ending::Closed)));
    assert_eq!(uses.peek(), Err(AcquireError::Ended(Ending::Closed)));
}

#[test]
fn the_last_use_of_an_ended_region_has_it() {
    let uses = live();
    let generation = uses.pin(Honoured).expect("live");
    uses.export(Honoured).expect("live");
    uses.export(Honoured).expect("live");
    assert_eq!(uses.end_deferred(Ending::Closed), Ok(false));
    assert_eq!(uses.export(Ignored), Err(AcquireError::Ended(Ending::Closed)));
    assert!(!uses.release());
    assert!(!uses.release());
    assert!(!uses.is_unused());
    assert!(uses.unpin(generation));
    assert!(uses.is_unused());
    assert_eq!(live().end_deferred(Ending::Closed), Ok(true));
}

#[test]
fn an_export_can_be_used_after_the_end() {
    let uses = live();
    assert_eq!(uses.pin_exported(), Err(AcquireError::Ended(Ending::Closed)));
    uses.export(Honoured).expect("live");
    assert_eq!(uses.end_deferred(Ending::Closed), Ok(false));
    let generation = uses.pin_exported().expect("exported");
    assert!(!uses.release());
    assert!(uses.unpin(generation));
}

#[test]
fn an_export_can_be_counted_again_after_the_end() {
    let uses = live();
    assert_eq!(uses.export_again(), Err(AcquireError::Ended(Ending::Closed)));
    uses.export(Honoured).expect("live");
    assert_eq!(uses.end_deferred(Ending::Closed), Ok(false));
    uses.export_again().expect("exported");
    assert!(!uses.release());
    assert!(uses.release());
    assert_eq!(uses.export_again(), Err(AcquireError::Ended(Ending::Closed)));
    with(&uses, EXPORTS);
    assert_eq!(uses.export_again(), Err(AcquireError::TooManyExports));
}

#[test]
fn requests_keep_others_back_until_they_are_dropped() {
    let uses = live();
    let generation = uses.pin(Honoured).expect("live");
    let (one, two) = (uses.request(), uses.request());
    assert_eq!(uses.pin(Honoured), Err(AcquireError::InUse));
    assert_eq!(uses.export(Honoured), Err(AcquireError::InUse));
    assert!(!uses.unpin(uses.pin(Ignored).expect("not kept back")));
    drop(one);
    assert_eq!(uses.pin(Honoured), Err(AcquireError::InUse));
    assert!(!uses.unpin(generation));
    uses.exclusive().expect("requests don't keep an exclusive use back");
    uses.keep();
    drop(two);
    assert!(!uses.unpin(uses.pin(Honoured).expect("no request is left")));
}

#[test]
fn a_wait_ends_with_its_patience() {
    let uses = live();
    let generation = uses.pin(Honoured).expect("live");
    uses.wait(Mode::Exclusive, Duration::from_millis(5));
    assert!(!uses.unpin(generation));
}

#[test]
fn counters_stop_at_their_ends() {
    let uses = live();
    with(&uses, EXPORTS);
    assert_eq!(uses.export(Honoured), Err(AcquireError::TooManyExports));
    with(&uses, PINS);
    assert_eq!(uses.pin(Honoured), Err(AcquireError::InUse));
    with(&uses, REQUESTS);
    drop(uses.request());
    assert_eq!(uses.read() & REQUESTS, REQUESTS, "one that was not counted takes nothing back");
}
