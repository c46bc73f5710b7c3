//! What a mapping is to be, and making it.
//!
//! U3: huge pages in lengths that could not be given back. U6: file maps past the end. U7: advice that fails after
//! the map was made left it mapped; here it is unmapped. U2: a page size that silently became another.

use super::Object;
use super::facts::{Backing, Facts};
use super::kind::Access;
use super::page::{self, Huge};
use super::region::Region;
use super::source::{Opened, Source};
use super::{advice, sys};
use crate::state::watch;
use crate::{Error, Result};
#[cfg(unix)]
use mmap_rs::MmapOptions;
use mmap_rs::{MmapFlags, UnsafeMmapFlags};

/// Upstream's `MmapOptions`, checked and reusable.
#[derive(Clone, Debug)]
pub struct Request {
    /// The length in bytes, not 0.
    pub size: usize,
    /// Where the mapping should be; 0 for anywhere.
    pub address: usize,
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
}

/// The pages of a mapping to be made.
struct Pages {
    /// Their size in bytes, the unit of sizes and split offsets.
    unit: usize,
    /// How to ask upstream for them.
    huge: Option<Huge>,
}

impl Request {
    /// A private anonymous mapping of `size` bytes.
    pub fn new(size: usize) -> Result<Self> {
        if size == 0 {
            return Err(Error::InvalidSize("a mapping can't have 0 bytes: ask for at least 1".to_owned()));
        }
        Ok(Self {
            size,
            address: 0,
            flags: MmapFlags::empty(),
            unsafe_flags: UnsafeMmapFlags::empty(),
            page_size: None,
            source: None,
            guarded: false,
        })
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

    /// Makes the mapping. What fails on the way leaves nothing mapped.
    pub fn map(&self, access: Access, reserved: bool) -> Result<Region> {
        watch();
        if self.unsafe_flags.contains(UnsafeMmapFlags::MAP_FIXED) && self.address == 0 {
            return Err(Error::InvalidOperation("MAP_FIXED needs an address: call with_address() too".to_owned()));
        }
        page::check_len(self.size)?;
        let opened = match &self.source {
            Some(source) => Some(source.prepare(self.size, self.writes(access))?),
            None => None,
        };
        let pages = self.pages(opened.as_ref())?;
        if self.size % pages.unit != 0 && pages.unit != page::base() {
            return Err(Error::InvalidSize(format!(
                "{} bytes are not a multiple of the huge page, {1} bytes: round the size up to a multiple of {1}",
                self.size, pages.unit
            )));
        }
        let object = self.make(opened.as_ref(), &pages, access, reserved)?;
        let facts = Facts {
            access,
            reserved,
            backing: self.backing(opened.as_ref()),
            flags: self.flags,
            unsafe_flags: self.unsafe_flags,
            page: pages.unit,
            guarded: self.guarded,
        };
        // U7: where this fails, the region is dropped, and so unmapped.
        let mut region = Region::new(object, facts);
        if self.guarded {
            region.watch()?;
        }
        self.finish(&region)?;
        Ok(region)
    }

    /// Which pages the mapping is made of.
    fn pages(&self, opened: Option<&Opened>) -> Result<Pages> {
        let base = page::base();
        let by_flag = self.flags.contains(MmapFlags::HUGE_PAGES);
        if let Some(unit) = opened.and_then(|opened| opened.huge) {
            return Ok(Pages { unit, huge: None });
        }
        match self.page_size {
            Some(exponent) if 1usize.checked_shl(exponent) == Some(base) => {
                if by_flag {
                    return Err(Error::InvalidSize(format!(
                        "HUGE_PAGES and the base page size, {base} bytes, exclude each other: leave one of them away"
                    )));
                }
                Ok(Pages { unit: base, huge: None })
            }
            Some(exponent) => Ok(Pages { huge: Some(page::huge(exponent)?), unit: 1 << exponent }),
            // Where huge pages are no kind of their own (a hint for alignment), any size will do.
            None if by_flag => Ok(Pages { unit: page::default_huge().unwrap_or(base), huge: Some(Huge::Default) }),
            None => Ok(Pages { unit: base, huge: None }),
        }
    }

    #[cfg(unix)]
    fn make(&self, opened: Option<&Opened>, pages: &Pages, access: Access, reserved: bool) -> Result<Object> {
        let fail = |error| Error::from_upstream(error, || self.operation(access));
        // U7, U9: what upstream would ask of the kernel after the map was made is asked by `finish`.
        let mut flags = self.flags - advice::ALL - sys::LATER;
        let mut options = MmapOptions::new(self.size).map_err(fail)?;
        if self.address != 0 {
            options = options.with_address(self.address);
        }
        match pages.huge {
            Some(Huge::Default) => flags |= MmapFlags::HUGE_PAGES,
            Some(Huge::Sized(size)) => options = options.with_page_size(size),
            None => flags -= MmapFlags::HUGE_PAGES,
        }
        let far = self.source.as_ref().is_some_and(|source| sys::is_far(source.offset()));
        options = options.with_flags(if far { flags - sys::TOUCHING } else { flags });
        if let (Some(opened), Some(source)) = (opened, &self.source) {
            // SAFETY: upstream marks it unsafe as others may change the file. The bytes are only ever reached
            // through raw pointers, which allow for that (see `bytes`).
            options = unsafe { options.with_file(&opened.file, if far { 0 } else { source.offset() }) };
        }
        // SAFETY: JIT allows protections that the caller asks for by name; MAP_FIXED is the caller's promise, made
        // by calling a method that is documented as unsafe.
        options = unsafe { options.with_unsafe_flags(self.unsafe_flags) };
        let object =
            Object::new(options, access, reserved).map_err(fail).map_err(|error| match (pages.huge, &error) {
                (Some(_), Error::System(system)) if sys::HAS_POOLS && sys::is_out_of_memory(system.code) => error
                    .with_hint(
                        "no free huge pages of this size: reserve some (vm.nr_hugepages, or /sys/kernel/mm/hugepages)",
                    ),
                _ => error,
            })?;
        if let (true, Some(opened), Some(source)) = (far, opened, &self.source) {
            sys::shift(object.span(), access, flags, &opened.file, source.offset())
                .map_err(|code| Error::system(sys::VARIANT, code, self.operation(access)))?;
        }
        Ok(object)
    }

    #[cfg(windows)]
    fn make(&self, opened: Option<&Opened>, pages: &Pages, access: Access, reserved: bool) -> Result<Object> {
        use sys::object::{Plan, Unmade};
        let source = opened.zip(self.source.as_ref());
        let plan = Plan {
            size: self.size,
            address: self.address,
            unsafe_flags: self.unsafe_flags,
            large: pages.huge.is_some(),
            shared: self.flags.contains(MmapFlags::SHARED),
            file: source.map(|(opened, source)| (&opened.file, opened.len, source.offset())),
        };
        Object::new(&plan, access, reserved).map_err(|unmade| match (unmade, source) {
            (Unmade::PastEnd, Some((opened, source))) => Error::InvalidSize(format!(
                "{} bytes from offset {} on reach past the last page of {}, which holds {} bytes; Windows maps that \
                 only where the mapping makes the file longer: SHARED, writable and past_end=True",
                self.size,
                source.offset(),
                source.name(),
                opened.len
            )),
            (Unmade::Error(error), _) => {
                let error = Error::from_upstream(error, || self.operation(access));
                match &error {
                    Error::System(system) if plan.large && sys::is_out_of_memory(system.code) => {
                        error.with_hint("no large pages are free: memory is cut up too much, a restart helps")
                    }
                    _ => error,
                }
            }
            (Unmade::PastEnd | Unmade::LargePages, _) => {
                Error::InvalidOperation("Windows has no large pages for the memory of files".to_owned())
            }
        })
    }

    fn operation(&self, access: Access) -> String {
        let what = match &self.source {
            Some(source) => format!("{} from offset {} on", source.name(), source.offset()),
            None => "anonymous memory".to_owned(),
        };
        let exec = match access {
            Access::Exec => ", executable",
            Access::ExecWrite => ", writable and executable",
            _ => "",
        };
        format!("{} of {} bytes of {what}{exec}", sys::name::map(self.source.is_some()), self.size)
    }

    fn backing(&self, opened: Option<&Opened>) -> Backing {
        match (opened, &self.source) {
            (Some(opened), Some(source)) => {
                Backing::File { identity: opened.identity, offset: source.offset(), name: source.name().clone() }
            }
            _ => Backing::Anonymous,
        }
    }

    /// Does what the flags ask for beyond the map itself.
    fn finish(&self, region: &Region) -> Result<()> {
        if self.flags.intersects(sys::LATER) {
            region.lock()?;
        }
        if self.flags.intersects(advice::ALL) {
            region.advise(self.flags & advice::ALL, None)?;
        }
        Ok(())
    }
}
