//! The handle of a file, with the rights that its mapping may need.
//!
//! A view can't do more than the handle of its file allowed, so the right to execute is asked for in good time (U19);
//! the right to write is never won: memory over a file that was opened for reading can't change it.

use super::last;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{AsRawHandle, FromRawHandle};
use std::path::Path;
use std::sync::Arc;
use windows_sys::Wdk::Foundation::{NtQueryObject, ObjectBasicInformation};
use windows_sys::Win32::Foundation::{GENERIC_EXECUTE, GENERIC_READ, GENERIC_WRITE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_EXECUTE, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_WRITE_DATA,
    GetFileInformationByHandle, ReOpenFile,
};
use windows_sys::Win32::System::WindowsProgramming::PUBLIC_OBJECT_BASIC_INFORMATION;

/// What others may do with a file that is mapped: all that the system lets them.
const SHARE: u32 = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;

/// Opens a file for a mapping; others may read, write, rename and delete it meanwhile.
pub(in super::super::super) fn open(path: &Path, write: bool) -> io::Result<File> {
    let open = |rights| OpenOptions::new().access_mode(rights).share_mode(SHARE).open(path);
    let rights = GENERIC_READ | if write { GENERIC_WRITE } else { 0 };
    match open(rights | GENERIC_EXECUTE) {
        // Its owner forbids execution, which few mappings want.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open(rights),
        other => other,
    }
}

/// A file with what its handle is good for.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    pub(super) file: Arc<File>,
    pub(super) write: bool,
    pub(super) execute: bool,
}

impl Rights {
    /// The rights of a handle; that to execute is won by opening the file once more, which may be refused. The new
    /// handle also keeps nobody from renaming or deleting the file, as the caller's may.
    pub(super) fn of(file: &Arc<File>) -> Self {
        let granted = granted(file);
        let (write, execute) = (granted & FILE_WRITE_DATA != 0, granted & FILE_EXECUTE != 0);
        if !execute {
            let rights = GENERIC_READ | GENERIC_EXECUTE | if write { GENERIC_WRITE } else { 0 };
            // SAFETY: the handle is open while `file` lives; gives a handle that is ours, or the invalid one.
            let again = unsafe { ReOpenFile(file.as_raw_handle(), rights, SHARE, 0) };
            if again != INVALID_HANDLE_VALUE && !again.is_null() {
                // SAFETY: as above; closed with its owner.
                let file = Arc::new(unsafe { File::from_raw_handle(again) });
                return Self { file, write, execute: true };
            }
        }
        Self { file: file.clone(), write, execute }
    }
}

/// The rights that a handle has. Where the system does not say, only those that every mapping needs.
fn granted(file: &File) -> u32 {
    let mut found = PUBLIC_OBJECT_BASIC_INFORMATION::default();
    let size = size_of_val(&found) as u32;
    let (out, no_length) = ((&raw mut found).cast(), std::ptr::null_mut());
    // SAFETY: the handle is open; writes at most the struct.
    let status = unsafe { NtQueryObject(file.as_raw_handle(), ObjectBasicInformation, out, size, no_length) };
    if status >= 0 { found.GrantedAccess } else { 0 }
}

/// The volume and the number of the file on it, which two handles share if they are of one file.
pub(in super::super::super) fn identity(file: &File) -> io::Result<(u64, u64)> {
    let mut found = BY_HANDLE_FILE_INFORMATION::default();
    // SAFETY: the handle is open; writes the struct.
    if unsafe { GetFileInformationByHandle(file.as_raw_handle(), &raw mut found) } == 0 {
        return Err(io::Error::from_raw_os_error(last()));
    }
    let number = u64::from(found.nFileIndexHigh) << 32 | u64::from(found.nFileIndexLow);
    Ok((u64::from(found.dwVolumeSerialNumber), number))
}
