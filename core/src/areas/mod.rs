//! The memory areas of a process.
//!
//! U10, U11: on Linux and Android upstream reads the device minor into 8 bits, silently ends at the first line that it
//! can't parse, refuses paths that are not UTF-8 and drops their leading spaces; so those lists are read
//! here. U12: each of its queries reads the whole list. U8: its query of the last address overflows; see [`query`].
//! On Windows, FreeBSD and macOS it has defects too (U17, U22, U25; U24, U28, U29).

#[cfg(any(target_os = "macos", target_os = "ios"))]
mod apple;
mod area;
#[cfg(any(windows, test))]
mod device;
#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod gate_vma;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
mod list;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod maps_file;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod maps_line;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod maps_reader;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod names;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod owner;
#[cfg(any(target_os = "linux", target_os = "android", target_os = "macos", target_os = "ios"))]
mod process;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod procmap_query;
#[cfg(any(target_os = "macos", target_os = "ios", test))]
#[cfg_attr(not(any(target_os = "macos", target_os = "ios")), allow(dead_code))]
mod region_path;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod smaps_fields;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod smaps_lines;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod smaps_numbers;
#[cfg(any(target_os = "macos", target_os = "ios"))]
mod task;
mod usage;
mod vm_flags;
#[cfg(windows)]
mod windows;
#[cfg(any(windows, test))]
#[cfg_attr(not(windows), allow(dead_code))]
mod working_set;

#[cfg(any(target_os = "macos", target_os = "ios"))]
use apple as platform;
#[cfg(target_os = "freebsd")]
use freebsd as platform;
#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as platform;
#[cfg(windows)]
use windows as platform;

pub use area::Area;
pub use usage::Usage;
pub use vm_flags::VmFlags;

use crate::state::{generation, watch};
use crate::{Error, Result};
use list::{List, Reader};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// An iterator over areas that several threads may share.
#[derive(Debug)]
pub struct Areas {
    list: Mutex<List<platform::Source>>,
    /// Read without the lock, to say quickly that it is over.
    over: AtomicBool,
    /// A child of `fork` shares the place in the list with its parent, and may find the lock taken for ever.
    generation: u64,
}

impl Areas {
    /// All areas of a process (`None`: this one), or those that meet a range.
    pub fn open(pid: Option<u32>, range: Option<Range<usize>>) -> Result<Self> {
        Self::with(open(pid, range, false)?)
    }

    /// All areas of a process, each with how much of it is in memory.
    pub fn open_with_usage(pid: Option<u32>) -> Result<Self> {
        Self::with(open(pid, None, true)?)
    }

    /// The same by the text of the list alone, as on systems without look-ups. For tests.
    pub fn open_text(pid: Option<u32>, range: Option<Range<usize>>) -> Result<Self> {
        check(range.as_ref())?;
        Self::with(List::new(platform::Source::open_text(pid)?, range))
    }

    fn with(list: List<platform::Source>) -> Result<Self> {
        watch().map_err(|error| Error::io(&error, "pthread_atfork".to_owned()))?;
        let over = AtomicBool::new(list.is_over());
        Ok(Self { list: Mutex::new(list), over, generation: generation() })
    }

    /// The next one if nobody has to be waited for: another thread that reads, or the system. Else `None`.
    pub fn ready(&self) -> Option<Result<Option<Area>>> {
        if self.is_over() {
            return Some(Ok(None));
        }
        if let Err(error) = self.check_fork() {
            return Some(Err(error));
        }
        let mut list = self.try_list()?;
        let found = list.ready()?;
        self.note(&list);
        Some(found)
    }

    /// The next one. After the last, or an error, nothing is open any more. May wait: for another thread that
    /// reads, and for the system.
    pub fn advance(&self) -> Result<Option<Area>> {
        self.check_fork()?;
        // A thread that panicked while it read leaves nothing half done that the next line would not show.
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let found = list.next();
        self.note(&list);
        found
    }

    fn note(&self, list: &List<platform::Source>) {
        if list.is_over() {
            self.over.store(true, Ordering::Release);
        }
    }

    fn try_list(&self) -> Option<MutexGuard<'_, List<platform::Source>>> {
        match self.list.try_lock() {
            Ok(list) => Some(list),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn check_fork(&self) -> Result<()> {
        if self.generation == generation() {
            return Ok(());
        }
        Err(Error::InvalidOperation("this list of memory areas was opened before a fork: open one in the child".into()))
    }

    /// Ends it at once; waits for another thread that reads.
    pub fn close(&self) {
        let list = if self.check_fork().is_ok() {
            Some(self.list.lock().unwrap_or_else(PoisonError::into_inner))
        } else {
            self.try_list()
        };
        if let Some(mut list) = list {
            list.close();
        }
        self.over.store(true, Ordering::Release);
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

fn check(range: Option<&Range<usize>>) -> Result<Option<&Range<usize>>> {
    match range.filter(|range| range.end < range.start) {
        None => Ok(range),
        Some(range) => {
            Err(Error::InvalidOffset(format!("range {:#x}..{:#x} ends before it starts", range.start, range.end)))
        }
    }
}

fn open(pid: Option<u32>, range: Option<Range<usize>>, usage: bool) -> Result<List<platform::Source>> {
    let source = platform::Source::open(pid, check(range.as_ref())?, usage)?;
    Ok(List::new(source, range))
}

/// The area of an address, every address up to the last.
pub fn query(pid: Option<u32>, address: usize) -> Result<Option<Area>> {
    // U8: upstream adds one to the last address. No system maps that: an area's end would not be a number.
    open(pid, Some(address..address.saturating_add(1)), false)?.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_range_holds_nothing_open() {
        let areas = Areas::open(None, Some(5..5)).expect("opened");
        assert!(areas.is_over());
        assert!(matches!(areas.ready(), Some(Ok(None))));
    }
}
