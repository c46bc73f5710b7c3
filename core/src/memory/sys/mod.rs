//! System calls that upstream does not make, makes differently, or whose errors it drops. One file per system.
#![expect(unsafe_code, reason = "system calls, here and in all modules below")]

use std::sync::atomic::{AtomicU8, Ordering};

/// Writes a byte as it is, whatever other threads write meanwhile.
///
/// # Safety
/// The byte can be read and written.
pub(super) unsafe fn rewrite(address: usize) {
    // SAFETY: the caller vouches for it.
    let byte = unsafe { AtomicU8::from_ptr(address as *mut u8) };
    let value = byte.load(Ordering::Relaxed);
    // An addition of 0 could be compiled into a load. Where another thread was quicker, the page has been written.
    let _ = byte.compare_exchange(value, value, Ordering::SeqCst, Ordering::Relaxed);
}

#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_adopted;
#[cfg(unix)]
mod unix_file;
#[cfg(unix)]
mod unix_memory_file;
#[cfg(unix)]
mod unix_pages;
#[cfg(unix)]
mod unix_place;
#[cfg(unix)]
pub(super) use unix::*;
#[cfg(unix)]
pub(super) use unix_adopted::*;
#[cfg(unix)]
pub(super) use unix_file::{born, look, mode, status};
#[cfg(unix)]
pub(super) use unix_memory_file::*;
#[cfg(unix)]
pub(super) use unix_pages::*;
#[cfg(unix)]
pub(super) use unix_place::*;

// Only with the file of this name: there `off_t` has 32 bits, so that upstream can't pass every offset on.
#[cfg(unix)]
#[cfg_attr(
    not(all(target_pointer_width = "32", any(target_os = "android", all(target_os = "linux", target_env = "gnu")))),
    path = "no_mmap64.rs"
)]
mod mmap64;
#[cfg(unix)]
pub(super) use mmap64::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(super) use windows::*;
