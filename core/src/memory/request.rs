//! What a mapping is to be, and making it.
//!
//! U3: huge pages in lengths that could not be given back. U6: file maps past the end. U7: advice that fails after
//! the map was made left it mapped; here it is unmapped. U2: a page size that silently became another.
#![allow(unsafe_code, reason = "upstream's functions for files and unsafe flags, except on Windows")]

use super::Object;
use super::facts::{Backing, Facts};
use super::file::Status;
use super::kind::Access;
use super::operation::{Call, Operation};
use super::page::{self, Huge};
#[cfg(unix)]
use super::place::Hole;
use super::place::Place;
use super::region::{Failure, Objects, Region};
use super::source::{Opened, Source};
use super::{advice, sys};
use crate::state::{Extent, Span, watch};
use crate::{Error, Result};
#[cfg(unix)]
use mmap_rs::MmapOptions;
use mmap_rs::{MmapFlags, UnsafeMmapFlags};
use smallvec::smallvec;

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
struct Plan {
    opened: Option<Opened>,
    pages: Pages,
    facts: Facts,
    /// The length of all repeats.
    len: usize,
}

/// Addresses that could not be filled with a mapping.
#[cfg_attr(windows, allow(dead_code))]
struct Unfilled {
    error: Error,
    /// How many bytes at the beginning are mapped, and nobody's.
    len: usize,
}

/// The pages of a mapping to be made.
struct Pages {
    /// Their size in bytes, the unit of sizes and split offsets.
    unit: usize,
    /// How to ask upstream for them.
    huge: Option<Huge>,
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

    /// Makes the mapping. What fails on the way leaves nothing mapped.
    pub fn map(&self, access: Access, reserved: bool) -> Result<Region> {
        let plan = self.plan(access, reserved)?;
        if self.size == 0 {
            return Region::empty(plan.facts);
        }
        let parts = self.parts(&plan)?;
        self.region(parts, plan.len, plan.facts)
    }

    /// Makes the mapping in the place of a reservation. On success that has no memory any more, and is to be dropped. On
    /// failure it is as it was, unless the failure says that it is lost.
    ///
    /// A call that fails may leave a hole in its place, which another thread could fill. `is_intact` says whether it did
    /// not.
    pub fn map_over(
        &self,
        reservation: &mut Region,
        access: Access,
        reserved: bool,
        is_intact: impl Fn(&Region) -> bool,
    ) -> Result<Region, Failure> {
        reservation.check_system_owned("replaced").map_err(Failure::kept)?;
        let span = reservation.span();
        if self.is_fixed() || self.place != Place::Any {
            let text = "a mapping that takes the place of a reservation can't have another address too";
            return Err(Failure::kept(Error::InvalidOperation(text.to_owned())));
        }
        let plan = self.plan(access, reserved).map_err(Failure::kept)?;
        if plan.len != span.len {
            return Err(Failure::kept(Error::InvalidSize(format!(
                "a mapping of {} bytes can't take the place of a reservation of {} bytes: cut off as many with split_to()",
                plan.len, span.len
            ))));
        }
        if span.start % plan.pages.unit != 0 {
            return Err(Failure::kept(Error::InvalidOffset(format!(
                "the reservation at {:#x} is not at a multiple of the page size, {} bytes",
                span.start, plan.pages.unit
            ))));
        }
        self.replace(&plan, reservation, is_intact)
    }

