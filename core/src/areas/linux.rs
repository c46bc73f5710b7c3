//! Linux and Android: one area by a look-up where the kernel has it, whole lists by their text.

use super::gate;
use super::kept;
use super::lookup::{self, Answer};
use super::text::Text;
use super::{Area, Reader};
use crate::{Error, Result};
use std::fs::File;
use std::ops::Range;
use std::os::fd::AsFd;

/// An error of the system's. That a process has no entry any more means that there is no such process.
pub(super) fn refused(error: &std::io::Error, pid: Option<u32>, call: &str) -> Error {
    let Some(pid) = pid else {
        return Error::io(error, format!("{call} of this process's memory areas"));
    };
    let code = match error.raw_os_error() {
        Some(libc::ENOENT) => libc::ESRCH,
        code => code.unwrap_or(0),
    };
    Error::system("Io", code, format!("{call} of the memory areas of process {pid}"))
}

/// A process has ended while its areas were read.
pub(super) fn gone(pid: u32) -> Error {
    refused(&std::io::Error::from_raw_os_error(libc::ESRCH), Some(pid), "read")
}

fn open(pid: Option<u32>) -> Result<File> {
    let path = match pid {
        Some(pid) => format!("/proc/{pid}/maps"),
        None => "/proc/self/maps".to_owned(),
    };
    File::open(path).map_err(|error| refused(&error, pid, "open"))
}

/// A list of areas, half read.
#[derive(Debug)]
pub(super) enum Source {
    Text(Text),
    Asked(Asked),
    /// Neither any more: for the moment in which the one becomes the other.
    Ended,
}

/// The areas of a range, asked for one by one.
#[derive(Debug)]
pub(super) struct Asked {
    file: File,
    pid: Option<u32>,
    /// The addresses not yet asked for.
    rest: Range<usize>,
    seen: bool,
}

impl Reader for Source {
    fn open(pid: Option<u32>, range: Option<&Range<usize>>) -> Result<Self> {
        let file = open(pid)?;
        Ok(match range {
            Some(range) if lookup::is_known() => Self::Asked(Asked { file, pid, rest: range.clone(), seen: false }),
            // For all areas, one read for many costs less than one call for each.
            _ => Self::Text(Text::new(file, pid, false)),
        })
    }

    fn open_text(pid: Option<u32>) -> Result<Self> {
        Ok(Self::Text(Text::new(open(pid)?, pid, false)))
    }

    fn ready(&mut self) -> Option<Result<Area>> {
        match self {
            Self::Text(text) => text.ready(),
            Self::Asked(_) | Self::Ended => None,
        }
    }

    fn next_area(&mut self) -> Result<Option<Area>> {
        if let Self::Asked(asked) = self {
            if let Some(found) = asked.next_area() {
                return Ok(found);
            }
            // The text has it all; the caller leaves out what it has had.
            if let Self::Asked(Asked { file, pid, seen, .. }) = std::mem::replace(self, Self::Ended) {
                *self = Self::Text(Text::new(file, pid, seen));
            }
        }
        match self {
            Self::Text(text) => text.next_area(),
            Self::Asked(_) | Self::Ended => Ok(None),
        }
    }
}

impl Asked {
    /// The next one, or `None` if the text must be asked.
    fn next_area(&mut self) -> Option<Option<Area>> {
        if self.rest.is_empty() {
            return Some(None);
        }
        let found = match lookup::ask(self.file.as_fd(), self.rest.start) {
            Answer::Area(area) => Some(area),
            Answer::Nothing => match gate::own()?.filter(|gate| gate.meets(&self.rest)) {
                // Another process may have none.
                Some(_) if self.pid.is_some() => return None,
                gate => gate.cloned(),
            },
            Answer::AskText => return None,
        };
        self.seen = true;
        self.rest.start = found.as_ref().map_or(self.rest.end, |area| area.end);
        Some(found.filter(|area| area.start < self.rest.end))
    }
}

/// The area of an address.
pub(super) fn query(pid: Option<u32>, address: usize) -> Result<Option<Area>> {
    let mut file = None;
    if lookup::is_known() {
        let answer = match pid {
            None => kept::ask(address),
            Some(_) => Some(lookup::ask(file.insert(open(pid)?).as_fd(), address)),
        };
        match answer {
            Some(Answer::Area(area)) => return Ok(Some(area).filter(|area| area.holds(address))),
            Some(Answer::Nothing) => match gate::own().map(|gate| gate.filter(|gate| gate.holds(address))) {
                Some(Some(gate)) if pid.is_none() => return Ok(Some(gate.clone())),
                Some(None) => return Ok(None),
                _ => {}
            },
            Some(Answer::AskText) | None => {}
        }
    }
    let file = file.map_or_else(|| open(pid), Ok)?;
    let mut text = Text::new(file, pid, false);
    while let Some(area) = text.next_area()? {
        if address < area.end {
            return Ok(Some(area).filter(|area| area.holds(address)));
        }
    }
    Ok(None)
}
