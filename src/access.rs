//! From Python to the core's states: waiting detached, and saying why not.
//!
//! Rules that all of the face keeps:
//! 1. Arguments are converted, and foreign buffers got, before a state is looked at, as that may run Python code;
//!    results are wrapped after. Nothing in between runs Python code.
//! 2. Bounds are checked against the span that is held.
//! 3. An exclusive act begins while attached, so that on a GIL build whoever is attached and has looked needs no
//!    count; it ends before the thread attaches again, so that a thread that is stopped there leaves nothing held.

use crate::error;
use crate::mapping::Mapping;
use mmap_rs_core::memory::Region;
use mmap_rs_core::state::{Cell, Pinned, Span, Stop, Wish};
use pyo3::exceptions::PyBufferError;
use pyo3::prelude::*;
use std::time::Duration;

/// From how many bytes on a call lets other threads run. Below it, switching costs more than the work.
pub const LARGE: usize = 64 * 1024;

/// How long a wait goes on before signals are looked at.
const TURN: Duration = Duration::from_millis(50);

/// Tries `act` until it is done or refused. Waits detached.
pub fn until<'a, T>(
    py: Python<'_>,
    mapping: &'a Mapping,
    wish: Wish,
    act: impl Fn(&'a Cell<Region>) -> Result<T, Stop>,
) -> PyResult<T> {
    let cell = mapping.cell();
    loop {
        match act(cell) {
            Ok(done) => return Ok(done),
            Err(stop) => pause(py, mapping, wish, stop)?,
        }
    }
}

/// Waits where the stop is one that passes, or raises what it stands for.
#[cold]
pub fn pause(py: Python<'_>, mapping: &Mapping, wish: Wish, stop: Stop) -> PyResult<()> {
    let cell = mapping.cell();
    match stop {
        Stop::Wait => {
            py.detach(|| cell.wait(wish, TURN));
            py.check_signals().inspect_err(|_| {
                if wish == Wish::Alone {
                    cell.gate().unwant();
                }
            })
        }
        Stop::Gone => Err(error::consumed(py, mapping.why_gone())),
        Stop::Busy(exports) => {
            let (are, them) = if exports == 1 { ("buffer is", "it") } else { ("buffers are", "them") };
            let name = mapping.kind().name();
            Err(PyBufferError::new_err(format!(
                "{exports} {are} alive over this {name} (memoryview, array, function or file): release {them} first"
            )))
        }
        Stop::Full => Err(PyBufferError::new_err("too many exported buffers")),
    }
}

/// Counts a call in flight, so that it may detach.
pub fn pin<'a>(py: Python<'_>, mapping: &'a Mapping) -> PyResult<Pinned<'a, Region>> {
    until(py, mapping, Wish::Share, Cell::pin)
}

/// A span that stays what it is as long as this lives, this thread stays attached and no Python code runs.
#[cfg(not(Py_GIL_DISABLED))]
pub struct Glance<'a> {
    span: Span,
    life: std::marker::PhantomData<&'a Mapping>,
}

/// The same where threads run side by side: a call in flight.
#[cfg(Py_GIL_DISABLED)]
pub struct Glance<'a>(Pinned<'a, Region>);

#[cfg(not(Py_GIL_DISABLED))]
impl Glance<'_> {
    /// The span.
    #[inline]
    pub fn span(&self) -> Span {
        self.span
    }
}

#[cfg(Py_GIL_DISABLED)]
impl Glance<'_> {
    /// The span.
    #[inline]
    pub fn span(&self) -> Span {
        self.0.span()
    }
}

impl<'a> Glance<'a> {
    /// A glance at a mapping that is free to be looked at; `None` where that needs waiting, or an error.
    #[inline(always)]
    pub fn quick(mapping: &'a Mapping) -> Option<Self> {
        #[cfg(not(Py_GIL_DISABLED))]
        return mapping.cell().peek().ok().map(|span| Self { span, life: std::marker::PhantomData });
        #[cfg(Py_GIL_DISABLED)]
        return mapping.cell().pin().ok().map(Self);
    }

    /// Ends it, before a longer call is counted.
    pub fn end(self) {}
}

/// Looks at a mapping for a short call that stays attached.
#[cfg(not(Py_GIL_DISABLED))]
#[inline]
pub fn glance<'a>(py: Python<'_>, mapping: &'a Mapping) -> PyResult<Glance<'a>> {
    if let Some(held) = Glance::quick(mapping) {
        return Ok(held);
    }
    let span = until(py, mapping, Wish::Share, Cell::peek)?;
    Ok(Glance { span, life: std::marker::PhantomData })
}

/// Looks at a mapping for a short call that stays attached.
#[cfg(Py_GIL_DISABLED)]
#[inline]
pub fn glance<'a>(py: Python<'_>, mapping: &'a Mapping) -> PyResult<Glance<'a>> {
    Glance::quick(mapping).map_or_else(|| pin(py, mapping).map(Glance), Ok)
}

/// Looks at the bytes of a mapping for a short call that stays attached. [`intact`] must follow the access.
#[inline]
pub fn look<'a>(py: Python<'_>, mapping: &'a Mapping) -> PyResult<Glance<'a>> {
    let held = glance(py, mapping)?;
    intact(py, mapping)?;
    Ok(held)
}

/// Counts a call in flight that goes over the bytes. [`intact`] must follow the access.
pub fn hold<'a>(py: Python<'_>, mapping: &'a Mapping) -> PyResult<Pinned<'a, Region>> {
    let held = pin(py, mapping)?;
    intact(py, mapping)?;
    Ok(held)
}

/// Raises `FaultError` where a page of the mapping was missing and the fault guard put zeros in its place.
#[inline]
pub fn intact(py: Python<'_>, mapping: &Mapping) -> PyResult<()> {
    if mapping.cell().is_marked() { Err(error::fault(py, mapping)) } else { Ok(()) }
}

/// Runs `work` detached where it is over many bytes.
#[inline]
pub fn detached_if<T: Send>(py: Python<'_>, large: bool, work: impl FnOnce() -> T + Send) -> T {
    if large { py.detach(work) } else { work() }
}

/// Ends a region that came out of its cell, detached where there is much to unmap.
pub fn free(py: Python<'_>, region: Region) {
    use mmap_rs_core::state::Resident;
    let large = region.span().len >= LARGE;
    detached_if(py, large, move || drop(region));
}
