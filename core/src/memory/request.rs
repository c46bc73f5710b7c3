//! What a mapping is to be, and what must hold before it is made.
//!
//! U3: huge pages in lengths that could not be given back. U6: file maps past the end. U2: a page size that silently
//! became another.

use super::facts::{Backing, Facts};
use super::file::Status;
use super::kind::Access;
use super::operation::{Call, Operation};
use super::page::{self, Huge};
use super::place::Place;
use super::source::{Opened, Source};
use crate::state::{Span, watch};
use crate::{Error, Result};
use mmap_rs::{MmapFlags, UnsafeMmapFlags};

/// Upstream's `MmapOptions`, checked and reusable.
#[derive(Clone, Debug)]
pub struct Request {
    /// The length in bytes; 0 only for the empty rest of a file.
    pub size: usize,
    /// Where the mapping is to lie.
    pub place: Place,
    /// The flags.
    pub flags: MmapFlags,
    /// The unsafe flags.
    pub unsafe_flags: UnsafeMmapFlags,
    /// The page size as its exponent, where one was asked for.
    pub page_size: Option<u32>,
    /// The file, where there is one.
    pub source: Option<Source>,
    /// Whether the fault guard is to watch it.
    pub guarded: bool,
    /// How many times in a row the same bytes are to be mapped.
    pub repeats: usize,
}

/// All that was found out before a mapping is made.
pub(super) struct Plan {
    pub(super) opened: Option<Opened>,
    pub(super) pages: Pages,
    pub(super) facts: Facts,
    /// The length of all repeats.
    pub(super) len: usize,
}

/// The pages of a mapping to be made.
pub(super) struct Pages {
    /// Their size in bytes, the unit of sizes and split offsets.
    pub(super) unit: usize,
    /// How to ask upstream for them.
    pub(super) huge: Option<Huge>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            size: 0,
            place: Place::Any,
            flags: MmapFlags::empty(),
            unsafe_flags: UnsafeMmapFlags::empty(),
            page_size: None,
            source: None,
            guarded: false,
            repeats: 1,
        }
    }
}

impl Request {
    /// A private anonymous mapping of `size` bytes.
    pub fn new(size: usize) -> Result<Self> {
        if size == 0 {
            return Err(Error::InvalidSize("a mapping can't have 0 bytes: ask for at least 1".to_owned()));
        }
        Ok(Self { size, ..Self::default() })
    }

    /// The rest of a file, which may be empty.
    pub fn of_file(size: usize, source: Source) -> Self {
        Self { size, source: Some(source), ..Self::default() }
    }

    /// Whether making the mapping may wait on the system for long.
    pub fn may_wait(&self) -> bool {
        self.source.is_some()
            || self.page_size.is_some()
            || self.flags.intersects(MmapFlags::POPULATE | MmapFlags::LOCKED | MmapFlags::HUGE_PAGES)
    }

    /// Whether the file must be open for writing.
    pub fn writes(&self, access: Access) -> bool {
        access.is_write() && self.flags.contains(MmapFlags::SHARED)
    }

    /// The length of all repeats in bytes.
    pub fn len(&self) -> usize {
        self.size.saturating_mul(self.repeats)
    }

    /// Whether it is of the empty rest of a file.
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Whether it replaces what is mapped at its address.
    pub fn is_fixed(&self) -> bool {
        self.unsafe_flags.contains(UnsafeMmapFlags::MAP_FIXED)
    }

    /// The length of the whole mapping, and the unit of the addresses at which it can lie.
    pub fn extent(&self, access: Access, reserved: bool) -> Result<(usize, usize)> {
        let plan = self.plan(access, reserved)?;
        Ok((plan.len, plan.pages.unit.max(page::granularity())))
    }

    /// Checks all that can be checked, and opens the file.
    pub(super) fn plan(&self, access: Access, reserved: bool) -> Result<Plan> {
        watch().map_err(|error| Error::io(&error, "pthread_atfork".to_owned()))?;
        if self.is_fixed() && self.place.address() == 0 {
            return Err(Error::InvalidOperation("MAP_FIXED needs an address: call with_address() too".to_owned()));
        }
        if self.size == 0 && (reserved || matches!(access, Access::None | Access::ExecWrite)) {
            return Err(Error::InvalidSize(
                "nothing is left of the file: only map(), map_mut() and map_exec() make an empty mapping".to_owned(),
            ));
        }
        let len = self.check_repeats()?;
        page::check_len(len)?;
        let opened = match &self.source {
            Some(source) => Some(source.prepare(self.size, self.writes(access))?),
            None => None,
        };
        let pages = self.pages(opened.as_ref())?;
        if self.size % pages.unit != 0 && pages.unit != page::base() {
            return Err(Error::InvalidSize(format!(
                "{} bytes are not a multiple of the huge page size: round the size up to a multiple of {1}",
                self.size, pages.unit
            )));
        }
        if let Place::Exact(address) = self.place {
            if self.is_fixed() {
                let text = "MAP_FIXED replaces what lies at an address, and exact=True refuses to: omit one of them";
                return Err(Error::InvalidOperation(text.to_owned()));
            }
            let unit = pages.unit.max(page::granularity());
            if address == 0 || address % unit != 0 {
                return Err(Error::InvalidOffset(format!(
                    "nothing can lie exactly at {address:#x}: the address must be a multiple of {unit} bytes, and not 0"
                )));
            }
        }
        let facts = Facts {
            access,
            reserved,
            backing: self.backing(opened.as_ref()),
            flags: self.flags,
            unsafe_flags: self.unsafe_flags,
            page: pages.unit,
            guarded: self.guarded,
            repeats: self.repeats,
        };
        Ok(Plan { opened, pages, facts, len })
    }

