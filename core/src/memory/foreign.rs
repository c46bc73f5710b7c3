//! Memory that crosses the border to other code: adopted from it, or taken by it.
#![expect(unsafe_code, reason = "memory and functions of other code")]

use super::facts::{Backing, Facts};
use super::file::{FileKind, FileNumber, Identity, Mode};
use super::inheritance::Inherit;
use super::kind::{Access, Kind};
use super::region::Region;
use super::source::Source;
use super::{page, sys};
use crate::state::{Extent, Span};
use crate::{Error, Result};
use mmap_rs::{MmapFlags, UnsafeMmapFlags};
use std::ffi::{OsString, c_void};
use std::path::Path;

/// A function that gives memory back: its context, the first address, the length in bytes.
pub type GiveBack = unsafe extern "C" fn(*mut c_void, *mut c_void, usize);

/// Who gives memory back.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    function: GiveBack,
    context: *mut c_void,
    /// Whether parts of the memory may be given back one by one.
    divisible: bool,
}

// SAFETY: whoever makes one vouches that the function may be called on any thread.
unsafe impl Send for Owner {}
// SAFETY: as above; two threads never give back the same memory.
unsafe impl Sync for Owner {}

impl PartialEq for Owner {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.function, other.function)
            && (self.context, self.divisible) == (other.context, other.divisible)
    }
}

impl Owner {
    /// # Safety
    /// The function may be called on any thread, once for each byte of the memory that a region with this owner is made of.
    pub unsafe fn new(function: GiveBack, context: *mut c_void, divisible: bool) -> Self {
        Self { function, context, divisible }
    }

    pub(super) fn give_back(self, span: Span) {
        // SAFETY: `Owner::new`; the region calls this once, when its memory is not used any more.
        unsafe { (self.function)(self.context, span.start as *mut c_void, span.len) };
    }
}

/// The file behind memory that is to be adopted.
#[derive(Clone, Debug, PartialEq)]
pub struct MappedFile {
    /// As the system spells it.
    pub path: OsString,
    /// Of the first byte.
    pub offset: u64,
    /// Which one it is, where the system says so.
    pub(crate) number: Option<FileNumber>,
}

impl MappedFile {
    /// All mappings of a regular file are of the same memory, also after it was deleted. A device may give each open file
    /// memory of its own, and what has no place in a file system shares its number with others of its kind.
    fn identity(&self) -> Identity {
        let path = Path::new(&self.path);
        let is_other = || std::fs::metadata(path).is_ok_and(|found| !found.is_file());
        match self.number {
            Some(FileNumber { device, inode }) if path.is_absolute() && !is_other() => Identity::File { device, inode },
            _ => Identity::unique(),
        }
    }
}

/// What is known of memory that is to be adopted, from the list of areas.
#[derive(Debug)]
pub struct Adoption {
    /// Where it is.
    pub span: Span,
    /// Its protection.
    pub access: Access,
    /// Only reserved.
    pub reserved: bool,
    /// Whether writes are seen by others that map the same.
    pub shared: bool,
    /// The size of its pages in bytes.
    pub page: usize,
    /// Its file.
    pub file: Option<MappedFile>,
    /// Who gives it back; `None`: the system's own way.
    pub owner: Option<Owner>,
}

/// Memory that belongs to other code from now on.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    /// Where it is.
    pub span: Span,
    /// Upstream's type of it.
    pub kind: Kind,
    /// Its protection.
    pub access: Access,
    /// Whether writes are seen by others that map the same.
    pub shared: bool,
    /// The size of its pages in bytes.
    pub page: usize,
    /// Gives it back.
    pub give_back: GiveBack,
    /// The function's first argument.
    pub context: *mut c_void,
    /// Whether the function may be called for parts of it, each of whole pages.
    pub divisible: bool,
}

// SAFETY: a value to be handed on; see `Owner`.
unsafe impl Send for Taken {}

impl Region {
    /// A region of memory that other code has mapped.
    ///
    /// # Safety
    /// The memory is mapped as told, and the caller's to hand over: nobody else changes, unmaps or gives it back.
    pub unsafe fn adopt(adoption: Adoption) -> Result<Self> {
        let objects = sys::adopt(&adoption).map_err(|code| {
            Error::system("Io", code, format!("adoption of the memory at {:#x}", adoption.span.start))
        })?;
        let Adoption { span, access, reserved, shared, page, file, owner } = adoption;
        let jit = access == Access::ExecWrite;
        let backing = match file {
            None => Backing::Anonymous,
            Some(file) => Backing::File {
                identity: file.identity(),
                kind: FileKind::Foreign,
                mode: Mode::ReadWrite,
                source: Box::new(Source::foreign(Path::new(&file.path), file.offset)),
            },
        };
        let facts = Facts {
            access,
            reserved,
            backing,
            flags: if shared { MmapFlags::SHARED } else { MmapFlags::empty() },
            unsafe_flags: if jit { UnsafeMmapFlags::JIT } else { UnsafeMmapFlags::empty() },
            page,
            guarded: false,
            repeats: 1,
        };
        let mut region = Self::new(objects, span.len, facts)?;
        match owner {
            // What was taken from here comes back: the system's own way.
            Some(owner) if std::ptr::fn_addr_eq(owner.function, sys::give_back as GiveBack) => {
                region.attributes.set_inherit(inherit_of(owner.context));
                region.entry.set_inherited(region.attributes.is_inherited());
            }
            owner => region.owner = owner,
        }
        Ok(region)
    }

