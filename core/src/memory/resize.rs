//! Another size for the same region: cut, longer where it lies, or moved.
//!
//! New pages are a mapping of their own, made as the region was and joined to it. Where the addresses behind it are taken,
//! a mapping of the whole new length is made elsewhere, and the old pages come into its place: by `mremap(2)` on Linux and
//! Android, which moves page tables; on other systems by copying what is private. What can fail is done before anything of
//! the region is changed. Where there is no room for both places beside each other, Linux and Android move and extend a
//! region of one area in one call.
#![expect(unsafe_code, reason = "copies whole mappings, and the rest of a last page")]

use super::attributes::Attributes;
use super::facts::Facts;
use super::file::Mode;
use super::jit;
use super::kind::Access;
use super::operation::Call;
use super::place::Place;
use super::region::{Failure, Region};
use super::request::Request;
use super::source::Source;
use super::{Backing, page, sys};
use crate::error::SystemError;
use crate::guard::{self, Guard};
use crate::state::Span;
use crate::{Error, Result};
use mmap_rs::{MmapFlags, UnsafeMmapFlags};
use smallvec::smallvec;

/// The size to be, and what may be done for it.
#[derive(Clone, Copy, Debug)]
pub struct Resize<'a> {
    /// In bytes.
    pub size: usize,
    /// Whether it may lie elsewhere afterwards.
    pub may_move: bool,
    /// The file behind the region, ready to be mapped: [`Region::source`], opened.
    pub source: Option<&'a Source>,
}

impl Region {
    /// The file behind it, from the offset of the region on.
    pub fn source(&self) -> Option<&Source> {
        match &self.facts.backing {
            Backing::Anonymous => None,
            Backing::File { source, .. } => Some(source),
        }
    }

    /// Gives it another size. The bytes up to the smaller of both sizes are kept. On failure nothing has changed, unless
    /// it is lost.
    pub fn resize(&mut self, wanted: &Resize<'_>) -> Result<(), Failure> {
        let (old, size) = (self.span.len, wanted.size);
        self.check_size(size).map_err(Failure::kept)?;
        self.check_file(wanted).map_err(Failure::kept)?;
        let (had, has) = (self.padded(old), self.padded(size));
        // The rest of the last page, which is not part of the region, has whatever was written there when it was.
        let shown = old..size.min(had);
        if !shown.is_empty() {
            self.renew(shown, wanted.source)?;
        }
        if has < had {
            self.cut(has)?;
        } else if has > had {
            // Areas are joined by the kernel only where they are of one open file, so all new pages come from one.
            let open = wanted.source.and_then(Source::open_file);
            match (&self.attributes.file, &open) {
                (Some((_, kept)), Some((_, mode))) if kept == mode => {}
                _ => self.attributes.file = open,
            }
            self.grow(wanted, had)?;
        }
        self.span.len = size;
        self.register();
        Ok(())
    }

    fn check_size(&self, size: usize) -> Result<()> {
        self.check_single("resized")?;
        self.check_system_owned("resized")?;
        if size == 0 {
            return Err(Error::InvalidSize("a mapping can't be resized to 0 bytes: close it".to_owned()));
        }
        page::check_len(size)?;
        if self.facts.is_huge() && size % self.facts.page != 0 {
            return Err(Error::InvalidSize(format!(
                "{size} bytes are not a multiple of the huge page size, {} bytes",
                self.facts.page
            )));
        }
        Ok(())
    }

    /// Checks that the file is the same, and holds as much.
    fn check_file(&self, wanted: &Resize<'_>) -> Result<()> {
        let (Backing::File { identity, kind, .. }, Some(source)) = (&self.facts.backing, wanted.source) else {
            return Ok(());
        };
        let opened = source.prepare(wanted.size, self.writes())?;
        if opened.status.identity != *identity && kind.is_one_memory() {
            return Err(Error::BackingMismatch(format!(
                "{} is another file by now: the mapping can only grow over the one that it was made from",
                source.name()
            )));
        }
        Ok(())
    }

