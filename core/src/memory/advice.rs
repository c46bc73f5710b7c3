//! Advice to the kernel about how a range will be used, at any time (U9: upstream gives it at map time only, and
//! under Linux and Android only) and with its failures told (U7).

use crate::error::listed;
use crate::{Error, Result};
use mmap_rs::MmapFlags;

/// The flags that are advice.
pub const ALL: MmapFlags = MmapFlags::NO_CORE_DUMP
    .union(MmapFlags::TRANSPARENT_HUGE_PAGES)
    .union(MmapFlags::SEQUENTIAL)
    .union(MmapFlags::RANDOM_ACCESS)
    .union(MmapFlags::WILLNEED)
    .union(MmapFlags::DONTNEED);

/// Each advice with the kernel's number for it, in upstream's order; one that the system has not is left out, as
/// upstream has it ("acts as a no-op on platforms that do not support this feature").
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) const TABLE: &[(MmapFlags, i32)] = &[
    (MmapFlags::NO_CORE_DUMP, libc::MADV_DONTDUMP),
    (MmapFlags::TRANSPARENT_HUGE_PAGES, libc::MADV_HUGEPAGE),
    (MmapFlags::SEQUENTIAL, libc::MADV_SEQUENTIAL),
    (MmapFlags::RANDOM_ACCESS, libc::MADV_RANDOM),
    (MmapFlags::WILLNEED, libc::MADV_WILLNEED),
    (MmapFlags::DONTNEED, libc::MADV_DONTNEED),
];

/// The same on FreeBSD.
#[cfg(target_os = "freebsd")]
pub(super) const TABLE: &[(MmapFlags, i32)] = &[
    (MmapFlags::NO_CORE_DUMP, libc::MADV_NOCORE),
    (MmapFlags::SEQUENTIAL, libc::MADV_SEQUENTIAL),
    (MmapFlags::RANDOM_ACCESS, libc::MADV_RANDOM),
    (MmapFlags::WILLNEED, libc::MADV_WILLNEED),
    (MmapFlags::DONTNEED, libc::MADV_DONTNEED),
];

/// The same on Apple's systems.
#[cfg(any(target_os = "macos", target_os = "ios"))]
pub(super) const TABLE: &[(MmapFlags, i32)] = &[
    (MmapFlags::SEQUENTIAL, libc::MADV_SEQUENTIAL),
    (MmapFlags::RANDOM_ACCESS, libc::MADV_RANDOM),
    (MmapFlags::WILLNEED, libc::MADV_WILLNEED),
    (MmapFlags::DONTNEED, libc::MADV_DONTNEED),
];

/// Windows has no such call.
#[cfg(not(unix))]
pub(super) const TABLE: &[(MmapFlags, i32)] = &[];

/// The advice in `flags`, as numbers for the kernel; any other flag is refused.
pub(super) fn numbers(flags: MmapFlags) -> Result<impl Iterator<Item = (&'static str, i32)>> {
    let other = flags - ALL;
    if !other.is_empty() {
        let [other, all] = [other, ALL].map(|flags| listed(flags.iter_names(), ", "));
        return Err(Error::InvalidOperation(format!("{other} is no advice: advise() takes {all}")));
    }
    Ok(TABLE.iter().filter(move |(flag, _)| flags.contains(*flag)).map(|(flag, number)| {
        let name = flag.iter_names().next().map_or("", |(name, _)| name);
        (name, *number)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_advice_is_taken() {
        assert!(numbers(MmapFlags::SHARED | MmapFlags::SEQUENTIAL).is_err());
        assert_eq!(numbers(MmapFlags::empty()).map(Iterator::count).ok(), Some(0));
        #[cfg(target_os = "linux")]
        assert_eq!(numbers(ALL).map(Iterator::count).ok(), Some(ALL.bits().count_ones() as usize));
    }
}
