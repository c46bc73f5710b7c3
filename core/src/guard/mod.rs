//! The fault guard: a page that the system can't provide (SIGBUS) is replaced by zeros, and the mapping is marked.
//!
//! U6, U27: a file that shrinks under its mapping, a full disk under a shared one, a pool of huge pages that is
//! empty: the kernel notices only when the page is accessed, and then it can only send a signal.
//!
//! * [`slot`]: one guarded span; written by its owner, read by the signal handler without a lock.
//! * `table`: all slots.
//! * `handler`: the signal handler, and how it forwards what is not ours.
//! * `spare`: a memory area that the handler unmaps where it needs room for one more.
//! * `cause`: whether a page is missing, or the access forbidden, where SIGBUS means both.

#[cfg(unix)]
mod cause;
#[cfg(unix)]
mod handler;
#[cfg(unix)]
pub mod slot;
#[cfg(unix)]
mod spare;
#[cfg(unix)]
mod sync;
#[cfg(unix)]
mod table;

#[cfg(unix)]
pub use slot::Guard;

/// Refuses where this system has none.
pub fn check() -> crate::Result<()> {
    if cfg!(unix) {
        return Ok(());
    }
    Err(crate::Error::InvalidOperation(
        "there is no fault guard on this system, which has no SIGBUS: map without with_fault_guard()".to_owned(),
    ))
}

/// Guards a span of pages of `page` bytes; the first guard of a process installs the handler. `protection` is the
/// `PROT_*` of the mapping.
#[cfg(unix)]
pub fn watch(span: crate::state::Span, page: usize, protection: i32) -> crate::Result<Guard> {
    handler::install().map_err(|code| crate::Error::system("Io", code, "sigaction of SIGBUS".to_owned()))?;
    spare::keep();
    table::guard(span, page, protection)
}

/// A second guard of what lies from an address on, marked as the first is; before [`Guard::end_at`].
#[cfg(unix)]
pub fn tail(guard: &Guard, at: usize) -> crate::Result<Guard> {
    table::tail(guard, at)
}

/// A second guard of another place to which the memory of the first is about to move, marked as the first is.
#[cfg(unix)]
pub fn moved(guard: &Guard, to: crate::state::Span) -> crate::Result<Guard> {
    table::moved(guard, to)
}

/// Says whether children of `fork` inherit what is guarded. In those that don't, the addresses are somebody else's.
#[cfg(unix)]
pub fn set_inherited(guard: &Guard, inherited: bool) {
    guard.set_process(if inherited { 0 } else { table::this_process() });
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
        /// The mark.
        pub fn mark(&self) -> &'static AtomicBool {
            match *self {}
        }

        /// Never called.
        pub fn end_at(&mut self, _at: usize) {
            match *self {}
        }

        /// Never called.
        pub fn lies_at(&mut self, _place: Span) {
            match *self {}
        }

        /// Never called.
        pub fn suspend(&mut self) {
            match *self {}
        }

        /// Never called.
        pub fn resume(&mut self) {
            match *self {}
        }

        /// Never called.
        pub fn extend(&mut self, _next: &Self) {
            match *self {}
        }

        /// Never called.
        pub fn protect(&mut self, _protection: i32) {
            match *self {}
        }
    }

    /// Refused.
    pub fn watch(_span: Span, _page: usize, _protection: i32) -> Result<Guard> {
        Err(Error::InvalidOperation("this system has no fault guard".to_owned()))
    }

    /// Never called.
    pub fn set_inherited(guard: &Guard, _inherited: bool) {
        match *guard {}
    }

    /// Never called.
    pub fn moved(guard: &Guard, _to: Span) -> Result<Guard> {
        match *guard {}
    }

    /// Never called.
    pub fn tail(guard: &Guard, _at: usize) -> Result<Guard> {
        match *guard {}
    }
}