    /// Checks all that can be checked, and opens the file.
    fn plan(&self, access: Access, reserved: bool) -> Result<Plan> {
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

    /// Makes a region of its parts, and does what the flags ask for beyond the map itself. Where that fails (U7), the
    /// region is dropped, and so unmapped.
    fn region(&self, objects: Objects, len: usize, facts: Facts) -> Result<Region> {
        let mut region = Region::new(objects, len, facts)?;
        self.finish(&mut region)?;
        Ok(region)
    }

    fn finish(&self, region: &mut Region) -> Result<()> {
        if self.guarded {
            region.watch()?;
        }
        if self.flags.intersects(sys::LATER) {
            region.lock()?;
        }
        if self.flags.intersects(advice::ALL) {
            region.advise(self.flags & advice::ALL, None)?;
        }
        Ok(())
    }

    /// Makes the objects of a mapping, each beginning where the one before ends.
    #[cfg(unix)]
    fn parts(&self, plan: &Plan) -> Result<Objects> {
        let is_exact = matches!(self.place, Place::Exact(_)) && !self.is_fixed();
        if self.repeats == 1 && !is_exact {
            return Ok(smallvec![self.object(plan, self.place.address(), self.is_fixed())?]);
        }
        let hole =
            Hole::new(self.place, self.len(), plan.pages.unit).map_err(|code| self.operation(plan).refused(code))?;
        // On failure what was mapped goes with the hole.
        let parts = self.fill(plan, hole.span()).map_err(|unfilled| unfilled.error)?;
        hole.fill();
        Ok(parts)
    }

    /// Windows maps into free addresses only, and says at which it can't.
    #[cfg(windows)]
    fn parts(&self, plan: &Plan) -> Result<Objects> {
        let is_exact = matches!(self.place, Place::Exact(_));
        if self.repeats == 1 {
            return Ok(smallvec![self.object(plan, self.place.address(), self.is_fixed() || is_exact)?]);
        }
        let mut tries = 0;
        loop {
            let start = match self.place {
                Place::Exact(address) => address,
                place => {
                    sys::free_place(place.address(), plan.len).map_err(|code| self.operation(plan).refused(code))?
                }
            };
            tries += 1;
            match self.fill(plan, Span { start, len: plan.len }) {
                // Another thread was quicker.
                Err(unfilled) if tries < 16 && !is_exact && sys::is_taken(&unfilled.error) => {}
                made => return made.map_err(|unfilled| unfilled.error),
            }
        }
    }

    /// Maps into addresses that are held for it. On failure what was mapped there belongs to nobody.
    fn fill(&self, plan: &Plan, span: Span) -> Result<Objects, Unfilled> {
        let mut parts = Objects::new();
        parts.try_reserve_exact(self.repeats).map_err(|_| Unfilled { error: Error::OutOfMemory, len: 0 })?;
        for number in 0..self.repeats {
            match self.object(plan, span.start + number * self.size, true) {
                Ok(object) => parts.push(object),
                Err(error) => {
                    parts.into_iter().for_each(sys::abandon);
                    return Err(Unfilled { error, len: number * self.size });
                }
            }
        }
        Ok(parts)
    }

    /// Finds out what the system has against this mapping, before a reservation is touched: maps as much of it elsewhere as
    /// is needed for that.
    #[cfg(unix)]
    fn try_elsewhere(&self, plan: &Plan) -> Result<()> {
        let is_plain = match &plan.opened {
            Some(opened) => opened.status.kind.is_one_memory(),
            None => true,
        };
        if plan.facts.is_huge() {
            // They are counted, and there may be no more than are needed.
            return Ok(());
        }
        // A device may allow its whole size only. Each repeat is an area, of which the system allows so many.
        let size = if is_plain { self.size.min(plan.pages.unit) } else { self.size };
        let costly = MmapFlags::POPULATE | MmapFlags::LOCKED;
        let trial = Self { size, flags: self.flags - costly, guarded: false, ..self.clone() };
        trial.parts(plan).and_then(|parts| trial.region(parts, trial.len(), plan.facts.clone())).map(drop)
    }

    /// Maps over a reservation.
    #[cfg(unix)]
    fn replace(
        &self,
        plan: &Plan,
        reservation: &mut Region,
        is_intact: impl Fn(&Region) -> bool,
    ) -> Result<Region, Failure> {
        self.try_elsewhere(plan).map_err(Failure::kept)?;
        let made = self.fill(plan, reservation.span()).and_then(|parts| {
            let region = Region::new(parts, plan.len, plan.facts.clone());
            let mut region = region.map_err(|error| Unfilled { error, len: plan.len })?;
            match self.finish(&mut region) {
                Ok(()) => Ok(region),
                Err(error) => {
                    region.forget();
                    Err(Unfilled { error, len: plan.len })
                }
            }
        });
        match made {
            Ok(region) => {
                reservation.forget();
                Ok(region)
            }
            Err(Unfilled { error, len }) => {
                reservation.reserve_again(len);
                // What it has lost is taken back, if nobody else has it by now. Otherwise it is not touched again.
                let lost = !reservation.restore(is_intact);
                if lost {
                    reservation.forget();
                }
                Err(Failure { error, lost })
            }
        }
    }

    #[cfg(windows)]
    fn replace(
        &self,
        _plan: &Plan,
        _reservation: &mut Region,
        _is_intact: impl Fn(&Region) -> bool,
    ) -> Result<Region, Failure> {
        let text = "this system can't map into the place of a reservation";
        Err(Failure::kept(Error::InvalidOperation(text.to_owned())))
    }

    fn operation<'a>(&self, plan: &'a Plan) -> Operation<'a> {
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

