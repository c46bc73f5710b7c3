//! Where a mapping is to lie, and addresses that are held for it.

#[cfg(unix)]
use crate::state::Span;

/// Where a mapping is to lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// Anywhere.
    #[default]
    Any,
    /// At an address, or anywhere else where that is taken.
    Near(usize),
    /// At an address; an error where that is taken.
    Exact(usize),
}

impl Place {
    /// At an address if it can be; 0 stands for any.
    pub fn near(address: usize) -> Self {
        if address == 0 { Place::Any } else { Place::Near(address) }
    }

    /// The address, or 0 for any.
    pub fn address(self) -> usize {
        match self {
            Place::Any => 0,
            Place::Near(address) | Place::Exact(address) => address,
        }
    }
}

/// Addresses that nobody else can take: inaccessible pages without memory. They are free again when this is dropped.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Hole {
    span: Span,
}

#[cfg(unix)]
impl Hole {
    /// Holds `len` bytes of pages of `page` bytes; fails with `EEXIST` where an exact place is taken.
    pub(super) fn new(place: Place, len: usize, page: usize) -> Result<Self, i32> {
        if page > super::page::base() && !matches!(place, Place::Exact(_)) {
            return Self::aligned(place, len, page);
        }
        let hole = Self { span: Span { start: super::sys::hold(place, len)?, len } };
        // A system without a flag for it takes the address for a hint.
        let missed = matches!(place, Place::Exact(address) if hole.span.start != address);
        if missed { Err(libc::EEXIST) } else { Ok(hole) }
    }

    /// Holds more than is asked for, and frees what lies before and behind the aligned part.
    fn aligned(place: Place, len: usize, page: usize) -> Result<Self, i32> {
        let all = len.checked_add(page).ok_or(libc::ENOMEM)?;
        let held = Self { span: Span { start: super::sys::hold(place, all)?, len: all } };
        let start = held.span.start.checked_next_multiple_of(page).ok_or(libc::ENOMEM)?;
        let before = start - held.span.start;
        super::sys::release(Span { start: held.span.start, len: before })?;
        super::sys::release(Span { start: start + len, len: page - before })?;
        held.fill();
        Ok(Self { span: Span { start, len } })
    }

    /// Where they are.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Leaves the addresses to the mappings that have taken their place.
    pub(super) fn fill(self) {
        std::mem::forget(self);
    }
}

#[cfg(unix)]
impl Drop for Hole {
    fn drop(&mut self) {
        // What can't be freed (the system has no room to cut an area in two) stays inaccessible.
        let _ = super::sys::release(self.span);
    }
}
