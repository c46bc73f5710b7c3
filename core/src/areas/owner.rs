//! Why the list of another process is refused: whose process it is.
//!
//! The kernel asks for the right to read it (PTRACE_MODE_READ_FSCREDS, see ptrace(2)). Yama's `ptrace_scope`, which people
//! look at first, is about the right to attach to it.
#![expect(unsafe_code, reason = "a system call")]

/// What a user can do about the refusal.
pub(super) fn hint(pid: u32) -> String {
    // SAFETY: gives a number.
    let own = unsafe { libc::geteuid() };
    let status = std::fs::read(format!("/proc/{pid}/status")).unwrap_or_default();
    text(owner(&status), own)
}

fn text(owner: Option<u32>, own: u32) -> String {
    let whose = match owner {
        Some(owner) if owner == own => {
            "it belongs to this user too, but has other rights, or is not dumpable: only a process with CAP_SYS_PTRACE \
             may read it"
                .to_owned()
        }
        Some(owner) => format!(
            "it belongs to user {owner}, and this process runs as user {own}: only its owner, or a process with \
             CAP_SYS_PTRACE, may read it"
        ),
        None => "only its owner, or a process with CAP_SYS_PTRACE, may read it".to_owned(),
    };
    format!("{whose}; kernel.yama.ptrace_scope does not change that")
}

/// The effective user in `/proc/PID/status`: the second of four.
fn owner(status: &[u8]) -> Option<u32> {
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    std::str::from_utf8(line).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_process_it_is() {
        assert_eq!(owner(b"Name:\tx\nUid:\t1000\t33\t1000\t1000\nGid:\t5\t5\t5\t5\n"), Some(33));
        for odd in [&b""[..], b"Uid:", b"Uid:\t1", b"Uid:\t1\t\xff\n", b"Name:\tx\n"] {
            assert_eq!(owner(odd), None);
        }
    }

    #[test]
    fn the_hint_names_owner_and_scope() {
        assert!(text(Some(0), 1000).starts_with("it belongs to user 0, and this process runs as user 1000"));
        assert!(text(Some(5), 5).contains("not dumpable"));
        for owner in [None, Some(0), Some(5)] {
            assert!(text(owner, 5).contains("CAP_SYS_PTRACE") && text(owner, 5).contains("ptrace_scope"));
        }
    }
}
