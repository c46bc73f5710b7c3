//! System calls that upstream has not, has not so, or whose failure it drops. One file a system.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(super) use unix::*;

// Far offsets are a matter of an `off_t` of 32 bits.
#[cfg(unix)]
#[cfg_attr(
    all(target_pointer_width = "32", any(target_os = "android", all(target_os = "linux", target_env = "gnu"))),
    path = "far.rs"
)]
#[cfg_attr(
    not(all(target_pointer_width = "32", any(target_os = "android", all(target_os = "linux", target_env = "gnu")))),
    path = "near.rs"
)]
mod reach;
#[cfg(unix)]
pub(super) use reach::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(super) use windows::*;
