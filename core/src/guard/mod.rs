//! The fault guard: a page that the system can't provide (SIGBUS) is replaced by zeros, and the mapping is marked.
//!
//! U6, U27: a file that shrinks under its mapping, a full disk under a shared one, a pool of huge pages that is
//! empty: the kernel learns of it when the page is touched, and has only a signal to say so.
//!
//! * `table`: which addresses are guarded; written by threads, read by the signal handler without a lock.
//! * `handler`: the signal handler, and how it hands on what is not ours.
//! * `cause`: whether a page is missing, or the access forbidden, where SIGBUS tells of both.

#[cfg(unix)]
mod cause;
#[cfg(unix)]
mod handler;
#[cfg(unix)]
mod table;

#[cfg(unix)]
pub use table::Guard;

/// Refuses where this system has none.
pub fn check() -> crate::Result<()> {
    if cfg!(unix) {
        return Ok(());
    }
    Err(crate::Error::InvalidOperation(
        "there is no fault guard on this system, which has no SIGBUS: map without with_fault_guard()".to_owned(),
    ))
}

/// Makes sure that the handler is the first one asked. Called whenever a guarded mapping is made: the first time it
/// is installed, later it goes in front of a handler that somebody installed meanwhile.
#[cfg(unix)]
pub fn arm() -> crate::Result<()> {
    handler::install().map_err(|code| crate::Error::system("Io", code, "sigaction of SIGBUS".to_owned()))
}

#[cfg(not(unix))]
pub use absent::*;

#[cfg(not(unix))]
mod absent {
    use crate::state::Span;
    use crate::{Error, Result};
    use std::sync::atomic::AtomicBool;

    /// There is none on this system, so there is no value of it.
    #[derive(Debug)]
    pub enum Guard {}

    impl Guard {
        /// Refused.
        pub fn new(_span: Span, _page: usize, _protection: i32) -> Result<Self> {
            Err(Error::InvalidOperation("this system has no fault guard".to_owned()))
        }

        /// The mark.
        pub fn mark(&self) -> &'static AtomicBool {
            match *self {}
        }

        /// Never called.
        pub fn copy_from(&self, _at: usize) -> Result<Self> {
            match *self {}
        }

        /// Never called.
        pub fn end_at(&self, _at: usize) {
            match *self {}
        }

        /// Never called.
        pub fn suspend(&self) {
            match *self {}
        }

        /// Never called.
        pub fn resume(&self, _span: Span) {
            match *self {}
        }

        /// Never called.
        pub fn extend(&self, _next: &Self) {
            match *self {}
        }

        /// Never called.
        pub fn protect(&self, _protection: i32) {
            match *self {}
        }
    }

    /// Refused.
    pub fn arm() -> Result<()> {
        Err(Error::InvalidOperation("this system has no fault guard".to_owned()))
    }
}
