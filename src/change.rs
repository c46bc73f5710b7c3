//! Acts that need a mapping alone: close, protect, commit, split, merge.
//!
//! Each makes the objects that it returns first, empty, so that nothing can be lost between the system's yes and
//! the result. Each ends before the thread attaches again.

use crate::access::{LARGE, detached_if, free, glance, pause, pin, until};
use crate::mapping::Mapping;
use crate::{audit, error, kinds};
use mmap_rs_core::Error;
use mmap_rs_core::memory::{Access, Kind, Region};
use mmap_rs_core::state::{Cell, Exclusive, Resident, Wish, exclusive_pair};
use pyo3::exceptions::{PyBufferError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;

/// What ended a mapping, as its cell keeps it.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Act {
    Close = 1,
    MakeNone,
    MakeReadOnly,
    MakeExec,
    MakeExecNoFlush,
    MakeMut,
    MakeExecMut,
    TryFrom,
    Merge,
    Lost,
}

impl Act {
    /// The end in words, after the name of the class.
    pub fn story(note: Option<u8>) -> &'static str {
        const STORIES: [&str; 11] = [
            "was lost in a fork",
            "was closed",
            "was consumed by make_none",
            "was consumed by make_read_only",
            "was consumed by make_exec",
            "was consumed by make_exec_no_flush",
            "was consumed by make_mut",
            "was consumed by make_exec_mut",
            "was consumed by try_from",
            "was consumed by merge",
            "was unmapped, as a change failed half way and could not be taken back",
        ];
        note.and_then(|note| STORIES.get(usize::from(note)).copied()).unwrap_or("was never mapped")
    }

    /// What to use in its place, as the end of a message.
    pub fn remedy(note: Option<u8>) -> &'static str {
        const MERGE: u8 = Act::Merge as u8;
        const FIRST: u8 = Act::MakeNone as u8;
        match note {
            Some(MERGE) => ": use the mapping that it became part of",
            Some(FIRST..MERGE) => ": use the mapping that it returned",
            _ => "",
        }
    }
}

/// Ends a mapping; nothing where it has ended already.
pub fn close(py: Python<'_>, mapping: &Mapping, defer: bool) -> PyResult<()> {
    if mapping.cell().gate().is_gone() {
        return Ok(());
    }
    let done = if defer { close_later(py, mapping) } else { close_now(py, mapping) };
    // Another thread may have been quicker.
    if done.is_err() && mapping.cell().gate().is_gone() { Ok(()) } else { done }
}

fn close_later(py: Python<'_>, mapping: &Mapping) -> PyResult<()> {
    // Without exports it is an ordinary close, which tells what the system refuses.
    while mapping.cell().gate().exports() == 0 {
        match close_now(py, mapping) {
            // One came meanwhile.
            Err(error) if error.is_instance_of::<PyBufferError>(py) => {}
            done => return done,
        }
    }
    let note = Act::Close as u8;
    if let Some(region) = until(py, mapping, Wish::Alone, |cell| cell.linger(note))? {
        free(py, region);
    }
    Ok(())
}

fn close_now(py: Python<'_>, mapping: &Mapping) -> PyResult<()> {
    let mut alone = until(py, mapping, Wish::Alone, Cell::exclusive)?;
    let large = alone.with(|region| region.span().len >= LARGE);
    let done = detached_if(py, large, move || {
        alone.with(Region::unmap)?;
        drop(alone.consume(Act::Close as u8));
        Ok(())
    });
    error::told(py, done)
}

/// Hands a region over from one cell to a vacant object.
fn hand_over(alone: Exclusive<'_, Region>, target: &Mapping, act: Act) {
    target.fill(alone.consume(act as u8));
}

/// The end of a change that can fail: hands the region over, keeps it, or gives it up.
fn settle(
    mut alone: Exclusive<'_, Region>,
    target: &Mapping,
    act: Act,
    change: impl FnOnce(&mut Region) -> Result<(), mmap_rs_core::memory::Failure>,
) -> Result<(), Error> {
    match alone.with(change) {
        Ok(()) => {
            hand_over(alone, target, act);
            Ok(())
        }
        Err(failure) => {
            if failure.lost {
                drop(alone.consume(Act::Lost as u8));
                return Err(failure.error.with_hint("nor could the change be taken back: the mapping is unmapped"));
            }
            Err(failure.error)
        }
    }
}

