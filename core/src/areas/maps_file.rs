//! `/proc/PID/maps` or `/proc/PID/smaps`, opened; and what it means where the system refuses that.
//!
//! It is opened for each list and each look-up. A descriptor that was kept between them could be another file's by then:
//! any code of the program may close it, and open another under its number.

use super::owner;
use super::process;
use crate::{Error, Result};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// The first thread's list is empty once that thread has ended, though others of the process go on. It comes first all
/// the same: the list of a thread can't be read on when that thread has ended, which may have opened it for others.
const OWN: &str = "/proc/self";
const OWN_BY_THREAD: &str = "/proc/thread-self";

/// Which of the two lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Text {
    /// `maps`: a line for each area.
    Maps,
    /// `smaps`: the same line, and lines about what of the area is in memory, for which the kernel looks at each page.
    Smaps,
}

impl Text {
    /// The path of the list in a folder of /proc.
    fn path(self, folder: &str) -> String {
        format!("{folder}/{}", if self == Self::Maps { "maps" } else { "smaps" })
    }
}

/// The list of a process, open.
#[derive(Debug)]
pub(super) struct MapsFile {
    file: File,
    /// `None` is this process.
    pid: Option<u32>,
    text: Text,
}

impl MapsFile {
    /// That of a process (`None`: this one); `None` if it has no memory: a process of the kernel's, or one that has
    /// ended and whose parent has not asked for its end. (Some versions of Linux open an empty list for these.)
    ///
    /// A kernel without `smaps` (CONFIG_PROC_PAGE_MONITOR) gives `maps` in its place.
    pub fn open(pid: Option<u32>, text: Text) -> Result<Option<Self>> {
        let Some(pid) = pid.filter(|pid| *pid != std::process::id()) else { return Self::open_own(text).map(Some) };
        let folder = format!("/proc/{pid}");
        let path = text.path(&folder);
        match File::open(&path) {
            Ok(file) if is_own_namespace() => Ok(Some(Self { file, pid: Some(pid), text })),
            Ok(_) => Err(not_mounted(Some(pid), &path)),
            Err(error) => match error.raw_os_error() {
                Some(libc::ENOENT | libc::ESRCH) if !process::exists(pid) => Err(gone(pid)),
                Some(libc::ESRCH) => Ok(None),
                Some(libc::ENOENT) if text == Text::Smaps => Self::open(Some(pid), Text::Maps),
                Some(libc::ENOENT) => Err(hidden(pid, &path)),
                Some(libc::EACCES | libc::EPERM) => Err(refused(&error, Some(pid), "open").with_hint(owner::hint(pid))),
                _ => Err(refused(&error, Some(pid), "open")),
            },
        }
    }

    fn open_own(text: Text) -> Result<Self> {
        let path = text.path(OWN);
        match File::open(&path) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Self::open_own_by_thread(text),
            Err(error) if error.kind() == ErrorKind::NotFound && text == Text::Smaps => Self::open_own(Text::Maps),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(not_mounted(None, &path)),
            file => file.map(|file| Self { file, pid: None, text }).map_err(|error| refused(&error, None, "open")),
        }
    }

    fn open_own_by_thread(text: Text) -> Result<Self> {
        let file = File::open(text.path(OWN_BY_THREAD)).map_err(|error| refused(&error, None, "open"))?;
        Ok(Self { file, pid: None, text })
    }

    /// Which list it is.
    pub fn text(&self) -> Text {
        self.text
    }

    /// Whether it is this process's.
    pub fn is_own(&self) -> bool {
        self.pid.is_none()
    }

    /// Opens it anew after it was found empty: the process may have started another program since. `false` if it has
    /// no memory.
    pub fn reopen(&mut self) -> Result<bool> {
        let new =
            if self.is_own() { Some(Self::open_own_by_thread(self.text)?) } else { Self::open(self.pid, self.text)? };
        let Some(new) = new else { return Ok(false) };
        *self = new;
        Ok(true)
    }

    /// Reads on; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => return other.map_err(|error| refused(&error, self.pid, "read")),
            }
        }
    }

    /// Goes back to its beginning.
    pub fn rewind(&mut self) -> Result<()> {
        self.file.rewind().map_err(|error| refused(&error, self.pid, "read"))
    }

    /// The process has ended, or called exec, while its areas were read.
    pub fn gone(&self) -> Error {
        refused(&std::io::Error::from_raw_os_error(libc::ESRCH), self.pid, "read")
            .with_hint("the process has ended or started another program since the first area was read")
    }

    /// The list was empty: an error if it is this process's, which has memory.
    pub fn empty(&self) -> Result<()> {
        if !self.is_own() {
            return Ok(());
        }
        Err(refused(&std::io::Error::from_raw_os_error(libc::ENODATA), None, "read")
            .with_hint("/proc/self/maps is empty: is something else mounted over it?"))
    }

    /// The file that is mapped at these addresses.
    pub fn map_file(&self, start: usize, end: usize) -> String {
        let process = self.pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        format!("/proc/{process}/map_files/{start:x}-{end:x}")
    }
}

impl AsFd for MapsFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

fn operation(pid: Option<u32>, call: &str) -> String {
    match pid {
        Some(pid) => format!("{call} of the memory areas of process {pid}"),
        None => format!("{call} of this process's memory areas"),
    }
}

fn refused(error: &std::io::Error, pid: Option<u32>, call: &str) -> Error {
    Error::io(error, operation(pid, call))
}

fn gone(pid: u32) -> Error {
    Error::system("Io", libc::ESRCH, operation(Some(pid), "open"))
}

/// Whether /proc has the numbers of this process's pid namespace: in another one they are those of other processes.
fn is_own_namespace() -> bool {
    std::fs::read_link("/proc/self").is_ok_and(|own| own == Path::new(&std::process::id().to_string()))
}

/// A process is there, and /proc does not have it.
fn hidden(pid: u32, path: &str) -> Error {
    if !is_own_namespace() {
        return not_mounted(Some(pid), path);
    }
    Error::system("Io", libc::EACCES, operation(Some(pid), "open")).with_hint(
        "the process exists, but /proc does not show it: it is mounted with hidepid, or for another pid namespace",
    )
}

fn not_mounted(pid: Option<u32>, path: &str) -> Error {
    Error::system("Io", libc::ENOENT, operation(pid, "open"))
        .with_path(Path::new(path))
        .with_hint("/proc is not mounted, or for another pid namespace")
}
