//! Memory that other code has mapped, as a region: checked against the list of areas, and against the regions of this
//! process.
#![expect(unsafe_code, reason = "memory of other code, for which its owner vouches")]

use crate::areas::{Area, Areas};
use crate::memory::foreign::{Adoption, MappedFile, Owner, check_place};
use crate::memory::{Access, FileNumber, Kind, Region, page};
use crate::state::{Span, watch};
use crate::{Error, Result};
use mmap_rs::{Protection, ShareMode};
use std::ffi::OsString;
use std::ops::Range;

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

/// What the list of areas says of memory from an address on.
#[derive(Debug)]
struct Found {
    protection: Protection,
    shared: bool,
    behind: Behind,
    /// The area's addresses.
    area: Range<usize>,
    /// The size of its pages, where the list has it.
    page: Option<usize>,
}

/// What memory shows.
#[derive(Clone, Debug, PartialEq)]
enum Behind {
    Nothing,
    /// Nothing, and it is shared: Linux lists a file of its own for it.
    SharedNothing,
    /// Nothing, in huge pages, of which Linux has a file too.
    HugeNothing,
    File(MappedFile),
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
    let shared = found.shared;
    let file = match found.behind {
        Behind::File(file) => Some(file),
        _ => None,
    };
    let adoption = Adoption { span, access, reserved, shared, page, file, owner: claim.owner };
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

/// What is mapped there, if it is one mapping.
fn find(span: Span) -> Result<Found> {
    let end = span.start.saturating_add(span.len).checked_next_multiple_of(page::base()).unwrap_or(usize::MAX);
    let areas = Areas::open(None, Some(span.start..end))?;
    let mut at = span.start;
    let mut next = || {
        let area = areas.advance()?.filter(|area| area.start <= at);
        let area = area.ok_or_else(|| {
            Error::InvalidOperation(format!("nothing is mapped at {at:#x}, in the memory to be adopted"))
        })?;
        check_essential(&area, span)?;
        let found = Found::new(area, at);
        at = found.area.end;
        Ok(found)
    };
    let first = next()?;
    let mut reached = first.area.end;
    while reached < end {
        let part = next()?;
        if !first.is_continued_by(&part, reached.saturating_sub(span.start)) {
            return Err(Error::AttributeMismatch(format!(
                "the memory from {reached:#x} on is another mapping than that at {:#x}: adopt them one by one",
                span.start
            )));
        }
        reached = part.area.end;
    }
    Ok(first)
}

/// Refuses what the process can't do without.
fn check_essential(area: &Area, span: Span) -> Result<()> {
    match area.essential() {
        None => Ok(()),
        Some(name) => {
            Err(Error::InvalidOperation(format!("the memory at {:#x} is the process's own: {name}", span.start)))
        }
    }
}

impl Behind {
    /// What is listed as a file. Linux makes one of its own for memory that has none, and shows a name that a program gave
    /// to it.
    fn new(path: OsString, offset: u64, number: Option<FileNumber>) -> Self {
        match path.as_encoded_bytes() {
            b"/anon_hugepage (deleted)" => Self::HugeNothing,
            b"/dev/zero (deleted)" => Self::SharedNothing,
            name if name.starts_with(b"[anon_shmem:") => Self::SharedNothing,
            _ => Self::File(MappedFile { path, offset, number }),
        }
    }
}

impl Found {
    /// What an area is from an address in it on.
    fn new(area: Area, at: usize) -> Self {
        let Area { protection, shared, start, end, page, .. } = area;
        let skipped = at.saturating_sub(start) as u64;
        let behind = match area.path.filter(|_| area.is_file) {
            None => Behind::Nothing,
            Some((path, offset)) => Behind::new(path, offset.saturating_add(skipped), area.number),
        };
        Self { protection, shared, behind, area: start..end, page }
    }

    /// Whether another area goes on where this one is `passed` bytes further.
    fn is_continued_by(&self, next: &Self, passed: usize) -> bool {
        let mut wanted = self.behind.clone();
        if let Behind::File(file) = &mut wanted {
            file.offset = file.offset.saturating_add(passed as u64);
        }
        (self.protection, self.shared, self.page) == (next.protection, next.shared, next.page) && wanted == next.behind
    }

    /// The size of its pages, where the system says so.
    fn known_page(&self) -> Option<usize> {
        if self.page.is_some() || !cfg!(any(target_os = "linux", target_os = "android")) {
            return self.page;
        }
        let is_huge = match self.behind {
            Behind::Nothing | Behind::SharedNothing => false,
            Behind::HugeNothing => true,
            Behind::File(_) => self.may_be_huge(),
        };
        if is_huge { smaps_page(self.area.start) } else { Some(page::base()) }
    }

    /// Whether its place could be that of huge pages. It costs much to ask for the size of the pages: the system walks
    /// through all memory of the process for it.
    fn may_be_huge(&self) -> bool {
        match page::smallest_huge() {
            Ok(Some(page)) => self.area.start % page == 0 && self.area.end % page == 0,
            Ok(None) => false,
            Err(_) => true,
        }
    }
}

/// The size of the pages, if it is what the owner says.
fn page_size(claim: &Claim, found: &Found) -> Result<usize> {
    let known = found.known_page();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_what_has_no_file() {
        let behind = |path: &str| Behind::new(path.into(), 7, None);
        assert_eq!(behind("/dev/zero (deleted)"), Behind::SharedNothing);
        assert_eq!(behind("[anon_shmem:a name]"), Behind::SharedNothing);
        assert_eq!(behind("/anon_hugepage (deleted)"), Behind::HugeNothing);
        for path in ["/dev/zero", "/anon_hugepage", "/anon_hugepage.db", "/[anon_shmem:x]", "/memfd:x (deleted)"] {
            let file = MappedFile { path: path.into(), offset: 7, number: None };
            assert_eq!(behind(path), Behind::File(file));
        }
    }
}