    /// Whether its file must be open for writing: also where a mapping that is read-only now could be made writable.
    pub fn writes(&self) -> bool {
        let could = matches!(self.facts.backing, Backing::File { mode: Mode::ReadWrite, .. });
        self.facts.is_shared() && (self.facts.access.is_write() || could)
    }

    /// Gives back what lies from an offset on.
    fn cut(&mut self, at: usize) -> Result<(), Failure> {
        let mut tail = self.split_off(at).map_err(Failure::kept)?;
        if let Err(error) = tail.unmap() {
            self.merge(tail);
            return Err(Failure::kept(error));
        }
        Ok(())
    }

    /// A mapping like this one, of other bytes of the same.
    fn like(&self, place: Place, offset: usize, size: usize, source: Option<&Source>) -> Result<Request> {
        let later = MmapFlags::LOCKED | MmapFlags::POPULATE | super::advice::ALL;
        let exponent = self.facts.page.trailing_zeros();
        Ok(Request {
            size,
            place,
            flags: self.facts.flags - later,
            unsafe_flags: self.facts.unsafe_flags & UnsafeMmapFlags::JIT,
            page_size: (self.facts.is_huge() && source.is_none()).then_some(exponent),
            source: source.map(|source| source.at(offset as u64, self.attributes.file.as_ref())).transpose()?,
            guarded: false,
            repeats: 1,
        })
    }

    /// Adds pages, where it lies or elsewhere. `had` is the length of the pages that it has.
    fn grow(&mut self, wanted: &Resize<'_>, had: usize) -> Result<(), Failure> {
        if self.parts.is_empty() {
            return self.relocate(wanted, had);
        }
        match self.tail(wanted, had).map_err(Failure::kept)? {
            Some(tail) => {
                let end = self.span.start.saturating_add(self.padded(wanted.size));
                if let Some(guard) = &mut self.guard {
                    guard.end_at(end);
                }
                self.append(tail);
                Ok(())
            }
            None if wanted.may_move && !self.attributes.is_immovable() => self.relocate(wanted, had),
            None => Err(Failure::kept(self.operation(Call::Resize(wanted.size)).refused(sys::NO_ROOM))),
        }
    }

