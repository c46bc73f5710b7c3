//! The uses of a mapping by a call, from Python's side: trying, waiting detached, and saying why not.
//!
//! docs/architecture.md has the rules for all of `src/`, such as what may run while a mapping is used.

use super::classes::Mapping;
use super::detach::{LARGE, detached_if};
use super::error::{Error, Result, closed_file, refused, unreadable};
use crate::call::{check_signals, is_finalizing};
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::memory::{Failure, Kind, Region};
use mmap_rs_core::state::{AcquireError, Ending, Exclusive, Exported, Mode, Pinned, Requests, Span, exclusive_pair};
use pyo3::prelude::*;
use std::time::Duration;

/// How long a wait lasts before signals are checked.
const TURN: Duration = Duration::from_millis(50);

/// Why an attempt did not succeed.
pub enum Refused<'a> {
    /// Another use of this mapping is in the way, and will end.
    InUse(&'a Mapping),
    /// Anything else.
    Error(Error),
}

impl<'a> Refused<'a> {
    pub fn new(mapping: &'a Mapping, refusal: AcquireError) -> Self {
        refused(mapping.kind(), refusal).map_or(Self::InUse(mapping), Self::Error)
    }
}

impl<E: Into<Error>> From<E> for Refused<'_> {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Repeats an attempt until it succeeds, or fails for a reason that does not pass. A refused
/// attempt has released all that it had acquired.
#[inline]
pub fn retry<'a, T>(
    py: Python<'_>,
    mut attempt: impl FnMut(Requests) -> std::result::Result<T, Refused<'a>>,
) -> Result<T> {
    let mut requests = Requests::Honoured;
    loop {
        match attempt(requests) {
            Ok(done) => return Ok(done),
            Err(Refused::Error(error)) => return Err(error),
            Err(Refused::InUse(mapping)) => requests = pause(py, mapping, Mode::Shared(requests))?,
        }
    }
}

/// Waits once. Then returns whether to honour requests for exclusive access: those of threads that the ending interpreter
/// has stopped would stay for ever.
#[cold]
fn pause(py: Python<'_>, mapping: &Mapping, mode: Mode) -> Result<Requests> {
    py.detach(|| mapping.cell().wait(mode, TURN));
    check_signals(py)?;
    Ok(if is_finalizing(py) { Requests::Ignored } else { Requests::Honoured })
}

/// A look at a mapping that is good as long as this lives, its thread stays attached and no Python code runs.
pub struct Glance<'a> {
    mapping: &'a Mapping,
    #[cfg(not(Py_GIL_DISABLED))]
    span: Span,
    #[cfg(not(Py_GIL_DISABLED))]
    _held: mmap_rs_core::state::Held,
    /// Where threads run side by side it is a call in flight.
    #[cfg(Py_GIL_DISABLED)]
    pin: Pinned<'a, Region>,
}

