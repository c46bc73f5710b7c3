//! All interleavings of the state machine, by model checking.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p mmap-rs-core --release --test loom`. What is shown is named after
//! the invariants in `docs/architecture.md`: I1 one owner, I2 no access outside a live span, I3 pins and exclusive
//! access never overlap, I4 exports keep the memory, I5 each region ends once, I6 no deadlock, I7 refusals change
//! nothing. loom reports a deadlock (I6) and a racing access to the region's cell (I3) by itself.
#![cfg(loom)]

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use mmap_rs_core::state::{AcquireError, Ending, Exclusive, Extent, Mode, RegionCell, Requests, Span, exclusive_pair};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3600);
const HONOURED: Requests = Requests::Honoured;

/// A region that counts how often it ended.
struct Fake {
    span: Span,
    ended: Arc<AtomicUsize>,
}

impl Extent for Fake {
    fn span(&self) -> Span {
        self.span
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::SeqCst);
    }
}

type Cell = RegionCell<Fake>;

const WHOLE: Span = Span { start: 8, len: 8 };
const SPLIT: Span = Span { start: 8, len: 4 };

fn live(ended: &Arc<AtomicUsize>, span: Span) -> Cell {
    let cell = Cell::vacant();
    assert!(cell.fill(Fake { span, ended: ended.clone() }).is_ok());
    cell
}

fn count(ended: &AtomicUsize) -> usize {
    ended.load(Ordering::SeqCst)
}

/// What a thread does to a cell, waiting as the face does where it has to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    /// A call: a pin.
    Call,
    /// A call while the interpreter ends, which requests for exclusive access don't keep back.
    LateCall,
    /// A buffer: an export.
    Buffer,
    /// A change of the span, after a request where it must wait.
    Split,
    /// A close, after a request where it must wait.
    Close,
    /// A close that requests, waits for nothing and gives up: what a signal or a refusal makes of it.
    GiveUp,
    /// A deferred close.
    CloseDeferred,
    /// A view in another language, and one more of the same.
    View,
}

const ACTS: [Act; 8] =
    [Act::Call, Act::LateCall, Act::Buffer, Act::Split, Act::Close, Act::GiveUp, Act::CloseDeferred, Act::View];

