//! Page sizes: what the system has, and what a mapping can be made of.
//!
//! U2: upstream's conversion of `PageSizes` stores the bits where its constants are exponents, and an unknown page
//! size silently becomes the default huge page. U3: a huge-page mapping whose length is no multiple of its page can
//! never be unmapped.

use crate::{Error, Result};
use mmap_rs::{MmapOptions, PageSize, PageSizes};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number that is the same for the whole life of the process: found at the first use, 0 until then.
///
/// Two threads may both find it, and find the same. A lock, as in `OnceLock`, could be held by another thread at the
/// moment of a `fork`, and the child would wait for it for ever.
struct Constant(AtomicUsize);

impl Constant {
    const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    #[inline]
    fn known(&self) -> Option<usize> {
        let number = self.0.load(Ordering::Relaxed);
        (number != 0).then_some(number)
    }

    #[inline]
    fn get(&self, find: fn() -> usize) -> usize {
        self.known().unwrap_or_else(|| self.keep(find()))
    }

    #[cold]
    fn keep(&self, number: usize) -> usize {
        self.0.store(number, Ordering::Relaxed);
        number
    }
}

/// The base page size in bytes.
#[inline]
pub fn base() -> usize {
    static BASE: Constant = Constant::new();
    BASE.get(MmapOptions::page_size)
}

/// The granularity of addresses and file offsets in bytes.
#[inline]
pub fn granularity() -> usize {
    static GRANULARITY: Constant = Constant::new();
    GRANULARITY.get(MmapOptions::allocation_granularity)
}

/// The page sizes that the system offers.
pub fn offered() -> Result<PageSizes> {
    MmapOptions::page_sizes().map_err(|error| Error::from_upstream(error, || "page_sizes".to_owned()))
}

/// The smallest size of huge pages in bytes; `None` where the system has none.
pub fn smallest_huge() -> Result<Option<usize>> {
    let larger = offered()?.bits() & !(base() | (base() - 1));
    Ok((larger != 0).then(|| 1 << larger.trailing_zeros()))
}

/// The one page size in a set, as its exponent (U2).
pub fn exponent(sizes: PageSizes) -> Result<u32> {
    if sizes.bits().count_ones() == 1 {
        Ok(sizes.bits().trailing_zeros())
    } else {
        let count = sizes.bits().count_ones();
        Err(Error::InvalidSize(format!("{sizes:?} holds {count} page sizes: exactly 1 is needed")))
    }
}

/// The exponent of a page of `bytes` bytes.
pub fn exponent_of(bytes: u64) -> Result<u32> {
    if bytes.is_power_of_two() {
        Ok(bytes.trailing_zeros())
    } else {
        Err(Error::InvalidSize(format!("a page size must be a power of two, such as 4096, not {bytes}")))
    }
}

/// Refuses a length that neither Rust nor Python can count. Only a 32-bit system can have so much: its processes may
/// have up to 4 GiB of addresses, and lengths have a sign.
pub(super) fn check_len(len: usize) -> Result<()> {
    if usize::BITS < u64::BITS && isize::try_from(len).is_err() {
        return Err(Error::InvalidSize(format!(
            "a mapping can't have {len} bytes: at most {} on this 32-bit system",
            isize::MAX
        )));
    }
    Ok(())
}

/// How to ask upstream for huge pages of one size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Huge {
    /// By the flag alone: the default size.
    Default,
    /// By the flag and the size.
    Sized(PageSize),
}

/// Page sizes for which upstream has a `MAP_HUGE_*` constant; for others it would silently take the default (U2).
#[cfg(target_os = "linux")]
const KNOWN: &[PageSize] = &[
    PageSize::_64K,
    PageSize::_512K,
    PageSize::_1M,
    PageSize::_2M,
    PageSize::_8M,
    PageSize::_16M,
    PageSize::_32M,
    PageSize::_256M,
    PageSize::_512M,
    PageSize::_1G,
    PageSize::_2G,
    PageSize::_16G,
];
/// Upstream passes a page size on only on Linux.
#[cfg(not(target_os = "linux"))]
const KNOWN: &[PageSize] = &[];

/// The way to ask for pages of `1 << exponent` bytes, which the system must have.
pub(super) fn huge(exponent: u32) -> Result<Huge> {
    let sizes = offered()?;
    let bit = 1usize.checked_shl(exponent).unwrap_or(0);
    let Some(asked) = PageSizes::from_bits(bit).filter(|asked| !asked.is_empty() && sizes.contains(*asked)) else {
        return Err(Error::InvalidSize(format!(
            "this system has no pages of {}, only of {}",
            in_words(exponent),
            names(sizes)
        )));
    };
    let size = PageSize(exponent as usize);
    if KNOWN.contains(&size) {
        return Ok(Huge::Sized(size));
    }
    if default_huge()? == Some(bit) {
        return Ok(Huge::Default);
    }
    Err(Error::InvalidSize(format!("mmap-rs can't ask this system for pages of {}", names(asked))))
}

/// A page size, for a message.
pub(super) fn in_words(exponent: u32) -> String {
    format!("2**{exponent} bytes")
}

fn names(sizes: PageSizes) -> String {
    let names: Vec<_> = sizes.iter_names().map(|(name, _)| name.trim_start_matches('_')).collect();
    names.join(", ")
}

/// The size in bytes of the pages that the flag `HUGE_PAGES` alone stands for; `None` where they are not a kind of
/// their own, or the system has none.
pub fn default_huge() -> Result<Option<usize>> {
    static DEFAULT: Constant = Constant::new();
    match DEFAULT.known() {
        None => Ok(find_default_huge()?.map(|size| DEFAULT.keep(size))),
        known => Ok(known),
    }
}

/// An error where the system does not tell: a mapping whose length is not a multiple of them could not be unmapped.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn find_default_huge() -> Result<Option<usize>> {
    let text = std::fs::read_to_string("/proc/meminfo").map_err(|error| {
        Error::io(&error, "read of the size of huge pages".to_owned()).with_path("/proc/meminfo".as_ref())
    })?;
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("Hugepagesize:")) else { return Ok(None) };
    let kib = line.trim().trim_end_matches("kB").trim_end().parse::<usize>().ok();
    match kib.and_then(|kib| kib.checked_mul(1024)).filter(|bytes| bytes.is_power_of_two()) {
        Some(bytes) => Ok(Some(bytes)),
        None => Err(Error::Parse {
            variant: "ParseInt",
            message: format!("/proc/meminfo: can't read the huge page size: {line}"),
        }),
    }
}

#[cfg(windows)]
fn find_default_huge() -> Result<Option<usize>> {
    let large = offered()?.bits() & !base();
    Ok((large != 0).then(|| 1 << large.trailing_zeros()))
}

#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
fn find_default_huge() -> Result<Option<usize>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u2_conversions_keep_the_exponent() {
        assert_eq!(exponent(PageSizes::_2M).ok(), Some(21));
        assert!(exponent(PageSizes::_2M | PageSizes::_4K).is_err());
        assert!(exponent(PageSizes::empty()).is_err());
        assert_eq!(exponent_of(4096).ok(), Some(12));
        assert!(exponent_of(0).is_err() && exponent_of(4097).is_err());
    }

    #[test]
    fn sizes_that_no_system_has_are_refused() {
        for exponent in [0, 11, 40, 63, 64, u32::MAX] {
            assert!(matches!(huge(exponent), Err(Error::InvalidSize(_))), "{exponent}");
        }
    }
}
