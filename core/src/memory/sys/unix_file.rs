//! Unix: what the system knows of an open file, and the size of a disk.

use super::super::file::{FileId, FileKind, Identity, Mode, Status};
#[cfg(any(target_os = "linux", target_os = "android"))]
use super::super::page;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// What a file is now, or the name of the call that failed and why.
pub(crate) fn status(file: &File) -> Result<Status, (&'static str, io::Error)> {
    let metadata = file.metadata().map_err(|error| ("fstat", error))?;
    let kind = kind(file, &metadata);
    let size = match kind {
        FileKind::Regular => Some(metadata.len()),
        FileKind::Block => Some(disk_size(file).map_err(|error| (DISK_SIZE, error))?),
        // The disks of FreeBSD, and the raw ones of macOS. Another device does not know the request.
        FileKind::Character if DISKS_ARE_CHARACTER_DEVICES => disk_size(file).ok(),
        // Some have one, as a buffer of a graphics card.
        FileKind::Other if metadata.len() > 0 => Some(metadata.len()),
        _ => None,
    };
    let identity = if kind.is_one_memory() {
        Identity::File { device: metadata.dev(), inode: metadata.ino() }
    } else {
        Identity::unique()
    };
    Ok(Status { kind, size, identity, huge: huge_pages(file, &metadata) })
}

/// The file that a path leads to, without opening it.
pub(crate) fn look(path: &Path) -> io::Result<FileId> {
    let found = std::fs::metadata(path)?;
    Ok(FileId { device: found.dev(), inode: found.ino(), born: None })
}

/// When a file was made, in nanoseconds since 1970: `statx(2)`, by its number, as C libraries are younger than the call.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn born(file: &File) -> Option<i64> {
    /// From linux/stat.h. Only what is read here has a name.
    #[repr(C)]
    struct Statx {
        mask: u32,
        before: [u32; 19],
        seconds: i64,
        nanoseconds: u32,
        after: [u32; 41],
    }
    const STATX_BTIME: u32 = 0x800;
    /// The crate `libc` lacks it for this system.
    #[cfg(all(target_os = "android", target_arch = "x86_64"))]
    const STATX: libc::c_long = 332;
    #[cfg(not(all(target_os = "android", target_arch = "x86_64")))]
    const STATX: libc::c_long = libc::SYS_statx;
    let mut found = std::mem::MaybeUninit::<Statx>::zeroed();
    let (empty, out) = (c"".as_ptr(), found.as_mut_ptr());
    // SAFETY: the descriptor is open, and the result, of 256 bytes, goes into memory of its type.
    let status = unsafe { libc::syscall(STATX, file.as_raw_fd(), empty, libc::AT_EMPTY_PATH, STATX_BTIME, out) };
    // SAFETY: numbers, which were zeros before the call.
    let found = unsafe { found.assume_init() };
    if status != 0 || found.mask & STATX_BTIME == 0 {
        return None;
    }
    found.seconds.checked_mul(1_000_000_000)?.checked_add(i64::from(found.nanoseconds))
}

/// When a file was made, in nanoseconds since 1970.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn born(file: &File) -> Option<i64> {
    let time = file.metadata().and_then(|found| found.created()).ok()?;
    i64::try_from(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_nanos()).ok()
}

fn kind(file: &File, metadata: &Metadata) -> FileKind {
    let found = metadata.file_type();
    if found.is_file() {
        if is_generated(file, metadata) { FileKind::Generated } else { FileKind::Regular }
    } else if found.is_dir() {
        FileKind::Directory
    } else if found.is_block_device() {
        FileKind::Block
    } else if found.is_char_device() {
        FileKind::Character
    } else if found.is_fifo() {
        FileKind::Pipe
    } else if found.is_socket() {
        FileKind::Socket
    } else {
        FileKind::Other
    }
}

/// For what a file was opened.
pub(crate) fn mode(file: &File) -> io::Result<Mode> {
    // SAFETY: the descriptor is open; reads its flags.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if flags & libc::O_PATH != 0 {
        return Ok(Mode::Neither);
    }
    Ok(match flags & libc::O_ACCMODE {
        libc::O_RDONLY => Mode::Read,
        libc::O_WRONLY => Mode::Write,
        libc::O_RDWR => Mode::ReadWrite,
        _ => Mode::Neither,
    })
}

