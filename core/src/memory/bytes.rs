//! The bytes of a mapping, through raw pointers.
//!
//! Other threads, other processes and the kernel may change these bytes at any moment. Single bytes are read and
//! written as relaxed atomics. Copies and searches run over plain memory: what they find may be torn, as with every
//! buffer in Python, but no decision that memory safety depends on is taken from a byte twice. [`Bytes::haystack`]
//! is the one place where such memory is shown to other code (the search library) as a slice.
#![expect(unsafe_code, reason = "mapped bytes, through raw pointers")]

use super::rfind::rfind;
use crate::state::Span;
use std::collections::TryReserveError;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU8, Ordering};

/// Readable bytes that stay mapped for `'a`.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    start: *mut u8,
    len: usize,
    life: PhantomData<&'a ()>,
}

// SAFETY: a place and a length; every access allows for others doing the same at the same time.
unsafe impl Send for Bytes<'_> {}

/// Writable bytes that stay mapped for `'a`.
#[derive(Clone, Copy, Debug)]
pub struct BytesMut<'a>(Bytes<'a>);

/// A slice as Python computes it: `len` bytes from `start` on, each `step` after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strided {
    /// The index of the first byte.
    pub start: usize,
    /// The distance from one byte to the next; may be negative, not 0.
    pub step: isize,
    /// How many bytes.
    pub len: usize,
}

impl Strided {
    /// The index of the last byte, or `None` where one of them lies outside `0..len`.
    fn last_inside(self, len: usize) -> Option<usize> {
        let steps = isize::try_from(self.len.checked_sub(1)?).ok()?;
        let last = self.start.checked_add_signed(self.step.checked_mul(steps)?)?;
        (self.start < len && last < len).then_some(last)
    }

    /// Whether the indices can all be used with `len` bytes.
    #[inline]
    pub fn fits(self, len: usize) -> bool {
        match self.step {
            _ if self.len == 0 => true,
            1 => self.start.checked_add(self.len).is_some_and(|end| end <= len),
            _ => self.last_inside(len).is_some(),
        }
    }

    fn index(self, i: usize) -> usize {
        // In range for each `i` below `len` of a slice that `fits`.
        self.start.wrapping_add((self.step as usize).wrapping_mul(i))
    }
}

impl<'a> Bytes<'a> {
    /// The bytes of a span.
    ///
    /// # Safety
    /// The span is mapped, readable, and stays so for `'a`.
    #[inline]
    pub unsafe fn new(span: Span) -> Self {
        Self { start: span.start as *mut u8, len: span.len, life: PhantomData }
    }

    /// How many.
    #[inline]
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// One byte, or `None` outside.
    #[inline]
    pub fn get(self, index: usize) -> Option<u8> {
        if index >= self.len {
            return None;
        }
        // SAFETY: inside the span; an atomic needs no more of a byte's address than that it is mapped. A relaxed
        // load of a byte is a plain load on every target, so that read-only memory will do.
        Some(unsafe { AtomicU8::from_ptr(self.start.add(index)) }.load(Ordering::Relaxed))
    }

    /// The part from `start` to `end`, or `None` where that is no range inside.
    pub fn part(self, start: usize, end: usize) -> Option<Self> {
        if start > end || end > self.len {
            return None;
        }
        // SAFETY: inside the span, or one past its end.
        let first = unsafe { self.start.add(start) };
        Some(Self { start: first, len: end - start, life: PhantomData })
    }

    /// Where a slice without a step begins; `None` where it has one, or does not fit.
    #[inline]
    pub fn address(self, slice: Strided) -> Option<*const u8> {
        (slice.step == 1 && slice.fits(self.len)).then(|| self.start.wrapping_add(slice.start).cast_const())
    }

    /// Copies a slice out to `target`; false, and nothing done, where it does not fit.
    ///
    /// # Safety
    /// `target` can be written for `slice.len` bytes and is no part of these.
    #[inline]
    #[must_use]
    pub unsafe fn copy_to(self, slice: Strided, target: *mut u8) -> bool {
        if !slice.fits(self.len) {
            return false;
        }
        if slice.step == 1 {
            // SAFETY: the slice fits; the caller vouches for the target.
            unsafe { std::ptr::copy_nonoverlapping(self.start.wrapping_add(slice.start), target, slice.len) };
        } else {
            self.gather(slice, target);
        }
        true
    }

