//! What a child of `fork` finds: its parent's exports, and none of the calls that the parent's threads had in flight.
#![cfg(all(unix, not(loom)))]
#![allow(unsafe_code, reason = "forks")]

use mmap_rs_core::state::{AcquireError, Ending, Extent, RegionCell, Requests, Span, watch};

struct Plain;

impl Extent for Plain {
    fn span(&self) -> Span {
        Span { start: 4096, len: 100 }
    }
}

fn live() -> RegionCell<Plain> {
    let cell = RegionCell::vacant();
    assert!(cell.fill(Plain).is_ok());
    cell
}

/// Runs `check` in a child; its answer.
fn in_child(check: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child only asks atomics, and ends without running anything else.
    match unsafe { libc::fork() } {
        0 => {
            let status = i32::from(!check());
            // SAFETY: ends the child.
            unsafe { libc::_exit(status) }
        }
        child => {
            assert!(child > 0, "fork failed");
            let mut status = 0;
            // SAFETY: a child of this process, and a place for its status.
            assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
            libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
        }
    }
}

#[test]
fn uses_across_a_fork() {
    watch().expect("registered");
    let cell = live();
    // What this thread itself has taken is given back in the child too, and counts for nothing there.
    let pin = cell.pin(Requests::Honoured).expect("live");
    let request = cell.request();
    assert!(in_child(|| {
        let free = cell.exclusive().is_ok();
        drop((pin, request));
        free && cell.exports() == 0 && cell.exclusive().is_ok() && cell.pin(Requests::Honoured).is_ok()
    }));

    let export = cell.export(Requests::Honoured).expect("live");
    assert!(in_child(|| {
        let kept = matches!(cell.exclusive(), Err(AcquireError::Exported(1)));
        drop(export);
        kept && cell.exclusive().is_ok()
    }));

    let alone = live();
    let exclusive = alone.exclusive().expect("unused");
    assert!(in_child(|| alone.ending() == Some(Ending::LostInFork) && alone.pin(Requests::Honoured).is_err()));
    drop(exclusive);
    assert_eq!(alone.ending(), None);

    // Closed with a call in flight: in the child that call is no use any more, and the last export has the region.
    let closed = live();
    closed.export(Requests::Honoured).expect("live").leak();
    let pin = closed.pin(Requests::Honoured).expect("live");
    assert!(matches!(closed.end_deferred(Ending::Closed), Ok(None)));
    assert!(in_child(|| closed.release().is_some()));
    assert!(closed.release().is_none());
    drop(pin);
    assert_eq!(closed.ending(), Some(Ending::Closed));
}
