//! `PROCMAP_QUERY`: asks Linux 6.11 and newer for one area, at a cost that does not depend on how many there are.
//!
//! From the kernel's include/uapi/linux/fs.h. The name comes as it is, unlike in the text, where a newline is `\012`.
#![expect(unsafe_code, reason = "a system call")]

use super::area::{Area, protection};
use super::maps_file::MapsFile;
use crate::memory::FileNumber;
use std::ffi::OsString;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicBool, Ordering};

/// `struct procmap_query`.
#[repr(C)]
#[derive(Default)]
struct Query {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    vma_start: u64,
    vma_end: u64,
    vma_flags: u64,
    vma_page_size: u64,
    vma_offset: u64,
    inode: u64,
    dev_major: u32,
    dev_minor: u32,
    vma_name_size: u32,
    build_id_size: u32,
    vma_name_addr: u64,
    build_id_addr: u64,
}

const VMA_READABLE: u64 = 0x01;
const VMA_WRITABLE: u64 = 0x02;
const VMA_EXECUTABLE: u64 = 0x04;
const VMA_SHARED: u64 = 0x08;
/// The area of the address, or else the next above it.
const COVERING_OR_NEXT_VMA: u64 = 0x10;

/// `PROCMAP_QUERY`.
const REQUEST: libc::Ioctl = libc::_IOWR::<Query>(b'f' as u32, 17);

/// The kernel truncates names at `PATH_MAX`: a longer one is an error here, and only the text has it.
const NAME: usize = libc::PATH_MAX as usize;

/// What the kernel said.
#[derive(Debug)]
pub(super) enum Answer {
    /// The area of the address, or the next above it.
    Area(Area),
    /// There is no area at the address or above it; but there may be the gate area, see [`gate_vma`](super::gate_vma).
    Nothing,
    /// The text knows: the kernel can't answer so, or the process has ended.
    AskText,
}

/// Set once the kernel has said that it does not know the request.
static UNKNOWN: AtomicBool = AtomicBool::new(false);

/// Whether it makes sense to ask.
pub(super) fn is_known() -> bool {
    !UNKNOWN.load(Ordering::Relaxed)
}

/// Asks a list. May wait for the process's address space.
pub(super) fn ask(maps: &MapsFile, address: usize) -> Answer {
    let mut name = [MaybeUninit::<u8>::uninit(); NAME];
    let mut query = Query {
        size: size_of::<Query>() as u64,
        query_flags: COVERING_OR_NEXT_VMA,
        query_addr: address as u64,
        vma_name_size: NAME as u32,
        vma_name_addr: name.as_mut_ptr() as u64,
        ..Query::default()
    };
    let status = loop {
        // SAFETY: the request writes the struct, whose size it is told, and at most `NAME` bytes of the name.
        let status = unsafe { libc::ioctl(maps.as_fd().as_raw_fd(), REQUEST, &raw mut query) };
        if status == 0 {
            break Ok(());
        }
        match std::io::Error::last_os_error().raw_os_error().unwrap_or(0) {
            libc::EINTR => {}
            code => break Err(code),
        }
    };
    match status {
        Ok(()) => {}
        Err(libc::ENOENT) => return Answer::Nothing,
        Err(libc::ENOTTY | libc::ENOSYS) => {
            UNKNOWN.store(true, Ordering::Relaxed);
            return Answer::AskText;
        }
        // ESRCH: the process has ended. ENAMETOOLONG. EPERM, EACCES: a filter forbids it. Others are not foreseen.
        Err(_) => return Answer::AskText,
    }
    // The size counts a zero byte at the end.
    let len = (query.vma_name_size as usize).saturating_sub(1).min(NAME);
    // SAFETY: the kernel has written so many bytes.
    let name = unsafe { std::slice::from_raw_parts(name.as_ptr().cast::<u8>(), len) };
    area(&query, name).map_or(Answer::AskText, Answer::Area)
}

/// `None` where the addresses are too large for this program.
fn area(query: &Query, name: &[u8]) -> Option<Area> {
    let (start, end) = (usize::try_from(query.vma_start).ok()?, usize::try_from(query.vma_end).ok()?);
    let has = |flag| query.vma_flags & flag != 0;
    let number = FileNumber::new(query.dev_major.into(), query.dev_minor.into(), query.inode);
    Some(Area {
        allocation_base: start,
        start,
        end,
        protection: protection(has(VMA_READABLE), has(VMA_WRITABLE), has(VMA_EXECUTABLE)),
        shared: has(VMA_SHARED),
        path: (!name.is_empty()).then(|| (OsString::from_vec(name.to_vec()), query.vma_offset)),
        is_file: number.is_some(),
        number,
        page: usize::try_from(query.vma_page_size).ok(),
        tag: None,
        usage: None,
    })
}
