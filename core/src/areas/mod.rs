//! The memory areas of a process.
//!
//! U10, U11: under Linux and Android upstream reads the device minor into 8 bits, ends without a word at the first
//! line that it can't read, refuses paths that are not UTF-8 and drops their leading spaces; so those lists are read
//! here. U12: each of its queries reads the whole list. U8: its query of the last address overflows; see [`query`].
//! Under Windows, FreeBSD and macOS it has defects too (U17, U22, U25; U24, U28, U29).

#[cfg(any(target_os = "macos", target_os = "ios"))]
mod apple;
#[cfg(any(windows, test))]
mod device;
#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod gate;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod kept;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod line;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod lookup;
#[cfg(any(target_os = "macos", target_os = "ios", test))]
#[cfg_attr(not(any(target_os = "macos", target_os = "ios")), allow(dead_code))]
mod region_path;
#[cfg(any(target_os = "macos", target_os = "ios"))]
mod task;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod text;
mod way;
#[cfg(windows)]
mod windows;

#[cfg(any(target_os = "macos", target_os = "ios"))]
use apple as platform;
#[cfg(target_os = "freebsd")]
use freebsd as platform;
#[cfg(any(target_os = "linux", target_os = "android"))]
use linux as platform;
#[cfg(windows)]
use windows as platform;

use crate::state::{generation, watch};
use crate::{Error, Result};
use mmap_rs::{Protection, ShareMode};
use std::ffi::OsString;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use way::Way;

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
    /// Whether it maps a file, and not only has a name.
    pub(crate) is_file: bool,
}

impl Area {
    /// The same in upstream's type.
    pub fn share_mode(&self) -> ShareMode {
        if self.shared { ShareMode::Shared } else { ShareMode::Private }
    }

    fn meets(&self, range: &Range<usize>) -> bool {
        self.start < range.end && range.start < self.end
    }

    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn holds(&self, address: usize) -> bool {
        (self.start..self.end).contains(&address)
    }

    /// Without what lies below an address; `None` if that is all.
    fn from(mut self, address: usize) -> Option<Self> {
        if self.end <= address {
            return None;
        }
        let cut = address.saturating_sub(self.start);
        self.start += cut;
        if let (true, Some((_, offset))) = (self.is_file, &mut self.path) {
            *offset = offset.saturating_add(cut as u64);
        }
        Some(self)
    }
}

/// How a system tells its areas, in the order of addresses.
trait Reader: Sized {
    /// All areas of a process, or at least those that meet a range.
    fn open(pid: Option<u32>, range: Option<&Range<usize>>) -> Result<Self>;
    /// The same without the help of look-ups, where there are any.
    fn open_text(pid: Option<u32>) -> Result<Self> {
        Self::open(pid, None)
    }
    /// The next one, if that is known already.
    fn ready(&mut self) -> Option<Result<Area>> {
        None
    }
    /// The next one, or `None` at the end.
    fn next_area(&mut self) -> Result<Option<Area>>;
}

/// An iterator over areas that several threads may share.
#[derive(Debug)]
pub struct Areas {
    list: Mutex<List<platform::Source>>,
    /// Read without the lock, to say quickly that it is over.
    over: AtomicBool,
    /// A child of `fork` shares the place in the list with its parent, and may find the lock taken for ever.
    generation: u64,
}

#[derive(Debug)]
struct List<S> {
    /// `None` once it has ended.
    source: Option<S>,
    range: Option<Range<usize>>,
    /// What lies below was handed out, or was not mapped when it was looked at.
    from: usize,
    way: Way,
}

impl<S: Reader> List<S> {
    fn new(source: Option<S>, range: Option<Range<usize>>) -> Self {
        Self { source, range, from: 0, way: Way::default() }
    }

    /// What a reader gave: an area, to be handed out or left out, or the end.
    fn take(&mut self, area: Area) -> Result<Option<Option<Area>>> {
        self.way.step(&area)?;
        Ok(self.sift(area))
    }

    /// The area as it is to be handed out: `Some(None)` for the end, `None` to leave it out.
    ///
    /// Between two reads the kernel may have joined an area with one that was handed out, so an area never goes back.
    fn sift(&mut self, area: Area) -> Option<Option<Area>> {
        if let Some(range) = &self.range {
            if area.start >= range.end {
                return Some(None);
            }
            if !area.meets(range) {
                return None;
            }
        }
        let area = area.from(self.from)?;
        self.from = area.end;
        Some(Some(area))
    }

