//! One line of `/proc/PID/maps`, as proc_pid_maps(5) has it:
//!
//! ```text
//! 7f5e1c000000-7f5e1c021000 rw-p 00000000 fe:1000a 1048602                    /path with spaces (deleted)
//! ```
//!
//! Device numbers have any width (U10), the path is bytes up to the end of the line (U11).

use super::Area;
use crate::{Error, Result};
use mmap_rs::Protection;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

/// Bytes still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn hex(&mut self) -> Option<u64> {
        let mut value = 0u64;
        let mut digits = 0;
        while let Some((&byte, rest)) = self.0.split_first() {
            let Some(digit) = (byte as char).to_digit(16) else { break };
            value = value.checked_mul(16)?.checked_add(u64::from(digit))?;
            digits += 1;
            self.0 = rest;
        }
        (digits > 0).then_some(value)
    }

    fn token(&mut self, token: u8) -> Option<()> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        (byte == token).then_some(())
    }

    fn decimal(&mut self) -> Option<()> {
        let digits = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.0 = self.0.get(digits..)?;
        (digits > 0).then_some(())
    }

    /// One of four letters of the protection: true for the letter, false for its absence.
    fn letter(&mut self, set: u8, unset: u8) -> Option<bool> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        match byte {
            _ if byte == set => Some(true),
            _ if byte == unset => Some(false),
            _ => None,
        }
    }
}

/// Reads a line without its newline. An error shows the line.
pub(super) fn parse(line: &[u8]) -> Result<Area> {
    read(line).ok_or_else(|| Error::Parse {
        variant: "ParseInt",
        message: format!("can't read this line of the list of memory areas: {:?}", String::from_utf8_lossy(line)),
    })
}

fn read(line: &[u8]) -> Option<Area> {
    let mut rest = Rest(line);
    let start = usize::try_from(rest.hex()?).ok()?;
    rest.token(b'-')?;
    let end = usize::try_from(rest.hex()?).ok()?;
    rest.token(b' ')?;
    let mut protection = Protection::empty();
    for (letter, bit) in [(b'r', Protection::READ), (b'w', Protection::WRITE), (b'x', Protection::EXECUTE)] {
        protection.set(bit, rest.letter(letter, b'-')?);
    }
    // `S` and `P` are older kernels' way to say that an area may be shared or not.
    let shared = rest.letter(b's', b'p')?;
    rest.token(b' ')?;
    let offset = rest.hex()?;
    rest.token(b' ')?;
    rest.hex()?;
    rest.token(b':')?;
    rest.hex()?;
    rest.token(b' ')?;
    rest.decimal()?;
    let path = match rest.0 {
        [] => None,
        padded => path(line, line.len() - padded.len())?.map(|path| (path, offset)),
    };
    if end < start {
        return None;
    }
    Some(Area { allocation_base: start, start, end, protection, shared, path })
}

/// Where a 64-bit kernel begins the path: it pads shorter lines with spaces up to there (`seq_setwidth` in
/// fs/proc/task_mmu.c). After a longer line there are two spaces.
const COLUMN: usize = 73;

/// The name behind `header` bytes of a line. It may begin with spaces itself, so the kernel's padding is counted,
/// not trimmed, wherever the line looks like a 64-bit kernel's.
fn path(line: &[u8], header: usize) -> Option<Option<OsString>> {
    let padded = line.get(header..)?;
    if padded.first() != Some(&b' ') {
        return None;
    }
    let begin = COLUMN.max(header + 2);
    let padding = line.get(header..begin).unwrap_or_default();
    let name = if !padding.is_empty() && padding.iter().all(|byte| *byte == b' ') {
        line.get(begin..)?
    } else {
        padded.trim_ascii_start()
    };
    Some((!name.is_empty()).then(|| OsString::from_vec(unescape(name))))
}