/// Sets the protection, and with it the class.
pub fn make<'py>(slf: &Bound<'py, Mapping>, access: Access, flush: bool, act: Act) -> PyResult<Bound<'py, Mapping>> {
    let (py, mapping) = (slf.py(), slf.get());
    if access.is_exec() {
        let span = glance(py, mapping)?.span();
        audit::event(py, (intern!(py, "mmap_rs.exec"), span.start, span.len))?;
    }
    let made = kinds::vacant(py, access.kind(mapping.kind().is_reserved()))?;
    let target = made.get();
    let alone = until(py, mapping, Wish::Alone, Cell::exclusive)?;
    let done = py.detach(move || settle(alone, target, act, |region| region.make(access, flush)));
    error::told(py, done)?;
    Ok(made)
}

/// Upstream's `TryFrom` pairs: which class comes from which.
fn source_fits(target: Kind, source: Kind) -> bool {
    use Kind::{Mmap, MmapMut, MmapNone, Reserved, ReservedMut, ReservedNone};
    matches!(
        (target, source),
        (Mmap, MmapMut | MmapNone | Reserved)
            | (MmapMut, Mmap | MmapNone | ReservedMut)
            | (MmapNone, ReservedNone)
            | (Reserved, ReservedMut | ReservedNone)
            | (ReservedMut, Reserved | ReservedNone)
    )
}

/// Their names, for a message.
fn sources(target: Kind) -> String {
    let fitting = Kind::ALL.into_iter().filter(|source| source_fits(target, *source));
    fitting.map(Kind::name).collect::<Vec<_>>().join(" or ")
}

/// Upstream's `TryFrom`: sets the protection, or commits a reservation of the same protection.
pub fn try_from<'py>(target: Kind, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Mapping>> {
    let py = other.py();
    let source = other.cast::<Mapping>().ok().filter(|source| source_fits(target, source.get().kind()));
    let Some(source) = source else {
        let name = other.get_type().name()?;
        let (target, kinds) = (target.name(), sources(target));
        return Err(PyTypeError::new_err(format!("{target}.try_from() takes {kinds}, not {name}")));
    };
    let mapping = source.get();
    let made = kinds::vacant(py, target)?;
    let into = made.get();
    let commit = mapping.kind().is_reserved() && !target.is_reserved();
    let access = if target.is_writable() || target == Kind::ReservedMut { Access::Write } else { Access::Read };
    let alone = until(py, mapping, Wish::Alone, Cell::exclusive)?;
    let done = py.detach(move || {
        settle(alone, into, Act::TryFrom, |region| if commit { region.commit() } else { region.make(access, false) })
    });
    error::told(py, done)?;
    Ok(made)
}

/// Cuts a mapping in two; returns the tail, or with `off` unset the head.
pub fn split<'py>(slf: &Bound<'py, Mapping>, at: usize, off: bool) -> PyResult<Bound<'py, Mapping>> {
    let (py, mapping) = (slf.py(), slf.get());
    let made = kinds::vacant(py, mapping.kind())?;
    let mut alone = until(py, mapping, Wish::Alone, Cell::exclusive)?;
    let cut = alone.with(|region| {
        let tail = region.split_off(at)?;
        Ok(if off { tail } else { std::mem::replace(region, tail) })
    });
    drop(alone);
    made.get().fill(error::told(py, cut)?);
    Ok(made)
}

/// Joins two mappings.
pub fn merge(slf: &Bound<'_, Mapping>, other: &Bound<'_, PyAny>) -> PyResult<()> {
    let (py, mapping) = (slf.py(), slf.get());
    let next = other.cast::<Mapping>().ok().filter(|next| next.get().kind() == mapping.kind());
    let Some(next) = next else {
        let (mine, name) = (mapping.kind().name(), other.get_type().name()?);
        return Err(PyTypeError::new_err(format!("{mine} can be merged with {mine} only, not with {name}")));
    };
    if slf.is(next) {
        pin(py, mapping)?;
        let message = "a mapping can't be merged with itself".to_owned();
        return Err(error::raise(py, Error::MustBeAdjacent(message)));
    }
    let next = next.get();
    loop {
        let (mut mine, mut theirs) = match exclusive_pair(mapping.cell(), next.cell()) {
            Ok(both) => both,
            Err((cell, stop)) => {
                let stopped = if std::ptr::eq(cell, mapping.cell()) { mapping } else { next };
                pause(py, stopped, Wish::Alone, stop)?;
                continue;
            }
        };
        let fits = mine.with(|region| theirs.with(|next| region.check_merge(next)));
        if fits.is_ok() {
            let next = theirs.consume(Act::Merge as u8);
            mine.with(|region| region.merge(next));
        } else {
            drop(theirs);
        }
        drop(mine);
        return error::told(py, fits);
    }
}
