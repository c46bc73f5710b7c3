//! A region: one object of upstream's, or several that lie side by side, with what upstream does not keep.

use super::Object;
use super::attributes::Attributes;
use super::facts::Facts;
use super::foreign::Owner;
use super::kind::{Access, Kind};
use super::operation::{Call, Operation};
#[cfg(unix)]
use super::place::{Hole, Place};
use super::range::Checked;
#[cfg(unix)]
use super::request::Request;
use super::{advice, page, sys};
use crate::guard::{self, Guard};
use crate::registry::Entry;
use crate::state::{Extent, Span};
use crate::{Error, Result};
use mmap_rs::MmapFlags;
#[cfg(unix)]
use mmap_rs::UnsafeMmapFlags;
use smallvec::SmallVec;
use std::sync::atomic::{AtomicBool, Ordering};

/// One object of a region.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) object: Object,
    /// Whether a call that worked has locked it, so that a failed one must leave it so.
    pub(super) locked: AtomicBool,
}

impl Part {
    pub(super) fn new(object: Object, locked: bool) -> Self {
        Self { object, locked: AtomicBool::new(locked) }
    }

    pub(super) fn span(&self) -> Span {
        self.object.span()
    }

    pub(super) fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    /// Sets the protection. On failure the part is as it was, or some of its pages have changed.
    pub(super) fn make(self, access: Access, flush: bool) -> Result<Self, (Self, mmap_rs::Error)> {
        let Self { object, locked } = self;
        match object.make(access, flush) {
            Ok(object) => Ok(Self { object, locked }),
            Err((object, error)) => Err((Self { object, locked }, error)),
        }
    }
}

/// Objects in the order of their addresses, each beginning where the one before ends.
pub(super) type Objects = SmallVec<[Object; 1]>;

/// Parts in the order of their addresses. They fill the pages of their region, whose length may end in the middle of one.
pub(super) type Parts = SmallVec<[Part; 1]>;

/// See the module.
#[derive(Debug)]
pub struct Region {
    pub(super) parts: Parts,
    pub(super) span: Span,
    pub(super) facts: Facts,
    pub(super) attributes: Attributes,
    /// Ends before the memory is given back.
    pub(super) guard: Option<Guard>,
    /// Where it is, for those who adopt memory. Ends before the memory is given back, too.
    pub(super) entry: Entry,
    /// Who gives the memory back; `None`: the system's own way.
    pub(super) owner: Option<Owner>,
}

/// A change that failed. Unless `lost`, the region is as it was before.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// The way back failed too: the region is in no state that its type could promise, and must be given up.
    pub lost: bool,
}

impl Failure {
    /// A failure that changed nothing.
    pub fn kept(error: Error) -> Self {
        Self { error, lost: false }
    }
}

impl Extent for Region {
    fn span(&self) -> Span {
        self.span
    }

    fn is_inherited(&self) -> bool {
        self.attributes.is_inherited()
    }

    // loom's atomics are of another type.
    #[cfg(not(loom))]
    fn fault_flag(&self) -> Option<&'static AtomicBool> {
        self.guard.as_ref().map(Guard::mark)
    }
}

impl Region {
    /// A region of `len` bytes, made of objects that fill them.
    pub(super) fn new(objects: Objects, len: usize, facts: Facts) -> Result<Self> {
        let locked = facts.flags.contains(MmapFlags::LOCKED);
        let mut parts = Parts::new();
        parts.try_reserve_exact(objects.len()).map_err(|_| Error::OutOfMemory)?;
        parts.extend(objects.into_iter().map(|object| Part::new(object, locked)));
        let start = parts.first().map_or(page::base(), |part| part.span().start);
        let attributes = Attributes::new(facts.flags & advice::ALL, locked);
        let mut region = Self {
            parts,
            span: Span { start, len },
            facts,
            attributes,
            guard: None,
            entry: Entry::default(),
            owner: None,
        };
        region.register();
        Ok(region)
    }

    /// Notes where it is now.
    pub(super) fn register(&mut self) {
        let len = if self.parts.is_empty() { 0 } else { self.padded(self.span.len) };
        self.entry.set(Span { start: self.span.start, len });
    }

    /// A region without bytes. It has an address all the same, at which nothing is.
    pub(super) fn empty(facts: Facts) -> Result<Self> {
        Self::new(Objects::new(), 0, facts)
    }

    /// The objects that it is made of.
    pub(super) fn objects(&mut self) -> Objects {
        self.parts.drain(..).map(|part| part.object).collect()
    }

