//! Cutting a region in two, and joining two.
//!
//! U10: upstream's `merge` asks the kernel's list of areas, which it can't always read. Two objects side by side are one
//! region as well, so nothing is asked. U4: it compares too little; see [`Facts::continued_by`]. U5: it splits off nothing at
//! offset 0, which can then not be unmapped.

#[cfg(any(target_os = "linux", target_os = "android"))]
use super::facts::Backing;
use super::facts::Facts;
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::operation::{Call, Operation};
use super::page;
use super::region::{Part, Parts, Region};
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::sys;
use crate::guard;
use crate::registry::Entry;
use crate::state::Span;
use crate::{Error, Result};

impl Region {
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
