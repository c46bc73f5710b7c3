//! The handle of a file, with the rights that its mapping may need.
//!
//! A view can't do more than the handle of its file allowed, so the right to execute is asked for in good time (U19);
//! the right to write is never won: memory over a file that was opened for reading can't change it. A handle that is
//! kept is one of our own where that can be had, as the caller's may keep others from renaming the file, and, while it
//! is not mapped, from deleting it.

use super::super::super::file::{FileId, FileKind, Identity, Mode, Status};
use super::last;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle};
use std::path::Path;
use std::sync::Arc;
use windows_sys::Wdk::Foundation::{NtQueryObject, ObjectBasicInformation};
use windows_sys::Win32::Foundation::{GENERIC_EXECUTE, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ATTRIBUTE_DIRECTORY, FILE_EXECUTE, FILE_FLAG_BACKUP_SEMANTICS, FILE_READ_DATA,
    FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_TYPE_CHAR, FILE_TYPE_PIPE, FILE_WRITE_DATA,
    GetFileInformationByHandle, GetFileType, ReOpenFile,
};
use windows_sys::Win32::System::IO::DeviceIoControl;
use windows_sys::Win32::System::Ioctl::{GET_LENGTH_INFORMATION, IOCTL_DISK_GET_LENGTH_INFO};
use windows_sys::Win32::System::WindowsProgramming::PUBLIC_OBJECT_BASIC_INFORMATION;

/// What others may do with a file that is mapped: all that the system lets them. It deletes none that is mapped, and
/// shortens none.
const SHARE: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// Opens a file for a mapping; others may read, write and rename it meanwhile.
pub(crate) fn open(path: &Path, write: bool) -> io::Result<File> {
    let open = |rights| OpenOptions::new().access_mode(rights).share_mode(SHARE).open(path);
    let rights = GENERIC_READ | if write { GENERIC_WRITE } else { 0 };
    match open(rights | GENERIC_EXECUTE) {
        // Its owner forbids execution, which few mappings want.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open(rights),
        other => other,
    }
}

/// The file that a path leads to, also a folder, without any right to it.
pub(crate) fn look(path: &Path) -> io::Result<FileId> {
    let mut options = OpenOptions::new();
    let file = options.access_mode(0).share_mode(SHARE).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path)?;
    let (device, inode) = number(&information(&file)?);
    Ok(FileId { device, inode, born: None })
}

/// The number of a file contains how often it was used before, and a new file of the same name may be given the time of
/// the old one.
pub(crate) fn born(_file: &File) -> Option<i64> {
    None
}

/// The volume of a file, and its number there.
fn number(found: &BY_HANDLE_FILE_INFORMATION) -> (u64, u64) {
    (u64::from(found.dwVolumeSerialNumber), joined(found.nFileIndexHigh, found.nFileIndexLow))
}

fn joined(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// A file with what its handle is good for.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    pub(super) file: Arc<File>,
    pub(super) write: bool,
    pub(super) execute: bool,
    /// Whether the handle is that of a section already, and not of a file.
    pub(super) is_section: bool,
}

impl Rights {
    /// The rights of a section of the page file: all of them.
    pub(super) fn of_section(section: &Arc<File>) -> Self {
        Self { file: section.clone(), write: true, execute: true, is_section: true }
    }

    /// The rights of a handle; that to execute is won by opening the file once more, which may be refused.
    pub(super) fn of(file: &Arc<File>) -> Self {
        let has = granted(file.as_handle());
        let (write, execute) = (has & FILE_WRITE_DATA != 0, has & FILE_EXECUTE != 0);
        if !execute {
            if let Some(again) = reopened(file.as_handle(), has, GENERIC_EXECUTE) {
                return Self { file: Arc::new(again), write, execute: true, is_section: false };
            }
        }
        Self { file: file.clone(), write, execute, is_section: false }
    }
}

/// A handle of our own to an open file, which lets others do what they like; a duplicate where there is none to be had.
pub(crate) fn own(file: BorrowedHandle<'_>) -> io::Result<File> {
    let has = granted(file);
    match reopened(file, has, GENERIC_EXECUTE).or_else(|| reopened(file, has, 0)) {
        Some(again) => Ok(again),
        None => file.try_clone_to_owned().map(File::from),
    }
}

/// The same file, opened once more for reading, for what else the handle can do, and for `more`.
fn reopened(file: BorrowedHandle<'_>, has: u32, more: u32) -> Option<File> {
    // A handle without the right to read must not gain it here.
    if has & FILE_READ_DATA == 0 {
        return None;
    }
    let rights = GENERIC_READ | more | if has & FILE_WRITE_DATA != 0 { GENERIC_WRITE } else { 0 };
    // SAFETY: the handle is open while it is borrowed; gives a handle that is ours, or the invalid one.
    let again = unsafe { ReOpenFile(file.as_raw_handle(), rights, SHARE, 0) };
    if again == INVALID_HANDLE_VALUE || again.is_null() {
        return None;
    }
    // SAFETY: as above; closed with its owner.
    Some(unsafe { File::from_raw_handle(again) })
}

