//! The state machine under real threads: what loom shows of few steps, over many, for a sanitizer to watch.
#![cfg(not(loom))]

use mmap_rs_core::registry::Entry;
use mmap_rs_core::state::{AcquireError, Ending, Extent, Mode, RegionCell, Requests, Span, exclusive_pair};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A region whose every read must find what its last writer left: two plain numbers that are equal.
struct Plain {
    span: Span,
    one: usize,
    other: usize,
    ended: Arc<AtomicUsize>,
}

impl Extent for Plain {
    fn span(&self) -> Span {
        self.span
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

fn cell(start: usize, ended: &Arc<AtomicUsize>) -> Arc<RegionCell<Plain>> {
    let cell = RegionCell::vacant();
    let plain = Plain { span: Span { start, len: 100 }, one: 0, other: 0, ended: ended.clone() };
    assert!(cell.fill(plain).is_ok());
    Arc::new(cell)
}

const SHARED: Mode = Mode::Shared(Requests::Honoured);

/// Waits where that helps; false where the region has ended.
fn again(cell: &RegionCell<Plain>, mode: Mode, error: AcquireError) -> bool {
    match error {
        AcquireError::InUse => cell.wait(mode, Duration::from_millis(50)),
        AcquireError::Exported(_) | AcquireError::TooManyExports => thread::yield_now(),
        AcquireError::Ended(_) => return false,
    }
    true
}

fn read(cell: &RegionCell<Plain>) {
    loop {
        match cell.pin(Requests::Honoured) {
            Ok(pinned) => {
                pinned.with(|plain| assert_eq!(plain.one, plain.other));
                assert_eq!(pinned.span().len % 100, 0);
            }
            Err(error) if again(cell, SHARED, error) => {}
            Err(_) => return,
        }
    }
}

fn hold(cell: &RegionCell<Plain>) {
    loop {
        match cell.export(Requests::Honoured) {
            Ok(export) => assert_eq!(export.span().len % 100, 0),
            Err(error) if again(cell, SHARED, error) => {}
            Err(_) => return,
        }
    }
}

fn write(cell: &RegionCell<Plain>, turns: usize) {
    for _ in 0..turns {
        let _request = cell.request();
        loop {
            match cell.exclusive() {
                Ok(mut alone) => {
                    alone.with(|plain| {
                        plain.one += 1;
                        plain.span.len += 100;
                        plain.other += 1;
                    });
                    break;
                }
                Err(error) if again(cell, Mode::Exclusive, error) => {}
                Err(_) => return,
            }
        }
    }
}

fn end(cell: &RegionCell<Plain>, deferred: bool) {
    let _request = cell.request();
    loop {
        let ended = if deferred {
            cell.end_deferred(Ending::Closed).map(drop)
        } else {
            cell.exclusive().map(|alone| drop(alone.end(Ending::Closed)))
        };
        match ended {
            Ok(()) => return,
            Err(error) if again(cell, Mode::Exclusive, error) => {}
            Err(_) => return,
        }
    }
}

#[test]
fn readers_writers_holders_and_an_end() {
    for round in 0..30 {
        let ended = Arc::new(AtomicUsize::new(0));
        let cell = cell(1000, &ended);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| read(&cell));
                scope.spawn(|| hold(&cell));
            }
            scope.spawn(|| {
                write(&cell, 50);
                end(&cell, round % 2 == 0);
            });
        });
        assert_eq!(cell.ending(), Some(Ending::Closed));
        drop(cell);
        assert_eq!(ended.load(Ordering::Relaxed), 1, "unmapped exactly once");
    }
}