    /// The length of all repeats, or an error where the mapping can't be repeated.
    fn check_repeats(&self) -> Result<usize> {
        if self.repeats == 1 {
            return Ok(self.size);
        }
        let repeats = self.repeats;
        if self.source.is_none() || !self.flags.contains(MmapFlags::SHARED) {
            return Err(Error::InvalidOperation(format!(
                "only a shared mapping of a file can show the same bytes {repeats} times: add with_file() and \
                 MmapFlags.SHARED"
            )));
        }
        if self.is_fixed() {
            return Err(Error::InvalidOperation("with_repeats() and MAP_FIXED can't be combined".to_owned()));
        }
        let unit = page::granularity();
        if self.size % unit != 0 || self.size == 0 {
            return Err(Error::InvalidSize(format!(
                "{} bytes can't be repeated: the size must be a multiple of the allocation granularity, {unit} bytes",
                self.size
            )));
        }
        self.size.checked_mul(repeats).filter(|len| isize::try_from(*len).is_ok()).ok_or_else(|| {
            Error::InvalidSize(format!("{repeats} times {} bytes do not fit into this address space", self.size))
        })
    }

    pub(super) fn operation<'a>(&self, plan: &'a Plan) -> Operation<'a> {
        let span = Span { start: self.place.address(), len: self.size };
        Operation::Memory { call: Call::Map, facts: &plan.facts, span }
    }

    /// Which pages the mapping is made of.
    fn pages(&self, opened: Option<&Opened>) -> Result<Pages> {
        let base = page::base();
        let by_flag = self.flags.contains(MmapFlags::HUGE_PAGES);
        let asked = self.page_size.map(|exponent| (exponent, 1usize.checked_shl(exponent)));
        if let (true, Some((_, Some(size)))) = (by_flag, asked) {
            if size == base {
                return Err(Error::InvalidSize(format!(
                    "HUGE_PAGES and the base page size, {base} bytes, can't be combined: omit one of them"
                )));
            }
        }
        // A file has pages of its own, and the system would take them in the place of all others. Where huge pages are
        // only a hint for alignment, files have ordinary ones; Windows has none for files, which `make` says.
        if let (Some(opened), true) = (opened, cfg!(any(target_os = "linux", target_os = "android"))) {
            let unit = opened.status.huge.unwrap_or(base);
            let name = self.source.as_ref().map_or("the file", |source| source.name());
            match asked {
                Some((exponent, size)) if size != Some(unit) => {
                    return Err(Error::InvalidSize(format!(
                        "{name} has pages of {unit} bytes, not of {}: omit with_page_size()",
                        page::in_words(exponent)
                    )));
                }
                _ if by_flag && unit == base => {
                    return Err(Error::InvalidOperation(format!(
                        "{name} has no huge pages: HUGE_PAGES needs anonymous memory or a file in hugetlbfs"
                    )));
                }
                _ => return Ok(Pages { unit, huge: None }),
            }
        }
        match asked {
            Some((_, Some(size))) if size == base => Ok(Pages { unit: base, huge: None }),
            Some((exponent, _)) => Ok(Pages { huge: Some(page::huge(exponent)?), unit: 1 << exponent }),
            // Where huge pages are not a kind of their own (a hint for alignment), any size will do.
            None if by_flag => Ok(Pages { unit: page::default_huge()?.unwrap_or(base), huge: Some(Huge::Default) }),
            None => Ok(Pages { unit: base, huge: None }),
        }
    }

    fn backing(&self, opened: Option<&Opened>) -> Backing {
        match (opened, &self.source) {
            (Some(opened), Some(source)) => {
                let Status { identity, kind, .. } = opened.status;
                Backing::File { identity, kind, mode: opened.mode, source: Box::new(source.kept(opened)) }
            }
            _ => Backing::Anonymous,
        }
    }
}
