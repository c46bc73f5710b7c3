//! The file behind a mapping: opened, asked for its size, and checked (U6).

use super::file::{self, FileId, FileKind, Mode, Status};
use super::memory_file::MemoryFile;
use super::operation::Operation;
use super::page;
use super::sys;
use crate::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the bytes come from.
#[derive(Clone, Debug)]
pub struct Source {
    origin: Origin,
    /// The file of a path, where it has been opened for the mapping that is being made.
    ready: Option<OpenFile>,
    /// Where in the file the mapping begins, in bytes.
    offset: u64,
    /// What the user called the file.
    name: Arc<str>,
    /// Whether the mapping may reach past the end of the file.
    past_end: bool,
    /// The file that the path led to when the mapping was made.
    found: Option<FileId>,
    /// The file that the path must lead to.
    expected: Option<FileId>,
}

/// An open file, and for what it was opened.
pub(super) type OpenFile = (Arc<File>, Mode);

#[derive(Clone, Debug)]
enum Origin {
    /// A duplicate of the user's descriptor, shared by all options that came from it.
    Open(Arc<File>, Mode),
    /// A file in memory.
    Memory(MemoryFile),
    /// Opened anew for each mapping, with the rights that it needs.
    Path(Arc<PathBuf>),
    /// Known to other code only, which has mapped it.
    Foreign,
}