/// The rights that a handle has; none where the system does not say.
fn granted(file: BorrowedHandle<'_>) -> u32 {
    let mut found = PUBLIC_OBJECT_BASIC_INFORMATION::default();
    let size = size_of_val(&found) as u32;
    let (out, no_length) = ((&raw mut found).cast(), std::ptr::null_mut());
    // SAFETY: the handle is open; writes at most the struct.
    let status = unsafe { NtQueryObject(file.as_raw_handle(), ObjectBasicInformation, out, size, no_length) };
    if status >= 0 { found.GrantedAccess } else { 0 }
}

/// For what a file was opened.
pub(crate) fn mode(file: &File) -> io::Result<Mode> {
    let has = granted(file.as_handle());
    Ok(match (has & FILE_READ_DATA != 0, has & FILE_WRITE_DATA != 0) {
        // The system does not say; it refuses what can't be.
        _ if has == 0 => Mode::ReadWrite,
        (true, true) => Mode::ReadWrite,
        (true, false) => Mode::Read,
        (false, true) => Mode::Write,
        (false, false) => Mode::Neither,
    })
}

/// What a file is now, or the name of the call that failed and why.
pub(crate) fn status(file: &File) -> Result<Status, (&'static str, io::Error)> {
    let (kind, size, identity) = match information(file) {
        Ok(found) if found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY != 0 => {
            (FileKind::Directory, None, Identity::unique())
        }
        Ok(found) => {
            let (device, inode) = number(&found);
            let identity = Identity::File { device, inode };
            (FileKind::Regular, Some(joined(found.nFileSizeHigh, found.nFileSizeLow)), identity)
        }
        // Only files of a file system have that.
        Err(error) => {
            // SAFETY: the handle is open.
            let (kind, size) = match (disk_size(file), unsafe { GetFileType(file.as_raw_handle()) }) {
                (Some(size), _) => (FileKind::Block, Some(size)),
                (None, FILE_TYPE_CHAR) => (FileKind::Character, None),
                (None, FILE_TYPE_PIPE) => (FileKind::Pipe, None),
                _ => return Err(("GetFileInformationByHandle", error)),
            };
            (kind, size, Identity::unique())
        }
    };
    Ok(Status { kind, size, identity, huge: None })
}

fn information(file: &File) -> io::Result<BY_HANDLE_FILE_INFORMATION> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open; writes the struct.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) } == 0 {
        return Err(io::Error::from_raw_os_error(last()));
    }
    Ok(found)
}

/// The size of a raw disk or volume in bytes; `None` of anything else.
fn disk_size(file: &File) -> Option<u64> {
    let (mut found, mut written) = (GET_LENGTH_INFORMATION::default(), 0);
    let (out, size) = ((&raw mut found).cast(), size_of_val(&found) as u32);
    let (input, none) = (std::ptr::null(), std::ptr::null_mut());
    // SAFETY: the handle is open; writes at most the struct.
    let status = unsafe {
        DeviceIoControl(file.as_raw_handle(), IOCTL_DISK_GET_LENGTH_INFO, input, 0, out, size, &raw mut written, none)
    };
    if status == 0 { None } else { u64::try_from(found.Length).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_of_our_own_keeps_nobody_from_deleting() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 10]).expect("written");
        // As C's library opens files: to be read and written by others, but not deleted.
        let open =
            |rights| OpenOptions::new().access_mode(rights).share_mode(FILE_SHARE_READ | FILE_SHARE_WRITE).open(&path);
        let caller = open(GENERIC_READ | GENERIC_WRITE).expect("opened");
        let ours = own(caller.as_handle()).expect("opened");
        let has = granted(ours.as_handle());
        assert!([FILE_READ_DATA, FILE_WRITE_DATA, FILE_EXECUTE].iter().all(|right| has & right != 0));
        assert!(std::fs::remove_file(&path).is_err(), "the caller's own handle forbids it");
        drop(caller);
        std::fs::remove_file(&path).expect("ours does not");
        drop(ours);
    }

    #[test]
    fn no_right_is_won_but_that_to_execute() {
        let file = tempfile::NamedTempFile::new().expect("file");
        let own_of = |rights| {
            let caller = OpenOptions::new().access_mode(rights).share_mode(SHARE).open(file.path()).expect("opened");
            granted(own(caller.as_handle()).expect("opened").as_handle())
        };
        assert_eq!(own_of(GENERIC_READ) & (FILE_WRITE_DATA | FILE_READ_DATA), FILE_READ_DATA);
        assert_eq!(own_of(GENERIC_WRITE) & (FILE_WRITE_DATA | FILE_READ_DATA), FILE_WRITE_DATA);
    }
}
