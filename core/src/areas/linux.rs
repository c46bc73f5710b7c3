//! Linux and Android: one area by a look-up where the kernel has it, whole lists by their text.

use super::area::Area;
use super::gate_vma;
use super::list::Reader;
use super::maps_file::{MapsFile, Text};
use super::maps_reader::MapsReader;
use super::procmap_query::{self, Answer};
use crate::Result;
use std::ops::Range;

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct Source {
    /// `None` for a process without memory.
    reader: Option<MapsReader>,
    /// While areas are asked for one by one: the addresses not yet asked for.
    rest: Option<Range<usize>>,
}

impl Reader for Source {
    fn open(pid: Option<u32>, range: Option<&Range<usize>>, usage: bool) -> Result<Self> {
        if usage {
            let reader = MapsFile::open(pid, Text::Smaps)?.map(|maps| MapsReader::new(maps, true));
            return Ok(Self { reader, rest: None });
        }
        // For all areas, one read for many costs less than one call for each.
        let rest = range.filter(|_| procmap_query::is_known()).cloned();
        Ok(Self { rest, ..Self::open_text(pid)? })
    }

    fn open_text(pid: Option<u32>) -> Result<Self> {
        let reader = MapsFile::open(pid, Text::Maps)?.map(|maps| MapsReader::new(maps, false));
        Ok(Self { reader, rest: None })
    }

    fn ready(&mut self) -> Option<Result<Area>> {
        if self.rest.is_some() { None } else { self.reader.as_mut()?.ready() }
    }

    fn next_area(&mut self) -> Result<Option<Area>> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        if let Some(rest) = &mut self.rest {
            if let Some(found) = ask(reader, rest) {
                return Ok(found);
            }
            // The text has it all; the caller leaves out what it has had.
            self.rest = None;
        }
        reader.next_area()
    }
}

/// The next area of a range by a look-up; the outer `None` if the text must be asked.
fn ask(reader: &mut MapsReader, rest: &mut Range<usize>) -> Option<Option<Area>> {
    if rest.start >= rest.end {
        return Some(None);
    }
    let found = match procmap_query::ask(reader.maps(), rest.start) {
        Answer::Area(area) => Some(area),
        Answer::Nothing => match gate_vma::own()?.filter(|gate| gate.meets(rest)) {
            // Another process may have none.
            Some(_) if !reader.maps().is_own() => return None,
            gate => gate.cloned(),
        },
        Answer::AskText => return None,
    };
    reader.note_area();
    rest.start = found.as_ref().map_or(rest.end, |area| area.end);
    Some(found.filter(|area| area.start < rest.end))
}
