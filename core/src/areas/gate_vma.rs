//! The gate area: `[vsyscall]` on x86-64, `[vectors]` on 32-bit ARM.
//!
//! It is the kernel's own, listed after all others, and lies above them; a look-up does not know it. A process has the
//! same one for ever, as long as the system runs, so this process's list is read for it once, and only when an address
//! above all else is asked about. Another process has the same one, or none.
#![expect(unsafe_code, reason = "an area in an atomic pointer, which is never freed")]

use super::area::Area;
use super::maps_file::{MapsFile, Text};
use super::maps_reader::MapsReader;
use super::procmap_query::{self, Answer};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Never freed. No lock, which a child of `fork` could find taken.
static GATE: AtomicPtr<Option<Area>> = AtomicPtr::new(null_mut());

/// This process's gate area; the outer `None` where that can't be found out.
pub(super) fn own() -> Option<Option<&'static Area>> {
    let mut known = GATE.load(Ordering::Acquire);
    if known.is_null() {
        let found = Box::into_raw(Box::new(find()?));
        known = match GATE.compare_exchange(null_mut(), found, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => found,
            Err(other) => {
                // SAFETY: made here, and seen by no one else.
                drop(unsafe { Box::from_raw(found) });
                other
            }
        };
    }
    // SAFETY: not null, and never freed.
    Some(unsafe { (*known).as_ref() })
}

/// What kernels call it. No other area without a file can get such a name.
const NAMES: [&str; 2] = ["[vsyscall]", "[vectors]"];

fn find() -> Option<Option<Area>> {
    let mut reader = MapsReader::new(MapsFile::open(None, Text::Maps).ok()??, false);
    let mut last = None;
    while let Some(area) = reader.next_area().ok()? {
        last = Some(area);
    }
    let is_named = |area: &Area| area.path.as_ref().is_some_and(|(name, _)| NAMES.iter().any(|known| name == known));
    let Some(gate) = last.filter(|area| !area.is_file && is_named(area)) else { return Some(None) };
    match procmap_query::ask(reader.maps(), gate.start) {
        Answer::Nothing => Some(Some(gate)),
        Answer::Area(_) => Some(None),
        Answer::AskText => None,
    }
}
