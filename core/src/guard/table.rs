//! Which addresses are guarded.
//!
//! Threads claim a slot by one compare-and-swap; the handler looks at every slot that was ever used.

use super::slot::{self, Claim, Entry, Found, Guard, Slot};
use crate::blocks::Blocks;
use crate::state::{Span, generation};
use crate::{Error, Result};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

static TABLE: Blocks<Slot> = Blocks::new();
/// Where to look for a free slot first.
static HINT: AtomicUsize = AtomicUsize::new(0);
/// How many slots were ever used.
static USED: AtomicUsize = AtomicUsize::new(0);

fn claim() -> Result<Claim> {
    let hint = HINT.load(Ordering::Relaxed);
    // From the hint up to the end of what was used, then from the beginning, then beyond.
    let used = USED.load(Ordering::Acquire);
    let reused = (hint..used).chain(0..hint.min(used));
    for number in reused.chain(used..usize::MAX) {
        let Some(slot) = TABLE.get_or_make(number) else { break };
        if let Some(claim) = slot.claim() {
            HINT.store(number + 1, Ordering::Relaxed);
            USED.fetch_max(number + 1, Ordering::AcqRel);
            return Ok(claim);
        }
    }
    Err(Error::system("Io", libc::ENOMEM, "registration of a guarded mapping".to_owned()))
}

/// Guards a span of pages of `page` bytes. `protection` is the `PROT_*` of the mapping.
pub(super) fn guard(span: Span, page: usize, protection: i32) -> Result<Guard> {
    let entry = Entry::new(span.start, span.len, page, protection).ok_or_else(|| unguarded(span))?;
    Ok(Guard::of(claim()?, entry))
}

/// A second guard, of what lies from an address on.
pub(super) fn tail(guard: &Guard, at: usize) -> Result<Guard> {
    Ok(guard.copy_from(claim()?, at))
}

/// A second guard, of another place.
pub(super) fn moved(guard: &Guard, to: Span) -> Result<Guard> {
    let Entry { page, protection, .. } = guard.entry();
    let entry = Entry::new(to.start, to.len, page, protection).ok_or_else(|| unguarded(to))?;
    Ok(guard.moved(claim()?, entry))
}

fn unguarded(span: Span) -> Error {
    Error::InvalidSize(format!("{} bytes at {:#x} can't be guarded", span.len, span.start))
}

/// What guards an address. Async-signal-safe.
pub(super) fn find(address: usize) -> Option<Found<'static>> {
    slot::find(slots(), address)
}

/// Marks what guards any of these addresses. Async-signal-safe.
pub(super) fn mark(range: &Range<usize>) {
    slot::mark(slots(), range);
}

fn slots() -> impl Iterator<Item = &'static Slot> + Clone {
    let used = USED.load(Ordering::Acquire);
    let process = this_process();
    TABLE.iter().take(used).filter(move |slot| slot.is_in(process))
}

/// What names this process among its parents and children: see [`Guard::set_process`]. Async-signal-safe.
pub(super) fn this_process() -> usize {
    (generation() as usize).wrapping_add(1)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn many_guards_at_once() {
        // Addresses that no test maps: nothing here touches them.
        let base = 0x4000_0000;
        let guards: Vec<_> =
            (0..1000).map(|i| guard(Span { start: base + i * 8192, len: 4096 }, 4096, 1).expect("room")).collect();
        for i in 0..1000 {
            assert!(find(base + i * 8192).is_some() && find(base + i * 8192 + 4096).is_none());
        }
        drop(guards);
        assert!((0..1000).all(|i| find(base + i * 8192).is_none()));
    }
}
