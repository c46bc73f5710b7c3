//! A region: one object of upstream's, or several that lie side by side, with what upstream does not keep.
//!
//! U10: upstream's `merge` asks the kernel's list of areas, which it can't always read. Two objects side by side
//! are one region as well, so nothing is asked. U4: it compares too little; see [`Facts::continued_by`]. U5: it
//! splits off nothing at offset 0, which can then not be unmapped.

use super::Object;
use super::facts::Facts;
use super::kind::{Access, Kind};
use super::range::Checked;
use super::{advice, jit, page, sys};
use crate::guard::{self, Guard};
use crate::state::{Resident, Span};
use crate::{Error, Result};
use mmap_rs::MmapFlags;
use smallvec::{SmallVec, smallvec};
use std::sync::atomic::{AtomicBool, Ordering};

/// Objects in the order of their addresses, each beginning where the one before ends.
type Parts = SmallVec<[Object; 1]>;

/// See the module.
#[derive(Debug)]
pub struct Region {
    parts: Parts,
    span: Span,
    facts: Facts,
    /// Of each part whether a call that worked has locked it, so that a failed one must leave it so.
    locked: SmallVec<[AtomicBool; 1]>,
    /// Ends before the memory is given back.
    guard: Option<Guard>,
}

/// A change that failed. Unless `lost`, the region is as it was before.
#[derive(Debug)]
pub struct Failure {
    /// Why.
    pub error: Error,
    /// The way back failed too: the region is in no state that its type could promise, and must be given up.
    pub lost: bool,
}

impl Resident for Region {
    fn span(&self) -> Span {
        self.span
    }

    fn mark(&self) -> Option<&'static AtomicBool> {
        self.guard.as_ref().map(Guard::mark)
    }
}

impl Region {
    pub(super) fn new(object: Object, facts: Facts) -> Self {
        let span = object.span();
        let mut parts = Parts::new();
        parts.push(object);
        let locked = smallvec![AtomicBool::new(facts.flags.contains(MmapFlags::LOCKED))];
        Self { parts, span, facts, locked, guard: None }
    }

    /// Has the fault guard watch it.
    pub(super) fn watch(&mut self) -> Result<()> {
        guard::arm()?;
        self.guard = Some(Guard::new(self.span, self.facts.page, sys::protection(self.facts.access))?);
        Ok(())
    }

