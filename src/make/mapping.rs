//! Making a mapping of what `MmapOptions` describe.

use super::file;
use super::options::MmapOptions;
use crate::audit;
use crate::state::borrow::{change, exclusive, span};
use crate::state::classes::{Mapping, vacant, wrap};
use crate::state::detach::detached_if;
use crate::state::error::Result;
use mmap_rs_core::Error as CoreError;
use mmap_rs_core::memory::{Access, Request};
use mmap_rs_core::state::{Ending, Extent};
use mmap_rs_core::within;
use pyo3::prelude::*;

impl MmapOptions {
    /// Makes a mapping, or with `reserved` a reservation, that may be accessed in one way.
    pub(super) fn make<'py>(&self, py: Python<'py>, access: Access, reserved: bool) -> Result<Bound<'py, Mapping>> {
        let request = &file::opened(py, &self.request, access)?;
        announce(py, request, access, reserved)?;
        let len = request.len();
        let exec = |address| audit::event(py, c"mmap_rs.exec", || (address, len));
        // What is at a fixed address would be lost before a hook could refuse; and the address is known.
        if let Some(reservation) = &self.reservation {
            if self.within.is_some() {
                let text = "a mapping that takes the place of a reservation can't have a range of addresses too";
                return Err(CoreError::InvalidOperation(text.to_owned()).into());
            }
            return replace(py, reservation.bind(py), request, access, reserved);
        }
        let fixed = request.is_fixed() && request.place.address() != 0;
        if access.is_exec() && fixed {
            exec(request.place.address())?;
        }
        let region = match &self.within {
            Some(range) => py.detach(|| within::map(request, range, access, reserved))?,
            None => detached_if(py, request.may_wait(), || request.map(access, reserved))?,
        };
        if access.is_exec() && !fixed && len > 0 {
            // A hook that raises has the region dropped, and so unmapped.
            exec(region.span().start)?;
        }
        Ok(wrap(py, region)?)
    }
}

/// Raises the event of a mapping that is about to be made. Its file is open.
pub(super) fn announce(py: Python<'_>, request: &Request, access: Access, reserved: bool) -> PyResult<()> {
    audit::event(py, c"mmap_rs.map", || {
        let source = request.source.as_ref();
        let descriptor = source.and_then(|source| source.descriptor()).unwrap_or(-1);
        let offset = source.map_or(0, |source| source.offset());
        (access.kind(reserved).name(), request.len(), request.flags.bits(), descriptor, offset)
    })
}

/// Makes a mapping in the place of a reservation, which it consumes.
fn replace<'py>(
    py: Python<'py>,
    reservation: &Bound<'py, Mapping>,
    request: &Request,
    access: Access,
    reserved: bool,
) -> Result<Bound<'py, Mapping>> {
    let made = vacant(py, access.kind(reserved))?;
    let (mapping, target) = (reservation.get(), made.get());
    loop {
        let place = span(py, mapping)?;
        if access.is_exec() {
            audit::event(py, c"mmap_rs.exec", || (place.start, place.len))?;
        }
        let mut alone = exclusive(py, mapping)?;
        // Another thread may have split or merged it since the hooks were told what becomes executable.
        if alone.with(|region| region.span()) != place {
            continue;
        }
        py.detach(move || {
            let (alone, region) = change(alone, |region| within::map_over(request, region, access, reserved))?;
            target.fill(region);
            drop(alone.end(Ending::WithReservation));
            Ok::<_, CoreError>(())
        })?;
        return Ok(made);
    }
}