/// Begins exclusive access as the face does; `None` where it is refused.
fn exclusive(cell: &Cell) -> Option<Exclusive<'_, Fake>> {
    let mut request = None;
    loop {
        match cell.exclusive() {
            Ok(alone) => return Some(alone),
            Err(AcquireError::InUse) => {
                request.get_or_insert_with(|| cell.request());
                cell.wait(Mode::Exclusive, PATIENCE);
            }
            Err(AcquireError::Ended(_) | AcquireError::Exported(_)) => return None,
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn call(cell: &Cell, ended: &AtomicUsize, requests: Requests) {
    loop {
        match cell.pin(requests) {
            Ok(pin) => {
                let (seen, real) = (pin.span(), pin.with(|fake| fake.span));
                assert_eq!(seen, real, "I2: the span is the region's");
                assert!(seen == WHOLE || seen == SPLIT, "I2: no torn span");
                assert_eq!(count(ended), 0, "I2: alive while pinned");
                return;
            }
            Err(AcquireError::InUse) => cell.wait(Mode::Shared(requests), PATIENCE),
            Err(AcquireError::Ended(_)) => return,
            Err(other) => panic!("{other:?}"),
        }
    }
}

fn perform(act: Act, cell: &Cell, ended: &AtomicUsize) {
    match act {
        Act::Call => call(cell, ended, HONOURED),
        Act::LateCall => call(cell, ended, Requests::Ignored),
        Act::Buffer => loop {
            match cell.export(HONOURED) {
                Ok(export) => {
                    assert_eq!(count(ended), 0, "I4: alive while exported");
                    drop(export);
                    return;
                }
                Err(AcquireError::InUse) => cell.wait(Mode::Shared(HONOURED), PATIENCE),
                Err(_) => return,
            }
        },
        Act::Split => {
            if let Some(mut alone) = exclusive(cell) {
                assert_eq!(count(ended), 0);
                alone.with(|fake| fake.span = SPLIT);
            }
        }
        Act::Close => {
            if let Some(alone) = exclusive(cell) {
                drop(alone.end(Ending::Closed));
            }
        }
        Act::View => {
            let export = loop {
                match cell.export(HONOURED) {
                    Ok(export) => break export,
                    Err(AcquireError::InUse) => cell.wait(Mode::Shared(HONOURED), PATIENCE),
                    Err(_) => return,
                }
            };
            let again = cell.export_again().expect("I4: exported");
            drop(export);
            assert_eq!(count(ended), 0, "I4: alive while one of two views lives");
            drop(again);
        }
        Act::GiveUp => {
            let request = cell.request();
            drop(cell.exclusive());
            drop(request);
        }
        Act::CloseDeferred => loop {
            match cell.end_deferred(Ending::Closed) {
                Ok(region) => return drop(region),
                Err(AcquireError::InUse) => cell.wait(Mode::Exclusive, PATIENCE),
                Err(AcquireError::Ended(_)) => return,
                Err(other) => panic!("{other:?}"),
            }
        },
    }
}

/// Nothing is left standing: whatever can be done to a cell can be done at once.
fn check_rest(cell: &Cell, ended: &AtomicUsize) {
    match cell.ending() {
        None => {
            assert_eq!(count(ended), 0);
            drop(cell.pin(HONOURED).expect("I7: usable"));
            drop(cell.export(HONOURED).expect("I7: usable"));
            drop(cell.exclusive().expect("I7: unused"));
        }
        Some(_) => assert_eq!(count(ended), 1, "I5: ended when the last use had ended"),
    }
}

fn run(acts: &'static [Act], with_export: bool) {
    loom::model(move || {
        let ended = Arc::new(AtomicUsize::new(0));
        let cell = Arc::new(live(&ended, WHOLE));
        let kept = with_export.then(|| cell.export(HONOURED).expect("live").leak());
        let others: Vec<_> = acts[1..]
            .iter()
            .map(|act| {
                let (cell, ended) = (cell.clone(), ended.clone());
                thread::spawn(move || perform(*act, &cell, &ended))
            })
            .collect();
        perform(acts[0], &cell, &ended);
        for other in others {
            other.join().expect("no panic");
        }
        if kept.is_some() {
            assert_eq!(count(&ended), 0, "I4");
            drop(cell.release());
        }
        check_rest(&cell, &ended);
        drop(cell);
        assert_eq!(count(&ended), 1, "I5");
    });
}

/// Every act against every other, each beginning, waiting and ending at any point of the other.
#[test]
fn all_pairs() {
    for (i, one) in ACTS.iter().enumerate() {
        for other in &ACTS[i..] {
            let acts: &'static [Act] = Box::leak(Box::new([*one, *other]));
            run(acts, false);
            run(acts, true);
        }
    }
}

/// Three at once, of which none polls: a model of three threads that wait for each other has endless schedules. Those
/// of three that don't are still too many to run, so a thread is interrupted twice at most.
#[test]
fn three_that_do_not_wait() {
    const TRIES: [fn(&Cell, &AtomicUsize); 4] = [
        |cell, ended| {
            if let Ok(pin) = cell.pin(HONOURED) {
                assert_eq!(count(ended), 0, "I2");
                drop(pin);
            }
        },
        |cell, ended| {
            if let Ok(export) = cell.export(HONOURED) {
                assert_eq!(count(ended), 0, "I4");
                drop(export);
            }
        },
        |cell, _| {
            if let Ok(alone) = cell.exclusive() {
                drop(alone.end(Ending::Closed));
            }
        },
        |cell, _| {
            let request = cell.request();
            drop(cell.exclusive());
            drop(request);
        },
    ];
    for one in 0..TRIES.len() {
        for two in one..TRIES.len() {
            let mut model = loom::model::Builder::new();
            model.preemption_bound = Some(2);
            model.check(move || {
                let ended = Arc::new(AtomicUsize::new(0));
                let cell = Arc::new(live(&ended, WHOLE));
                let others = [one, two].map(|index| {
                    let (cell, ended) = (cell.clone(), ended.clone());
                    thread::spawn(move || TRIES[index](&cell, &ended))
                });
                drop(cell.end_deferred(Ending::Closed));
                for other in others {
                    other.join().expect("no panic");
                }
                check_rest(&cell, &ended);
                drop(cell);
                assert_eq!(count(&ended), 1, "I5");
            });
        }
    }
}

#[test]
fn the_last_of_two_exports_ends_a_region_that_was_closed() {
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let cell = Arc::new(live(&ended, WHOLE));
        cell.export(HONOURED).expect("live").leak();
        cell.export(HONOURED).expect("live").leak();
        let releases = [0, 1].map(|_| {
            let (cell, ended) = (cell.clone(), ended.clone());
            thread::spawn(move || {
                assert_eq!(count(&ended), 0, "I4: mapped while this export lives");
                drop(cell.release());
            })
        });
        drop(cell.end_deferred(Ending::Closed).expect("nobody has exclusive access"));
        for release in releases {
            release.join().expect("release");
        }
        assert_eq!(count(&ended), 1, "I5");
    });
}

