//! The list of a system's own reader: cut to a range, in ascending order, and with an end.

use super::area::Area;
use crate::{Error, Result};
use std::ops::Range;

/// How a system lists its areas, in order of address.
pub(super) trait Reader: Sized {
    /// All areas of a process (`None`: this one), or at least those that meet a range. With `usage` each says how much of
    /// it is in memory.
    fn open(pid: Option<u32>, range: Option<&Range<usize>>, usage: bool) -> Result<Self>;
    /// The same without the help of look-ups, where there are any.
    fn open_text(pid: Option<u32>) -> Result<Self> {
        Self::open(pid, None, false)
    }
    /// The next one, if that is known already.
    fn ready(&mut self) -> Option<Result<Area>> {
        None
    }
    /// The next one, or `None` at the end.
    fn next_area(&mut self) -> Result<Option<Area>>;
}

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct List<S> {
    /// `None` once it has ended.
    source: Option<S>,
    range: Option<Range<usize>>,
    /// What lies below was handed out, or was not mapped when it was looked at.
    from: usize,
    /// The end of the last area that the reader gave.
    last: usize,
    /// Whether the reader has begun anew since an area was handed out.
    again: bool,
}

impl<S: Reader> List<S> {
    pub fn new(source: S, range: Option<Range<usize>>) -> Self {
        let is_empty = range.as_ref().is_some_and(Range::is_empty);
        Self { source: (!is_empty).then_some(source), range, from: 0, last: 0, again: false }
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.source.is_none()
    }

    /// Ends it.
    pub fn close(&mut self) {
        self.source = None;
    }

    /// The next area, or `None` at the end; the outer `None` if that is not known without waiting for the system.
    pub fn ready(&mut self) -> Option<Result<Option<Area>>> {
        self.advance(|source| source.ready().map(|area| area.map(Some)))
    }

    /// The next area, or `None` at the end. After that, or an error, nothing is open any more.
    pub fn next(&mut self) -> Result<Option<Area>> {
        self.advance(|source| Some(source.next_area())).unwrap_or(Ok(None))
    }

    fn advance(&mut self, read: impl Fn(&mut S) -> Option<Result<Option<Area>>>) -> Option<Result<Option<Area>>> {
        loop {
            let Some(source) = &mut self.source else { return Some(Ok(None)) };
            let found = match read(source)? {
                Ok(Some(area)) => self.sift(area),
                end => end.map(Some),
            };
            match found {
                Ok(None) => {}
                Ok(Some(Some(area))) => return Some(Ok(Some(area))),
                end => {
                    self.close();
                    return Some(end.map(Option::flatten));
                }
            }
        }
    }

    /// The area to return: `Some(None)` for the end, `None` to skip it.
    ///
    /// Between two reads the kernel may have joined an area with one that was handed out, so an area never goes back. A
    /// reader may begin anew, as where look-ups give way to the text. One that does so twice without a new area goes in
    /// circles, as upstream's does (U29).
    fn sift(&mut self, area: Area) -> Result<Option<Option<Area>>> {
        if area.end <= self.last && std::mem::replace(&mut self.again, true) {
            return Err(circle(area.start));
        }
        self.last = area.end;
        if let Some(range) = &self.range {
            if area.start >= range.end {
                return Ok(Some(None));
            }
            if !area.meets(range) {
                return Ok(None);
            }
        }
        let Some(area) = area.from(self.from) else { return Ok(None) };
        (self.from, self.again) = (area.end, false);
        Ok(Some(Some(area)))
    }
}

/// What the system says can't be true.
fn circle(start: usize) -> Error {
    #[cfg(windows)]
    let (variant, code) = ("Windows", windows_sys::Win32::Foundation::ERROR_INVALID_DATA as i32);
    #[cfg(not(windows))]
    let (variant, code) = ("Io", libc::EIO);
    Error::system(variant, code, format!("reading the list of memory areas, which keeps returning to {start:#x},"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mmap_rs::Protection;

    fn area(addresses: Range<usize>) -> Area {
        let Range { start, end } = addresses;
        Area {
            allocation_base: start,
            start,
            end,
            protection: Protection::READ,
            shared: false,
            path: None,
            is_file: false,
            number: None,
            page: None,
            tag: None,
            usage: None,
        }
    }

    /// Gives the areas of a function, one after the other.
    struct Fake(Box<dyn FnMut() -> Option<Range<usize>>>);

    impl Reader for Fake {
        fn open(_pid: Option<u32>, _range: Option<&Range<usize>>, _usage: bool) -> Result<Self> {
            Ok(Self(Box::new(|| None)))
        }

        fn next_area(&mut self) -> Result<Option<Area>> {
            Ok((self.0)().map(area))
        }
    }

    fn list(range: Option<Range<usize>>, given: impl FnMut() -> Option<Range<usize>> + 'static) -> List<Fake> {
        List::new(Fake(Box::new(given)), range)
    }

    fn read(mut list: List<Fake>) -> Result<Vec<Range<usize>>> {
        let mut found = Vec::new();
        while let Some(area) = list.next()? {
            found.push(area.start..area.end);
        }
        assert!(list.is_over());
        Ok(found)
    }

    fn given<const N: usize>(areas: [Range<usize>; N]) -> impl FnMut() -> Option<Range<usize>> {
        let mut areas = areas.into_iter();
        move || areas.next()
    }

    #[test]
    fn u29_a_list_that_goes_in_circles_is_an_error() {
        let is_circle = |found: Result<Vec<_>>| match found {
            Err(error @ Error::System(_)) => error.to_string().contains("keeps returning to 0xa,"),
            _ => false,
        };
        assert!(is_circle(read(list(None, || Some(10..20)))));
        let mut circle = [10..20, 20..30, 40..50].into_iter().cycle();
        assert!(is_circle(read(list(None, move || circle.next()))));
        // The same where no area of the circle is asked for.
        let mut circle = [10..20, 20..30].into_iter().cycle();
        assert!(is_circle(read(list(Some(60..70), move || circle.next()))));
    }

    #[test]
    fn nothing_is_read_after_an_error() {
        let mut list = list(None, || Some(10..20));
        assert!(list.next().is_ok_and(|area| area.is_some()));
        assert!(list.next().is_err());
        assert!(list.is_over());
        assert!(matches!(list.ready(), Some(Ok(None))));
    }

    #[test]
    fn a_list_may_begin_again() {
        // As where look-ups give way to the text.
        let areas = || (0..10_000).map(|number| number * 10..number * 10 + 5);
        let mut twice = areas().chain(areas()).chain(std::iter::once(200_000..200_001));
        let found = read(list(None, move || twice.next())).expect("no circle");
        assert_eq!(found.len(), 10_001);
    }

    #[test]
    fn areas_never_go_back() {
        // Joined with its neighbour since; seen again; one that lies below by now; and joined while it is seen again.
        let areas = given([10..20, 10..30, 20..30, 30..31, 5..8, 8..31, 8..40]);
        assert_eq!(read(list(None, areas)).expect("no circle"), [10..20, 20..30, 30..31, 31..40]);
    }

    #[test]
    fn a_range_ends_the_list() {
        let areas = given([5..10, 9..11, 19..40, 40..41, 41..42]);
        assert_eq!(read(list(Some(10..20), areas)).expect("no circle"), [9..11, 19..40]);
        assert!(list(Some(5..5), || Some(0..10)).is_over());
    }
}
