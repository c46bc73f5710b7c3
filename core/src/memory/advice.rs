//! Advice to the kernel about how a range will be used, at any time (U9: upstream gives it only while mapping, and
//! only on Linux and Android) and with errors when it fails (U7).

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

/// Each advice with the kernel's number for it, in upstream's order; what the system lacks is omitted, as
/// in upstream ("acts as a no-op on platforms that do not support this feature"). Windows has no such call.
pub(super) const TABLE: &[(MmapFlags, i32)] = &[
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (MmapFlags::NO_CORE_DUMP, libc::MADV_DONTDUMP),
    #[cfg(target_os = "freebsd")]
    (MmapFlags::NO_CORE_DUMP, libc::MADV_NOCORE),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    (MmapFlags::TRANSPARENT_HUGE_PAGES, libc::MADV_HUGEPAGE),
    #[cfg(unix)]
    (MmapFlags::SEQUENTIAL, libc::MADV_SEQUENTIAL),
    #[cfg(unix)]
    (MmapFlags::RANDOM_ACCESS, libc::MADV_RANDOM),
    #[cfg(unix)]
    (MmapFlags::WILLNEED, libc::MADV_WILLNEED),
    #[cfg(unix)]
    (MmapFlags::DONTNEED, libc::MADV_DONTNEED),
];

/// The advice in `flags`, as numbers for the kernel; any other flag is refused.
pub(super) fn numbers(flags: MmapFlags) -> Result<impl Iterator<Item = (&'static str, i32)>> {
    let other = flags - ALL;
    if !other.is_empty() {
        let verb = if other.iter_names().count() == 1 { "is" } else { "are" };
        let [other, all] = [other, ALL].map(|flags| listed(flags.iter_names(), ", "));
        return Err(Error::InvalidOperation(format!("{other} {verb} not advice: advise() takes {all}")));
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
