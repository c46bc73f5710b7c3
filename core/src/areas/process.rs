//! Whether there is a process.
#![expect(unsafe_code, reason = "a system call")]

/// Whether a process has this number, as far as this one may know: asked by a signal that is not sent.
pub(super) fn exists(pid: u32) -> bool {
    // Of 0 and of negative numbers `kill` knows groups of processes.
    let Ok(pid @ 1..) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: sends no signal.
    let answer = unsafe { libc::kill(pid, 0) };
    answer == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::exists;

    #[test]
    fn a_process_is_told_from_a_group() {
        assert!(exists(std::process::id()) && exists(1));
        for none in [0, i32::MAX as u32, 1 << 31, u32::MAX] {
            assert!(!exists(none), "{none}");
        }
    }
}