/// What a file was opened from.
#[derive(Clone, Copy, Debug)]
pub enum FileOrigin<'a> {
    /// A descriptor of the user's.
    Descriptor,
    /// A file in memory.
    Memory(&'a MemoryFile),
    /// A path.
    Path(&'a Path),
}

/// An open file with what must be known of it.
pub(super) struct Opened {
    pub(super) file: Arc<File>,
    pub(super) mode: Mode,
    pub(super) status: Status,
}

/// A handle of our own to the file of another, which keeps nobody from renaming or deleting it.
#[cfg(windows)]
pub fn own(file: std::os::windows::io::BorrowedHandle<'_>) -> std::io::Result<File> {
    sys::own(file)
}

impl Source {
    /// An open file: a duplicate that nobody else closes.
    pub fn open(file: File, name: &str, offset: u64, past_end: bool) -> Result<Self> {
        let mode = file::mode(&file, name)?;
        Self::new(Origin::Open(Arc::new(file), mode), name, offset, past_end)
    }

    /// A file in memory.
    pub(super) fn memory(file: MemoryFile, name: &str, offset: u64, past_end: bool) -> Result<Self> {
        Self::new(Origin::Memory(file), name, offset, past_end)
    }

    /// A file to be opened for each mapping.
    pub fn path(path: PathBuf, offset: u64, past_end: bool) -> Result<Self> {
        let name = format!("'{}'", path.display());
        Self::new(Origin::Path(Arc::new(path)), &name, offset, past_end)
    }

    /// A file that other code has mapped, by its path as the list of areas shows it.
    pub(super) fn foreign(path: &Path, offset: u64) -> Self {
        let name = format!("'{}'", path.display());
        Self::at_offset(Origin::Foreign, &name, offset, true)
    }

    fn new(origin: Origin, name: &str, offset: u64, past_end: bool) -> Result<Self> {
        let granularity = page::granularity() as u64;
        if offset % granularity != 0 {
            return Err(Error::InvalidOffset(format!(
                "file offset {offset} is not a multiple of the allocation granularity, {granularity} bytes: map from \
                 {} and begin {} bytes later in the mapping",
                offset - offset % granularity,
                offset % granularity
            )));
        }
        Ok(Self::at_offset(origin, name, offset, past_end))
    }

    fn at_offset(origin: Origin, name: &str, offset: u64, past_end: bool) -> Self {
        // Messages and `repr` have one line.
        let line = |letter: char| if letter.is_control() { letter.escape_default().to_string() } else { letter.into() };
        let name: Arc<str> = if name.chars().any(char::is_control) {
            name.chars().map(line).collect::<String>().into()
        } else {
            name.into()
        };
        Self { origin, ready: None, offset, name, past_end, found: None, expected: None }
    }

    /// The same, for a path that must lead to a file that another process has mapped.
    pub fn expecting(self, file: FileId) -> Self {
        Self { expected: Some(file), ..self }
    }

    /// The file that the path led to when the mapping was made.
    pub fn found(&self) -> Option<FileId> {
        self.found
    }

    /// The same, from `at` bytes further on.
    ///
    /// `file` is an open file to take in the place of its own.
    pub(super) fn at(&self, at: u64, file: Option<&OpenFile>) -> Result<Self> {
        let Some(offset) = self.offset.checked_add(at) else {
            return Err(Error::InvalidOffset(format!("file offset {} + {at} is too large", self.offset)));
        };
        let ready = file.cloned().or_else(|| self.ready.clone());
        Ok(Self { offset, ready, ..self.clone() })
    }

    /// The file of a path, where it has been opened.
    pub(super) fn open_file(&self) -> Option<OpenFile> {
        self.ready.clone()
    }

    /// What a mapping keeps of it, to open the file again when it is resized: no descriptor that it has not been given,
    /// and a path that a change of directory can't change.
    pub(super) fn kept(&self, opened: &Opened) -> Self {
        let is_path = matches!(self.origin, Origin::Path(_));
        let found = is_path.then(|| FileId::of(&opened.file, opened.status.identity)).flatten();
        let origin = match &self.origin {
            Origin::Path(path) if path.is_relative() => {
                // Where there is no current directory, the path can't be opened either way.
                Origin::Path(std::path::absolute(&**path).map_or_else(|_| path.clone(), Arc::new))
            }
            origin => origin.clone(),
        };
        Self { origin, ready: None, found, expected: None, ..self.clone() }
    }

    /// Where in the file the mapping begins, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What the user called the file.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// For `repr`: the file and the offset.
    pub fn in_words(&self) -> String {
        // One without a name is called "a memory file".
        let name = self.name.strip_prefix("a ").filter(|_| self.is_memory()).unwrap_or(&self.name);
        let kind = if self.is_memory() { "" } else { "file " };
        format!("{kind}{name} offset={}", self.offset)
    }

    /// The descriptor, where there is one already.
    #[cfg(unix)]
    pub fn descriptor(&self) -> Option<i32> {
        use std::os::fd::AsRawFd;
        match (&self.origin, &self.ready) {
            (Origin::Open(file, _), _) | (_, Some((file, _))) => Some(file.as_raw_fd()),
            (Origin::Memory(file), None) => Some(file.file().as_raw_fd()),
            (Origin::Path(_) | Origin::Foreign, None) => None,
        }
    }

    /// Windows has handles; the number that Python knows is not kept.
    #[cfg(not(unix))]
    pub fn descriptor(&self) -> Option<i32> {
        None
    }

    /// The path that is still to be opened, where it is one.
    pub fn unopened(&self) -> Option<&Path> {
        match &self.origin {
            Origin::Path(path) if self.ready.is_none() => Some(path),
            _ => None,
        }
    }

    /// The same source with its file open.
    pub fn opened(&self, write: bool) -> Result<Self> {
        Ok(Self { ready: Some(self.file(write)?), ..self.clone() })
    }

    /// How many bytes the file holds from the offset on, for a mapping of all of them. Of a regular file that may be 0.
    pub fn rest(&self) -> Result<usize> {
        let (file, _) = self.file(false)?;
        let (name, offset, status) = (&self.name, self.offset, self.status(&file)?);
        let Some(size) = status.size else {
            return Err(Error::InvalidSize(match status.kind {
                kind @ (FileKind::Directory | FileKind::Pipe) => {
                    format!("{name} is {}, which has no bytes that can be mapped", kind.in_words())
                }
                kind => format!(
                    "{name} has no size, as it is {}: say how many bytes to map, MmapOptions(size).with_file(..)",
                    kind.in_words()
                ),
            }));
        };
        let is_enough = |rest: &u64| *rest > 0 || status.kind == FileKind::Regular;
        let rest = size.checked_sub(offset).filter(is_enough).ok_or_else(|| {
            Error::InvalidSize(format!(
                "{name} holds {size} bytes, none from offset {offset} on: there is nothing to map"
            ))
        })?;
        usize::try_from(rest)
            .map_err(|_| Error::InvalidSize(format!("{rest} bytes do not fit into this address space")))
    }

    fn status(&self, file: &File) -> Result<Status> {
        match &self.origin {
            Origin::Memory(memory) => memory.status(&self.name),
            _ => Status::of(file, &self.name),
        }
    }

    /// Whether it is a file in memory, whose last user waits until the system has freed its pages.
    pub fn is_memory(&self) -> bool {
        matches!(self.origin, Origin::Memory(_))
    }

    /// What the file was opened from, for a mapping that is to be made in another process.
    pub fn backing(&self) -> FileOrigin<'_> {
        match &self.origin {
            Origin::Open(..) | Origin::Foreign => FileOrigin::Descriptor,
            Origin::Memory(file) => FileOrigin::Memory(file),
            Origin::Path(path) => FileOrigin::Path(path),
        }
    }

    /// The same, for a mapping that may reach past the end of the file.
    pub fn to_past_end(&self) -> Self {
        Self { past_end: true, ..self.clone() }
    }

    /// Whether the mapping may reach past the end of the file.
    pub fn past_end(&self) -> bool {
        self.past_end
    }

    fn file(&self, write: bool) -> Result<(Arc<File>, Mode)> {
        match (&self.origin, &self.ready) {
            (_, Some(ready)) => Ok(ready.clone()),
            (Origin::Open(file, mode), None) => Ok((file.clone(), *mode)),
            (Origin::Memory(file), None) => Ok((file.shared(), Mode::ReadWrite)),
            (Origin::Foreign, None) => {
                Err(Error::InvalidOperation(format!("{} was mapped by other code, and is not open here", self.name)))
            }
            (Origin::Path(path), None) => {
                if self.expected.is_some() {
                    // Another file is recognized before it is opened, which it may refuse.
                    self.check_found(sys::look(path).ok())?;
                }
                let file = open(path, write)?;
                if self.expected.is_some() {
                    self.check_found(FileId::of(&file, self.status(&file)?.identity))?;
                }
                Ok((Arc::new(file), if write { Mode::ReadWrite } else { Mode::Read }))
            }
        }
    }

    /// Refuses another file than the expected one. What could not be looked at is opened all the same, for the error.
    fn check_found(&self, found: Option<FileId>) -> Result<()> {
        match (&self.expected, found) {
            (Some(expected), Some(found)) if !expected.is(&found) => Err(Error::BackingMismatch(format!(
                "{} is another file here than in the process that sent the mapping",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    /// Reads what the file holds `at` bytes behind the offset. Past its end are zeros.
    pub(super) fn read_at(&self, at: usize, mut into: &mut [u8]) -> Result<()> {
        let (file, _) = self.file(false)?;
        let mut place = self.offset.saturating_add(at as u64);
        while !into.is_empty() {
            match read_at(&file, into, place) {
                Ok(0) => {
                    into.fill(0);
                    break;
                }
                Ok(count) => {
                    place = place.saturating_add(count as u64);
                    into = into.get_mut(count..).unwrap_or_default();
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io(&error, format!("read of {}", self.name))),
            }
        }
        Ok(())
    }

    /// Opens it where that is still to do, and checks that `size` bytes from the offset on are there.
    pub(super) fn prepare(&self, size: usize, write: bool) -> Result<Opened> {
        let (file, mode) = self.file(write)?;
        let status = self.status(&file)?;
        // Offsets have a sign for the system, and a mapping ends at one.
        let end = u64::try_from(size).ok().and_then(|size| self.offset.checked_add(size));
        let end = end.filter(|end| i64::try_from(*end).is_ok());
        // What has no size has its own idea of what can be mapped.
        if let (false, Some(held)) = (self.past_end, status.size) {
            if end.is_none_or(|end| end > held) {
                let remedy = if self.is_memory() { "its resize()" } else { "os.truncate" };
                return Err(Error::InvalidSize(format!(
                    "{size} bytes from offset {} on reach past the end of {}, which holds {held} bytes: make the file \
                     longer first, with {remedy} (past_end=True allows it as it is)",
                    self.offset, self.name
                )));
            }
        }
        if end.is_none() {
            return Err(Error::InvalidOffset(format!(
                "{size} bytes from offset {} on reach beyond {}, the largest offset in a file",
                self.offset,
                i64::MAX
            )));
        }
        Ok(Opened { file, mode, status })
    }
}

fn open(path: &Path, write: bool) -> Result<File> {
    open_file(path, write).map_err(|error| Operation::Open { write }.failed(&error).with_path(path))
}

#[cfg(unix)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, into, at)
}

#[cfg(windows)]
fn read_at(file: &File, into: &mut [u8], at: u64) -> std::io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, into, at)
}

/// A FIFO without a writer would have the open wait for one, and a terminal could become the process's own; neither
/// can be mapped.
#[cfg(unix)]
fn open_file(path: &Path, write: bool) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    std::fs::OpenOptions::new().read(true).write(write).custom_flags(flags).open(path)
}

#[cfg(windows)]
fn open_file(path: &Path, write: bool) -> std::io::Result<File> {
    sys::open(path, write)
}