    /// One object of upstream's.
    #[cfg(unix)]
    fn object(&self, plan: &Plan, address: usize, fixed: bool) -> Result<Object> {
        let Plan { opened, pages, facts, .. } = plan;
        let operation = self.operation(plan);
        let fail = |error| operation.upstream(error);
        // U7, U9: what upstream would ask of the kernel after the map was made is asked by `finish`.
        let mut flags = self.flags - advice::ALL - sys::LATER;
        let mut options = MmapOptions::new(self.size).map_err(fail)?;
        if address != 0 {
            options = options.with_address(address);
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
        let fixed = if fixed { UnsafeMmapFlags::MAP_FIXED } else { UnsafeMmapFlags::empty() };
        // SAFETY: JIT allows protections that the caller asks for by name. MAP_FIXED replaces what is held for this
        // mapping, or is the caller's promise, made by calling a method that is documented as unsafe.
        options = unsafe { options.with_unsafe_flags(self.unsafe_flags | fixed) };
        let object = Object::new(options, facts.access, facts.reserved).map_err(fail)?;
        if let (true, Some(opened), Some(source)) = (far, opened, &self.source) {
            sys::shift(object.span(), facts.access, flags, &opened.file, source.offset())
                .map_err(|code| operation.refused(code))?;
        }
        Ok(object)
    }

    /// One object.
    #[cfg(windows)]
    fn object(&self, plan: &Plan, address: usize, fixed: bool) -> Result<Object> {
        use sys::object::Unmade;
        let operation = self.operation(plan);
        let source = plan.opened.as_ref().zip(self.source.as_ref());
        let wanted = sys::object::Plan {
            size: self.size,
            place: sys::object::Place { address, fixed },
            jit: self.unsafe_flags.contains(UnsafeMmapFlags::JIT),
            large: plan.pages.huge.is_some(),
            shared: self.flags.contains(MmapFlags::SHARED),
            section: source.is_some_and(|(_, source)| source.is_memory()),
            // What has no size may be asked for as much as there are offsets.
            file: source
                .map(|(opened, source)| (&opened.file, opened.status.size.unwrap_or(u64::MAX), source.offset())),
        };
        Object::new(&wanted, plan.facts.access, plan.facts.reserved).map_err(|unmade| match (unmade, source) {
            (Unmade::PastEnd, Some((opened, source))) => Error::InvalidSize(format!(
                "{} bytes from offset {} on reach past the last page of {}, which holds {} bytes; Windows maps that \
                 only if the mapping extends the file: SHARED, writable and past_end=True",
                self.size,
                source.offset(),
                source.name(),
                opened.status.size.unwrap_or_default()
            )),
            // Nothing is replaced on this system, so an address that is taken is told as where it must not be.
            (Unmade::Error(error), _) => {
                let refused = operation.upstream(error);
                if fixed && !self.is_fixed() && sys::is_taken(&refused) { sys::taken(&operation) } else { refused }
            }
            (Unmade::PastEnd | Unmade::LargePages, _) => {
                Error::InvalidOperation("Windows has no large pages for mappings of files".to_owned())
            }
        })
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
