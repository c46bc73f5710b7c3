//! One error for all that can go wrong below Python, and what to tell the user about it.

use mmap_rs::UnsafeMmapFlags;
use std::fmt;
use std::path::{Path, PathBuf};

/// The result of everything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. The variants are upstream's, with a message that names the value.
#[derive(Debug)]
pub enum Error {
    /// These unsafe flags must be set.
    UnsafeFlagNeeded(UnsafeMmapFlags, String),
    /// A size that can't be.
    InvalidSize(String),
    /// An offset, or the bounds of a range, that can't be.
    InvalidOffset(String),
    /// An operation that this mapping or this system has not.
    InvalidOperation(String),
    /// Mappings that do not touch, or touch the other way round.
    MustBeAdjacent(String),
    /// Mappings of different protection, flags or page size.
    AttributeMismatch(String),
    /// Mappings of different backing or share mode.
    BackingMismatch(String),
    /// A text or number of the system's that can't be read.
    Parse {
        /// `ParseInt`, `TryFromInt` or `Utf8`.
        variant: &'static str,
        /// What could not be read.
        message: String,
    },
    /// What the system refused.
    System(SystemError),
}

/// What the system refused.
#[derive(Debug)]
pub struct SystemError {
    /// `Io`, `Nix`, `Sysctl`, `Mach` or `Windows`.
    pub variant: &'static str,
    /// The error number: `errno`, on Windows `GetLastError`. Mach's own number is told as the `errno` that fits.
    pub code: i32,
    /// The `errno` that it is told as, where the system's own number says less.
    pub errno: Option<i32>,
    /// What was tried, with its values.
    pub operation: String,
    /// What the user can do about it, where that is known.
    pub hint: Option<&'static str>,
    /// The file that it was about, where it was opened by its path.
    pub path: Option<PathBuf>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnsafeFlagNeeded(_, text)
            | Error::InvalidSize(text)
            | Error::InvalidOffset(text)
            | Error::InvalidOperation(text)
            | Error::MustBeAdjacent(text)
            | Error::AttributeMismatch(text)
            | Error::BackingMismatch(text)
            | Error::Parse { message: text, .. } => f.write_str(text),
            Error::System(error) => {
                write!(f, "{} failed: {}", error.operation, std::io::Error::from_raw_os_error(error.code))
            }
        }
    }
}

impl std::error::Error for Error {}