    /// New pages right behind it, with its attributes; `None` where that place is taken.
    fn tail(&self, wanted: &Resize<'_>, had: usize) -> Result<Option<Region>> {
        let Some(end) = self.span.start.checked_add(had).filter(|end| end % page::granularity() == 0) else {
            return Ok(None);
        };
        let place = if cfg!(windows) { Place::Exact(end) } else { Place::Near(end) };
        let request = self.like(place, had, wanted.size - had, wanted.source)?;
        let tail = match request.map(self.facts.access, false) {
            Ok(tail) if tail.span.start == end => tail,
            Ok(_) => return Ok(None),
            Err(error) if sys::is_taken(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.prepare(&tail, tail.span, wanted)?;
        Ok(Some(tail))
    }

    /// Gives new pages the attributes of this region.
    fn prepare(&self, new: &Region, span: Span, wanted: &Resize<'_>) -> Result<()> {
        let refused = |code| self.operation(Call::Resize(wanted.size)).refused(code);
        self.attributes.apply(span, self.facts.is_shared()).map_err(refused)?;
        if self.is_locked() {
            sys::lock(span).map_err(|code| self.operation(Call::Lock).refused(code))?;
            new.note_locked();
        }
        Ok(())
    }

    /// Has the region lie elsewhere, with another size.
    fn relocate(&mut self, wanted: &Resize<'_>, had: usize) -> Result<(), Failure> {
        let (mut whole, mut guard) = match self.elsewhere(wanted, had) {
            Ok(made) => made,
            Err(error) if is_no_room(&error) && self.remap(wanted.size, had) => return Ok(()),
            Err(error) => return Err(Failure::kept(error)),
        };
        let start = whole.span.start;
        if sys::MOVES && had > 0 {
            // From here on the old addresses may be somebody else's.
            if let Some(guard) = &mut self.guard {
                guard.suspend();
            }
            self.entry.clear();
            let from = Span { start: self.span.start, len: had };
            if let Err(code) = sys::move_pages(from, start) {
                let error = self.operation(Call::Resize(wanted.size)).refused(code);
                guard.take();
                // A call that moves several areas may fail after some of them.
                let moved = self.moved(from);
                let lost = moved > 0 && sys::move_back(from, start, moved).is_err();
                // What was there before may be gone, and something else be there, unless the system says that it has
                // looked at nothing but limits.
                let is_there = code == sys::NO_ROOM && moved == 0;
                if !whole.give_up_head(had, is_there) && sys::is_lasting(code) {
                    // Every attempt would cost as many addresses.
                    self.attributes.note_immovable();
                }
                if lost {
                    self.forget();
                } else {
                    self.register();
                    self.guard.iter_mut().for_each(Guard::resume);
                }
                return Err(Failure { error, lost });
            }
            self.forget();
        }
        let old = Region {
            parts: std::mem::replace(&mut self.parts, std::mem::take(&mut whole.parts)),
            span: self.span,
            facts: self.facts.clone(),
            attributes: Attributes::default(),
            guard: std::mem::replace(&mut self.guard, guard),
            entry: std::mem::replace(&mut self.entry, std::mem::take(&mut whole.entry)),
            owner: None,
        };
        self.span.start = start;
        self.entry.set_inherited(self.attributes.is_inherited());
        drop(old);
        Ok(())
    }

    /// Has the system choose another place and move the pages there at once, as there is no room for both places beside each
    /// other. False where that can't be: then it is as before.
    ///
    /// The new pages are part of the area that the old ones make up, and so have its attributes.
    fn remap(&mut self, size: usize, had: usize) -> bool {
        // Anonymous memory that is shared has a size of its own, and pages to be locked may fail to come.
        let is_fixed = self.facts.is_shared() && !self.facts.is_file();
        if !sys::MOVES || had == 0 || is_fixed || self.is_locked() {
            return false;
        }
        let mut guard = self.guard.take();
        if let Some(guard) = &mut guard {
            guard.suspend();
        }
        self.entry.clear();
        let from = Span { start: self.span.start, len: had };
        let moved = sys::remap(from, self.padded(size), self.facts.access);
        let facts = Facts { flags: self.facts.flags - MmapFlags::LOCKED, ..self.facts.clone() };
        // One object needs no room on the heap.
        let whole = moved.ok().and_then(|object| Region::new(smallvec![object], size, facts).ok());
        let is_done = whole.is_some();
        if let Some(whole) = whole {
            self.forget();
            self.span = whole.span;
            self.append(whole);
            if let Some(guard) = &mut guard {
                guard.lies_at(self.span);
            }
        } else {
            self.register();
            guard.iter_mut().for_each(Guard::resume);
        }
        self.guard = guard;
        is_done
    }

    /// How many bytes at the beginning of its place are not mapped any more, as a call has moved them.
    fn moved(&self, from: Span) -> usize {
        let page = self.facts.page;
        let is_there = |at: usize| sys::is_mapped(Span { start: from.start + at * page, len: page });
        let (mut low, mut high) = (0, from.len / page);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_there(middle) { high = middle } else { low = middle + 1 }
        }
        low * page
    }

    /// A mapping of the whole new size elsewhere, and what guards it: with the bytes of this one where they can't be
    /// moved.
    fn elsewhere(&mut self, wanted: &Resize<'_>, had: usize) -> Result<(Region, Option<Guard>)> {
        let copies = !sys::MOVES && !self.facts.is_shared() && had > 0;
        if !sys::MOVES && self.facts.is_shared() && !self.facts.is_file() && had > 0 {
            // A copy would be other memory than that of the processes which share it.
            return Err(self.operation(Call::Resize(wanted.size)).refused(sys::NO_ROOM));
        }
        let access = if copies { Access::Write } else { self.facts.access };
        let mut whole = self.like(Place::Any, 0, wanted.size, wanted.source)?.map(access, false)?;
        let new = Span { start: whole.span.start + had, len: wanted.size - had };
        self.prepare(&whole, new, wanted)?;
        if copies {
            self.copy_to(&mut whole, had)?;
        }
        let guard = match &self.guard {
            Some(guard) => Some(guard::moved(guard, whole.span)?),
            None if self.facts.guarded => {
                Some(guard::watch(whole.span, self.facts.page, sys::protection(self.facts.access))?)
            }
            None => None,
        };
        Ok((whole, guard))
    }

    /// Copies its bytes into another region, which is writable, and gives that the protection of this one.
    fn copy_to(&mut self, whole: &mut Region, had: usize) -> Result<()> {
        let (from, copied) = (Span { start: self.span.start, len: had }, self.facts.is_file());
        if self.facts.access == Access::None {
            sys::protect(from, Access::Read, copied)
                .map_err(|code| self.operation(Call::Protect(Access::Read)).refused(code))?;
        }
        // SAFETY: the pages of both regions, which nobody else uses; readable and writable, as was just seen to.
        unsafe { std::ptr::copy_nonoverlapping(from.start as *const u8, whole.span.start as *mut u8, had) };
        if self.facts.access == Access::None {
            // Where that fails the memory can be read, which nobody will.
            let _ = sys::protect(from, Access::None, copied);
        }
        if self.facts.access != Access::Write {
            whole.make(self.facts.access, true).map_err(|failure| failure.error)?;
        }
        if self.is_locked() {
            whole.lock()?;
        }
        self.attributes
            .apply(whole.span, false)
            .map_err(|code| self.operation(Call::Resize(whole.span.len)).refused(code))
    }

    /// Has bytes that a smaller size had hidden show what new ones do: zeros, or what the file holds. Those of shared
    /// memory may be in use by other processes, and stay.
    fn renew(&mut self, range: std::ops::Range<usize>, source: Option<&Source>) -> Result<(), Failure> {
        if self.facts.is_shared() {
            return Ok(());
        }
        let access = self.facts.access;
        let mut fresh = Vec::new();
        fresh.try_reserve_exact(range.len()).map_err(|_| Failure::kept(Error::OutOfMemory))?;
        fresh.resize(range.len(), 0);
        if let Some(source) = source {
            source.read_at(range.start, &mut fresh).map_err(Failure::kept)?;
        }
        let page = self.facts.page;
        let span = Span { start: self.span.start + range.start / page * page, len: page };
        if !access.is_write() {
            self.protect_page(span, Access::Write, false)?;
        }
        // A page that the system can't provide has no bytes that were hidden, and must not be touched.
        if sys::populate(span, false, false).is_ok() {
            jit::enter();
            let start = self.span.start + range.start;
            // SAFETY: bytes of the region's last page, which nobody else uses, and which can be read and written.
            unsafe {
                if std::slice::from_raw_parts(start as *const u8, fresh.len()) != fresh {
                    std::ptr::copy_nonoverlapping(fresh.as_ptr(), start as *mut u8, fresh.len());
                }
            }
            jit::leave();
        }
        if !access.is_write() {
            self.protect_page(span, access, true)?;
        }
        Ok(())
    }

    /// Sets the protection of one page, also for the guard, which may replace it.
    fn protect_page(&mut self, span: Span, access: Access, lost: bool) -> Result<(), Failure> {
        sys::protect(span, access, self.facts.is_file())
            .map_err(|code| Failure { error: self.operation(Call::Protect(access)).refused(code), lost })?;
        self.tell_guard(access);
        Ok(())
    }
}

fn is_no_room(error: &Error) -> bool {
    matches!(error, Error::System(SystemError { code: sys::NO_ROOM, .. }))
}