    /// Whether another region of this process has some of its pages.
    pub fn check_alone(&self) -> Result<()> {
        self.entry.overlap().map_err(|found| match found {
            Some(start) => Error::InvalidOperation(format!(
                "the memory at {:#x} belongs in part to the mapping at {start:#x} already",
                self.span.start
            )),
            None => Error::InvalidOperation("there is no memory to note where mappings are".to_owned()),
        })
    }

    /// Gives up a region that was never one: its memory stays the caller's.
    pub fn disown(mut self) {
        self.owner = None;
        self.entry.clear();
        // It is whole, as it was adopted: nothing comes back.
        drop(sys::hand_over(self.objects()));
    }

    /// Refuses what would give back a part of memory whose owner takes it back whole only.
    pub(super) fn check_owner(&self, call: &str) -> Result<()> {
        match self.owner {
            Some(Owner { divisible: false, .. }) => Err(Error::InvalidOperation(format!(
                "this memory was adopted with a function that gives it back whole: it can't be {call}"
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses to join memory that is given back in two ways, or piece by piece as it was adopted.
    pub(super) fn check_owners(&self, next: &Self) -> Result<()> {
        if self.owner != next.owner {
            return Err(Error::BackingMismatch("the two mappings are given back in different ways".to_owned()));
        }
        match self.owner {
            Some(Owner { divisible: false, .. }) => Err(Error::BackingMismatch(
                "both mappings were adopted with a function that gives them back whole, each for itself".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses to move, cut, extend or replace memory that somebody else's function gives back.
    pub(super) fn check_system_owned(&self, call: &str) -> Result<()> {
        match self.owner {
            None => Ok(()),
            Some(_) => Err(Error::InvalidOperation(format!(
                "this memory was adopted with a function that gives it back: it can't be {call}"
            ))),
        }
    }

    /// Whether a function of other code gives it back: one that may wait, so that nothing may be held meanwhile.
    pub fn has_owner(&self) -> bool {
        self.owner.is_some()
    }

    /// Hands the memory over: the region has none any more, and is to be dropped. On failure it is as it was.
    pub fn hand_over(&mut self) -> Result<Taken> {
        if self.parts.is_empty() {
            return Err(Error::InvalidSize("an empty mapping has no memory that could be taken".to_owned()));
        }
        let inherit = self.attributes.inherit();
        let (give_back, context, divisible) = match self.owner {
            // A child of `fork` that has it again would access what it did not inherit.
            Some(_) if inherit == Inherit::None => {
                return Err(Error::InvalidOperation(
                    "this memory was adopted with a function that gives it back, and has Inherit.NONE, which would be \
                     forgotten: set_inheritance(Inherit.DEFAULT) first"
                        .to_owned(),
                ));
            }
            Some(owner) => (owner.function, owner.context, owner.divisible),
            None => (sys::give_back as GiveBack, context_of(inherit), cfg!(unix)),
        };
        let taken = Taken {
            span: self.span(),
            kind: self.kind(),
            access: self.facts().access,
            shared: self.facts().is_shared(),
            page: self.facts().page,
            give_back,
            context,
            divisible,
        };
        let guard = self.guard.take();
        self.entry.clear();
        match sys::hand_over(self.objects()) {
            Ok(()) => {
                self.owner = None;
                Ok(taken)
            }
            Err(objects) => {
                self.guard = guard;
                self.put_back(objects);
                let text = "on this system a part of a mapping that was split can't be taken";
                Err(Error::InvalidOperation(text.to_owned()))
            }
        }
    }
}

/// What children of `fork` get of memory that was handed over, as the context of the system's own way, which needs none:
/// so that it is known when the memory comes back.
fn context_of(inherit: Inherit) -> *mut c_void {
    std::ptr::without_provenance_mut(inherit as usize)
}

fn inherit_of(context: *mut c_void) -> Inherit {
    Inherit::ALL.get(context.addr()).copied().unwrap_or_default()
}

/// Whether an address and a page size can be those of a mapping.
pub fn check_place(span: Span, page: usize) -> Result<()> {
    if span.len == 0 {
        return Err(Error::InvalidSize("a mapping of 0 bytes can't be adopted".to_owned()));
    }
    page::check_len(span.len)?;
    if !page.is_power_of_two() || page < page::base() {
        return Err(Error::InvalidSize(format!(
            "{page} bytes are not a page size: a power of two, at least {} bytes",
            page::base()
        )));
    }
    if page != page::base() && span.len % page != 0 {
        return Err(Error::InvalidSize(format!(
            "{} bytes are not a multiple of the page size, {page} bytes",
            span.len
        )));
    }
    if span.start == 0 || span.start % page != 0 || span.start.checked_add(span.len).is_none() {
        return Err(Error::InvalidOffset(format!(
            "no mapping of {} bytes begins at {:#x}: an address is a multiple of the page size, {page} bytes",
            span.len, span.start
        )));
    }
    Ok(())
}
