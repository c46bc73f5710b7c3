//! macOS and iOS: a process as Mach knows it, by a port of its task.
//!
//! U24: upstream has another task's port written through a pointer to a constant, and never gives it back.
#![expect(unsafe_code, reason = "system calls")]

use super::process;
use crate::state::generation;
use crate::{Error, Result, mach};
use mach2::port::mach_port_t;
use mach2::traps::mach_task_self;

/// A task that can be asked.
#[derive(Debug)]
pub(super) struct Task {
    pub port: mach_port_t,
    pub pid: libc::pid_t,
    /// Of another process's port the generation in which it was got; this process's own is not ours to give back.
    got_in: Option<u64>,
}

/// That a process is not there.
fn absent(pid: u32) -> Error {
    Error::system("Mach", libc::ESRCH, format!("list of the memory areas of process {pid}"))
}

impl Task {
    /// That of a process (`None`: this one).
    pub fn of(pid: Option<u32>) -> Result<Self> {
        let own = std::process::id();
        let pid = pid.unwrap_or(own);
        let number = libc::pid_t::try_from(pid).map_err(|_| absent(pid))?;
        if pid == own {
            // SAFETY: reads a number that the C library keeps.
            return Ok(Self { port: unsafe { mach_task_self() }, pid: number, got_in: None });
        }
        if !is_there(pid) {
            return Err(absent(pid));
        }
        let port = another(number)?;
        Ok(Self { port, pid: number, got_in: Some(generation()) })
    }

    /// What Mach refused while its areas were read. Of another process, that it has ended meanwhile.
    pub fn failed(&self, code: i32) -> Error {
        let operation = format!("mach_vm_region_recurse for the list of the memory areas of process {}", self.pid);
        // A task without addresses is an invalid argument.
        if self.got_in.is_some() && code == mach::codes::INVALID_ARGUMENT {
            return mach::told_as(libc::ESRCH, code, &operation);
        }
        mach::error(code, &operation)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // A child of `fork` has none of its parent's ports; the number may be of another there.
        if self.got_in == Some(generation()) {
            // SAFETY: a right that was got for this object, and is used by nobody after it.
            unsafe { mach2::mach_port::mach_port_deallocate(mach_task_self(), self.port) };
        }
    }
}

/// Whether a process has this number: Mach says the same of none and of one that may not be looked at. 0 is the kernel's.
fn is_there(pid: u32) -> bool {
    pid == 0 || process::exists(pid)
}

#[cfg(target_os = "macos")]
fn another(pid: libc::pid_t) -> Result<mach_port_t> {
    let mut port = mach2::port::MACH_PORT_NULL;
    // SAFETY: writes the number of a right that is ours.
    let code = unsafe { mach2::traps::task_for_pid(mach_task_self(), pid, &raw mut port) };
    if code == mach2::kern_return::KERN_SUCCESS && port != mach2::port::MACH_PORT_NULL {
        return Ok(port);
    }
    if code == mach2::kern_return::KERN_SUCCESS || !is_there(pid.unsigned_abs()) {
        return Err(absent(pid.unsigned_abs()));
    }
    let operation = format!("task_for_pid of {pid} for the list of its memory areas");
    Err(mach::told_as(libc::EPERM, code, &operation).with_hint(
        "macOS shows other processes only to root and to programs with the entitlement \
         com.apple.security.cs.debugger, and protected ones to nobody",
    ))
}

#[cfg(not(target_os = "macos"))]
fn another(pid: libc::pid_t) -> Result<mach_port_t> {
    let operation = format!("list of the memory areas of process {pid}");
    Err(Error::system("Mach", libc::EPERM, operation).with_hint("on iOS an app can inspect only its own process"))
}
