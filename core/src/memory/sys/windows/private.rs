//! Private views of files that were made for reading: the system does not tell them from shared ones.
//!
//! They are copy-on-write views once they are made writable, but until then nothing in them is; so this process notes
//! where its own begin. Another process's can't be known.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held for a step in the set only. There is no `fork` that could leave it taken.
static BASES: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn bases() -> MutexGuard<'static, BTreeSet<usize>> {
    BASES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes the first address of a view.
pub(super) fn add(base: usize) {
    bases().insert(base);
}

/// Forgets it.
pub(super) fn remove(base: usize) {
    bases().remove(&base);
}

/// Whether the view that begins at an address is one of these.
pub(crate) fn is_private_view(base: usize) -> bool {
    bases().contains(&base)
}

#[cfg(test)]
mod tests {
    use super::super::allocation::{Allocation, Place};
    use super::*;

    #[test]
    fn what_is_noted_is_forgotten_with_its_memory() {
        let place = Place { address: 0, fixed: false };
        let mut memory = Allocation::memory(place, 1, windows_sys::Win32::System::Memory::PAGE_READONLY, false, false)
            .expect("allocated");
        let base = memory.base();
        assert!(!is_private_view(base));
        memory.note_private();
        assert!(is_private_view(base));
        drop(memory);
        assert!(!is_private_view(base));
    }
}
