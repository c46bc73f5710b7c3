//! The gate area: `[vsyscall]` on x86-64, `[vectors]` on 32-bit ARM.
//!
//! It is the kernel's own, listed after all others, and lies above them; a look-up does not know it. A process has the
//! same one for ever, as long as the system runs, so this process's list is read for it once, and only when an address
//! above all else is asked about. Another process has the same one, or none.

use super::Area;
use super::kept;
use super::lookup::Answer;
use super::text::Text;
use std::fs::File;
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

fn find() -> Option<Option<Area>> {
    let mut text = Text::new(File::open("/proc/self/maps").ok()?, None, false);
    let mut last = None;
    while let Some(area) = text.next_area().ok()? {
        last = Some(area);
    }
    let last = last?;
    match kept::ask(last.start)? {
        Answer::Nothing => Some(Some(last)),
        Answer::Area(_) => Some(None),
        Answer::AskText => None,
    }
}