    /// Is made of these objects again, as it was before.
    pub(super) fn put_back(&mut self, objects: Objects) {
        let locked = self.attributes.is_locked();
        self.parts = objects.into_iter().map(|object| Part::new(object, locked)).collect();
        self.register();
    }

    /// Forgets its memory, in whose place is another mapping now.
    pub(super) fn forget(&mut self) {
        self.guard = None;
        self.entry.clear();
        self.parts.drain(..).for_each(|part| sys::abandon(part.object));
    }

    /// Gives it back, but for the pages up to an offset, of which `is_there` says whether they still are its own. If they
    /// are not, they are free, or somebody else's.
    /// False where they stay mapped.
    pub(super) fn give_up_head(mut self, had: usize, is_there: bool) -> bool {
        if is_there {
            return true;
        }
        let tail = Span { start: self.span.start + had, len: self.padded(self.span.len) - had };
        self.forget();
        // Nobody is left to be told.
        let _ = sys::release(tail);
        sys::is_free(Span { start: self.span.start, len: had })
    }

    /// Takes in pages that begin where it ends.
    pub(super) fn append(&mut self, mut tail: Region) {
        self.parts.append(&mut tail.parts);
    }

    /// Notes that all of it was locked.
    pub(super) fn note_locked(&self) {
        self.tell_locked(true);
    }

    /// Reserves the first `len` bytes of a reservation again, over pages that nobody uses any more. False where they stay.
    #[cfg(unix)]
    pub(super) fn reserve_again(&self, len: usize) -> bool {
        if len == 0 {
            return true;
        }
        let request = Request {
            size: self.padded(len),
            place: Place::Near(self.span.start),
            flags: self.facts.flags - MmapFlags::POPULATE,
            unsafe_flags: self.facts.unsafe_flags | UnsafeMmapFlags::MAP_FIXED,
            page_size: self.facts.is_huge().then_some(self.facts.page.trailing_zeros()),
            ..Request::default()
        };
        request.map(self.facts.access, true).map(|mut again| again.forget()).is_ok()
    }

    /// Has a reservation be as it was before a call that failed in the middle. False where it can't be: somebody else has
    /// its addresses, or what it was reserved for is not known here.
    #[cfg(unix)]
    pub(super) fn restore(&self, is_intact: impl Fn(&Region) -> bool) -> bool {
        if self.facts.is_file() || self.facts.is_shared() {
            return false;
        }
        let held = Hole::new(Place::Exact(self.span.start), self.span.len, self.facts.page).map(Hole::fill);
        if held.is_ok() && !self.reserve_again(self.span.len) {
            return false;
        }
        // A name, or advice, that can't be given again is not worth the addresses.
        let _ = self.attributes.apply(self.span, false);
        held.is_ok() || is_intact(self)
    }

    /// Has the fault guard watch it.
    pub(super) fn watch(&mut self) -> Result<()> {
        self.guard = Some(guard::watch(self.span, self.facts.page, sys::protection(self.facts.access))?);
        Ok(())
    }

    /// Says to the guard what protection new pages must have.
    pub(super) fn tell_guard(&mut self, access: Access) {
        if let Some(guard) = &mut self.guard {
            guard.protect(sys::protection(access));
        }
    }

    /// What is known of it.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Upstream's type of it.
    pub fn kind(&self) -> Kind {
        self.facts.access.kind(self.facts.reserved)
    }

    /// The length of one of its repeats; without repeats all of it.
    pub fn len_of_one(&self) -> usize {
        self.span.len / self.facts.repeats
    }

