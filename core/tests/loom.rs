//! All interleavings of the state machine, by model checking.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p mmap-rs-core --release --test loom`. What is shown is named after
//! the invariants in `docs/architecture.md`: I1 one owner, I2 no access outside a live span, I3 pins and exclusive
//! acts never overlap, I4 exports keep the memory, I5 each region ends once, I6 no deadlock, I7 refusals change
//! nothing. loom reports a deadlock (I6) and a racing access to the region's cell (I3) by itself.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use mmap_rs_core::state::{Cell, Resident, Span, Stop, Wish, exclusive_pair};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3600);

/// A region that counts how often it ended.
struct Fake {
    span: Span,
    ended: Arc<AtomicUsize>,
}

impl Resident for Fake {
    fn span(&self) -> Span {
        self.span
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

fn live(ended: &Arc<AtomicUsize>, start: usize, len: usize) -> Cell<Fake> {
    let cell = Cell::vacant();
    let filled = cell.fill(Fake { span: Span { start, len }, ended: ended.clone() });
    assert!(filled.is_ok());
    cell
}

fn cell(ended: &Arc<AtomicUsize>, start: usize, len: usize) -> Arc<Cell<Fake>> {
    Arc::new(live(ended, start, len))
}

/// Pins, waiting as the face does; the span, or `None` where the region is gone.
fn pinned_span(cell: &Cell<Fake>) -> Option<Span> {
    loop {
        match cell.pin() {
            Ok(pin) => {
                let (seen, real) = (pin.span(), pin.with(|fake| fake.span()));
                assert_eq!(seen, real, "I2: the span is the region's");
                return Some(seen);
            }
            Err(Stop::Gone) => return None,
            Err(_) => cell.wait(Wish::Share, PATIENCE),
        };
    }
}

/// Consumes, waiting as the face does; whether it was this caller.
fn consume(cell: &Cell<Fake>) -> Result<Fake, Stop> {
    loop {
        match cell.exclusive() {
            Ok(alone) => return Ok(alone.consume(1)),
            Err(Stop::Wait) => cell.wait(Wish::Alone, PATIENCE),
            Err(stop) => return Err(stop),
        };
    }
}

#[test]
fn pins_and_a_close() {
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let shared = cell(&ended, 8, 8);
        let reader = {
            let (shared, ended) = (shared.clone(), ended.clone());
            thread::spawn(move || {
                if let Ok(pin) = shared.pin() {
                    pin.with(|fake| assert_eq!(fake.span().len, 8));
                    assert_eq!(ended.load(Ordering::SeqCst), 0, "I2: alive while pinned");
                }
            })
        };
        drop(consume(&shared));
        reader.join().expect("reader");
        assert_eq!(ended.load(Ordering::SeqCst), 1, "I5");
        assert!(shared.gate().is_gone());
    });
}

#[test]
fn a_split_is_seen_whole() {
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let shared = cell(&ended, 8, 8);
        let reader = {
            let shared = shared.clone();
            thread::spawn(move || {
                let span = pinned_span(&shared).expect("never consumed");
                assert!(span == Span { start: 8, len: 8 } || span == Span { start: 12, len: 4 }, "I2: no torn span");
            })
        };
        loop {
            match shared.exclusive() {
                Ok(mut alone) => {
                    alone.with(|fake| fake.span = Span { start: 12, len: 4 });
                    break;
                }
                Err(_) => shared.wait(Wish::Alone, PATIENCE),
            };
        }
        reader.join().expect("reader");
    });
}

#[test]
fn two_closers() {
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let shared = cell(&ended, 8, 8);
        let other = {
            let shared = shared.clone();
            thread::spawn(move || consume(&shared).is_ok())
        };
        let mine = consume(&shared).is_ok();
        let theirs = other.join().expect("closer");
        assert!(mine != theirs, "I1: one of them had it");
        assert_eq!(ended.load(Ordering::SeqCst), 1, "I5");
    });
}