    #[inline(never)]
    fn gather(self, slice: Strided, target: *mut u8) {
        for i in 0..slice.len {
            // SAFETY: `copy_to` has checked that the slice fits, and its caller vouches for the target.
            unsafe { *target.add(i) = *self.start.add(slice.index(i)) };
        }
    }

    /// The bytes as the search library wants them.
    fn haystack(self) -> &'a [u8] {
        // SAFETY: mapped and readable for `'a`. That others may write meanwhile breaks what Rust asks of a shared
        // slice; the library reads through vector loads, compares, and gives an index back that it computed from
        // lengths, never from a byte read twice. CPython searches its buffers under the same terms.
        unsafe { std::slice::from_raw_parts(self.start, self.len) }
    }

    /// The first place of `needle`.
    pub fn find(self, needle: &[u8]) -> Option<usize> {
        match needle {
            [byte] => memchr::memchr(*byte, self.haystack()),
            _ => memchr::memmem::find(self.haystack(), needle),
        }
    }

    /// The last place of `needle`.
    pub fn rfind(self, needle: &[u8]) -> Option<usize> {
        match needle {
            [byte] => memchr::memrchr(*byte, self.haystack()),
            [] => Some(self.len),
            _ => rfind(self.haystack(), needle),
        }
    }

    /// How often `needle` is there without overlaps; between all bytes and at both ends where it is empty.
    pub fn count(self, needle: &[u8]) -> usize {
        match needle {
            [] => self.len.saturating_add(1),
            [byte] => memchr::memchr_iter(*byte, self.haystack()).count(),
            _ => memchr::memmem::find_iter(self.haystack(), needle).count(),
        }
    }

    /// Whether the bytes begin with these.
    pub fn starts_with(self, prefix: &[u8]) -> bool {
        self.haystack().starts_with(prefix)
    }

    /// Whether the bytes end with these.
    pub fn ends_with(self, suffix: &[u8]) -> bool {
        self.haystack().ends_with(suffix)
    }

    /// Whether any of `len` bytes at `other` is one of these.
    pub fn overlaps(self, other: *const u8, len: usize) -> bool {
        let (mine, theirs) = (self.start as usize, other as usize);
        mine < theirs.saturating_add(len) && theirs < mine.saturating_add(self.len)
    }
}

impl<'a> BytesMut<'a> {
    /// The bytes of a span.
    ///
    /// # Safety
    /// The span is mapped, readable and writable, and stays so for `'a`.
    #[inline]
    pub unsafe fn new(span: Span) -> Self {
        // SAFETY: the caller vouches for more.
        Self(unsafe { Bytes::new(span) })
    }

