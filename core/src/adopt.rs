//! Memory that other code has mapped, as a region: checked against the list of areas, and against the regions of this
//! process.
#![expect(unsafe_code, reason = "memory of other code, for which its owner vouches")]

use crate::areas::Areas;
use crate::memory::foreign::{Adoption, Owner, check_place};
use crate::memory::{Access, Kind, Region, page};
use crate::state::{Span, watch};
use crate::{Error, Result};
use mmap_rs::{Protection, ShareMode};
use std::ffi::{OsStr, OsString};

/// What the owner of the memory says of it.
#[derive(Debug)]
pub struct Claim {
    /// Where it is.
    pub span: Span,
    /// As what it is to be adopted.
    pub kind: Kind,
    /// Its protection; `None`: what the system says.
    pub protection: Option<Protection>,
    /// Its share mode; `None`: what the system says.
    pub share_mode: Option<ShareMode>,
    /// The size of its pages in bytes; `None`: what the system says.
    pub page: Option<usize>,
    /// Who gives it back; `None`: the system's own way.
    pub owner: Option<Owner>,
}

/// What the list of areas says.
struct Found {
    protection: Protection,
    shared: bool,
    file: Option<(OsString, u64)>,
}

/// Makes a region of memory that other code has mapped. On failure nothing has changed.
///
/// # Safety
/// The memory is the caller's to hand over: nobody else changes, unmaps or gives it back.
pub unsafe fn adopt(claim: &Claim) -> Result<Region> {
    watch().map_err(|error| Error::io(&error, "pthread_atfork".to_owned()))?;
    let span = claim.span;
    check_place(span, claim.page.unwrap_or_else(page::base))?;
    let found = find(span)?;
    let access = access(claim, &found)?;
    let reserved = claim.kind.is_reserved();
    let page = page_size(claim, &found)?;
    check_place(span, page)?;
    let file = found.file.filter(|(path, _)| !is_anonymous(path));
    let adoption = Adoption { span, access, reserved, shared: found.shared, page, file, owner: claim.owner };
    // SAFETY: the list of areas says the same, and the caller vouches for the rest.
    let region = unsafe { Region::adopt(adoption) }?;
    match region.check_alone() {
        Ok(()) => Ok(region),
        Err(error) => {
            region.disown();
            Err(error)
        }
    }
}

/// What the system says of all of a span, or an error where it is not mapped or not all the same.
fn find(span: Span) -> Result<Found> {
    let page = page::base();
    let end = span.start.saturating_add(span.len).checked_next_multiple_of(page).unwrap_or(usize::MAX);
    let mut found: Option<Found> = None;
    let mut at = span.start;
    let areas = Areas::open(None, Some(span.start..end))?;
    while let Some(area) = areas.advance()? {
        if area.start > at {
            break;
        }
        let first = found.is_none();
        let is_file = area.is_file;
        if let Some((path, _)) = area.path.as_ref().filter(|_| !is_file) {
            let name = path.to_string_lossy();
            if name.starts_with('[') && !name.starts_with("[anon") {
                return Err(Error::InvalidOperation(format!(
                    "the memory at {:#x} is the process's own: {name}",
                    span.start
                )));
            }
        }
        if first {
            let skipped = u64::try_from(span.start.saturating_sub(area.start)).unwrap_or_default();
            let file = area.path.filter(|_| is_file).map(|(path, offset)| (path, offset.saturating_add(skipped)));
            found = Some(Found { protection: area.protection, shared: area.shared, file });
        } else if let Some(found) = found.as_ref() {
            let path = area.path.filter(|_| is_file);
            let passed = u64::try_from(area.start.saturating_sub(span.start)).unwrap_or_default();
            let next = found.file.as_ref().map(|(path, offset)| (path.clone(), offset.saturating_add(passed)));
            let same_file = path == next;
            if (area.protection, area.shared) != (found.protection, found.shared) || !same_file {
                return Err(Error::AttributeMismatch(format!(
                    "the memory from {:#x} on is another mapping than that at {:#x}: adopt them one by one",
                    area.start, span.start
                )));
            }
        }
        at = area.end;
        if at >= end {
            break;
        }
    }
    match found {
        Some(found) if at >= end => Ok(found),
        _ => Err(Error::InvalidOperation(format!("nothing is mapped at {at:#x}, in the memory to be adopted"))),
    }
}

/// Whether Linux lists memory without a file under this path: huge pages, and shared memory.
fn is_anonymous(path: &OsStr) -> bool {
    let path = path.as_encoded_bytes();
    path.starts_with(b"/anon_hugepage") || path == b"/dev/zero (deleted)"
}

/// The size of the pages, if it is what the owner says.
fn page_size(claim: &Claim, found: &Found) -> Result<usize> {
    let linux = cfg!(any(target_os = "linux", target_os = "android"));
    // Only what has a path can be of huge pages.
    let known = match (linux, &found.file) {
        (true, None) => Some(page::base()),
        (true, Some(_)) => smaps_page(claim.span.start),
        (false, _) => None,
    };
    match (claim.page, known) {
        (Some(claimed), Some(known)) if claimed != known => Err(Error::InvalidSize(format!(
            "the memory at {:#x} has pages of {known} bytes, not of {claimed}",
            claim.span.start
        ))),
        (claimed, known) => Ok(known.or(claimed).unwrap_or_else(page::base)),
    }
}

/// The size of the pages at an address, as smaps tells it: see proc_pid_smaps(5).
fn smaps_page(address: usize) -> Option<usize> {
    let text = std::fs::read("/proc/self/smaps").ok()?;
    let mut lines = text.split(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    let begins = |line: &str| {
        let hex = |text: &str| usize::from_str_radix(text, 16).ok();
        let (start, end) = line.split(' ').next()?.split_once('-')?;
        Some((hex(start)?..hex(end)?).contains(&address))
    };
    lines.find(|line| begins(line) == Some(true))?;
    let size = lines.find_map(|line| line.strip_prefix("KernelPageSize:").map(str::trim).map(str::to_owned))?;
    size.strip_suffix(" kB")?.parse::<usize>().ok()?.checked_mul(1024)
}

/// The protection that the system tells, if it is what the owner says.
fn access(claim: &Claim, found: &Found) -> Result<Access> {
    let all = [Access::None, Access::Read, Access::Exec, Access::Write, Access::ExecWrite];
    let at = claim.span.start;
    let mismatch = |what: String| Err(Error::AttributeMismatch(format!("the memory at {at:#x} {what}")));
    if let Some(wanted) = claim.protection.filter(|wanted| *wanted != found.protection) {
        return mismatch(format!("is mapped as {:?}, not as {wanted:?}", found.protection));
    }
    // Windows keeps no protection for addresses that are only reserved.
    if cfg!(windows) && claim.kind.is_reserved() && found.protection.is_empty() {
        return Ok(all.into_iter().find(|access| access.kind(true) == claim.kind).unwrap_or(Access::None));
    }
    let shared = claim.share_mode.map(|mode| mode == ShareMode::Shared);
    if shared.is_some_and(|shared| shared != found.shared) {
        let name = |shared| if shared { "shared" } else { "private" };
        return mismatch(format!("is {}, not {}", name(found.shared), name(!found.shared)));
    }
    let access = all.into_iter().find(|access| access.protection() == found.protection);
    match access {
        Some(access) if access.kind(claim.kind.is_reserved()) == claim.kind => Ok(access),
        _ => mismatch(format!(
            "is mapped as {:?}, which is not the protection of {}",
            found.protection,
            claim.kind.name()
        )),
    }
}