/// The names of flags, for a message.
pub(crate) fn listed<T>(names: impl Iterator<Item = (&'static str, T)>, separator: &str) -> String {
    let names: Vec<_> = names.map(|(name, _)| name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(separator) }
}

impl Error {
    /// An error of upstream's, with what was tried.
    pub fn from_upstream(error: mmap_rs::Error, operation: impl FnOnce() -> String) -> Self {
        use mmap_rs::Error as Upstream;
        match error {
            Upstream::UnsafeFlagNeeded(flags) => {
                let names: Vec<_> = flags.iter_names().map(|(name, _)| format!("UnsafeMmapFlags.{name}")).collect();
                let message = format!(
                    "{}: memory that is writable and executable at once needs with_unsafe_flags({}) when it is mapped; \
                     safer: map_mut(), write, make_exec()",
                    operation(),
                    names.join(" | ")
                );
                Error::UnsafeFlagNeeded(flags, message)
            }
            Upstream::InvalidSize => Error::InvalidSize(format!("{}: invalid size", operation())),
            Upstream::InvalidOffset => Error::InvalidOffset(format!("{}: invalid offset", operation())),
            Upstream::InvalidOperation => Error::InvalidOperation(format!("{}: invalid operation", operation())),
            Upstream::MustBeAdjacent => Error::MustBeAdjacent(operation()),
            Upstream::AttributeMismatch => Error::AttributeMismatch(operation()),
            Upstream::BackingMismatch => Error::BackingMismatch(operation()),
            Upstream::ParseInt(error) => Error::parse("ParseInt", operation(), &error),
            Upstream::TryFromInt(error) => Error::parse("TryFromInt", operation(), &error),
            Upstream::Utf8(error) => Error::parse("Utf8", operation(), &error),
            Upstream::Io(error) => Error::system("Io", error.raw_os_error().unwrap_or(0), operation()),
            #[cfg(unix)]
            Upstream::Nix(errno) => Error::system("Nix", errno as i32, operation()),
            #[cfg(any(target_os = "macos", target_os = "ios"))]
            Upstream::Mach(code) => crate::mach::error(code, &operation()),
            #[cfg(windows)]
            Upstream::Windows(error) => {
                // An HRESULT of the Win32 facility holds the error number in its low 16 bits.
                Error::system("Windows", error.code().0 & 0xffff, operation())
            }
            // Sysctl's errors keep no number of their own; the thread's is the one that it was made from.
            #[allow(unreachable_patterns)]
            _ => Error::last_os("Sysctl", operation()),
        }
    }

    fn parse(variant: &'static str, operation: String, error: &dyn fmt::Display) -> Self {
        Error::Parse { variant, message: format!("{operation}: {error}") }
    }

    /// An error number of the system's.
    pub fn system(variant: &'static str, code: i32, operation: String) -> Self {
        let hint = hint(&operation, code);
        Error::System(SystemError { variant, code, errno: errno(code), operation, hint, path: None })
    }

    /// The error of the system call that just failed on this thread.
    pub fn last_os(variant: &'static str, operation: String) -> Self {
        let code = std::io::Error::last_os_error().raw_os_error().unwrap_or(0);
        Error::system(variant, code, operation)
    }

    /// An error of the standard library's, with what was tried.
    pub fn io(error: &std::io::Error, operation: String) -> Self {
        Error::system("Io", error.raw_os_error().unwrap_or(0), operation)
    }

    /// The same, told as an `errno`.
    #[must_use]
    pub fn with_errno(mut self, errno: i32) -> Self {
        if let Error::System(error) = &mut self {
            error.errno = Some(errno);
        }
        self
    }

    /// The same with the path that it was about.
    #[must_use]
    pub fn with_path(mut self, path: &Path) -> Self {
        if let Error::System(error) = &mut self {
            error.path = Some(path.to_path_buf());
        }
        self
    }

    /// The same with another hint, where the caller knows better.
    #[must_use]
    pub fn with_hint(mut self, text: &'static str) -> Self {
        if let Error::System(error) = &mut self {
            error.hint = Some(text);
        }
        self
    }
}

/// The `errno` for a number of the system's that Python knows none for: its own table ends in `EINVAL`.
#[cfg(windows)]
pub(crate) fn errno(code: i32) -> Option<i32> {
    use windows_sys::Win32::Foundation as codes;
    match code as u32 {
        codes::ERROR_NO_SYSTEM_RESOURCES
        | codes::ERROR_WORKING_SET_QUOTA
        | codes::ERROR_PAGEFILE_QUOTA
        | codes::ERROR_COMMITMENT_LIMIT => Some(libc::ENOMEM),
        _ => None,
    }
}

/// Numbers are `errno` there, or Mach's own.
#[cfg(not(windows))]
fn errno(_code: i32) -> Option<i32> {
    None
}

#[cfg(unix)]
const IS_LINUX: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Of what the arguments of a map may be, where the system refuses them.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MMAP_EINVAL: &str = "with MAP_FIXED the address must be a multiple of page_size(); HUGE_PAGES need anonymous \
                           memory or a file in hugetlbfs";
#[cfg(target_vendor = "apple")]
const MMAP_EINVAL: &str = "with MAP_FIXED the address must be a multiple of page_size(); JIT needs memory that is \
                           anonymous and private, without MAP_FIXED";
#[cfg(target_os = "freebsd")]
const MMAP_EINVAL: &str = "with MAP_FIXED the address must be a multiple of page_size(); STACK needs anonymous memory that \
                           can be read and written";

/// What to do about an error number of a system call, which is the first word of `operation`.
#[cfg(unix)]
fn hint(operation: &str, code: i32) -> Option<&'static str> {
    let call = operation.split(' ').next().unwrap_or_default();
    match (call, code) {
        ("mlock", libc::ENOMEM | libc::EAGAIN | libc::EPERM) | ("mmap", libc::EAGAIN) => {
            Some("raise the limit RLIMIT_MEMLOCK (ulimit -l); inaccessible memory can't be locked at all")
        }
        ("mmap", libc::ENOMEM) => Some(if IS_LINUX {
            "not enough memory or address space (RLIMIT_AS, overcommit), or more mappings than vm.max_map_count allows"
        } else {
            "not enough memory or address space"
        }),
        ("mmap" | "mprotect", libc::EACCES | libc::EPERM) if cfg!(target_os = "ios") => Some(
            "iOS makes no memory executable for an app without an entitlement that the store gives to none: interpret \
             instead. Else the file must be opened for what the mapping does",
        ),
        ("mmap" | "mprotect", libc::EACCES | libc::EPERM) if cfg!(target_os = "macos") => Some(
            "the file must be opened for what the mapping does; and a hardened program makes memory executable only \
             with the entitlement com.apple.security.cs.allow-jit and UnsafeMmapFlags.JIT",
        ),
        ("mmap", libc::EACCES) => {
            Some("the file must be opened for what the mapping does: reading always, writing for a shared writable one")
        }
        ("mmap" | "mprotect", libc::EPERM) => {
            Some("the system forbids it: a mount with noexec, a sealed file, or an address below vm.mmap_min_addr")
        }
        ("mmap", libc::ENODEV) => {
            Some("this kind of file can't be mapped: it has no pages (a pipe, a socket, a directory)")
        }
        ("mmap", libc::EINVAL) => Some(MMAP_EINVAL),
        ("duplication", libc::EBADF) => Some("no file is open under this number: was it closed?"),
        ("mprotect", libc::EACCES) => {
            Some("the file behind the mapping was not opened for that, or the system forbids execution")
        }
        // Linux says EAGAIN of an advice that has no room to cut an area in two.
        ("mprotect" | "munmap" | "madvise", libc::ENOMEM) | ("madvise", libc::EAGAIN) if IS_LINUX => {
            Some("the change would need more mappings than vm.max_map_count allows")
        }
        ("madvise", libc::EINVAL) => Some("the system can't follow this advice for this kind of mapping"),
        _ => None,
    }
}