    /// The same, to read.
    #[inline]
    pub fn bytes(self) -> Bytes<'a> {
        self.0
    }

    /// Sets one byte; false outside.
    #[inline]
    #[must_use]
    pub fn set(self, index: usize, value: u8) -> bool {
        if index >= self.0.len {
            return false;
        }
        // SAFETY: inside the span, and writable.
        unsafe { AtomicU8::from_ptr(self.0.start.add(index)) }.store(value, Ordering::Relaxed);
        true
    }

    /// Copies `slice.len` bytes at `source` into a slice; `Ok(false)`, and nothing done, where it does not fit.
    /// Source and target may overlap; with steps that takes a copy, for which memory may be wanting.
    ///
    /// # Safety
    /// `source` can be read for `slice.len` bytes.
    #[inline]
    pub unsafe fn copy_from(self, slice: Strided, source: *const u8) -> Result<bool, TryReserveError> {
        if !slice.fits(self.0.len) {
            return Ok(false);
        }
        if slice.step == 1 {
            // SAFETY: the slice fits; the caller vouches for the source; `copy` allows an overlap.
            unsafe { std::ptr::copy(source, self.0.start.wrapping_add(slice.start), slice.len) };
            return Ok(true);
        }
        self.copy_with_steps(slice, source).map(|()| true)
    }

    #[inline(never)]
    fn copy_with_steps(self, slice: Strided, source: *const u8) -> Result<(), TryReserveError> {
        if !self.0.overlaps(source, slice.len) {
            self.scatter(slice, source);
            return Ok(());
        }
        let mut held = Vec::<u8>::new();
        held.try_reserve_exact(slice.len)?;
        // SAFETY: new memory with room for that, and a source that can be read.
        unsafe { std::ptr::copy_nonoverlapping(source, held.as_mut_ptr(), slice.len) };
        self.scatter(slice, held.as_ptr());
        Ok(())
    }

    fn scatter(self, slice: Strided, source: *const u8) {
        for i in 0..slice.len {
            // SAFETY: `copy_from` has checked that the slice fits, and its caller vouches for the source.
            unsafe { *self.0.start.add(slice.index(i)) = *source.add(i) };
        }
    }

    /// Sets all bytes.
    pub fn fill(self, value: u8) {
        // SAFETY: the whole span is writable.
        unsafe { std::ptr::write_bytes(self.0.start, value, self.0.len) };
    }

    /// Copies `start..end` to `target`, as Rust's `copy_within`; false where either does not fit.
    #[must_use]
    pub fn copy_within(self, start: usize, end: usize, target: usize) -> bool {
        let Some(source) = self.0.part(start, end) else { return false };
        let slice = Strided { start: target, step: 1, len: source.len };
        if target > self.0.len {
            return false;
        }
        // SAFETY: the source is a part of these bytes. Without steps no memory is needed.
        unsafe { self.copy_from(slice, source.start) }.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn over(bytes: &mut [u8]) -> BytesMut<'_> {
        let span = Span { start: bytes.as_mut_ptr() as usize, len: bytes.len() };
        // SAFETY: borrowed for as long as the result lives.
        unsafe { BytesMut::new(span) }
    }

    #[test]
    fn outside_is_refused() {
        let mut memory = *b"abc";
        let bytes = over(&mut memory);
        assert_eq!(bytes.bytes().get(3), None);
        assert!(!bytes.set(3, 0));
        assert!(bytes.bytes().part(2, 1).is_none() && bytes.bytes().part(0, 4).is_none());
        assert!(!bytes.copy_within(0, 2, 2) && !bytes.copy_within(0, 0, 4) && bytes.copy_within(3, 3, 3));
        for slice in [
            Strided { start: 0, step: 2, len: 3 },
            Strided { start: 2, step: -1, len: 4 },
            Strided { start: 3, step: 1, len: 1 },
            Strided { start: 0, step: isize::MAX, len: 3 },
        ] {
            assert!(!slice.fits(3), "{slice:?}");
        }
    }

    proptest! {
        #[test]
        fn strided_copies_are_right(
            mut memory in proptest::collection::vec(any::<u8>(), 1..64),
            start in 0usize..64, step in -5isize..6, len in 0usize..20,
        ) {
            prop_assume!(step != 0);
            let slice = Strided { start, step, len };
            let oracle: Option<Vec<u8>> = (0..len as isize)
                .map(|i| usize::try_from(start as isize + step * i).ok().and_then(|at| memory.get(at).copied()))
                .collect();
            let mut out = vec![0u8; len];
            // SAFETY: `out` has room.
            let done = unsafe { over(&mut memory).bytes().copy_to(slice, out.as_mut_ptr()) };
            prop_assert_eq!(done.then_some(out), oracle);
        }

        #[test]
        fn overlapping_assignment_is_as_if_copied_first(
            mut memory in proptest::collection::vec(any::<u8>(), 32..64),
            from in 0usize..16, to in 0usize..16, len in 0usize..8, step in prop_oneof![Just(1isize), Just(2), Just(-1)],
        ) {
            let start = if step < 0 { to + len } else { to };
            let mut oracle = memory.clone();
            for i in 0..len {
                let at = start.wrapping_add((step as usize).wrapping_mul(i));
                oracle[at] = memory[from + i];
            }
            let bytes = over(&mut memory);
            // Of the same borrow: one taken before would end with it.
            let source = bytes.0.start.wrapping_add(from);
            // SAFETY: the source lies inside.
            let done = unsafe { bytes.copy_from(Strided { start, step, len }, source) };
            prop_assert_eq!(done, Ok(true));
            prop_assert_eq!(memory, oracle);
        }
    }
}
