//! The memory areas of a process.
//!
//! U10, U11: under Linux and Android upstream reads the device minor into 8 bits, ends without a word at the first
//! line that it can't read, refuses paths that are not UTF-8 and drops their leading spaces; so those lists are read
//! here. On other systems they are upstream's. U8: a query of the last address overflows; see [`query`].

#[cfg(any(target_os = "linux", target_os = "android"))]
mod line;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod upstream;

#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as platform;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use upstream as platform;

use crate::{Error, Result};
use mmap_rs::{Protection, ShareMode};
use std::ffi::OsString;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A memory area.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Area {
    /// Where the allocation that it is part of begins.
    pub allocation_base: usize,
    /// Its first address.
    pub start: usize,
    /// One past its last address.
    pub end: usize,
    /// Its protection, as upstream's bits.
    pub protection: Protection,
    /// Whether it is shared.
    pub shared: bool,
    /// The path of its file, or the system's name of it (`[heap]`), as the system spells it; and the offset in bytes.
    pub path: Option<(OsString, u64)>,
}

impl Area {
    /// The same in upstream's type.
    pub fn share_mode(&self) -> ShareMode {
        if self.shared { ShareMode::Shared } else { ShareMode::Private }
    }

    fn meets(&self, range: &Range<usize>) -> bool {
        self.start < range.end && range.start < self.end
    }
}

/// An iterator over areas that several threads may share.
#[derive(Debug)]
pub struct Areas {
    reader: Mutex<Option<platform::Reader>>,
    range: Option<Range<usize>>,
    /// Read without the lock, to say quickly that it is over.
    over: AtomicBool,
}

impl Areas {
    /// All areas of a process (`None`: this one), or those that meet a range.
    pub fn open(pid: Option<u32>, range: Option<Range<usize>>) -> Result<Self> {
        if let Some(range) = range.as_ref().filter(|range| range.end < range.start) {
            return Err(Error::InvalidOffset(format!(
                "range {:#x}..{:#x} ends before it starts",
                range.start, range.end
            )));
        }
        let empty = range.as_ref().is_some_and(|range| range.start == range.end);
        let reader = platform::Reader::open(pid, range.as_ref())?;
        Ok(Self { reader: Mutex::new((!empty).then_some(reader)), range, over: AtomicBool::new(empty) })
    }

    /// The next one. After the last, or an error, nothing is open any more. May wait: for another thread that
    /// reads, and for the system.
    pub fn advance(&self) -> Result<Option<Area>> {
        // A thread that panicked while it read leaves nothing half done that the next line would not show.
        let mut slot = self.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let found = match slot.as_mut() {
            None => return Ok(None),
            Some(reader) => next(reader, self.range.as_ref()),
        };
        if !matches!(found, Ok(Some(_))) {
            *slot = None;
            self.over.store(true, Ordering::Release);
        }
        found
    }

    /// Ends it at once.
    pub fn close(&self) {
        *self.reader.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        self.over.store(true, Ordering::Release);
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

fn next(reader: &mut platform::Reader, range: Option<&Range<usize>>) -> Result<Option<Area>> {
    while let Some(area) = reader.next_area()? {
        match range {
            Some(range) if area.start >= range.end => return Ok(None),
            Some(range) if !area.meets(range) => {}
            _ => return Ok(Some(area)),
        }
    }
    Ok(None)
}

/// The area of an address, every address up to the last (U8: upstream adds one to it).
pub fn query(pid: Option<u32>, address: usize) -> Result<Option<Area>> {
    let Some(end) = address.checked_add(1) else {
        // No system maps the last byte of the address space: an area's end would not be a number.
        return Areas::open(pid, None).map(|_| None);
    };
    Areas::open(pid, Some(address..end))?.advance()
}
