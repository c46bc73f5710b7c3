//! The file behind a mapping: opened, asked for its size, and checked (U6).

use super::page;
#[cfg(windows)]
use super::sys;
use crate::{Error, Result};
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the bytes come from.
#[derive(Clone, Debug)]
pub struct Source {
    origin: Origin,
    /// Where in the file the mapping begins, in bytes.
    offset: u64,
    /// What the user called the file.
    name: Arc<str>,
    /// Whether the mapping may reach past the end of the file.
    past_end: bool,
}

#[derive(Clone, Debug)]
enum Origin {
    /// A duplicate of the user's descriptor, shared by all options that came from it.
    Open(Arc<File>),
    /// Opened anew for each mapping, with the rights that it needs.
    Path(Arc<PathBuf>),
}

/// An open file with what must be known of it.
pub(super) struct Opened {
    pub(super) file: Arc<File>,
    /// Device and inode, or what the system has in their place.
    pub(super) identity: (u64, u64),
    /// How many bytes it holds.
    #[cfg(windows)]
    pub(super) len: u64,
    /// The size of its pages where it lies in a file system of huge pages.
    pub(super) huge: Option<usize>,
}

/// A handle of our own to the file of another, which keeps nobody from renaming or deleting it.
#[cfg(windows)]
pub fn own(file: std::os::windows::io::BorrowedHandle<'_>) -> std::io::Result<File> {
    sys::own(file)
}

impl Source {
    /// An open file: a duplicate that nobody else closes.
    pub fn open(file: File, name: &str, offset: u64, past_end: bool) -> Result<Self> {
        Self::new(Origin::Open(Arc::new(file)), name, offset, past_end)
    }

    /// A file to be opened for each mapping.
    pub fn path(path: PathBuf, offset: u64, past_end: bool) -> Result<Self> {
        let name = format!("'{}'", path.display());
        Self::new(Origin::Path(Arc::new(path)), &name, offset, past_end)
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
        Ok(Self { origin, offset, name: name.into(), past_end })
    }

    /// Where in the file the mapping begins, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What the user called the file.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The descriptor, where there is one already.
    #[cfg(unix)]
    pub fn descriptor(&self) -> Option<i32> {
        use std::os::fd::AsRawFd;
        match &self.origin {
            Origin::Open(file) => Some(file.as_raw_fd()),
            Origin::Path(_) => None,
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
            Origin::Open(_) => None,
            Origin::Path(path) => Some(path),
        }
    }

    /// The same source with its file open.
    pub fn opened(&self, write: bool) -> Result<Self> {
        Ok(Self { origin: Origin::Open(self.file(write)?), ..self.clone() })
    }

    /// How many bytes the file holds from the offset on, for a mapping of all of them.
    pub fn rest(&self) -> Result<usize> {
        let file = self.file(false)?;
        let len = metadata(&file, &self.name)?.len();
        let rest = len.checked_sub(self.offset).filter(|rest| *rest > 0).ok_or_else(|| {
            let (name, offset) = (&self.name, self.offset);
            Error::InvalidSize(format!(
                "{name} holds {len} bytes, none from offset {offset} on: there is nothing to map"
            ))
        })?;
        usize::try_from(rest).map_err(|_| Error::InvalidSize(format!("{rest} bytes do not fit this address space")))
    }

    fn file(&self, write: bool) -> Result<Arc<File>> {
        match &self.origin {
            Origin::Open(file) => Ok(file.clone()),
            Origin::Path(path) => open(path, write).map(Arc::new),
        }
    }

    /// Opens it where that is still to do, and checks that `size` bytes from the offset on are there.
    pub(super) fn prepare(&self, size: usize, write: bool) -> Result<Opened> {
        let file = self.file(write)?;
        let metadata = metadata(&file, &self.name)?;
        // Only a regular file has a size that bounds what can be mapped; a device has its own idea of it.
        if !self.past_end && metadata.is_file() {
            let end = u64::try_from(size).ok().and_then(|size| self.offset.checked_add(size));
            if end.is_none_or(|end| end > metadata.len()) {
                return Err(Error::InvalidSize(format!(
                    "{size} bytes from offset {} on reach past the end of {}, which holds {} bytes \
                     (past_end=True allows it)",
                    self.offset,
                    self.name,
                    metadata.len()
                )));
            }
        }
        Ok(Opened {
            identity: identity(&file, &metadata, &self.name)?,
            #[cfg(windows)]
            len: metadata.len(),
            huge: huge_pages(&file, &metadata),
            file,
        })
    }
}

fn open(path: &Path, write: bool) -> Result<File> {
    open_file(path, write).map_err(|error| {
        let how = if write { "reading and writing" } else { "reading" };
        Error::io(&error, format!("open for {how}")).with_path(path)
    })
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

fn metadata(file: &File, name: &str) -> Result<Metadata> {
    file.metadata().map_err(|error| Error::io(&error, format!("fstat of {name}")))
}

#[cfg(unix)]
fn identity(_file: &File, metadata: &Metadata, _name: &str) -> Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(windows)]
fn identity(file: &File, _metadata: &Metadata, name: &str) -> Result<(u64, u64)> {
    sys::identity(file).map_err(|error| Error::io(&error, format!("GetFileInformationByHandle of {name}")))
}

/// The page size of a file in hugetlbfs, whose mappings must be made of whole huge pages (U3).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn huge_pages(file: &File, metadata: &Metadata) -> Option<usize> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    const HUGETLBFS_MAGIC: i64 = 0x9584_58f6;
    // hugetlbfs gives its page size as the block size; asking the file system is needed for large ones only.
    if metadata.blksize() <= page::base() as u64 {
        return None;
    }
    let mut found = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open, and the result goes into memory of its type.
    if unsafe { libc::fstatfs(file.as_raw_fd(), found.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the call succeeded and filled it.
    let found = unsafe { found.assume_init() };
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
    let is_huge = found.f_type as i64 & 0xffff_ffff == HUGETLBFS_MAGIC;
    if is_huge { usize::try_from(metadata.blksize()).ok() } else { None }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn huge_pages(_file: &File, _metadata: &Metadata) -> Option<usize> {
    None
}
