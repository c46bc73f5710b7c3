//! The state machine under real threads: what loom shows of few steps, over many, for a sanitizer to watch.
#![cfg(not(loom))]

use mmap_rs_core::state::{Cell, Resident, Span, Stop, Wish, exclusive_pair};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// A region whose every read must find what its last writer left: two plain numbers that are equal.
struct Plain {
    span: Span,
    one: usize,
    other: usize,
    ended: Arc<AtomicUsize>,
}

impl Resident for Plain {
    fn span(&self) -> Span {
        self.span
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
    }
}

fn cell(start: usize, ended: &Arc<AtomicUsize>) -> Arc<Cell<Plain>> {
    let cell = Cell::vacant();
    let plain = Plain { span: Span { start, len: 100 }, one: 0, other: 0, ended: ended.clone() };
    assert!(cell.fill(plain).is_ok());
    Arc::new(cell)
}

/// Waits where the stop passes; false where it is over.
fn again(cell: &Cell<Plain>, wish: Wish, stop: Stop) -> bool {
    match stop {
        Stop::Wait => {
            cell.wait(wish, Duration::from_millis(50));
            true
        }
        Stop::Busy(_) | Stop::Full => {
            thread::yield_now();
            true
        }
        Stop::Gone => false,
    }
}

fn read(cell: &Cell<Plain>) -> usize {
    let mut reads = 0;
    loop {
        match cell.pin() {
            Ok(pinned) => {
                pinned.with(|plain| assert_eq!(plain.one, plain.other));
                assert_eq!(pinned.span().len % 100, 0);
                reads += 1;
            }
            Err(stop) if again(cell, Wish::Share, stop) => {}
            Err(_) => return reads,
        }
    }
}

fn hold(cell: &Cell<Plain>) {
    loop {
        match cell.export() {
            Ok(span) => {
                assert_eq!(span.len % 100, 0);
                drop(cell.release());
            }
            Err(stop) if again(cell, Wish::Share, stop) => {}
            Err(_) => return,
        }
    }
}

fn write(cell: &Cell<Plain>, turns: usize) {
    let mut turn = 0;
    while turn < turns {
        match cell.exclusive() {
            Ok(mut alone) => {
                alone.with(|plain| {
                    plain.one += 1;
                    plain.span.len += 100;
                    plain.other += 1;
                });
                turn += 1;
            }
            Err(stop) if again(cell, Wish::Alone, stop) => {}
            Err(_) => return,
        }
    }
}

fn end(cell: &Cell<Plain>, linger: bool) {
    loop {
        let ended =
            if linger { cell.linger(1).map(drop) } else { cell.exclusive().map(|alone| drop(alone.consume(1))) };
        match ended {
            Ok(()) => return,
            Err(stop) if again(cell, Wish::Alone, stop) => {}
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
        assert!(cell.gate().is_gone());
        drop(cell);
        assert_eq!(ended.load(Ordering::Relaxed), 1, "unmapped exactly once");
    }
}

#[test]
fn pairs_both_ways_round() {
    let ended = Arc::new(AtomicUsize::new(0));
    let (left, right) = (cell(1000, &ended), cell(1100, &ended));
    let swap = |a: &Cell<Plain>, b: &Cell<Plain>| {
        let mut turn = 0;
        while turn < 500 {
            match exclusive_pair(a, b) {
                Ok((mut one, mut two)) => {
                    one.with(|one| two.with(|two| std::mem::swap(&mut one.one, &mut two.one)));
                    one.with(|one| two.with(|two| std::mem::swap(&mut one.other, &mut two.other)));
                    turn += 1;
                }
                Err((cell, stop)) => assert!(again(cell, Wish::Alone, stop)),
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
        cell.pin().expect("alive").with(|plain| assert_eq!(plain.one, plain.other));
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
            cell.export().expect("alive");
        }
        thread::scope(|scope| {
            scope.spawn(|| end(&cell, true));
            for _ in 0..4 {
                scope.spawn(|| drop(cell.release()));
            }
        });
        assert!(cell.gate().is_gone());
        assert_eq!(ended.load(Ordering::Relaxed), 1);
    }
}