/// The same under Windows.
#[cfg(windows)]
fn hint(operation: &str, code: i32) -> Option<&'static str> {
    use windows_sys::Win32::Foundation as codes;
    let call = operation.split(' ').next().unwrap_or_default();
    match (call, code as u32) {
        ("VirtualLock", codes::ERROR_WORKING_SET_QUOTA | codes::ERROR_NO_SYSTEM_RESOURCES) => Some(
            "raise the smallest working set of the process (SetProcessWorkingSetSize), which bounds what can be locked",
        ),
        ("duplication", codes::ERROR_INVALID_HANDLE) => Some("no file is open under this number: was it closed?"),
        ("VirtualLock", codes::ERROR_NOACCESS) => Some("inaccessible memory can't be locked"),
        ("VirtualAlloc", codes::ERROR_PRIVILEGE_NOT_HELD) => {
            Some("large pages need the right 'Lock pages in memory' (SeLockMemoryPrivilege), and it must be enabled")
        }
        (_, codes::ERROR_COMMITMENT_LIMIT) => Some(
            "the page file is too small for all that is committed; a private writable map of a file counts in full",
        ),
        ("MapViewOfFile", codes::ERROR_ACCESS_DENIED) => Some(
            "the file must be opened for what the mapping does: reading always, writing for a shared writable one; to \
             execute it, others must be allowed to open it",
        ),
        ("VirtualProtect", codes::ERROR_ACCESS_DENIED) => {
            Some("the file behind the mapping was not opened for that, or the system forbids execution")
        }
        ("MapViewOfFile" | "VirtualAlloc", codes::ERROR_INVALID_ADDRESS | codes::ERROR_MAPPED_ALIGNMENT) => {
            Some("MAP_FIXED under Windows takes a free address only, a multiple of the allocation granularity")
        }
        ("MapViewOfFile" | "VirtualAlloc" | "VirtualProtect", codes::ERROR_DYNAMIC_CODE_BLOCKED) => {
            Some("a policy of this process forbids executable memory")
        }
        _ => None,
    }
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn want_of_memory_is_told_as_such() {
        let told = |code| match Error::system("Io", code, "VirtualAlloc of 1 byte".to_owned()) {
            Error::System(error) => (error.code, error.errno),
            _ => panic!("of the system"),
        };
        for code in [1450, 1453, 1454, 1455] {
            assert_eq!(told(code), (code, Some(libc::ENOMEM)));
        }
        // Python knows these.
        for code in [5, 8, 87] {
            assert_eq!(told(code), (code, None));
        }
    }
}
