//! A region: one object of upstream's, or several that lie side by side, with what upstream does not keep.
//!
//! U10: upstream's `merge` asks the kernel's list of areas, which it can't always read. Two objects side by side
//! are one region as well, so nothing is asked. U4: it compares too little; see [`Facts::continued_by`]. U5: it
//! splits off nothing at offset 0, which can then not be unmapped.

use super::Object;
use super::attributes::Attributes;
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::facts::Backing;
use super::facts::Facts;
use super::foreign::Owner;
use super::kind::{Access, Kind};
use super::operation::{Call, Operation};
#[cfg(unix)]
use super::place::{Hole, Place};
use super::range::Checked;
#[cfg(unix)]
use super::request::Request;
use super::{advice, jit, page, sys};
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
    object: Object,
    /// Whether a call that worked has locked it, so that a failed one must leave it so.
    locked: AtomicBool,
}

impl Part {
    fn new(object: Object, locked: bool) -> Self {
        Self { object, locked: AtomicBool::new(locked) }
    }

    fn span(&self) -> Span {
        self.object.span()
    }

    fn is_locked(&self) -> bool {
        self.locked.load(Ordering::Relaxed)
    }

    /// Sets the protection. On failure the part is as it was, or some of its pages have changed.
    fn make(self, access: Access, flush: bool) -> Result<Self, (Self, mmap_rs::Error)> {
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

    /// Sets the protection of all of it, or of nothing.
    pub fn make(&mut self, access: Access, flush: bool) -> Result<(), Failure> {
        if !jit::check_change(&self.facts, access).map_err(|error| Failure { error, lost: false })? {
            return Ok(());
        }
        let mut after = Parts::new();
        after.try_reserve_exact(self.parts.len()).map_err(|_| Failure { error: Error::OutOfMemory, lost: false })?;
        self.tell_guard(access);
        let mut before = std::mem::take(&mut self.parts).into_iter();
        while let Some(part) = before.next() {
            match part.make(access, flush) {
                Ok(part) => after.push(part),
                Err((part, error)) => {
                    let error = self.operation(Call::Protect(access)).upstream(error);
                    // The system may have changed some pages of this part too before it stopped.
                    let undone = after.into_iter().chain([part]);
                    let (parts, lost) = put_back(undone, self.facts.access);
                    self.parts = parts;
                    self.parts.extend(before);
                    self.tell_guard(self.facts.access);
                    return Err(Failure { error, lost });
                }
            }
        }
        self.parts = after;
        self.facts.access = access;
        Ok(())
    }

    /// Turns a reservation into memory: upstream's `TryFrom` of the mapped types.
    pub fn commit(&mut self) -> Result<(), Failure> {
        if !self.facts.reserved {
            return Ok(());
        }
        let mut before = std::mem::take(&mut self.parts).into_iter();
        while let Some(Part { object, locked }) = before.next() {
            match object.commit() {
                Ok(object) => self.parts.push(Part { object, locked }),
                Err((object, error)) => {
                    let error = self.operation(Call::Commit).upstream(error);
                    let lost = object.is_none();
                    self.parts.extend(object.map(|object| Part { object, locked }).into_iter().chain(before));
                    return Err(Failure { error, lost });
                }
            }
        }
        self.facts.reserved = false;
        Ok(())
    }

    /// Refuses what can't be done to a mapping that shows the same bytes several times.
    pub(super) fn check_single(&self, call: &str) -> Result<()> {
        match self.facts.repeats {
            1 => Ok(()),
            repeats => Err(Error::InvalidOperation(format!(
                "a mapping that shows the same bytes {repeats} times can't be {call}"
            ))),
        }
    }

    /// Refuses an offset at which it can't be split: not a multiple of its page, or nothing on one side (U5).
    pub fn check_split(&self, at: usize) -> Result<()> {
        self.check_single("split")?;
        self.check_owner("split")?;
        let (len, page) = (self.span.len, self.facts.page);
        if at == 0 || at >= len {
            return Err(Error::InvalidOffset(format!(
                "a split at {at} leaves nothing on one side of the mapping's {len} bytes"
            )));
        }
        if at % page != 0 {
            let near = at - at % page;
            let near = if near == 0 { page } else { near };
            let there =
                if near < len { format!("{near} is") } else { "a mapping of one page can't be split".to_owned() };
            return Err(Error::InvalidOffset(format!(
                "split offset {at} is not a multiple of the page size, {page} bytes: {there}"
            )));
        }
        Ok(())
    }

    /// Cuts it in two at an offset. `self` keeps what is before it.
    pub fn split_off(&mut self, at: usize) -> Result<Region> {
        self.check_split(at)?;
        let facts = self.facts.at(at)?;
        let border = self.span.start.saturating_add(at);
        // For a moment both guard the tail; nobody uses it meanwhile.
        let guard = self.guard.as_ref().map(|guard| guard::tail(guard, border)).transpose()?;
        // The first part that lies behind the border, or is cut by it.
        let mut index = self.parts.partition_point(|part| part.span().start < border);
        let mut tail = Parts::new();
        tail.try_reserve_exact(self.parts.len() - index + 1).map_err(|_| Error::OutOfMemory)?;
        if let Some(cut) = index.checked_sub(1).and_then(|index| self.parts.get_mut(index)) {
            let span = cut.span();
            let inside = border.saturating_sub(span.start);
            if inside < span.len {
                check_cut(&self.facts, Span { start: border, len: span.len - inside })?;
                let rest = cut.object.split_off(inside);
                let rest = rest.map_err(|error| Error::from_upstream(error, || format!("a split at {at}")))?;
                tail.push(Part::new(rest, cut.is_locked()));
            }
        }
        index = index.min(self.parts.len());
        tail.extend(self.parts.drain(index..));
        let span = Span { start: border, len: self.span.len - at };
        if let Some(guard) = &mut self.guard {
            guard.end_at(border);
        }
        let attributes = self.attributes.clone();
        let mut tail =
            Region { parts: tail, span, facts, attributes, guard, entry: Entry::default(), owner: self.owner };
        // First the tail, so that all of it is registered at any time.
        tail.register();
        tail.entry.set_inherited(tail.attributes.is_inherited());
        self.span.len = at;
        self.register();
        Ok(tail)
    }

    /// Whether `next` could become the end of `self`.
    ///
    /// Makes room for its parts.
    pub fn check_merge(&mut self, next: &Region) -> Result<()> {
        self.check_single("merged")?;
        next.check_single("merged")?;
        let end = self.span.start.checked_add(self.span.len);
        if self.span.len == 0 || next.span.len == 0 {
            return Err(Error::MustBeAdjacent(
                "an empty mapping is nowhere, so that nothing is adjacent to it".to_owned(),
            ));
        }
        if end != Some(next.span.start) {
            let swapped = next.span.start.checked_add(next.span.len) == Some(self.span.start);
            return Err(Error::MustBeAdjacent(format!(
                "the first mapping ends at {:#x}, the second begins at {:#x}: {}",
                end.unwrap_or_default(),
                next.span.start,
                if swapped { "merge them the other way round" } else { "they must be adjacent" }
            )));
        }
        page::check_len(self.span.len.saturating_add(next.span.len))?;
        self.attributes.check_merge(&next.attributes)?;
        self.check_owners(next)?;
        self.facts.continued_by(self.span.len, &next.facts)?;
        self.parts.try_reserve(next.parts.len()).map_err(|_| Error::OutOfMemory)
    }

    /// Takes `next` as its end. The caller has asked [`Region::check_merge`].
    pub fn merge(&mut self, mut next: Region) {
        self.span.len = self.span.len.saturating_add(next.span.len);
        if let (Some(guard), Some(ending)) = (&mut self.guard, next.guard.take()) {
            guard.extend(&ending);
        }
        self.facts.join(&next.facts);
        self.attributes.join(&next.attributes);
        self.parts.append(&mut next.parts);
        self.register();
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

/// Finds out whether the system lets a mapping be cut: its halves could not be unmapped else.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn check_cut(facts: &Facts, tail: Span) -> Result<()> {
    let Backing::File { kind, source, .. } = &facts.backing else { return Ok(()) };
    if kind.splits() {
        return Ok(());
    }
    sys::cut(tail).map_err(|code| match code {
        libc::EINVAL => Error::InvalidOperation(format!(
            "the system keeps a mapping of {}, {}, in one piece: it can't be split",
            source.name(),
            kind.in_words()
        )),
        code => Operation::Memory { call: Call::Split, facts, span: tail }.refused(code),
    })
}

/// Other systems cut every mapping.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn check_cut(_facts: &Facts, _tail: Span) -> Result<()> {
    Ok(())
}

/// Gives parts the protection back that they had.
fn put_back(parts: impl Iterator<Item = Part>, access: Access) -> (Parts, bool) {
    let mut lost = false;
    let parts = parts
        .map(|part| {
            part.make(access, false).unwrap_or_else(|(part, _)| {
                lost = true;
                part
            })
        })
        .collect();
    (parts, lost)
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
