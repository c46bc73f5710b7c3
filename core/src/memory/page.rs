//! Page sizes: what the system has, and what a mapping can be made of.
//!
//! U2: upstream's conversion of `PageSizes` stores the bits where its constants are exponents, and an unknown page
//! size silently becomes the default huge page. U3: a huge-page mapping whose length is no multiple of its page can
//! never be unmapped.

use crate::{Error, Result};
use mmap_rs::{MmapOptions, PageSize, PageSizes};
use std::sync::OnceLock;

/// The base page size in bytes.
#[inline]
pub fn base() -> usize {
    static BASE: OnceLock<usize> = OnceLock::new();
    *BASE.get_or_init(MmapOptions::page_size)
}

/// The granularity of addresses and file offsets in bytes.
#[inline]
pub fn granularity() -> usize {
    static GRANULARITY: OnceLock<usize> = OnceLock::new();
    *GRANULARITY.get_or_init(MmapOptions::allocation_granularity)
}

/// The page sizes that the system offers.
pub fn offered() -> Result<PageSizes> {
    MmapOptions::page_sizes().map_err(|error| Error::from_upstream(error, || "page_sizes".to_owned()))
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
        Err(Error::InvalidSize(format!("{bytes} bytes are no page size, which is a power of two, such as 4096")))
    }
}

/// Refuses a length that neither Rust nor Python can count. Only a 32-bit system can have so much: its processes may
/// have up to 4 GiB of addresses, and lengths have a sign.
pub(super) fn check_len(len: usize) -> Result<()> {
    if usize::BITS < u64::BITS && isize::try_from(len).is_err() {
        return Err(Error::InvalidSize(format!(
            "a mapping of {len} bytes can't be: at most {} on this 32-bit system",
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
/// Upstream hands a page size on under Linux only.
#[cfg(not(target_os = "linux"))]
const KNOWN: &[PageSize] = &[];

/// The way to ask for pages of `1 << exponent` bytes, which the system must have.
pub(super) fn huge(exponent: u32) -> Result<Huge> {
    let sizes = offered()?;
    let bit = 1usize.checked_shl(exponent).unwrap_or(0);
    let Some(asked) = PageSizes::from_bits(bit).filter(|asked| !asked.is_empty() && sizes.contains(*asked)) else {
        return Err(Error::InvalidSize(format!(
            "this system has no pages of 2**{exponent} bytes, only of {}",
            names(sizes)
        )));
    };
    if default_huge() == Some(bit) {
        return Ok(Huge::Default);
    }
    let size = PageSize(exponent as usize);
    if KNOWN.contains(&size) {
        Ok(Huge::Sized(size))
    } else {
        Err(Error::InvalidSize(format!("mmap-rs can't ask this system for pages of {}", names(asked))))
    }
}

fn names(sizes: PageSizes) -> String {
    let names: Vec<_> = sizes.iter_names().map(|(name, _)| name.trim_start_matches('_')).collect();
    names.join(", ")
}

/// The size in bytes of the pages that the flag `HUGE_PAGES` alone stands for, where they are a kind of their own.
pub fn default_huge() -> Option<usize> {
    static DEFAULT: OnceLock<Option<usize>> = OnceLock::new();
    *DEFAULT.get_or_init(find_default_huge)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn find_default_huge() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Hugepagesize:"))?;
    let kib: usize = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
    kib.checked_mul(1024).filter(|bytes| bytes.is_power_of_two())
}

#[cfg(windows)]
fn find_default_huge() -> Option<usize> {
    let large = offered().ok()?.bits() & !base();
    (large != 0).then(|| 1 << large.trailing_zeros())
}

#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
fn find_default_huge() -> Option<usize> {
    None
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
