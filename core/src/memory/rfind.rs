//! The last place of a needle, with the forward search of the library, which has vector instructions where its
//! backward search has none.
//!
//! Pieces are looked at from the end, each twice as large as the one before; in the first that holds the needle, the
//! right half is asked first, and so on. Each byte is looked at a few times at most, however many places there are.

use memchr::memmem::Finder;

/// The first piece, in bytes: small, as a last place is often near the end.
const FIRST: usize = 1 << 10;
/// The largest piece, in bytes: fits a processor's nearest caches.
const LARGEST: usize = 1 << 18;

/// The last place of `needle`, which has two bytes at least.
pub(super) fn rfind(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let finder = Finder::new(needle);
    let smallest = needle.len().saturating_mul(4);
    // Places below `end` are still to be looked at.
    let mut end = (haystack.len() + 1).checked_sub(needle.len())?;
    let mut piece = FIRST.max(smallest);
    while end > 0 {
        let start = end.saturating_sub(piece);
        if let Some(found) = first(&finder, haystack, start, end) {
            return Some(last(&finder, haystack, found, end));
        }
        end = start;
        piece = piece.saturating_mul(2).min(LARGEST.max(smallest));
    }
    None
}

/// The first place from `start` on and below `end`.
fn first(finder: &Finder<'_>, haystack: &[u8], start: usize, end: usize) -> Option<usize> {
    let reach = end.saturating_add(finder.needle().len() - 1).min(haystack.len());
    finder.find(haystack.get(start..reach)?).map(|at| start + at)
}

/// The last place below `end`, given one at `found`.
fn last(finder: &Finder<'_>, haystack: &[u8], mut found: usize, mut end: usize) -> usize {
    while end - found > 1 {
        let middle = found + (end - found).div_ceil(2);
        match first(finder, haystack, middle, end) {
            Some(later) => found = later,
            None => end = middle,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slowly(haystack: &[u8], needle: &[u8]) -> Option<usize> {
        haystack.windows(needle.len()).rposition(|window| window == needle)
    }

    #[test]
    fn at_the_borders_of_pieces() {
        for len in [2, 3, 1023, 1024, 1025, 3 * 1024, 5000] {
            for at in 0..len - 1 {
                let mut haystack = vec![0u8; len];
                haystack[at..at + 2].copy_from_slice(b"ab");
                assert_eq!(rfind(&haystack, b"ab"), Some(at), "{at} in {len}");
            }
        }
        assert_eq!(rfind(b"a", b"ab"), None);
        assert_eq!(rfind(b"", b"ab"), None);
        assert_eq!(rfind(&[7; 9000], &[7; 100]), Some(8900));
    }

    proptest! {
        #[test]
        fn as_a_slow_search(
            haystack in proptest::collection::vec(0u8..3, 0..4000), needle in proptest::collection::vec(0u8..3, 2..9),
        ) {
            prop_assert_eq!(rfind(&haystack, &needle), slowly(&haystack, &needle));
        }
    }
}
