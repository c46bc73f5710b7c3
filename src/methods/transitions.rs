//! What needs a mapping to itself: close, protect, commit, split, merge.
//!
//! Each makes the objects that it returns first, empty, so that nothing can be lost between the system's yes and
//! the result. Each ends before the thread attaches again.

use crate::audit;
use crate::state::borrow::{change, end_deferred, exclusive, exclusive_both, span};
use crate::state::classes::{Mapping, vacant};
use crate::state::detach::{detached_if, free, is_large, is_long_end};
use crate::state::error::{Error, Result};
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::memory::{Access, Failure, Kind, Region};
use mmap_rs_core::state::{Ending, Exclusive, Extent};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

/// Ends a mapping; does nothing where it has ended already.
pub fn close(py: Python<'_>, mapping: &Mapping, defer: bool) -> Result<()> {
    let done = if defer { close_deferred(py, mapping) } else { close_now(py, mapping) };
    // It may have been closed before, or by another thread meanwhile.
    if matches!(done, Err(Error::Ended(..))) { Ok(()) } else { done }
}

fn close_deferred(py: Python<'_>, mapping: &Mapping) -> Result<()> {
    // Without exports it is an ordinary close, which can tell what the system refuses.
    if mapping.cell().exports() == 0 {
        match close_now(py, mapping) {
            // One came meanwhile.
            Err(Error::Exported(..)) => {}
            done => return done,
        }
    }
    if let Some(region) = end_deferred(py, mapping, Ending::Closed)? {
        free(py, region);
    }
    Ok(())
}

fn close_now(py: Python<'_>, mapping: &Mapping) -> Result<()> {
    let mut alone = exclusive(py, mapping)?;
    let (large, has_owner) = alone.with(|region| (is_long_end(region), region.has_owner()));
    detached_if(py, large, move || {
        if !has_owner {
            alone.with(Region::unmap)?;
        }
        // An owner's function runs here, when exclusive access has ended.
        drop(alone.end(Ending::Closed));
        Ok(())
    })
}

/// Makes a change that can fail, and hands the region over.
fn hand_over(
    alone: Exclusive<'_, Region>,
    target: &Mapping,
    how: Ending,
    work: impl FnOnce(&mut Region) -> std::result::Result<(), Failure>,
) -> std::result::Result<(), CoreError> {
    let (alone, ()) = change(alone, work)?;
    target.fill(alone.end(how));
    Ok(())
}

/// Sets the protection, and with it the class.
pub fn make<'py>(slf: &Bound<'py, Mapping>, access: Access, flush: bool, how: Ending) -> Result<Bound<'py, Mapping>> {
    let (py, mapping) = (slf.py(), slf.get());
    let made = vacant(py, access.kind(mapping.kind().is_reserved()))?;
    let target = made.get();
    loop {
        let audited = if access.is_exec() { Some(span(py, mapping)?) } else { None };
        if let Some(span) = audited {
            audit::event(py, c"mmap_rs.exec", || (span.start, span.len))?;
        }
        let mut alone = exclusive(py, mapping)?;
        // Another thread may have split or merged it since the hooks were told what becomes executable.
        if audited.is_some_and(|audited| alone.with(|region| region.span()) != audited) {
            continue;
        }
        let large = alone.with(|region| is_large(region));
        detached_if(py, large, move || hand_over(alone, target, how, |region| region.make(access, flush)))?;
        return Ok(made);
    }
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
pub fn try_from<'py>(target: Kind, other: &Bound<'py, PyAny>) -> Result<Bound<'py, Mapping>> {
    let py = other.py();
    let source = other.cast::<Mapping>().ok().filter(|source| source_fits(target, source.get().kind()));
    let Some(source) = source else {
        let name = other.get_type().name()?;
        let (target, kinds) = (target.name(), sources(target));
        return Err(PyTypeError::new_err(format!("{target}.try_from() takes {kinds}, not {name}")).into());
    };
    let mapping = source.get();
    let made = vacant(py, target)?;
    let into = made.get();
    let commit = mapping.kind().is_reserved() && !target.is_reserved();
    let access = if target.is_writable() || target == Kind::ReservedMut { Access::Write } else { Access::Read };
    let mut alone = exclusive(py, mapping)?;
    let large = alone.with(|region| is_large(region));
    detached_if(py, large, move || {
        hand_over(
            alone,
            into,
            Ending::TryFrom,
            |region| if commit { region.commit() } else { region.make(access, false) },
        )
    })?;
    Ok(made)
}

/// Cuts a mapping in two; returns the tail, or with `off` unset the head.
pub fn split<'py>(slf: &Bound<'py, Mapping>, at: usize, off: bool) -> Result<Bound<'py, Mapping>> {
    let (py, mapping) = (slf.py(), slf.get());
    let made = vacant(py, mapping.kind())?;
    let cut = exclusive(py, mapping)?.with(|region| {
        let tail = region.split_off(at)?;
        Ok::<_, CoreError>(if off { tail } else { std::mem::replace(region, tail) })
    });
    made.get().fill(cut?);
    Ok(made)
}

/// Joins two mappings.
pub fn merge(slf: &Bound<'_, Mapping>, other: &Bound<'_, PyAny>) -> Result<()> {
    let (py, mapping) = (slf.py(), slf.get());
    let next = other.cast::<Mapping>().ok().filter(|next| next.get().kind() == mapping.kind());
    let Some(next) = next else {
        let (mine, name) = (mapping.kind().name(), other.get_type().name()?);
        return Err(
            PyTypeError::new_err(format!("{mine} can only be merged with another {mine}, not with {name}")).into()
        );
    };
    if slf.is(next) {
        span(py, mapping)?;
        return Err(CoreError::MustBeAdjacent("a mapping can't be merged with itself".to_owned()).into());
    }
    let (mut mine, mut theirs) = exclusive_both(py, mapping, next.get())?;
    mine.with(|region| theirs.with(|next| region.check_merge(next)))?;
    let next = theirs.end(Ending::Merge);
    mine.with(|region| region.merge(next));
    Ok(())
}
