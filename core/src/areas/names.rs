//! What Linux and Android call memory that maps no file: `[heap]`, `[anon:name]` (proc_pid_maps(5)). The names are the
//! kernel's, so a path can't look like one: it begins with a slash, or the kernel made the file up.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// Before the name that a program gave: private memory, and shared memory, which maps a file of the kernel's own.
const GIVEN: [&[u8]; 2] = [b"anon:", b"anon_shmem:"];

/// The name in what the list shows, if there is one. Of `[stack:123]`, as Linux had it up to 4.4, that is `stack`.
pub(super) fn of(shown: &OsStr, is_file: bool) -> Option<&OsStr> {
    let inner = shown.as_bytes().strip_prefix(b"[")?.strip_suffix(b"]")?;
    let name = match GIVEN.iter().find_map(|start| inner.strip_prefix(*start)) {
        Some(name) => name,
        None if is_file => return None,
        None if inner.starts_with(b"stack:") => b"stack",
        None => inner,
    };
    (!name.is_empty()).then(|| OsStr::from_bytes(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_memory_without_a_file() {
        for (shown, is_file, name) in [
            ("[heap]", false, Some("heap")),
            ("[stack]", false, Some("stack")),
            ("[stack:17]", false, Some("stack")),
            ("[vdso]", false, Some("vdso")),
            ("[anon:my arena]", false, Some("my arena")),
            ("[anon_shmem:shared]", true, Some("shared")),
            ("[anon:heap]", false, Some("heap")),
            ("[anon:]", false, None),
            ("[]", false, None),
            ("[", false, None),
            ("[heap", false, None),
            ("[heap]", true, None),
            ("/lib/libc.so.6", true, None),
            ("/memfd:name (deleted)", true, None),
            ("anon_inode:[perf_event]", true, None),
        ] {
            assert_eq!(of(OsStr::new(shown), is_file), name.map(OsStr::new), "{shown}");
        }
        assert_eq!(of(OsStr::from_bytes(b"[anon:\xff]"), false), Some(OsStr::from_bytes(b"\xff")));
    }
}
