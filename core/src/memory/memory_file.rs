//! Files that are nowhere but in memory, to be mapped more than once or handed to other processes.

use super::operation::Operation;
use super::page;
use super::source::Source;
use super::sys;
use crate::{Error, Result};
use std::fs::File;
use std::sync::Arc;

/// An open file in memory. It ends with its last user: a value of this type, a mapping, or another process.
#[derive(Clone, Debug)]
pub struct MemoryFile {
    file: Arc<File>,
    name: Option<Arc<str>>,
    /// Windows: what the system does not say of it.
    #[cfg(windows)]
    section: super::source::Section,
}

/// What can't be done to a file any more: the bits of Linux's and FreeBSD's `F_SEAL_*`.
pub const SEALS: [(&str, u32); 6] =
    [("SEAL", 1), ("SHRINK", 2), ("GROW", 4), ("WRITE", 8), ("FUTURE_WRITE", 16), ("EXEC", 32)];

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
            if size % (1 << exponent) != 0 {
                return Err(Error::InvalidSize(format!(
                    "{size} bytes are not a multiple of the huge page size, {} bytes",
                    1u64 << exponent
                )));
            }
        }
        let file = sys::new_memory_file(size, name.unwrap_or_default(), huge)
            .map(|file| Self::of(file, name, size))
            .map_err(|code| Operation::MemoryFile { call: sys::MEMORY_FILE, size }.refused(code))?;
        // A section is made with its size.
        if cfg!(unix) {
            file.resize(size)?;
        }
        Ok(file)
    }

    /// A file in memory that another process has handed over, of `size` bytes where the system does not say it.
    #[cfg_attr(unix, allow(unused_variables))]
    pub fn of(file: File, name: Option<&str>, size: u64) -> Self {
        Self {
            file: Arc::new(file),
            name: name.map(Into::into),
            #[cfg(windows)]
            section: super::source::Section::new(size),
        }
    }

    /// The file behind a mapping, by the name that its source has.
    #[cfg(unix)]
    pub(super) fn shared(file: Arc<File>, name: &str) -> Self {
        Self { file, name: short(name) }
    }

    /// The file behind a mapping, by the name that its source has.
    #[cfg(windows)]
    pub(super) fn shared(file: Arc<File>, section: super::source::Section, name: &str) -> Self {
        Self { file, name: short(name), section }
    }

    /// The name that it was given.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The open file; under Windows the section.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the bytes of a mapping come from.
    pub fn source(&self, offset: u64, past_end: bool) -> Result<Source> {
        let name =
            self.name.as_ref().map_or_else(|| "a memory file".to_owned(), |name| format!("memory file '{name}'"));
        #[cfg(unix)]
        return Source::memory(self.file.clone(), &name, offset, past_end);
        #[cfg(windows)]
        return Source::memory(self.file.clone(), self.section, &name, offset, past_end);
    }

    /// Its size in bytes now.
    pub fn size(&self) -> Result<u64> {
        #[cfg(windows)]
        return Ok(self.section.size);
        #[cfg(unix)]
        self.file
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
        self.file.set_len(size).map_err(|error| Operation::MemoryFile { call: "ftruncate", size }.failed(&error))
    }

    /// Forbids things for good, by the bits of [`SEALS`].
    pub fn seal(&self, seals: u32) -> Result<()> {
        sys::seal(&self.file, seals)
            .ok_or_else(unsealed)?
            .map_err(|code| Operation::MemoryFile { call: "fcntl F_ADD_SEALS", size: 0 }.refused(code))
    }

    /// What is forbidden, by the bits of [`SEALS`].
    pub fn seals(&self) -> Result<u32> {
        sys::seals(&self.file)
            .ok_or_else(unsealed)?
            .map_err(|code| Operation::MemoryFile { call: "fcntl F_GET_SEALS", size: 0 }.refused(code))
    }
}

/// The name within that of a source: see [`MemoryFile::source`].
fn short(name: &str) -> Option<Arc<str>> {
    name.strip_prefix("memory file '")?.strip_suffix('\'').map(Into::into)
}

fn unsealed() -> Error {
    Error::InvalidOperation("this system has no seals".to_owned())
}
