//! One error for all that can go wrong below Python, and what to tell the user about it.

use mmap_rs::UnsafeMmapFlags;
use std::borrow::Cow;
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
    /// The heap has no room for what is to be kept or read.
    OutOfMemory,
}

/// What the system refused.
#[derive(Debug)]
pub struct SystemError {
    /// `Io`, `Nix`, `Sysctl`, `Mach` or `Windows`.
    pub variant: &'static str,
    /// The error number: `errno`, on Windows `GetLastError`. Mach's own number becomes the matching `errno`.
    pub code: i32,
    /// The `errno` to report, where the system's own number says less.
    pub errno: Option<i32>,
    /// What was tried, with its values.
    pub operation: String,
    /// What the user can do about it, where that is known.
    pub hint: Option<Cow<'static, str>>,
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
            Error::OutOfMemory => f.write_str("out of memory"),
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

    /// An error number of the system's, without a hint: [`Operation`](crate::memory::Operation) gives one.
    pub fn system(variant: &'static str, code: i32, operation: String) -> Self {
        Error::System(SystemError { variant, code, errno: errno(code), operation, hint: None, path: None })
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

    /// The same, reported as an `errno`.
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

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        if let Error::System(error) = &mut self {
            error.hint = Some(text.into());
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
