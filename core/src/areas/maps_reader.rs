//! `/proc/PID/maps` or `smaps`, read in pieces and cut into areas: one reader for both, as `smaps` has the same lines and
//! more between them.

use super::area::Area;
use super::maps_file::{MapsFile, Text};
use super::maps_line::{self, Line};
use super::smaps_fields::Fields;
use crate::{Error, Result};
use std::os::unix::ffi::OsStringExt;

/// The kernel hands out whole lines, a page of them at a time; a line has at most two paths' length.
const PIECE: usize = 16 * 1024;

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct MapsReader {
    maps: MapsFile,
    /// Empty until the first read, then used again and again.
    buffer: Vec<u8>,
    /// What of `buffer` is read from the kernel and not yet handed out.
    unread: std::ops::Range<usize>,
    /// Whether that was found to be no whole area.
    needs_more: bool,
    /// Whether any area was seen, of the process that the file is about.
    seen: bool,
    /// Whether the file was opened once more, as it was empty.
    reopened: bool,
    ended: bool,
    /// Whether areas are to say how much of them is in memory: unknown, if the kernel has only `maps`.
    usage: bool,
    /// The fields of the first area that is not handed out, as far as they are read.
    fields: Fields,
}

impl MapsReader {
    /// Reads a file that stands at its beginning.
    pub fn new(maps: MapsFile, usage: bool) -> Self {
        Self {
            maps,
            buffer: Vec::new(),
            unread: 0..0,
            needs_more: false,
            seen: false,
            reopened: false,
            ended: false,
            usage,
            fields: Fields::default(),
        }
    }

    /// The file.
    pub fn maps(&self) -> &MapsFile {
        &self.maps
    }

    /// Takes note that the process had an area when it was last asked.
    pub fn note_area(&mut self) {
        self.seen = true;
    }

    /// The next area as far as it was read already: asks the kernel for nothing, but for the name of a file that
    /// looks as if it had a newline in it.
    pub fn ready(&mut self) -> Option<Result<Area>> {
        if self.needs_more {
            return None;
        }
        let found = self.parse();
        self.needs_more = found.is_none() && !self.ended;
        found
    }

    fn parse(&mut self) -> Option<Result<Area>> {
        let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let (len, taken) = match memchr::memchr(b'\n', unread) {
            Some(len) => (len, len + 1),
            // A last line without a newline would be one that the kernel did not finish.
            None if self.ended && !unread.is_empty() => (unread.len(), unread.len()),
            None => return None,
        };
        let (usage, fields) = match (self.usage, self.maps.text()) {
            (false, _) => (None, 0),
            (true, Text::Maps) => (Some(Box::default()), 0),
            (true, Text::Smaps) => match self.fields.read(&unread[taken..], self.ended) {
                Ok(true) => {
                    let (usage, len) = self.fields.finish();
                    (Some(usage), len)
                }
                // More may be said of this area.
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            },
        };
        let area = maps_line::parse(&unread[..len]).map(|line| Area { usage, ..self.area(&line) });
        self.unread.start += taken + fields;
        self.seen = true;
        Some(area)
    }

    /// The next area, or `None` at the end.
    pub fn next_area(&mut self) -> Result<Option<Area>> {
        loop {
            if let Some(area) = self.ready() {
                return area.map(Some);
            }
            if !self.ended {
                self.more()?;
            } else if self.seen {
                return self.check_end().map(|()| None);
            } else if self.reopened || !self.maps.reopen()? {
                return self.maps.empty().map(|()| None);
            } else {
                (self.reopened, self.ended) = (true, false);
            }
        }
    }

    fn area(&self, line: &Line<'_>) -> Area {
        match self.exact_name(line) {
            Some(name) => line.named(name),
            None => line.area(),
        }
    }

    /// The exact path, where `\012` may be a newline or those four characters: from the link to the mapped file, if it
    /// may be read and still names the same file.
    fn exact_name(&self, line: &Line<'_>) -> Option<Vec<u8>> {
        if !line.is_ambiguous() {
            return None;
        }
        let name = std::fs::read_link(self.maps.map_file(line.start, line.end)).ok()?.into_os_string().into_vec();
        (maps_line::escape(&name) == line.name).then_some(name)
    }

    /// Reads on. Only a line that is longer than the buffer makes that grow.
    fn more(&mut self) -> Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.buffer.len() - self.unread.end < PIECE / 2 {
            self.buffer.try_reserve_exact(PIECE).map_err(|_| Error::OutOfMemory)?;
            self.buffer.resize(self.buffer.len() + PIECE, 0);
        }
        self.needs_more = false;
        // A read brings a page at most. Several are read at once, as the caller lets other threads run around this.
        while !self.ended && self.buffer.len() - self.unread.end >= PIECE / 4 {
            let read = self.maps.read(&mut self.buffer[self.unread.end..])?;
            self.unread.end += read;
            self.ended = read == 0;
        }
        Ok(())
    }

    /// The list of a process that ends while it is read just stops. So at the end of another process's list its
    /// beginning is asked for again, which by then is empty.
    fn check_end(&mut self) -> Result<()> {
        if self.maps.is_own() {
            return Ok(());
        }
        self.maps.rewind()?;
        self.unread = 0..0;
        if self.maps.read(&mut self.buffer)? == 0 { Err(self.maps.gone()) } else { Ok(()) }
    }
}
