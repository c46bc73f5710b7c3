//! Windows: what `QueryWorkingSetEx` says of pages (PSAPI_WORKING_SET_EX_BLOCK), summed up over an area.
//!
//! It does not say which pages were written, and none of what was moved out to the page file.

use super::usage::Usage;

/// The bits of a page.
const VALID: usize = 1;
const SHARED: usize = 1 << 15;
const LOCKED: usize = 1 << 22;
const LARGE: usize = 1 << 23;

/// By how many processes a page is shared: 7 stands for more, too.
fn sharers(page: usize) -> u64 {
    (page >> 1 & 7) as u64
}

/// The pages of an area that are in the working set of its process, by what is said of them.
#[derive(Debug)]
pub(super) struct Pages {
    valid: u64,
    locked: u64,
    large: u64,
    /// Divided by the number of processes that share each, in 420ths of a page, which is a multiple of 1 to 6; `None` if a
    /// page is shared by more than can be said.
    shares: Option<u64>,
}

impl Pages {
    /// Of an area without pages.
    pub fn none() -> Self {
        Self { valid: 0, locked: 0, large: 0, shares: Some(0) }
    }

    /// Counts a page.
    pub fn count(&mut self, page: usize) {
        if page & VALID == 0 {
            return;
        }
        self.valid += 1;
        self.locked += u64::from(page & LOCKED != 0);
        self.large += u64::from(page & LARGE != 0);
        let share = if page & SHARED == 0 { 1 } else { sharers(page).max(1) };
        self.shares = self.shares.filter(|_| share < 7).and_then(|sum| sum.checked_add(420 / share));
    }

    /// What that comes to, with pages of so many bytes.
    pub fn usage(&self, size: u64) -> Usage {
        let bytes = |pages: u64| Some(pages.saturating_mul(size));
        Usage {
            resident: bytes(self.valid),
            proportional: self.shares.map(|shares| shares.saturating_mul(size) / 420),
            locked: bytes(self.locked),
            huge: bytes(self.large),
            ..Usage::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(pages: &[usize]) -> Usage {
        let mut counted = Pages::none();
        for page in pages {
            counted.count(*page);
        }
        counted.usage(4096)
    }

    #[test]
    fn pages_are_summed_up() {
        let shared = |by: usize| VALID | SHARED | by << 1;
        assert_eq!(usage(&[]), Pages::none().usage(4096));
        let found = usage(&[VALID, 0, SHARED | LOCKED, VALID | LOCKED, shared(2), shared(3) | LARGE, shared(0)]);
        assert_eq!(found.resident, Some(5 * 4096));
        assert_eq!(found.proportional, Some(3 * 4096 + 2048 + 4096 / 3));
        assert_eq!((found.locked, found.huge), (Some(4096), Some(4096)));
        assert_eq!((found.private_dirty, found.swap), (None, None));
        assert_eq!(usage(&[VALID, shared(7)]).proportional, None);
    }
}