#[test]
fn an_export_against_a_close() {
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let shared = cell(&ended, 8, 8);
        let viewer = {
            let (shared, ended) = (shared.clone(), ended.clone());
            thread::spawn(move || {
                if shared.export().is_ok() {
                    assert_eq!(ended.load(Ordering::SeqCst), 0, "I4");
                    assert!(shared.release().is_none());
                }
            })
        };
        let before = ended.load(Ordering::SeqCst);
        let refused = match consume(&shared) {
            Ok(region) => {
                drop(region);
                false
            }
            Err(stop) => {
                assert_eq!(stop, Stop::Busy(1));
                assert_eq!(before, 0);
                true
            }
        };
        viewer.join().expect("viewer");
        if refused {
            assert!(pinned_span(&shared).is_some(), "I7: still there");
        }
        drop(shared);
        assert_eq!(ended.load(Ordering::SeqCst), 1, "I5");
    });
}

#[test]
fn the_last_of_two_exports_ends_a_lingering_region() {
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let shared = cell(&ended, 8, 8);
        shared.export().expect("live");
        shared.export().expect("live");
        let releases: Vec<_> = (0..2)
            .map(|_| {
                let (shared, ended) = (shared.clone(), ended.clone());
                thread::spawn(move || {
                    assert_eq!(ended.load(Ordering::SeqCst), 0, "I4: mapped while this export lives");
                    drop(shared.release());
                })
            })
            .collect();
        drop(shared.linger(2).expect("no pins"));
        for release in releases {
            release.join().expect("release");
        }
        drop(shared);
        assert_eq!(ended.load(Ordering::SeqCst), 1, "I5");
    });
}

#[test]
fn merging_two_ways_at_once() {
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        // In one allocation: which one is asked first follows from the addresses, and a model must repeat itself.
        let both = Arc::new([live(&ended, 8, 8), live(&ended, 16, 8)]);
        let merge = |into: &Cell<Fake>, from: &Cell<Fake>| loop {
            match exclusive_pair(into, from) {
                Ok((mut into, from)) => {
                    let region = from.consume(3);
                    into.with(|fake| fake.span.len += region.span().len);
                    return true;
                }
                Err((_, Stop::Gone)) => return false,
                Err((stopped, _)) => stopped.wait(Wish::Alone, PATIENCE),
            };
        };
        let other = {
            let both = both.clone();
            thread::spawn(move || merge(&both[1], &both[0]))
        };
        let mine = merge(&both[0], &both[1]);
        let theirs = other.join().expect("merger");
        assert!(mine != theirs, "I1");
        let left = if mine { &both[0] } else { &both[1] };
        assert_eq!(pinned_span(left).expect("live").len, 16);
        drop(both);
        assert_eq!(ended.load(Ordering::SeqCst), 2, "I5");
    });
}

#[test]
fn pin_export_and_close_together() {
    // No waiting here: three threads of which one polls have endless schedules. The tests of two threads wait.
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let shared = cell(&ended, 8, 8);
        let reader = {
            let (shared, ended) = (shared.clone(), ended.clone());
            thread::spawn(move || {
                if let Ok(pin) = shared.pin() {
                    assert_eq!(ended.load(Ordering::SeqCst), 0, "I2");
                    drop(pin);
                }
            })
        };
        let viewer = {
            let (shared, ended) = (shared.clone(), ended.clone());
            thread::spawn(move || {
                if shared.export().is_ok() {
                    assert_eq!(ended.load(Ordering::SeqCst), 0, "I4");
                    drop(shared.release());
                }
            })
        };
        match shared.linger(2) {
            Ok(region) => drop(region),
            Err(stop) => assert_eq!(stop, Stop::Wait, "I7"),
        }
        reader.join().expect("reader");
        viewer.join().expect("viewer");
        drop(shared);
        assert_eq!(ended.load(Ordering::SeqCst), 1, "I5");
    });
}
