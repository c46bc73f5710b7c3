//! What must be known of an open file: its kind, its size, which file it is, and what its descriptor allows.

use super::sys;
use crate::{Error, Result};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// An ordinary file, also one in memory.
    Regular,
    /// A file that the kernel generates when it is read, as in `/proc` and `/sys`.
    Generated,
    /// A directory.
    Directory,
    /// A pipe or a FIFO.
    Pipe,
    /// A socket.
    Socket,
    /// A block device; under Windows a raw disk.
    Block,
    /// A character device.
    Character,
    /// Another object of the kernel's that has a descriptor.
    Other,
    /// One that other code has mapped: of which kind it is, is not known.
    Foreign,
}

impl FileKind {
    /// The kind in words, for a message.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            FileKind::Regular => "a regular file",
            FileKind::Generated => "a file that the kernel generates",
            FileKind::Directory => "a directory",
            FileKind::Pipe => "a pipe",
            FileKind::Socket => "a socket",
            FileKind::Block => "a block device",
            FileKind::Character => "a character device",
            FileKind::Other => "a kernel object",
            FileKind::Foreign => "mapped by other code",
        }
    }

    /// Whether all mappings of one file of this kind are of the same memory.
    pub(super) const fn is_one_memory(self) -> bool {
        matches!(self, FileKind::Regular | FileKind::Generated | FileKind::Block)
    }

    /// Whether the system splits every mapping of it where it is asked to. Drivers may refuse that.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) const fn splits(self) -> bool {
        matches!(self, FileKind::Regular | FileKind::Block)
    }
}

/// For what a file was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Reading only.
    Read,
    /// Writing only.
    Write,
    /// Reading and writing.
    ReadWrite,
    /// Neither (`O_PATH`).
    Neither,
}

/// Which file it is: mappings of the same one can be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A regular file or a block device, by its number on its device.
    File {
        /// The device, or the volume.
        device: u64,
        /// The number of the file on it.
        inode: u64,
    },
    /// One mapping and its parts. Different objects of the kernel's may share an inode, and a device gives each open
    /// file memory of its own, so that only parts of one mapping are known to be of the same object.
    Mapping(u64),
}

impl Identity {
    /// One that nothing else has.
    pub(super) fn unique() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Identity::Mapping(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Which file it is, as the list of memory areas has it. Some file systems give stat(2) another device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileNumber {
    /// The device.
    pub device: u64,
    /// The number of the file on it.
    pub inode: u64,
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl FileNumber {
    /// By the numbers of Linux's list, which are all 0 where no file is mapped.
    pub(crate) fn new(major: u64, minor: u64, inode: u64) -> Option<Self> {
        let part = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        #[allow(clippy::useless_conversion, reason = "it has 32 bits on some systems")]
        let device = u64::from(libc::makedev(part(major), part(minor)));
        ((major, minor, inode) != (0, 0, 0)).then_some(Self { device, inode })
    }
}

/// What another process recognizes a file by, where it opens the same path.
#[derive(Clone, Copy, Debug)]
pub struct FileId {
    /// The device, or the volume.
    pub device: u64,
    /// The number of the file on it, which a new file may get once this one is deleted.
    pub inode: u64,
    /// When the file was made, in nanoseconds since 1970. `None` where the system does not say.
    pub born: Option<i64>,
}

impl FileId {
    /// That of an open file; `None` if it is of a kind whose mappings are not all of the same memory.
    pub(super) fn of(file: &File, identity: Identity) -> Option<Self> {
        match identity {
            Identity::File { device, inode } => Some(Self { device, inode, born: sys::born(file) }),
            Identity::Mapping(_) => None,
        }
    }

    /// Whether both are of one file, as far as both say.
    pub(super) fn is(&self, other: &Self) -> bool {
        let born = self.born.zip(other.born).is_none_or(|(one, other)| one == other);
        (self.device, self.inode) == (other.device, other.inode) && born
    }
}

/// An open file, as it is now.
pub(super) struct Status {
    pub(super) kind: FileKind,
    /// How many bytes it holds. `None`: it has no size.
    pub(super) size: Option<u64>,
    pub(super) identity: Identity,
    /// The size of its pages where it lies in a file system of huge pages.
    pub(super) huge: Option<usize>,
}

impl Status {
    /// Asks the system.
    pub(super) fn of(file: &File, name: &str) -> Result<Self> {
        sys::status(file).map_err(|(call, error)| Error::io(&error, format!("{call} of {name}")))
    }
}

/// For what a file was opened.
pub(super) fn mode(file: &File, name: &str) -> Result<Mode> {
    sys::mode(file).map_err(|error| Error::io(&error, format!("fcntl of {name}")))
}