    fn ready(&mut self) -> Option<Result<Option<Area>>> {
        loop {
            let found = match self.source.as_mut() {
                None => return Some(Ok(None)),
                Some(source) => source.ready()?,
            };
            match found.and_then(|area| self.take(area)) {
                Ok(None) => {}
                Ok(Some(found)) => return Some(Ok(found)),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    fn next(&mut self) -> Result<Option<Area>> {
        while let Some(area) = self.source.as_mut().map_or(Ok(None), Reader::next_area)? {
            if let Some(found) = self.take(area)? {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

impl Areas {
    /// All areas of a process (`None`: this one), or those that meet a range.
    pub fn open(pid: Option<u32>, range: Option<Range<usize>>) -> Result<Self> {
        Self::with(platform::Source::open(pid, check(range.as_ref())?)?, range)
    }

    /// The same by the text of the list alone, as on systems without look-ups. For tests.
    pub fn open_text(pid: Option<u32>, range: Option<Range<usize>>) -> Result<Self> {
        check(range.as_ref())?;
        Self::with(platform::Source::open_text(pid)?, range)
    }

    fn with(source: platform::Source, range: Option<Range<usize>>) -> Result<Self> {
        watch();
        let is_empty = range.as_ref().is_some_and(Range::is_empty);
        let list = List::new((!is_empty).then_some(source), range);
        Ok(Self { list: Mutex::new(list), over: AtomicBool::new(is_empty), generation: generation() })
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
        Some(self.note(&mut list, found))
    }

    /// The next one. After the last, or an error, nothing is open any more. May wait: for another thread that
    /// reads, and for the system.
    pub fn advance(&self) -> Result<Option<Area>> {
        self.check_fork()?;
        // A thread that panicked while it read leaves nothing half done that the next line would not show.
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let found = list.next();
        self.note(&mut list, found)
    }

    fn note(&self, list: &mut List<platform::Source>, found: Result<Option<Area>>) -> Result<Option<Area>> {
        if !matches!(found, Ok(Some(_))) {
            list.source = None;
            self.over.store(true, Ordering::Release);
        }
        found
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
            list.source = None;
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

/// The area of an address, every address up to the last.
pub fn query(pid: Option<u32>, address: usize) -> Result<Option<Area>> {
    watch();
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return linux::query(pid, address);
    // U8: upstream adds one to the last address. No system maps that: an area's end would not be a number.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    Areas::open(pid, Some(address..address.saturating_add(1)))?.advance()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(addresses: Range<usize>, path: Option<&str>, is_file: bool) -> Area {
        let Range { start, end } = addresses;
        let path = path.map(|path| (OsString::from(path), 100));
        Area { allocation_base: start, start, end, protection: Protection::READ, shared: false, path, is_file }
    }

    /// Gives the areas of a function, one after the other.
    struct Fake(Box<dyn FnMut() -> Option<Range<usize>>>);

    impl Reader for Fake {
        fn open(_pid: Option<u32>, _range: Option<&Range<usize>>) -> Result<Self> {
            Ok(Self(Box::new(|| None)))
        }

        fn next_area(&mut self) -> Result<Option<Area>> {
            Ok((self.0)().map(|addresses| area(addresses, None, false)))
        }
    }

    fn list(range: Option<Range<usize>>) -> List<Fake> {
        List::new(None, range)
    }

    fn read(given: impl FnMut() -> Option<Range<usize>> + 'static) -> Result<Vec<Range<usize>>> {
        let mut list = List::new(Some(Fake(Box::new(given))), None);
        let mut found = Vec::new();
        while let Some(area) = list.next()? {
            found.push(area.start..area.end);
        }
        Ok(found)
    }

    #[test]
    fn u29_a_list_that_goes_in_circles_is_an_error() {
        let one = read(|| Some(10..20));
        assert!(matches!(one, Err(Error::Parse { .. })), "{one:?}");
        let mut circle = [10..20, 20..30, 40..50].into_iter().cycle();
        let some = read(move || circle.next());
        assert!(matches!(some, Err(Error::Parse { ref message, .. }) if message.contains("0xa")), "{some:?}");
    }

    #[test]
    fn a_list_may_begin_again_once() {
        // As where look-ups give way to the text.
        let areas = || (0..10_000).map(|number| number * 10..number * 10 + 5);
        let mut twice = areas().chain(areas()).chain(std::iter::once(200_000..200_001));
        let found = read(move || twice.next()).expect("no circle");
        assert_eq!(found.len(), 10_001);
    }

    #[test]
    fn areas_never_go_back() {
        let mut list = list(None);
        let mut sift = |addresses| list.sift(area(addresses, None, false)).flatten().map(|area| area.start..area.end);
        assert_eq!(sift(10..20), Some(10..20));
        // Joined with its neighbour since; seen again; and one that lies below by now.
        assert_eq!(sift(10..30), Some(20..30));
        assert_eq!(sift(20..30), None);
        assert_eq!(sift(5..8), None);
        assert_eq!(sift(30..31), Some(30..31));
    }

    #[test]
    fn a_cut_area_begins_later_in_its_file() {
        let cut = area(10..30, Some("/file"), true).from(15).expect("not all");
        assert_eq!((cut.start, cut.allocation_base, cut.path), (15, 10, Some((OsString::from("/file"), 105))));
        let cut = area(10..30, Some("[heap]"), false).from(15).expect("not all");
        assert_eq!(cut.path, Some((OsString::from("[heap]"), 100)));
        assert_eq!(area(10..30, None, false).from(30), None);
    }

    #[test]
    fn a_range_ends_the_list() {
        let mut list = list(Some(10..20));
        let mut sift = |addresses| list.sift(area(addresses, None, false)).map(|found| found.is_some());
        assert_eq!(sift(5..10), None);
        assert_eq!(sift(9..11), Some(true));
        assert_eq!(sift(19..40), Some(true));
        assert_eq!(sift(20..21), Some(false));
    }

    #[test]
    fn an_empty_range_holds_nothing_open() {
        let areas = Areas::open(None, Some(5..5)).expect("opened");
        assert!(areas.is_over());
        assert!(matches!(areas.ready(), Some(Ok(None))));
    }
}
