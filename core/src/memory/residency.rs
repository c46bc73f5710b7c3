//! What of a region is in physical memory, and bringing it in.
#![expect(unsafe_code, reason = "accesses a byte of each page")]

use super::operation::Call;
use super::region::Region;
use super::sys;
use crate::guard::Guard;
use crate::state::Span;
use crate::{Error, Result};
use std::ops::Range;
use std::sync::atomic::Ordering;

impl Region {
    /// How many bytes of a range (`None`: all) are in physical memory.
    pub fn resident(&self, range: Option<&Range<usize>>) -> Result<usize> {
        let pages = self.pages(range)?;
        if pages.is_empty() {
            return Ok(0);
        }
        let bytes = range.cloned().unwrap_or(0..self.span.len);
        let span = Span { start: self.span.start + pages.start, len: pages.len() };
        let mut found = 0;
        sys::resident(span, |offset, len| {
            // Of the first and the last page only what was asked for counts.
            let start = (pages.start + offset).max(bytes.start);
            let end = (pages.start + offset + len).min(bytes.end);
            found += end.saturating_sub(start);
        })
        .map_err(|code| self.operation(Call::Resident).refused(code))?;
        Ok(found)
    }

    /// Brings a range (`None`: all) into physical memory, for writing where `write` says so. What can't be brought in is
    /// an error, or where the fault guard watches the mark of the guard.
    pub fn populate(&self, range: Option<&Range<usize>>, write: bool) -> Result<()> {
        if !self.kind().is_readable() {
            return Err(Error::InvalidOperation(
                "inaccessible memory can't be brought in: make it readable first".to_owned(),
            ));
        }
        if write && !self.kind().is_writable() {
            return Err(Error::InvalidOperation(
                "read-only memory can't be brought in for writing: make_mut() makes it writable".to_owned(),
            ));
        }
        let pages = self.pages(range)?;
        if pages.is_empty() {
            return Ok(());
        }
        let span = Span { start: self.span.start + pages.start, len: pages.len() };
        // Other systems bring pages in by locking them for a moment, which locked ones must not lose.
        if !sys::MOVES && self.is_locked() {
            return Ok(());
        }
        let Err(code) = sys::populate(span, write, self.facts.is_shared() && self.facts.is_file()) else {
            return Ok(());
        };
        if let Some(guard) = &self.guard {
            if sys::is_missing(code) && self.touch(span, guard, write) {
                return Ok(());
            }
        }
        Err(self.operation(Call::Populate).refused(code))
    }

    /// Accesses a byte of each page, until the fault guard has replaced one.
    fn touch(&self, span: Span, guard: &Guard, write: bool) -> bool {
        (span.start..span.start + span.len).step_by(self.facts.page).any(|address| {
            // SAFETY: a byte of this region, which is readable and in use, and writable where it is written, as it is; a
            // page that is missing is replaced.
            unsafe {
                if write {
                    sys::rewrite(address);
                } else {
                    std::ptr::read_volatile(address as *const u8);
                }
            }
            guard.mark().load(Ordering::Acquire)
        })
    }

    /// Sets the name that the system shows for it, or takes it away. Elsewhere than on Linux and Android it does nothing.
    pub fn set_name(&self, name: Option<&str>) -> Result<()> {
        if self.facts.is_file() {
            return Err(Error::InvalidOperation("a mapping of a file has the name of its file".to_owned()));
        }
        let name = name.map(check_name).transpose()?;
        let mut place = self.attributes.change()?;
        // What has no such names is Linux before 5.17, or without CONFIG_ANON_VMA_NAME.
        match sys::set_name(self.span, name.as_deref()) {
            Ok(()) => {}
            Err(code) if sys::is_unknown(code) => {}
            Err(code) => return Err(self.operation(Call::Name).refused(code)),
        }
        self.attributes.set_name(&mut place, name);
        Ok(())
    }
}

/// What Linux takes for a name: see prctl(2), PR_SET_VMA_ANON_NAME.
fn check_name(name: &str) -> Result<std::ffi::CString> {
    const LONGEST: usize = 79;
    let refused = |why| Err(Error::InvalidOperation(format!("{name:?} can't be the name of a mapping: {why}")));
    if name.len() > LONGEST {
        return refused("it is longer than 79 bytes");
    }
    if !name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && !b"\\`$[]".contains(&byte)) {
        return refused("only printable ASCII characters are allowed, and none of \\ ` $ [ ]");
    }
    std::ffi::CString::new(name).or_else(|_| refused("it contains a null byte"))
}
