//! Mappings among the memory areas of this process: in a gap between them, or in the place of a reservation.

use crate::areas::Areas;
use crate::error::SystemError;
use crate::memory::{Access, Failure, Place, Region, Request, page};
use crate::state::Extent;
use crate::{Error, Result};
use std::ops::Range;

/// Below this lies what a null pointer with an offset reaches, and the system may refuse addresses (`vm.mmap_min_addr`).
const LOW: usize = 1 << 20;

/// Makes a mapping in the place of a reservation: see [`Request::map_over`].
pub fn map_over(
    request: &Request,
    reservation: &mut Region,
    access: Access,
    reserved: bool,
) -> Result<Region, Failure> {
    request.map_over(reservation, access, reserved, |reservation| is_intact(reservation).unwrap_or(false))
}

/// Whether a reservation is all there, by the list of areas.
fn is_intact(reservation: &Region) -> Result<bool> {
    let (span, wanted) = (reservation.span(), reservation.facts().access.protection());
    let end = span.start.saturating_add(span.len);
    let mut seen = span.start;
    let areas = Areas::open(None, Some(span.start..end))?;
    while let Some(area) = areas.advance()? {
        if area.start > seen || area.protection != wanted || area.path.is_some() || area.shared {
            return Ok(false);
        }
        seen = area.end;
    }
    Ok(seen >= end)
}

/// Makes a mapping wholly in a range of addresses: in the lowest gap that has room. `ENOMEM` where none has. An empty
/// mapping lies nowhere.
pub fn map(request: &Request, range: &Range<usize>, access: Access, reserved: bool) -> Result<Region> {
    if request.is_empty() {
        return request.map(access, reserved);
    }
    let (len, unit) = request.extent(access, reserved)?;
    // Gaps are measured in pages.
    let len = len.checked_next_multiple_of(page::base()).unwrap_or(len);
    let aligned = |address: usize| address.checked_next_multiple_of(unit).unwrap_or(usize::MAX);
    // Address 0 stands for any. The lowest addresses come last.
    let starts = [aligned(range.start.max(LOW)), aligned(range.start.max(unit))];
    let starts = if range.start < LOW { starts.as_slice() } else { starts.get(..1).unwrap_or_default() };
    for start in starts {
        let (mut from, mut tries) = (*start, 0);
        while let Some(place) = gap(from..range.end, len, aligned)? {
            let request = Request { place: Place::Exact(place), ..request.clone() };
            match request.map(access, reserved) {
                // Another thread was quicker.
                Err(Error::System(SystemError { code, .. })) if is_taken(code) && tries < TRIES => tries += 1,
                Err(Error::System(SystemError { code, .. })) if is_taken(code) || (is_refused(code) && place < LOW) => {
                    (from, tries) = (aligned(place.saturating_add(len)), 0);
                }
                Err(Error::System(SystemError { code, .. })) if code == OUT_OF_MEMORY && is_beyond(place, len) => {
                    let hint = "the system gives programs no addresses this high";
                    return Err(no_room(len, range).with_hint(hint));
                }
                made => return made,
            }
        }
    }
    Err(no_room(len, range))
}

/// Whether the last page of a place can't be mapped at all: the list of areas does not say where a program's addresses end.
fn is_beyond(place: usize, len: usize) -> bool {
    let last = place.saturating_add(len).saturating_sub(1) / page::granularity() * page::granularity();
    let request = Request { place: Place::Exact(last), size: 1, ..Request::default() };
    matches!(request.map(Access::None, false), Err(Error::System(SystemError { code, .. })) if code == OUT_OF_MEMORY)
}

/// How often a place may be taken by another thread before the search goes on behind it.
const TRIES: u32 = 1000;

/// The beginning of the lowest gap between memory areas in a range that has room for `len` bytes.
fn gap(range: Range<usize>, len: usize, aligned: impl Fn(usize) -> usize) -> Result<Option<usize>> {
    let mut start = range.start;
    let fits = |start: usize, end: usize| end.checked_sub(start).is_some_and(|room| room >= len);
    if !fits(start, range.end) {
        return Ok(None);
    }
    let areas = Areas::open(None, Some(range.clone()))?;
    while let Some(area) = areas.advance()? {
        if fits(start, area.start.min(range.end)) {
            return Ok(Some(start));
        }
        start = start.max(aligned(area.end));
    }
    Ok(fits(start, range.end).then_some(start))
}

fn no_room(len: usize, range: &Range<usize>) -> Error {
    let (start, end) = (range.start, range.end);
    Error::system("Io", OUT_OF_MEMORY, format!("mmap of {len} bytes within {start:#x}..{end:#x}"))
        .with_hint("no gap between the memory areas there is large enough")
}

#[cfg(unix)]
const OUT_OF_MEMORY: i32 = libc::ENOMEM;
#[cfg(windows)]
const OUT_OF_MEMORY: i32 = windows_sys::Win32::Foundation::ERROR_NOT_ENOUGH_MEMORY as i32;

#[cfg(unix)]
fn is_taken(code: i32) -> bool {
    code == libc::EEXIST
}

/// Whether the system may refuse an address only because it is low.
#[cfg(unix)]
fn is_refused(code: i32) -> bool {
    code == libc::EPERM
}

#[cfg(windows)]
fn is_taken(code: i32) -> bool {
    use windows_sys::Win32::Foundation as codes;
    matches!(code as u32, codes::ERROR_INVALID_ADDRESS | codes::ERROR_FILE_EXISTS)
}

#[cfg(windows)]
fn is_refused(_code: i32) -> bool {
    false
}
