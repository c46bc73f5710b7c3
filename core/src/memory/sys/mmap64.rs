//! 32-bit Linux and Android: file offsets from 2 GiB on.
//!
//! Upstream hands an offset to `mmap` as an `off_t`, which has 32 bits here, and refuses what does not fit. Such a
//! mapping is asked of it at offset 0, so that it is upstream's object of the right size, protection and place, and
//! then the right part of the file is mapped over it.

use super::super::kind::Access;
use super::{done, protection};
use crate::state::Span;
use mmap_rs::MmapFlags;
use std::fs::File;
use std::os::fd::AsRawFd;

/// What upstream must not do with the wrong part of the file.
pub(crate) const TOUCHING: MmapFlags = MmapFlags::POPULATE.union(MmapFlags::LOCKED);

/// Flags of upstream's, and of `mmap(2)`.
const FLAGS: [(MmapFlags, i32); 4] = [
    (MmapFlags::POPULATE, libc::MAP_POPULATE),
    (MmapFlags::LOCKED, libc::MAP_LOCKED),
    (MmapFlags::NO_RESERVE, libc::MAP_NORESERVE),
    (MmapFlags::STACK, libc::MAP_STACK),
];

/// Whether only `mmap64` can take an offset.
pub(crate) fn is_far(offset: u64) -> bool {
    libc::off_t::try_from(offset).is_err() && i64::try_from(offset).is_ok()
}

/// Maps a file from an offset on in the place of a mapping of the same file from another offset on.
pub(crate) fn shift(span: Span, access: Access, flags: MmapFlags, file: &File, offset: u64) -> Result<(), i32> {
    let sharing = if flags.contains(MmapFlags::SHARED) { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
    let chosen = FLAGS.iter().filter(|(flag, _)| flags.contains(*flag));
    let bits = chosen.fold(libc::MAP_FIXED | sharing, |bits, (_, bit)| bits | bit);
    // `is_far` has seen that it fits.
    let offset = i64::try_from(offset).map_err(|_| libc::EOVERFLOW)?;
    // SAFETY: the span is a new mapping of the caller's, which nobody else knows yet; only its pages are replaced.
    let placed =
        unsafe { libc::mmap64(span.start as *mut _, span.len, protection(access), bits, file.as_raw_fd(), offset) };
    done(if placed == libc::MAP_FAILED { -1 } else { 0 })
}
