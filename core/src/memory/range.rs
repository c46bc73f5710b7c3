//! Ranges of a mapping, checked and widened to whole pages.
//!
//! U1: upstream's `flush` and `flush_async` check nothing: an end before the start wraps, one past the end reaches
//! memory of others, and an unaligned start is refused by the system.

use crate::{Error, Result};
use std::ops::Range;

/// A range inside `len` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Checked {
    /// Refuses a range that leaves `0..len` or ends before it starts.
    pub fn new(range: &Range<usize>, len: usize) -> Result<Self> {
        let &Range { start, end } = range;
        if end < start {
            return Err(Error::InvalidOffset(format!("range {start}..{end} ends before it starts")));
        }
        if end > len {
            return Err(Error::InvalidOffset(format!("range {start}..{end} leaves the mapping of {len} bytes")));
        }
        Ok(Self { start, end })
    }

    /// The number of bytes.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The whole pages that it touches. `page` is a power of two; the result ends at most one page past `len`,
    /// where the kernel's own mapping ends.
    pub fn widened(self, page: usize) -> Self {
        let mask = page - 1;
        // A mapping's last page lies inside the address space, so rounding its end up can't overflow; `max` keeps
        // the range right in any case.
        let end = self.end.checked_add(mask).map_or(self.end, |end| end & !mask);
        Self { start: self.start & !mask, end: end.max(self.end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds() {
        for (range, ok) in [(0..0, true), (0..10, true), (10..10, true), (3..11, false), (11..11, false)] {
            assert_eq!(Checked::new(&range, 10).is_ok(), ok, "{range:?}");
        }
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = 5..4;
        assert!(Checked::new(&reversed, 10).is_err());
    }

    proptest! {
        #[test]
        fn widening_covers_and_aligns(start in 0usize..1 << 40, len in 0usize..1 << 40, shift in 12u32..22) {
            let page = 1usize << shift;
            let range = Checked { start, end: start + len };
            let wide = range.widened(page);
            prop_assert!(wide.start <= range.start && wide.end >= range.end);
            prop_assert_eq!(wide.start % page, 0);
            prop_assert_eq!(wide.end % page, 0);
            prop_assert!(range.start - wide.start < page && wide.end - range.end < page);
        }
    }
}
