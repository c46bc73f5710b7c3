//! Unix: files that are nowhere but in memory.

use std::fs::File;
#[cfg(not(target_vendor = "apple"))]
use std::os::fd::AsRawFd;
use std::os::fd::{FromRawFd, OwnedFd};

/// The call that makes one, for messages.
#[cfg(not(target_vendor = "apple"))]
const MEMORY_FILE: &str = "memfd_create";
/// The call that makes one, for messages.
#[cfg(target_vendor = "apple")]
const MEMORY_FILE: &str = "shm_open";

fn last() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(0)
}

/// An open file of `size` zero bytes; of huge pages of `1 << exponent` bytes where they are asked for. An error says which
/// call failed.
pub(crate) fn new_memory_file(size: u64, name: &str, exponent: Option<u32>) -> Result<File, (&'static str, i32)> {
    let file = create(name, exponent).map(File::from).map_err(|code| (MEMORY_FILE, code))?;
    file.set_len(size).map_err(|error| ("ftruncate", error.raw_os_error().unwrap_or(0)))?;
    Ok(file)
}

/// `memfd_create(2)`, by its number: C libraries are younger than the call.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn create(name: &str, exponent: Option<u32>) -> Result<OwnedFd, i32> {
    const MFD_CLOEXEC: libc::c_uint = 1;
    const MFD_ALLOW_SEALING: libc::c_uint = 2;
    const MFD_HUGETLB: libc::c_uint = 4;
    /// Linux 6.3: without it the kernel writes a line into its log.
    const MFD_EXEC: libc::c_uint = 0x10;
    const MFD_HUGE_SHIFT: u32 = 26;
    let huge = exponent.map_or(0, |exponent| MFD_HUGETLB | exponent << MFD_HUGE_SHIFT);
    let name = std::ffi::CString::new(name).map_err(|_| libc::EINVAL)?;
    let mut refusal = libc::EINVAL;
    // Older kernels don't know the flag, and some are told to refuse it.
    for more in [MFD_EXEC, 0] {
        let flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | huge | more;
        // SAFETY: reads the name; a new descriptor, or an error.
        let made = unsafe { libc::syscall(libc::SYS_memfd_create, name.as_ptr(), flags) };
        #[allow(clippy::useless_conversion, reason = "a long has 32 bits on some systems")]
        let made = i32::try_from(made);
        match made {
            // SAFETY: new, and nobody else's.
            Ok(made) if made >= 0 => return Ok(unsafe { OwnedFd::from_raw_fd(made) }),
            _ => refusal = last(),
        }
        if !matches!(refusal, libc::EINVAL | libc::EACCES) {
            break;
        }
    }
    Err(refusal)
}

/// `memfd_create(2)`.
#[cfg(target_os = "freebsd")]
fn create(name: &str, exponent: Option<u32>) -> Result<OwnedFd, i32> {
    if exponent.is_some() {
        return Err(libc::ENOSYS);
    }
    let name = std::ffi::CString::new(name).map_err(|_| libc::EINVAL)?;
    // SAFETY: reads the name; a new descriptor, or an error.
    let made = unsafe { libc::memfd_create(name.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
    if made < 0 {
        return Err(last());
    }
    // SAFETY: new, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(made) })
}

/// `shm_open(2)` of a name that nobody has, which is taken away at once.
#[cfg(target_vendor = "apple")]
fn create(_name: &str, exponent: Option<u32>) -> Result<OwnedFd, i32> {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if exponent.is_some() {
        return Err(libc::ENOSYS);
    }
    loop {
        // At most 31 bytes.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let text = format!("/mmap-rs-{:x}-{number:x}", std::process::id());
        let name = std::ffi::CString::new(text).map_err(|_| libc::EINVAL)?;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
        // SAFETY: reads the name; a new descriptor, which is closed on exec, or an error.
        let made = unsafe { libc::shm_open(name.as_ptr(), flags, 0o600 as libc::c_uint) };
        if made >= 0 {
            // SAFETY: the name of the object that was just made.
            unsafe { libc::shm_unlink(name.as_ptr()) };
            // SAFETY: new, and nobody else's.
            return Ok(unsafe { OwnedFd::from_raw_fd(made) });
        }
        let code = last();
        if code != libc::EEXIST && code != libc::EINTR {
            return Err(code);
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn control(file: &File, request: libc::c_int, argument: libc::c_int) -> Result<i32, i32> {
    // SAFETY: the descriptor is open, and the request takes a number.
    let answer = unsafe { libc::fcntl(file.as_raw_fd(), request, argument) };
    if answer < 0 { Err(last()) } else { Ok(answer) }
}

/// Adds seals; `None` where the system has none.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) fn seal(file: &File, seals: u32) -> Option<Result<(), i32>> {
    let seals = i32::try_from(seals).map_err(|_| libc::EINVAL);
    Some(seals.and_then(|seals| control(file, libc::F_ADD_SEALS, seals)).map(drop))
}

/// Asks for the seals; `None` where the system has none.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
pub(crate) fn seals(file: &File) -> Option<Result<u32, i32>> {
    Some(control(file, libc::F_GET_SEALS, 0).map(|bits| u32::try_from(bits).unwrap_or(0)))
}

/// There are none.
#[cfg(target_vendor = "apple")]
pub(crate) fn seal(_file: &File, _seals: u32) -> Option<Result<(), i32>> {
    None
}

/// There are none.
#[cfg(target_vendor = "apple")]
pub(crate) fn seals(_file: &File) -> Option<Result<u32, i32>> {
    None
}
