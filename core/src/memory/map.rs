//! Making a mapping as it was requested.
//!
//! U7: advice that fails after the map was made left it mapped; here it is unmapped.
#![allow(unsafe_code, reason = "upstream's functions for files and unsafe flags, except on Windows")]

use super::Object;
use super::facts::Facts;
use super::kind::Access;
#[cfg(unix)]
use super::page::Huge;
#[cfg(unix)]
use super::place::Hole;
use super::place::Place;
use super::region::{Objects, Region};
use super::request::{Plan, Request};
use super::{advice, sys};
use crate::state::Span;
use crate::{Error, Result};
#[cfg(windows)]
use mmap_rs::MmapFlags;
use mmap_rs::UnsafeMmapFlags;
#[cfg(unix)]
use mmap_rs::{MmapFlags, MmapOptions};
use smallvec::smallvec;

/// Addresses that could not be filled with a mapping.
#[cfg_attr(windows, allow(dead_code))]
pub(super) struct Unfilled {
    pub(super) error: Error,
    /// How many bytes at the beginning are mapped, and nobody's.
    pub(super) len: usize,
}

impl Request {
    /// Makes the mapping. What fails on the way leaves nothing mapped.
    pub fn map(&self, access: Access, reserved: bool) -> Result<Region> {
        let plan = self.plan(access, reserved)?;
        if self.size == 0 {
            return Region::empty(plan.facts);
        }
        let parts = self.parts(&plan)?;
        self.region(parts, plan.len, plan.facts)
    }

    /// Makes a region of its parts, and does what the flags ask for beyond the map itself. Where that fails (U7), the
    /// region is dropped, and so unmapped.
    pub(super) fn region(&self, objects: Objects, len: usize, facts: Facts) -> Result<Region> {
        let mut region = Region::new(objects, len, facts)?;
        self.finish(&mut region)?;
        Ok(region)
    }

    pub(super) fn finish(&self, region: &mut Region) -> Result<()> {
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
    pub(super) fn parts(&self, plan: &Plan) -> Result<Objects> {
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
    pub(super) fn parts(&self, plan: &Plan) -> Result<Objects> {
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
    pub(super) fn fill(&self, plan: &Plan, span: Span) -> Result<Objects, Unfilled> {
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
}