impl<'a> Glance<'a> {
    /// Looks at a mapping.
    #[inline(always)]
    #[cfg_attr(not(Py_GIL_DISABLED), allow(unused_variables))]
    pub fn new(mapping: &'a Mapping, requests: Requests) -> std::result::Result<Self, Refused<'a>> {
        #[cfg(not(Py_GIL_DISABLED))]
        return match mapping.cell().peek() {
            Ok(span) => Ok(Self { mapping, span, _held: mmap_rs_core::state::Held::new() }),
            Err(refusal) => Err(Refused::new(mapping, refusal)),
        };
        #[cfg(Py_GIL_DISABLED)]
        return match mapping.cell().pin(requests) {
            Ok(pin) => Ok(Self { mapping, pin }),
            Err(refusal) => Err(Refused::new(mapping, refusal)),
        };
    }

    /// Looks at the bytes of a mapping. [`Glance::check`] must follow an access.
    #[inline(always)]
    pub fn of_bytes(mapping: &'a Mapping, requests: Requests) -> std::result::Result<Self, Refused<'a>> {
        if !mapping.kind().is_readable() {
            return Err(unreadable(mapping.kind()).into());
        }
        let glance = Self::new(mapping, requests)?;
        glance.check()?;
        Ok(glance)
    }

    /// The span.
    #[inline(always)]
    pub fn span(&self) -> Span {
        #[cfg(not(Py_GIL_DISABLED))]
        return self.span;
        #[cfg(Py_GIL_DISABLED)]
        return self.pin.span();
    }

    /// Fails where a page of the mapping was missing and the fault guard put zeros in its place.
    #[inline(always)]
    pub fn check(&self) -> Result<()> {
        check_fault(self.mapping.kind(), self.mapping.cell().is_faulted())
    }
}

/// `FaultError` for a mapping that is faulted.
#[inline(always)]
pub fn check_fault(kind: Kind, is_faulted: bool) -> Result<()> {
    if is_faulted { Err(Error::Fault(kind)) } else { Ok(()) }
}

/// The span as it is now; `ConsumedError` where there is none.
pub fn span(py: Python<'_>, mapping: &Mapping) -> Result<Span> {
    retry(py, |requests| Ok(Glance::new(mapping, requests)?.span()))
}

/// One attempt at a call in flight.
pub fn try_pin(mapping: &Mapping, requests: Requests) -> std::result::Result<Pinned<'_, Region>, Refused<'_>> {
    mapping.cell().pin(requests).map_err(|refusal| Refused::new(mapping, refusal))
}

/// One attempt at an export.
#[inline]
pub fn try_export(mapping: &Mapping, requests: Requests) -> std::result::Result<Exported<'_, Region>, Refused<'_>> {
    let export = mapping.cell().export(requests).map_err(|refusal| Refused::new(mapping, refusal))?;
    check_fault(mapping.kind(), export.is_faulted())?;
    Ok(export)
}

/// The bytes of a mapping, for a call that is to go over them.
#[derive(Clone, Copy)]
pub enum BytesOf<'a> {
    /// As long as the mapping has not ended.
    Mapping(&'a Mapping),
    /// As long as an export lives, which the caller has: also after a deferred close.
    Export(&'a Mapping),
}

impl<'a> BytesOf<'a> {
    /// The kind of the mapping.
    pub fn kind(self) -> Kind {
        let (Self::Mapping(mapping) | Self::Export(mapping)) = self;
        mapping.kind()
    }

    /// One attempt at a call in flight.
    pub fn try_pin(self, requests: Requests) -> std::result::Result<Pinned<'a, Region>, Refused<'a>> {
        let kind = self.kind();
        if !kind.is_readable() {
            return Err(unreadable(kind).into());
        }
        let pinned = match self {
            Self::Mapping(mapping) => try_pin(mapping, requests)?,
            Self::Export(mapping) => mapping.cell().pin_exported().map_err(|refusal| match refusal {
                AcquireError::InUse => Refused::InUse(mapping),
                _ => Refused::from(closed_file()),
            })?,
        };
        check_fault(kind, pinned.is_faulted())?;
        Ok(pinned)
    }

    /// How many bytes there are now.
    pub fn size(self, py: Python<'_>) -> Result<usize> {
        retry(py, |requests| Ok(self.try_pin(requests)?.span().len))
    }
}

/// Counts a call in flight.
pub fn pin<'a>(py: Python<'_>, mapping: &'a Mapping) -> Result<Pinned<'a, Region>> {
    retry(py, |requests| try_pin(mapping, requests))
}

/// Runs `work` over the region of a mapping, detached where `waits` says so of it.
pub fn with_region<T: Send>(
    py: Python<'_>,
    mapping: &Mapping,
    waits: impl FnOnce(&Region) -> bool,
    work: impl FnOnce(&Region) -> T + Send,
) -> Result<T> {
    let pinned = pin(py, mapping)?;
    let waits = pinned.with(waits);
    Ok(detached_if(py, waits, move || pinned.with(work)))
}

/// Runs `work` over bytes, detached where they are many.
pub fn with_bytes<T: Send>(
    py: Python<'_>,
    bytes: BytesOf<'_>,
    count: impl FnOnce(Span) -> usize,
    work: impl FnOnce(Span) -> T + Send,
) -> Result<T> {
    let pinned = retry(py, |requests| bytes.try_pin(requests))?;
    let large = count(pinned.span()) >= LARGE;
    let (done, is_faulted) = detached_if(py, large, move || {
        let done = work(pinned.span());
        (done, pinned.is_faulted())
    });
    check_fault(bytes.kind(), is_faulted)?;
    Ok(done)
}

/// Begins exclusive access. Waits for calls in flight.
pub fn exclusive<'a>(py: Python<'_>, mapping: &'a Mapping) -> Result<Exclusive<'a, Region>> {
    acquire(py, [mapping], || mapping.cell().exclusive().map_err(|refusal| (mapping, refusal)))
}

/// The same of two mappings at once, which the caller has made sure are two.
pub fn exclusive_both<'a>(
    py: Python<'_>,
    one: &'a Mapping,
    other: &'a Mapping,
) -> Result<(Exclusive<'a, Region>, Exclusive<'a, Region>)> {
    acquire(py, [one, other], || {
        exclusive_pair(one.cell(), other.cell())
            .map_err(|(cell, refusal)| (if std::ptr::eq(cell, one.cell()) { one } else { other }, refusal))
    })
}

/// Repeats an attempt at exclusive access. While it waits, new calls on these mappings wait too, so that they can't
/// starve it: it lasts as long as the longest call in flight. Signal handlers run without that, as they may make calls.
fn acquire<'a, T, const N: usize>(
    py: Python<'_>,
    mappings: [&Mapping; N],
    attempt: impl Fn() -> std::result::Result<T, (&'a Mapping, AcquireError)>,
) -> Result<T> {
    let mut requests = None;
    loop {
        let (blocked, refusal) = match attempt() {
            Ok(done) => return Ok(done),
            Err(refusal) => refusal,
        };
        if let Some(error) = refused(blocked.kind(), refusal) {
            return Err(error);
        }
        if requests.take().is_some() {
            check_signals(py)?;
        }
        requests = Some(mappings.map(|mapping| mapping.cell().request()));
        py.detach(|| blocked.cell().wait(Mode::Exclusive, TURN));
    }
}

/// Ends a mapping for calls to come; the last of its uses unmaps it.
pub fn end_deferred(py: Python<'_>, mapping: &Mapping, how: Ending) -> Result<Option<Region>> {
    loop {
        match mapping.cell().end_deferred(how) {
            Ok(region) => return Ok(region),
            Err(refusal) => match refused(mapping.kind(), refusal) {
                Some(error) => return Err(error),
                None => drop(pause(py, mapping, Mode::Exclusive)?),
            },
        }
    }
}

/// Makes a change that can fail; a region that the failure took ends as broken.
pub fn change<'a, T>(
    mut alone: Exclusive<'a, Region>,
    change: impl FnOnce(&mut Region) -> std::result::Result<T, Failure>,
) -> std::result::Result<(Exclusive<'a, Region>, T), CoreError> {
    match alone.with(change) {
        Ok(done) => Ok((alone, done)),
        Err(Failure { error, lost: false }) => Err(error),
        Err(Failure { error, lost: true }) => {
            drop(alone.end(Ending::Broken));
            Err(error.with_hint("rollback failed too; the mapping was unmapped"))
        }
    }
}
