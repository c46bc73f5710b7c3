//! Linux and Android: `/proc/PID/maps`, read in pieces and cut into lines.

use super::{Area, line};
use crate::{Error, Result};
use std::fs::File;
use std::io::Read;
use std::ops::Range;

/// The kernel hands out whole lines, a page of them at a time; a line has at most two paths' length.
const PIECE: usize = 16 * 1024;

/// A list of areas, half read.
#[derive(Debug)]
pub(super) struct Reader {
    file: File,
    pid: Option<u32>,
    buffer: Vec<u8>,
    /// Where in `buffer` the next line begins.
    at: usize,
    ended: bool,
}

impl Reader {
    /// The whole list is read in any case; the range is applied by the caller.
    pub(super) fn open(pid: Option<u32>, _range: Option<&Range<usize>>) -> Result<Self> {
        let path = match pid {
            Some(pid) => format!("/proc/{pid}/maps"),
            None => "/proc/self/maps".to_owned(),
        };
        let file = File::open(&path).map_err(|error| Self::refused(&error, pid, "open"))?;
        Ok(Self { file, pid, buffer: Vec::new(), at: 0, ended: false })
    }

    /// An error of the system's. That a process has no entry any more means that there is no such process.
    fn refused(error: &std::io::Error, pid: Option<u32>, call: &str) -> Error {
        let Some(pid) = pid else {
            return Error::io(error, format!("{call} of this process's memory areas"));
        };
        let code = match error.raw_os_error() {
            Some(libc::ENOENT) => libc::ESRCH,
            code => code.unwrap_or(0),
        };
        Error::system("Io", code, format!("{call} of the memory areas of process {pid}"))
    }

    pub(super) fn next_area(&mut self) -> Result<Option<Area>> {
        loop {
            let unread = self.buffer.get(self.at..).unwrap_or_default();
            if let Some(len) = memchr::memchr(b'\n', unread) {
                self.at += len + 1;
                return line::parse(&unread[..len]).map(Some);
            }
            if self.ended {
                // A last line without a newline would be one that the kernel did not finish.
                return if unread.is_empty() { Ok(None) } else { line::parse(unread).map(Some) };
            }
            self.more()?;
        }
    }

    fn more(&mut self) -> Result<()> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let filled = self.buffer.len();
        self.buffer.resize(filled + PIECE, 0);
        let read = loop {
            match self.file.read(&mut self.buffer[filled..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        self.ended = read.map_err(|error| Self::refused(&error, self.pid, "read"))? == 0;
        Ok(())
    }
}
