//! What is asked of the system, and what it was asked for: from that come the text of an error and the hint in it.

#[cfg(unix)]
#[path = "unix.rs"]
mod hints;
#[cfg(windows)]
#[path = "windows.rs"]
mod hints;

use super::facts::{Backing, Facts};
use super::file::Mode;
use super::inheritance::Inherit;
use super::kind::Access;
use super::sys;
use crate::Error;
use crate::error::SystemError;
use crate::state::Span;
use std::{fmt, io};

/// A request to the system that it may refuse.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// About a mapping.
    Memory {
        /// What is to be done.
        call: Call,
        /// What the mapping is, or is to be.
        facts: &'a Facts,
        /// Where it lies; of one that is to be made the address asked for, or 0.
        span: Span,
    },
    /// Opening a file by its path.
    Open {
        /// For writing too.
        write: bool,
    },
    /// About a file in memory.
    MemoryFile {
        /// The system's call.
        call: &'static str,
        /// The size that it is to have, or 0.
        size: u64,
    },
    /// Duplicating a descriptor.
    Duplicate {
        /// Its number.
        descriptor: i32,
    },
}

/// What is to be done with a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Make it.
    Map,
    /// Set the protection.
    Protect(Access),
    /// Turn a reservation into memory.
    Commit,
    /// Cut it in two.
    Split,
    /// Bring it to its file.
    Flush,
    /// Make the instruction cache see it.
    FlushIcache,
    /// Keep it in memory.
    Lock,
    /// Let it out of memory again.
    Unlock,
    /// Advise how it will be used; upstream's name of the advice.
    Advise(&'static str),
    /// Give it back.
    Unmap,
    /// Give it another size, in bytes.
    Resize(usize),
    /// Say what a child of `fork` gets.
    Inherit(Inherit),
    /// Find out what of it is in memory.
    Resident,
    /// Bring it into memory.
    Populate,
    /// Name it.
    Name,
}

impl Operation<'_> {
    /// The error for the system's error number.
    pub fn refused(&self, code: i32) -> Error {
        let variant = match self {
            Operation::Memory { .. } => sys::VARIANT,
            Operation::Open { .. } | Operation::MemoryFile { .. } | Operation::Duplicate { .. } => "Io",
        };
        self.with_hint(Error::system(variant, code, self.to_string()))
    }

    /// The error for one of the standard library's.
    pub fn failed(&self, error: &io::Error) -> Error {
        self.refused(error.raw_os_error().unwrap_or(0))
    }

    /// The error for one of upstream's.
    pub(super) fn upstream(&self, error: mmap_rs::Error) -> Error {
        self.with_hint(Error::from_upstream(error, || self.to_string()))
    }

    fn with_hint(&self, mut error: Error) -> Error {
        if let Error::System(SystemError { code, hint, .. }) = &mut error {
            *hint = hints::hint(self, *code).map(Into::into);
        }
        error
    }
}

impl fmt::Display for Operation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Operation::Open { write } => {
                write!(f, "open for {}", if write { "reading and writing" } else { "reading" })
            }
            Operation::MemoryFile { call, size: 0 } => write!(f, "{call} of a memory file"),
            Operation::MemoryFile { call, size } => write!(f, "{call} of a memory file of {size} bytes"),
            Operation::Duplicate { descriptor } => write!(f, "duplication of descriptor {descriptor}"),
            Operation::Memory { call, facts, span } => {
                write!(f, "{}", sys::name(call, facts.is_file()))?;
                match call {
                    Call::Advise(advice) => write!(f, " {advice}")?,
                    Call::Inherit(inherit) => write!(f, " Inherit.{}", inherit.name())?,
                    Call::Resize(size) => write!(f, " to {size} bytes")?,
                    _ => {}
                }
                write!(f, " of {} bytes ", span.len)?;
                if call != Call::Map {
                    return write!(f, "at {:#x}", span.start);
                }
                match &facts.backing {
                    Backing::Anonymous => f.write_str("of anonymous memory")?,
                    Backing::File { source, .. } => {
                        write!(f, "of {} from offset {} on", source.name(), source.offset())?;
                    }
                }
                f.write_str(match facts.access {
                    Access::Exec => ", executable",
                    Access::ExecWrite => ", writable and executable",
                    _ => "",
                })
            }
        }
    }
}

/// Why the descriptor of a mapping's file is not good enough for a protection, if that is the reason.
fn descriptor(facts: &Facts, access: Access) -> Option<&'static str> {
    let Backing::File { mode, .. } = &facts.backing else { return None };
    match mode {
        Mode::Read if access.is_write() && facts.is_shared() => Some(
            "the file was opened for reading only: open it for reading and writing, or map it without MmapFlags.SHARED",
        ),
        Mode::Write => {
            Some("the file was opened for writing only, and a mapping must read it: open it for reading and writing")
        }
        Mode::Neither => Some("the descriptor was opened with O_PATH, and gives no access to the file's bytes"),
        Mode::Read | Mode::ReadWrite => None,
    }
}

/// No descriptor is open under the number.
const CLOSED: &str = "no file is open under this number: was it closed?";
/// Memory that can't be accessed can't be locked.
const INACCESSIBLE: &str = "inaccessible memory can't be locked";
