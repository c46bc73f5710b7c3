//! A memory area as every system has it.

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::names;
use super::usage::Usage;
use crate::memory::FileNumber;
use mmap_rs::{Protection, ShareMode};
use std::ffi::{OsStr, OsString};
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// A memory area. Two are equal if the same is mapped at the same addresses: how much of it was in memory has no part
/// in that.
#[derive(Clone, Debug)]
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
    /// Which file it maps, where the system says so.
    pub(crate) number: Option<FileNumber>,
    /// The size of its pages in bytes, where the system says so.
    pub(crate) page: Option<usize>,
    /// The system's word for what it is used for, where the path does not say it.
    pub(super) tag: Option<&'static str>,
    /// How much of it is in memory, where that was asked for.
    pub usage: Option<Box<Usage>>,
}

impl PartialEq for Area {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Area {}

impl Hash for Area {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Area {
    /// The same in upstream's type.
    pub fn share_mode(&self) -> ShareMode {
        if self.shared { ShareMode::Shared } else { ShareMode::Private }
    }

    /// What the memory is used for: `heap`, `stack`, or a name that the program gave it.
    pub fn name(&self) -> Option<&OsStr> {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if let Some((path, _)) = &self.path {
            return names::of(path, self.is_file);
        }
        self.tag.map(OsStr::new)
    }

    /// What the process can't do without, by the system's word for it: its heap, its stack, what the kernel calls.
    pub(crate) fn essential(&self) -> Option<&str> {
        let shown = self.path.as_ref().filter(|_| !self.is_file).and_then(|(path, _)| path.to_str());
        shown.filter(|name| name.starts_with('[') && !name.starts_with("[anon:")).or(self.tag)
    }

    /// What two equal areas have in common.
    fn key(&self) -> impl PartialEq + Hash + '_ {
        let Self {
            allocation_base,
            start,
            end,
            protection,
            shared,
            path,
            is_file,
            number: _,
            page: _,
            tag: _,
            usage: _,
        } = self;
        (allocation_base, start, end, protection, shared, path, is_file)
    }

    pub(super) fn meets(&self, range: &Range<usize>) -> bool {
        self.start < range.end && range.start < self.end
    }

    /// Without what lies below an address; `None` if that is all. How much of the rest is in memory is not known.
    pub(super) fn from(mut self, address: usize) -> Option<Self> {
        if self.end <= address {
            return None;
        }
        let cut = address.saturating_sub(self.start);
        if let (1.., Some(usage)) = (cut, &mut self.usage) {
            usage.forget();
        }
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
    use super::super::vm_flags::VmFlags;
    use super::*;

    fn area(addresses: Range<usize>, path: Option<&str>, is_file: bool) -> Area {
        let Range { start, end } = addresses;
        let path = path.map(|path| (OsString::from(path), 100));
        let protection = Protection::READ;
        let usage = Usage { resident: Some(10), vm_flags: Some(VmFlags::default()), ..Usage::default() };
        let usage = Some(Box::new(usage));
        Area {
            allocation_base: start,
            start,
            end,
            protection,
            shared: false,
            path,
            is_file,
            number: None,
            page: None,
            tag: None,
            usage,
        }
    }

    #[test]
    fn a_cut_area_begins_later_in_its_file() {
        let cut = area(10..30, Some("/file"), true).from(15).expect("not all");
        assert_eq!((cut.start, cut.allocation_base, cut.path), (15, 10, Some((OsString::from("/file"), 105))));
        let cut = area(10..30, Some("[heap]"), false).from(15).expect("not all");
        assert_eq!(cut.path, Some((OsString::from("[heap]"), 100)));
        assert_eq!(area(10..30, None, false).from(30), None);
    }

    #[test]
    fn a_cut_area_does_not_count_what_was_counted() {
        let whole = area(10..30, None, false);
        assert_eq!(whole.clone().from(10).and_then(|area| area.usage), whole.usage);
        let rest = whole.from(20).and_then(|area| area.usage).expect("asked for");
        assert_eq!(*rest, Usage { vm_flags: Some(VmFlags::default()), ..Usage::default() });
    }

    #[test]
    fn areas_are_equal_whatever_is_in_memory() {
        let one = area(10..30, Some("/file"), true);
        let other = Area { usage: None, ..one.clone() };
        assert_eq!(one, other);
        let hash = |area: &Area| {
            std::hash::BuildHasher::hash_one(
                &std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default(),
                area,
            )
        };
        assert_eq!(hash(&one), hash(&other));
        assert_ne!(one, Area { end: 31, ..other });
    }
}