    /// Says to the guard what protection new pages must have.
    fn tell_guard(&self, access: Access) {
        if let Some(guard) = &self.guard {
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

    /// Of how many objects of upstream's it is made.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    fn describe(&self, call: &str) -> String {
        format!("{call} of {} bytes at {:#x}", self.span.len, self.span.start)
    }

    /// Sets the protection of all of it, or of nothing.
    pub fn make(&mut self, access: Access, flush: bool) -> Result<(), Failure> {
        if !jit::check_change(&self.facts, access).map_err(|error| Failure { error, lost: false })? {
            return Ok(());
        }
        self.tell_guard(access);
        let mut before = std::mem::take(&mut self.parts).into_iter();
        let mut after = Parts::with_capacity(before.len());
        while let Some(part) = before.next() {
            match part.make(access, flush) {
                Ok(part) => after.push(part),
                Err((part, error)) => {
                    let error = Error::from_upstream(error, || self.describe(sys::name::PROTECT));
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
        while let Some(part) = before.next() {
            match part.commit() {
                Ok(part) => self.parts.push(part),
                Err((part, error)) => {
                    let error = Error::from_upstream(error, || self.describe(sys::name::COMMIT));
                    let lost = part.is_none();
                    self.parts.extend(part.into_iter().chain(before));
                    return Err(Failure { error, lost });
                }
            }
        }
        self.facts.reserved = false;
        Ok(())
    }

    /// Refuses an offset at which it can't be split: not a multiple of its page, or nothing on one side (U5).
    pub fn check_split(&self, at: usize) -> Result<()> {
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
                "a split at {at} is not at a multiple of the page, {page} bytes: {there}"
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
        let guard = self.guard.as_ref().map(|guard| guard.copy_from(border)).transpose()?;
        // The first part that lies behind the border, or is cut by it.
        let mut index = self.parts.partition_point(|part| part.span().start < border);
        let mut tail = Parts::new();
        let mut tail_locked = SmallVec::new();
        if let Some(cut) = index.checked_sub(1).and_then(|index| self.parts.get_mut(index)) {
            let span = cut.span();
            let inside = border.saturating_sub(span.start);
            if inside < span.len {
                let rest = cut.split_off(inside);
                tail.push(rest.map_err(|error| Error::from_upstream(error, || format!("a split at {at}")))?);
                let locked = self.locked.get(index - 1).is_some_and(|locked| locked.load(Ordering::Relaxed));
                tail_locked.push(AtomicBool::new(locked));
            }
        }
        index = index.min(self.parts.len());
        tail.extend(self.parts.drain(index..));
        tail_locked.extend(self.locked.drain(index..));
        let span = Span { start: border, len: self.span.len - at };
        self.span.len = at;
        if let Some(guard) = &self.guard {
            guard.end_at(border);
        }
        Ok(Region { parts: tail, span, facts, locked: tail_locked, guard })
    }

    /// Whether `next` could become the end of `self`.
    pub fn check_merge(&self, next: &Region) -> Result<()> {
        let end = self.span.start.checked_add(self.span.len);
        if end != Some(next.span.start) {
            let swapped = next.span.start.checked_add(next.span.len) == Some(self.span.start);
            return Err(Error::MustBeAdjacent(format!(
                "the first mapping ends at {:#x}, the second begins at {:#x}: {}",
                end.unwrap_or_default(),
                next.span.start,
                if swapped { "merge them the other way round" } else { "they must touch" }
            )));
        }
        page::check_len(self.span.len.saturating_add(next.span.len))?;
        self.facts.continued_by(self.span.len, &next.facts)
    }

    /// Takes `next` as its end. The caller has asked [`Region::check_merge`].
    pub fn merge(&mut self, mut next: Region) {
        self.span.len = self.span.len.saturating_add(next.span.len);
        if let (Some(guard), Some(ending)) = (&self.guard, next.guard.take()) {
            guard.extend(&ending);
        }
        self.parts.append(&mut next.parts);
        self.locked.append(&mut next.locked);
    }

    /// Flushes a range (`None`: all) to the file; with `wait`, until it is there.
    pub fn flush(&self, range: Option<&std::ops::Range<usize>>, wait: bool) -> Result<()> {
        let range = self.pages(range)?;
        for part in &self.parts {
            let span = part.span();
            let base = span.start - self.span.start;
            let (start, end) = (range.start.max(base), range.end.min(base + self.padded(span.len)));
            if start < end {
                let flushed = part.flush(start - base, end - base, wait);
                flushed.map_err(|error| Error::from_upstream(error, || self.describe(sys::name::FLUSH)))?;
            }
        }
        Ok(())
    }

    /// Makes the instruction cache see what was written.
    pub fn flush_icache(&self) -> Result<()> {
        self.parts.iter().try_for_each(|part| {
            part.flush_icache().map_err(|error| Error::from_upstream(error, || self.describe("flush_icache")))
        })
    }

    /// Keeps its pages in memory. Linux marks them as locked before it brings them in, and leaves the mark where
    /// that fails; it is taken back here, but for the parts that an earlier call locked.
    pub fn lock(&self) -> Result<()> {
        match sys::lock(self.span) {
            Ok(()) => {
                self.tell_locked(true);
                Ok(())
            }
            Err(code) => {
                for (part, _) in self.parts.iter().zip(&self.locked).filter(|(_, kept)| !kept.load(Ordering::Relaxed)) {
                    // The failure of the call itself is what the caller must know.
                    let _ = sys::unlock(part.span());
                }
                Err(Error::system(sys::VARIANT, code, self.describe(sys::name::LOCK)))
            }
        }
    }

    /// Lets its pages go out of memory again.
    pub fn unlock(&self) -> Result<()> {
        sys::unlock(self.span).map_err(|code| Error::system(sys::VARIANT, code, self.describe(sys::name::UNLOCK)))?;
        self.tell_locked(false);
        Ok(())
    }

    fn tell_locked(&self, now: bool) {
        self.locked.iter().for_each(|locked| locked.store(now, Ordering::Relaxed));
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
            sys::advise(span, number).map_err(|code| {
                let operation = format!("{} {name} of {} bytes at {:#x}", sys::name::ADVISE, span.len, span.start);
                Error::system(sys::VARIANT, code, operation)
            })?;
        }
        Ok(())
    }

    /// A range of it in whole pages, or an error where it leaves the region.
    fn pages(&self, range: Option<&std::ops::Range<usize>>) -> Result<Checked> {
        let whole = 0..self.span.len;
        let range = Checked::new(range.unwrap_or(&whole), self.span.len)?;
        Ok(if range.is_empty() { range } else { range.widened(self.facts.page) })
    }

    /// A part's length with the rest of its last page.
    fn padded(&self, len: usize) -> usize {
        Checked { start: 0, end: len }.widened(self.facts.page).end
    }

    /// Gives the memory back. On failure the region is as it was: a `munmap` that would pass `vm.max_map_count`
    /// changes nothing, and upstream's destructor would drop that error.
    /// After success nothing is left of it but its value, to be dropped.
    pub fn unmap(&mut self) -> Result<()> {
        // From the system's yes on, the addresses may be somebody else's.
        if let Some(guard) = &self.guard {
            guard.suspend();
        }
        let unmapped = sys::unmap(&mut self.parts, self.span);
        if let (Err(_), Some(guard)) = (&unmapped, &self.guard) {
            guard.resume(self.span);
        }
        unmapped.map_err(|code| Error::system(sys::VARIANT, code, self.describe(sys::name::UNMAP)))
    }
}

/// Gives parts the protection back that they had.
fn put_back(parts: impl Iterator<Item = Object>, access: Access) -> (Parts, bool) {
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
        // One call for all parts, and each part given up only when that worked: no part is unmapped twice.
        let _ = sys::unmap(&mut self.parts, self.span);
        // What could not be unmapped now (the system has no room to cut an area in two) can't be told to anyone
        // here. It is left mapped, as upstream's destructors would leave it, and never touched again.
        for part in self.parts.drain(..) {
            sys::abandon(part);
        }
    }
}
