//! Systems where upstream can be told every file offset that there is.

use super::super::kind::Access;
use crate::state::Span;
use mmap_rs::MmapFlags;
use std::fs::File;

/// Nothing.
pub(in super::super) const TOUCHING: MmapFlags = MmapFlags::empty();

/// No offset is.
pub(in super::super) fn is_far(_offset: u64) -> bool {
    false
}

/// Never called, as no offset is far.
pub(in super::super) fn shift(_: Span, _: Access, _: MmapFlags, _: &File, _: u64) -> Result<(), i32> {
    Ok(())
}