/// The number of a file's file system. `None` where the system does not say: then it is an ordinary one.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn file_system(file: &File) -> Option<i64> {
    let mut found = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open, and the result goes into memory of its type.
    if unsafe { libc::fstatfs(file.as_raw_fd(), found.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: the call succeeded and filled it.
    let found = unsafe { found.assume_init() };
    #[allow(clippy::unnecessary_cast, clippy::cast_lossless)]
    Some(found.f_type as i64 & 0xffff_ffff)
}

/// Whether the kernel generates the file when it is read, so that its size says nothing. Such a file says that it has
/// no bytes, or in `/sys` one page of them; it never has a block on a disk.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_generated(file: &File, metadata: &Metadata) -> bool {
    const PROC: i64 = 0x9fa0;
    const SYS: i64 = 0x6265_6572;
    /// cgroup and cgroup2, debugfs, tracefs, configfs, securityfs, selinuxfs, nsfs, fusectl, binfmt_misc, bpf.
    const OTHERS: [i64; 11] = [
        0x0027_e0eb,
        0x6367_7270,
        0x6462_6720,
        0x7472_6163,
        0x6265_6570,
        0x7363_6673,
        0xf97c_ff8c,
        0x6e73_6673,
        0x6573_5543,
        0x4249_4e4d,
        0xcafe_4a11,
    ];
    let is_page = metadata.len() == page::base() as u64;
    if metadata.blocks() != 0 || (metadata.len() != 0 && !is_page) {
        return false;
    }
    match file_system(file) {
        Some(SYS) => true,
        Some(PROC) => !is_page,
        Some(other) => !is_page && OTHERS.contains(&other),
        None => false,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_generated(_file: &File, _metadata: &Metadata) -> bool {
    false
}

/// The page size of a file in hugetlbfs, whose mappings must be made of whole huge pages (U3).
#[cfg(any(target_os = "linux", target_os = "android"))]
fn huge_pages(file: &File, metadata: &Metadata) -> Option<usize> {
    const HUGETLBFS: i64 = 0x9584_58f6;
    // hugetlbfs gives its page size as the block size; asking the file system is needed for large ones only.
    if metadata.blksize() <= page::base() as u64 || file_system(file) != Some(HUGETLBFS) {
        return None;
    }
    usize::try_from(metadata.blksize()).ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn huge_pages(_file: &File, _metadata: &Metadata) -> Option<usize> {
    None
}

const DISKS_ARE_CHARACTER_DEVICES: bool = cfg!(any(target_os = "freebsd", target_vendor = "apple"));

/// Asks a disk for a number.
fn ask<T: Default>(file: &File, request: Request) -> io::Result<T> {
    let mut found = T::default();
    // SAFETY: the descriptor is open, and each request below writes one number of the type that its caller names.
    if unsafe { libc::ioctl(file.as_raw_fd(), request, &raw mut found) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(found)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
use libc::Ioctl as Request;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
type Request = libc::c_ulong;

#[cfg(any(target_os = "linux", target_os = "android"))]
const DISK_SIZE: &str = "ioctl BLKGETSIZE64";

/// The size of a disk in bytes.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn disk_size(file: &File) -> io::Result<u64> {
    /// `BLKGETSIZE64`, from linux/fs.h: its number is made with the size of `size_t`, but it writes 64 bits.
    const REQUEST: Request = libc::_IOR::<usize>(0x12, 114);
    ask::<u64>(file, REQUEST)
}

#[cfg(target_os = "freebsd")]
const DISK_SIZE: &str = "ioctl DIOCGMEDIASIZE";

/// The size of a disk in bytes.
#[cfg(target_os = "freebsd")]
fn disk_size(file: &File) -> io::Result<u64> {
    /// `_IOR('d', 129, off_t)`, from sys/disk.h.
    const REQUEST: Request = 0x4008_6481;
    let size = ask::<libc::off_t>(file, REQUEST)?;
    u64::try_from(size).map_err(|_| io::Error::from_raw_os_error(libc::EOVERFLOW))
}

#[cfg(target_vendor = "apple")]
const DISK_SIZE: &str = "ioctl DKIOCGETBLOCKCOUNT";

/// The size of a disk in bytes.
#[cfg(target_vendor = "apple")]
fn disk_size(file: &File) -> io::Result<u64> {
    /// `DKIOCGETBLOCKSIZE`, `_IOR('d', 24, uint32_t)`, and `DKIOCGETBLOCKCOUNT`, `_IOR('d', 25, uint64_t)`, from
    /// sys/disk.h.
    const BLOCK: Request = 0x4004_6418;
    const COUNT: Request = 0x4008_6419;
    let (block, count) = (ask::<u32>(file, BLOCK)?, ask::<u64>(file, COUNT)?);
    count.checked_mul(u64::from(block)).ok_or_else(|| io::Error::from_raw_os_error(libc::EOVERFLOW))
}