#[test]
fn pairs_both_ways_round() {
    let ended = Arc::new(AtomicUsize::new(0));
    let (left, right) = (cell(1000, &ended), cell(1100, &ended));
    let swap = |a: &RegionCell<Plain>, b: &RegionCell<Plain>| {
        let mut turn = 0;
        while turn < 500 {
            match exclusive_pair(a, b) {
                Ok((mut one, mut two)) => {
                    one.with(|one| two.with(|two| std::mem::swap(&mut one.one, &mut two.one)));
                    one.with(|one| two.with(|two| std::mem::swap(&mut one.other, &mut two.other)));
                    turn += 1;
                }
                Err((cell, error)) => assert!(again(cell, Mode::Exclusive, error)),
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| swap(&left, &right));
        scope.spawn(|| swap(&right, &left));
        scope.spawn(|| write(&left, 100));
        scope.spawn(|| write(&right, 100));
    });
    for cell in [&left, &right] {
        cell.pin(Requests::Honoured).expect("alive").with(|plain| assert_eq!(plain.one, plain.other));
    }
    drop((left, right));
    assert_eq!(ended.load(Ordering::Relaxed), 2);
}

#[test]
fn the_last_of_many_releases_ends_it() {
    for _ in 0..200 {
        let ended = Arc::new(AtomicUsize::new(0));
        let cell = cell(1000, &ended);
        for _ in 0..4 {
            cell.export(Requests::Honoured).expect("alive").leak();
        }
        thread::scope(|scope| {
            scope.spawn(|| end(&cell, true));
            for _ in 0..4 {
                scope.spawn(|| drop(cell.release()));
            }
        });
        assert_eq!(cell.ending(), Some(Ending::Closed));
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    }
}

/// Readers of which one always has a pin, so that there is never a moment without: a request makes one.
#[test]
fn readers_cant_starve_a_writer() {
    let ended = Arc::new(AtomicUsize::new(0));
    let cell = cell(1000, &ended);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    if let Ok(pinned) = cell.pin(Requests::Honoured) {
                        thread::sleep(Duration::from_millis(3));
                        drop(pinned);
                    }
                }
            });
        }
        write(&cell, 20);
        stop.store(true, Ordering::Relaxed);
    });
    cell.pin(Requests::Honoured).expect("alive").with(|plain| assert_eq!(plain.one, 20));
}

/// Views in threads that know nothing of each other, each counted again and released on its own, while the object ends.
#[test]
fn views_outlive_their_object() {
    for round in 0..200 {
        let ended = Arc::new(AtomicUsize::new(0));
        let cell = cell(100, &ended);
        let views: Vec<_> = (0..4)
            .map(|_| {
                cell.export(Requests::Honoured).unwrap_or_else(|error| panic!("{error:?}")).leak();
                cell.clone()
            })
            .collect();
        thread::scope(|scope| {
            for view in views {
                let ended = &ended;
                scope.spawn(move || {
                    for _ in 0..100 {
                        view.export_again().unwrap_or_else(|error| panic!("{error:?}")).leak();
                        view.pin_exported()
                            .unwrap_or_else(|error| panic!("{error:?}"))
                            .with(|plain| assert_eq!(plain.one, plain.other));
                        drop(view.release());
                        assert_eq!(ended.load(Ordering::Relaxed), 0, "mapped while this view lives");
                    }
                    drop(view.release());
                });
            }
            if round % 2 == 0 {
                thread::yield_now();
            }
            match cell.exclusive() {
                Ok(alone) => drop(alone.end(Ending::Closed)),
                Err(_) => drop(cell.end_deferred(Ending::Closed)),
            }
        });
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    }
}

/// Threads that register, move and withdraw pages, of which no two have the same; nobody is told of an overlap.
#[test]
fn a_registry_of_many_threads() {
    thread::scope(|scope| {
        for number in 0..4_usize {
            scope.spawn(move || {
                // Where no mapping can be.
                let base = usize::MAX / 2 + number * 0x1000_0000;
                for round in 0..2_000_usize {
                    let mut entry = Entry::new(Span { start: base + round * 0x1000, len: 0x1000 });
                    assert_eq!(entry.overlap(), Ok(()));
                    entry.set(Span { start: base, len: 0x2000 });
                    assert_eq!(entry.overlap(), Ok(()));
                    entry.clear();
                }
            });
        }
    });
}
