//! A memory area as every system has it.

use mmap_rs::{Protection, ShareMode};
use std::ffi::OsString;
use std::ops::Range;

/// A memory area.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Area {
    /// Where the allocation that it is part of begins.
    pub allocation_base: usize,
    /// Its first address.
    pub start: usize,
    /// One past its last address.
    pub end: usize,
    /// Its protection, as upstream's bits.
    pub protection: Protection,
    /// Whether it is shared.
    pub shared: bool,
    /// The path of its file, or the system's name of it (`[heap]`), as the system spells it; and the offset in bytes.
    pub path: Option<(OsString, u64)>,
    /// Whether it maps a file, and not only has a name.
    pub(crate) is_file: bool,
}

impl Area {
    /// The same in upstream's type.
    pub fn share_mode(&self) -> ShareMode {
        if self.shared { ShareMode::Shared } else { ShareMode::Private }
    }

    pub(super) fn meets(&self, range: &Range<usize>) -> bool {
        self.start < range.end && range.start < self.end
    }

    /// Without what lies below an address; `None` if that is all.
    pub(super) fn from(mut self, address: usize) -> Option<Self> {
        if self.end <= address {
            return None;
        }
        let cut = address.saturating_sub(self.start);
        self.start += cut;
        if let (true, Some((_, offset))) = (self.is_file, &mut self.path) {
            *offset = offset.saturating_add(cut as u64);
        }
        Some(self)
    }
}

/// The protection that allows these.
#[cfg(unix)]
pub(super) fn protection(read: bool, write: bool, execute: bool) -> Protection {
    let mut protection = Protection::empty();
    protection.set(Protection::READ, read);
    protection.set(Protection::WRITE, write);
    protection.set(Protection::EXECUTE, execute);
    protection
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(addresses: Range<usize>, path: Option<&str>, is_file: bool) -> Area {
        let Range { start, end } = addresses;
        let path = path.map(|path| (OsString::from(path), 100));
        Area { allocation_base: start, start, end, protection: Protection::READ, shared: false, path, is_file }
    }

    #[test]
    fn a_cut_area_begins_later_in_its_file() {
        let cut = area(10..30, Some("/file"), true).from(15).expect("not all");
        assert_eq!((cut.start, cut.allocation_base, cut.path), (15, 10, Some((OsString::from("/file"), 105))));
        let cut = area(10..30, Some("[heap]"), false).from(15).expect("not all");
        assert_eq!(cut.path, Some((OsString::from("[heap]"), 100)));
        assert_eq!(area(10..30, None, false).from(30), None);
    }
}
