//! Systems where upstream can take every possible file offset.

use super::super::kind::Access;
use crate::state::Span;
use mmap_rs::MmapFlags;
use std::fs::File;

/// Nothing.
pub(crate) const TOUCHING: MmapFlags = MmapFlags::empty();

/// No offset is.
pub(crate) fn is_far(_offset: u64) -> bool {
    false
}

/// Never called, as no offset is far.
pub(crate) fn shift(_: Span, _: Access, _: MmapFlags, _: &File, _: u64) -> Result<(), i32> {
    Ok(())
}