    /// Of how many objects of upstream's it is made.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    pub(super) fn operation(&self, call: Call) -> Operation<'_> {
        Operation::Memory { call, facts: &self.facts, span: self.span }
    }

    /// Flushes a range (`None`: all) to the file; with `wait`, until it is there.
    pub fn flush(&self, range: Option<&std::ops::Range<usize>>, wait: bool) -> Result<()> {
        let range = self.pages(range)?;
        for part in &self.parts {
            let span = part.span();
            let base = span.start - self.span.start;
            let (start, end) = (range.start.max(base), range.end.min(base + self.padded(span.len)));
            if start < end {
                let flushed = part.object.flush(start - base, end - base, wait);
                flushed.map_err(|error| self.operation(Call::Flush).upstream(error))?;
            }
        }
        Ok(())
    }

    /// Makes the instruction cache see what was written.
    pub fn flush_icache(&self) -> Result<()> {
        self.parts.iter().try_for_each(|part| {
            part.object.flush_icache().map_err(|error| self.operation(Call::FlushIcache).upstream(error))
        })
    }

    /// Keeps its pages in memory. Linux marks them as locked before it brings them in, and leaves the mark where
    /// that fails; it is taken back here, but for the parts that an earlier call locked.
    pub fn lock(&self) -> Result<()> {
        self.attributes.note_locked(true);
        if self.parts.is_empty() {
            return Ok(());
        }
        match sys::lock(self.span) {
            Ok(()) => {
                self.tell_locked(true);
                Ok(())
            }
            Err(code) => {
                for part in self.parts.iter().filter(|part| !part.is_locked()) {
                    // The failure of the call itself is what the caller must know.
                    let _ = sys::unlock(part.span());
                }
                Err(self.operation(Call::Lock).refused(code))
            }
        }
    }

    /// Lets its pages go out of memory again.
    pub fn unlock(&self) -> Result<()> {
        self.attributes.note_locked(false);
        if self.parts.is_empty() {
            return Ok(());
        }
        sys::unlock(self.span).map_err(|code| self.operation(Call::Unlock).refused(code))?;
        self.tell_locked(false);
        Ok(())
    }

    /// Whether all of it is to stay in memory.
    pub(super) fn is_locked(&self) -> bool {
        match self.parts.as_slice() {
            [] => self.attributes.is_locked(),
            parts => parts.iter().all(Part::is_locked),
        }
    }

    fn tell_locked(&self, now: bool) {
        self.parts.iter().for_each(|part| part.locked.store(now, Ordering::Relaxed));
    }

    /// Gives the kernel advice about a range (`None`: all).
    pub fn advise(&self, flags: MmapFlags, range: Option<&std::ops::Range<usize>>) -> Result<()> {
        let numbers = advice::numbers(flags)?;
        let range = self.pages(range)?;
        let span = Span { start: self.span.start + range.start, len: range.len() };
        if range.is_empty() {
            return Ok(());
        }
        for (name, number) in numbers {
            let operation = Operation::Memory { call: Call::Advise(name), facts: &self.facts, span };
            sys::advise(span, number).map_err(|code| operation.refused(code))?;
        }
        if range.len() >= self.span.len {
            self.attributes.note_advice(flags);
        }
        Ok(())
    }

    /// A range of it in whole pages, or an error where it leaves the region.
    pub(super) fn pages(&self, range: Option<&std::ops::Range<usize>>) -> Result<Checked> {
        let whole = 0..self.span.len;
        let range = Checked::new(range.unwrap_or(&whole), self.span.len)?;
        Ok(if range.is_empty() { range } else { range.widened(self.facts.page) })
    }

    /// A part's length with the rest of its last page.
    pub(super) fn padded(&self, len: usize) -> usize {
        Checked { start: 0, end: len }.widened(self.facts.page).end
    }

    /// Gives the memory back. On failure the region is as it was: a `munmap` that would pass `vm.max_map_count`
    /// changes nothing, and upstream's destructor would drop that error.
    /// After success nothing is left of it but its value, to be dropped.
    pub fn unmap(&mut self) -> Result<()> {
        // From the system's yes on, the addresses may be somebody else's.
        if let Some(guard) = &mut self.guard {
            guard.suspend();
        }
        self.entry.clear();
        let unmapped = self.give_back();
        if unmapped.is_err() {
            self.register();
        }
        if let (Err(_), Some(guard)) = (&unmapped, &mut self.guard) {
            guard.resume();
        }
        unmapped.map_err(|code| self.operation(Call::Unmap).refused(code))
    }
}

impl Region {
    /// Gives the memory back by its owner's function or the system's.
    fn give_back(&mut self) -> Result<(), i32> {
        let Some(owner) = self.owner else { return sys::unmap(&mut self.parts, self.span) };
        if !self.parts.is_empty() {
            self.parts.drain(..).for_each(|part| sys::abandon(part.object));
            owner.give_back(self.span);
        }
        Ok(())
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.guard = None;
        self.entry.clear();
        // One call for all parts, and each part given up only when that worked: no part is unmapped twice.
        let _ = self.give_back();
        // What could not be unmapped now (the system has no room to cut an area in two) can't be reported
        // here. It stays mapped, as with upstream's destructors, and is never accessed again.
        for part in self.parts.drain(..) {
            sys::abandon(part.object);
        }
    }
}