/// Two views in other threads, one of which is counted again, and the end of their object, which has no other uses: what
/// `Mapping`'s destructor does. A thread is interrupted twice at most.
#[test]
fn the_last_view_ends_a_region_whose_object_has_gone() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let cell = Arc::new(live(&ended, WHOLE));
        cell.export(HONOURED).expect("live").leak();
        cell.export(HONOURED).expect("live").leak();
        let views = [false, true].map(|again| {
            let (cell, ended) = (cell.clone(), ended.clone());
            thread::spawn(move || {
                let again = again.then(|| cell.export_again().expect("I4: exported").leak());
                assert_eq!(count(&ended), 0, "I4: mapped while this view lives");
                drop(cell.release());
                if again.is_some() {
                    assert_eq!(count(&ended), 0, "I4: mapped while the other view lives");
                    drop(cell.release());
                }
            })
        });
        match cell.exclusive() {
            Ok(alone) => drop(alone.end(Ending::Closed)),
            Err(AcquireError::Exported(_)) => drop(cell.end_deferred(Ending::Closed).expect("nobody else ends it")),
            Err(other) => panic!("{other:?}"),
        }
        for view in views {
            view.join().expect("no panic");
        }
        assert_eq!(count(&ended), 1, "I5");
    });
}

/// Takes `from` into `into`, waiting as the face does; false where one of the two has ended.
fn merge(into: &Cell, from: &Cell) -> bool {
    let mut requests = None;
    loop {
        match exclusive_pair(into, from) {
            Ok((mut into, from)) => {
                let region = from.end(Ending::Merge);
                into.with(|fake| fake.span.len += region.span.len);
                return true;
            }
            Err((cell, AcquireError::InUse)) => {
                requests.get_or_insert_with(|| (into.request(), from.request()));
                cell.wait(Mode::Exclusive, PATIENCE);
            }
            Err(_) => return false,
        }
    }
}

/// In one allocation: which one is tried first follows from the addresses, and a model must repeat itself.
fn neighbours(ended: &Arc<AtomicUsize>) -> Arc<[Cell; 2]> {
    Arc::new([live(ended, WHOLE), live(ended, Span { start: 16, len: 8 })])
}

#[test]
fn merging_two_ways_at_once() {
    loom::model(|| {
        let ended = Arc::new(AtomicUsize::new(0));
        let both = neighbours(&ended);
        let other = {
            let both = both.clone();
            thread::spawn(move || merge(&both[1], &both[0]))
        };
        let mine = merge(&both[0], &both[1]);
        let theirs = other.join().expect("merger");
        assert!(mine != theirs, "I1");
        let left = if mine { &both[0] } else { &both[1] };
        assert_eq!(left.pin(HONOURED).expect("I7: no request is left").span().len, 16);
        drop(left.exclusive().expect("unused"));
        drop(both);
        assert_eq!(count(&ended), 2, "I5");
    });
}

/// A merge against every other act, on either side of it, refused by an export or not.
#[test]
fn a_merge_against_all() {
    for act in ACTS {
        for side in 0..2 {
            for exported in [None, Some(0), Some(1)] {
                loom::model(move || {
                    let ended = Arc::new(AtomicUsize::new(0));
                    let both = neighbours(&ended);
                    if let Some(exported) = exported {
                        both[exported].export(HONOURED).expect("live").leak();
                    }
                    let other = {
                        let both = both.clone();
                        // The count is of both regions, so what one act asserts of its own is not asked here.
                        thread::spawn(move || perform_unchecked(act, &both[side]))
                    };
                    let merged = merge(&both[0], &both[1]);
                    other.join().expect("no panic");
                    assert!(!(merged && exported.is_some()), "I4");
                    if let Some(exported) = exported {
                        drop(both[exported].release());
                    }
                    for cell in both.iter().filter(|cell| cell.ending().is_none()) {
                        drop(cell.pin(HONOURED).expect("I7: no request is left"));
                        drop(cell.exclusive().expect("I7: unused"));
                    }
                    drop(both);
                    assert_eq!(count(&ended), 2, "I5");
                });
            }
        }
    }
}

fn perform_unchecked(act: Act, cell: &Cell) {
    match act {
        Act::Call | Act::LateCall | Act::Buffer => {
            if let Ok(pin) = cell.pin(HONOURED) {
                assert_eq!(pin.span(), pin.with(|fake| fake.span), "I2");
            }
            drop(cell.export(HONOURED));
        }
        other => perform(other, cell, &AtomicUsize::new(0)),
    }
}