/// The kernel writes a newline in a path as `\012`, and nothing else so.
fn unescape(name: &[u8]) -> Vec<u8> {
    const ESCAPE: &[u8] = b"\\012";
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = memchr::memmem::find(rest, ESCAPE) {
        out.extend_from_slice(&rest[..at]);
        out.push(b'\n');
        rest = &rest[at + ESCAPE.len()..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn u10_a_wide_device_minor() {
        let area =
            parse(b"7f5e1c000000-7f5e1c021000 rw-p 00001000 fe:1000a 1048602     /a b (deleted)").expect("valid");
        assert_eq!((area.start, area.end), (0x7f5e_1c00_0000, 0x7f5e_1c02_1000));
        assert_eq!(area.protection, Protection::READ | Protection::WRITE);
        assert_eq!(area.path, Some((OsString::from("/a b (deleted)"), 0x1000)));
    }

    #[test]
    fn u11_paths_are_bytes() {
        let area = parse(b"1000-2000 r-xs 0 0:1f 7 /\xff\xfe\\012x ").expect("valid");
        assert_eq!(area.path, Some((OsString::from_vec(b"/\xff\xfe\nx ".to_vec()), 0)));
        assert!(area.shared);
    }

    #[test]
    fn u11_leading_spaces_are_part_of_the_path() {
        let line = format!("{:<73}{}", "7f5e1c000000-7f5e1c021000 rw-p 00000000 fe:01 12", "  x");
        assert_eq!(parse(line.as_bytes()).expect("valid").path, Some((OsString::from("  x"), 0)));
    }

    #[test]
    fn lines_without_a_path() {
        for line in [
            &b"1000-2000 ---p 00000000 00:00 0"[..],
            b"1000-2000 ---p 00000000 00:00 0 ",
            b"1000-2000 ---p 0 0:0 0      ",
        ] {
            assert_eq!(parse(line).expect("valid").path, None);
        }
    }

    #[test]
    fn a_line_that_can_not_be_read_is_shown() {
        for line in [
            "",
            "x",
            "1000",
            "1000-",
            "2000-1000 ---p 0 0:0 0",
            "1000-2000 r",
            "1000-2000 ---q 0 0:0 0",
            "1000-2000 ---p 0 0 0",
            "1000-2000 ---p 0 0:0",
            "1000-2000 ---p 0 0:0 x",
            "1000-2000 ---p 0 0:0 1/x",
            "11111111111111111-2 ---p 0 0:0 0",
        ] {
            let error = parse(line.as_bytes()).expect_err(line);
            assert!(error.to_string().contains(line), "{error}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&line);
        }

        #[test]
        fn what_a_kernel_writes_is_read_back(
            start in 0usize..usize::MAX / 2, len in 1usize..usize::MAX / 2, bits in 0u8..16,
            offset: u64, major in 0u32..1 << 12, minor in 0u32..1 << 20, inode: u64,
            path in proptest::option::of("[^\n\0]{1,40}"),
        ) {
            let end = start + len;
            let flag = |bit: u8, on: char, off: char| if bits & bit != 0 { on } else { off };
            let header = format!(
                "{start:08x}-{end:08x} {}{}{}{} {offset:08x} {major:02x}:{minor:02x} {inode} ",
                flag(1, 'r', '-'), flag(2, 'w', '-'), flag(4, 'x', '-'), flag(8, 's', 'p'),
            );
            let line = match &path {
                Some(path) => format!("{header:<72} {path}"),
                None => header,
            };
            let area = parse(line.as_bytes()).expect("valid");
            prop_assert_eq!((area.start, area.end), (start, end));
            prop_assert_eq!(area.protection.contains(Protection::READ), bits & 1 != 0);
            prop_assert_eq!(area.protection.contains(Protection::WRITE), bits & 2 != 0);
            prop_assert_eq!(area.protection.contains(Protection::EXECUTE), bits & 4 != 0);
            prop_assert_eq!(area.shared, bits & 8 != 0);
            let expected = path.map(|path| (OsString::from(path.replace("\\012", "\n")), offset));
            prop_assert_eq!(area.path, expected);
        }
    }
}
