//! Files that are nowhere but in memory, to be mapped more than once or handed to other processes.

use super::file::Status;
use super::operation::Operation;
use super::page;
use super::source::Source;
use super::sys;
use crate::state::{Extent, Span};
use crate::{Error, Result};
use std::fs::File;
use std::sync::Arc;

/// An open file in memory. It ends with its last user: a value of this type, a mapping, or another process.
#[derive(Clone, Debug)]
pub struct MemoryFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: Arc<File>,
    name: Option<Box<str>>,
    #[cfg(windows)]
    section: Section,
}

/// What Windows does not say of a section.
#[cfg(windows)]
#[derive(Debug)]
struct Section {
    /// Its size in bytes.
    size: u64,
    identity: super::file::Identity,
}

/// What can't be done to a file any more: the bits of Linux's and FreeBSD's `F_SEAL_*`.
pub const SEALS: [(&str, u32); 6] =
    [("SEAL", 1), ("SHRINK", 2), ("GROW", 4), ("WRITE", 8), ("FUTURE_WRITE", 16), ("EXEC", 32)];

/// It lies nowhere.
impl Extent for MemoryFile {
    fn span(&self) -> Span {
        Span { start: 0, len: 0 }
    }
}

/// The system's calls, for messages.
pub(super) const TRUNCATE: &str = "ftruncate";
/// The system's calls, for messages.
pub(super) const ADD_SEALS: &str = "fcntl F_ADD_SEALS";

impl MemoryFile {
    /// A new file of `size` zero bytes. The system may show `name` in its lists.
    pub fn new(size: u64, name: Option<&str>, page_exponent: Option<u32>) -> Result<Self> {
        if size == 0 {
            return Err(Error::InvalidSize("a memory file can't have 0 bytes: ask for at least 1".to_owned()));
        }
        if i64::try_from(size).is_err() {
            return Err(Error::InvalidSize(format!("{size} bytes are more than a file can have, {}", i64::MAX)));
        }
        if name.is_some_and(|name| name.len() > 200 || name.contains('\0')) {
            let text = "the name of a memory file has at most 200 bytes, and no null byte";
            return Err(Error::InvalidOperation(text.to_owned()));
        }
        let huge = page_exponent.filter(|exponent| 1usize.checked_shl(*exponent) != Some(page::base()));
        if let Some(exponent) = huge {
            page::huge(exponent)?;
            check_huge(size, 1 << exponent)?;
        }
        sys::new_memory_file(size, name.unwrap_or_default(), huge)
            .map(|file| Self::of(file, name, size))
            .map_err(|(call, code)| Operation::MemoryFile { call, size }.refused(code))
    }

    /// A file in memory that another process has handed over, of `size` bytes where the system does not say it.
    #[cfg_attr(unix, allow(unused_variables))]
    pub fn of(file: File, name: Option<&str>, size: u64) -> Self {
        Self(Arc::new(Inner {
            file: Arc::new(file),
            name: name.map(Into::into),
            #[cfg(windows)]
            section: Section { size, identity: super::file::Identity::unique() },
        }))
    }

    /// The name that it was given.
    pub fn name(&self) -> Option<&str> {
        self.0.name.as_deref()
    }

    /// The open file; under Windows the section.
    pub fn file(&self) -> &File {
        &self.0.file
    }

    /// The same, shared with a mapping.
    pub(super) fn shared(&self) -> Arc<File> {
        self.0.file.clone()
    }

    /// Where the bytes of a mapping come from.
    pub fn source(&self, offset: u64, past_end: bool) -> Result<Source> {
        let name = self.name().map_or_else(|| "a memory file".to_owned(), |name| format!("memory file '{name}'"));
        Source::memory(self.clone(), &name, offset, past_end)
    }

    /// What must be known of it to map it; errors call it `name`.
    #[cfg_attr(windows, allow(clippy::unnecessary_wraps, unused_variables))]
    pub(super) fn status(&self, name: &str) -> Result<Status> {
        #[cfg(windows)]
        return Ok(Status {
            kind: super::file::FileKind::Regular,
            size: Some(self.0.section.size),
            identity: self.0.section.identity,
            huge: None,
        });
        #[cfg(unix)]
        Status::of(self.file(), name)
    }

    /// Its size in bytes now.
    pub fn size(&self) -> Result<u64> {
        #[cfg(windows)]
        return Ok(self.0.section.size);
        #[cfg(unix)]
        self.file()
            .metadata()
            .map(|found| found.len())
            .map_err(|error| Error::io(&error, "fstat of a memory file".to_owned()))
    }

    /// Gives it another size.
    pub fn resize(&self, size: u64) -> Result<()> {
        if cfg!(windows) {
            return Err(Error::InvalidOperation("on Windows a memory file keeps its size".to_owned()));
        }
        if size == 0 || i64::try_from(size).is_err() {
            return Err(Error::InvalidSize(format!("a memory file can't have {size} bytes")));
        }
        if let Some(page) = self.status("a memory file")?.huge {
            check_huge(size, page as u64)?;
        }
        self.file().set_len(size).map_err(|error| Operation::MemoryFile { call: TRUNCATE, size }.failed(&error))
    }

    /// Forbids things for good, by the bits of [`SEALS`].
    pub fn seal(&self, seals: u32) -> Result<()> {
        sys::seal(self.file(), seals)
            .ok_or_else(unsealed)?
            .map_err(|code| Operation::MemoryFile { call: ADD_SEALS, size: 0 }.refused(code))
    }

    /// Whether nobody may write it, or map it to be written.
    #[cfg(unix)]
    pub(super) fn is_write_sealed(&self) -> bool {
        let writing = SEALS.iter().filter(|(name, _)| name.ends_with("WRITE")).fold(0, |bits, (_, bit)| bits | bit);
        self.seals().is_ok_and(|seals| seals & writing != 0)
    }

    /// What is forbidden, by the bits of [`SEALS`].
    pub fn seals(&self) -> Result<u32> {
        sys::seals(self.file())
            .ok_or_else(unsealed)?
            .map_err(|code| Operation::MemoryFile { call: "fcntl F_GET_SEALS", size: 0 }.refused(code))
    }
}

fn check_huge(size: u64, page: u64) -> Result<()> {
    if size % page == 0 {
        return Ok(());
    }
    Err(Error::InvalidSize(format!("{size} bytes are not a multiple of the huge page size, {page} bytes")))
}

fn unsealed() -> Error {
    Error::InvalidOperation("this system has no seals".to_owned())
}
