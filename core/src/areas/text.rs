//! `/proc/PID/maps`, read in pieces and cut into lines.

use super::Area;
use super::line::{self, Line};
use super::linux::{gone, refused};
use crate::Result;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::ffi::OsStringExt;

/// The kernel hands out whole lines, a page of them at a time; a line has at most two paths' length.
const PIECE: usize = 16 * 1024;

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct Text {
    file: File,
    pid: Option<u32>,
    /// Empty until the first read, then used again and again.
    buffer: Vec<u8>,
    /// What of `buffer` is read from the kernel and not yet handed out.
    unread: std::ops::Range<usize>,
    /// Whether any area was seen, of the process that the file is about.
    seen: bool,
    ended: bool,
}

impl Text {
    /// Reads a file that stands at its beginning; `seen` tells that the process had an area when it was last asked.
    pub(super) fn new(file: File, pid: Option<u32>, seen: bool) -> Self {
        Self { file, pid, buffer: Vec::new(), unread: 0..0, seen, ended: false }
    }

    /// The next area as far as it was read already: asks the kernel for nothing, but for the name of a file that
    /// looks as if it had a newline in it.
    pub(super) fn ready(&mut self) -> Option<Result<Area>> {
        let unread = self.buffer.get(self.unread.clone()).unwrap_or_default();
        let (len, taken) = match memchr::memchr(b'\n', unread) {
            Some(len) => (len, len + 1),
            // A last line without a newline would be one that the kernel did not finish.
            None if self.ended && !unread.is_empty() => (unread.len(), unread.len()),
            None => return None,
        };
        let area = line::parse(&unread[..len]).map(|line| self.area(&line));
        self.unread.start += taken;
        self.seen = true;
        Some(area)
    }

    pub(super) fn next_area(&mut self) -> Result<Option<Area>> {
        loop {
            if let Some(area) = self.ready() {
                return area.map(Some);
            }
            if self.ended {
                return self.check_end().map(|()| None);
            }
            self.more()?;
        }
    }

    fn area(&self, line: &Line<'_>) -> Area {
        match self.exact_name(line) {
            Some(name) => line.named(name),
            None => line.area(),
        }
    }

    /// Whether `\012` in a path is a newline or stands for itself is told by the link to the mapped file; where it may
    /// be read, and is still of the same file.
    fn exact_name(&self, line: &Line<'_>) -> Option<Vec<u8>> {
        if !line.is_ambiguous() {
            return None;
        }
        let process = self.pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        let link = format!("/proc/{process}/map_files/{:x}-{:x}", line.start, line.end);
        let name = std::fs::read_link(link).ok()?.into_os_string().into_vec();
        (line::escape(&name) == line.name).then_some(name)
    }

    /// Reads on. Only a line that is longer than the buffer makes that grow.
    fn more(&mut self) -> Result<()> {
        self.buffer.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        if self.buffer.len() - self.unread.end < PIECE / 2 {
            self.buffer.resize(self.buffer.len() + PIECE, 0);
        }
        let read = self.read_at_end().map_err(|error| refused(&error, self.pid, "read"))?;
        self.unread.end += read;
        self.ended = read == 0;
        Ok(())
    }

    fn read_at_end(&mut self) -> std::io::Result<usize> {
        loop {
            match self.file.read(&mut self.buffer[self.unread.end..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// The list of a process that ends while it is read just stops. So at the end of another process's list its
    /// beginning is asked for again, which by then is empty.
    fn check_end(&mut self) -> Result<()> {
        let Some(pid) = self.pid.filter(|_| self.seen) else { return Ok(()) };
        self.file.rewind().map_err(|error| refused(&error, self.pid, "read"))?;
        self.unread = 0..0;
        self.more()?;
        let is_gone = self.ended;
        (self.unread, self.ended) = (0..0, true);
        if is_gone { Err(gone(pid)) } else { Ok(()) }
    }
}
