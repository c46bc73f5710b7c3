//! One line of `/proc/PID/maps`, as proc_pid_maps(5) has it:
//!
//! ```text
//! 7f5e1c000000-7f5e1c021000 rw-p 00000000 fe:1000a 1048602                    /path with spaces (deleted)
//! ```
//!
//! Device numbers have any width (U10), the path is bytes up to the end of the line (U11).

use super::area::{Area, protection};
use crate::memory::FileNumber;
use crate::{Error, Result};
use mmap_rs::Protection;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

const NO_DIGIT: u8 = 0xff;

/// What each byte is worth as a hexadecimal digit: they are most of a line.
const HEX: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        values[b"0123456789abcdef"[value] as usize] = value as u8;
        values[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    values
};

/// Bytes still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn hex(&mut self) -> Option<u64> {
        let mut value = 0u64;
        let mut digits = 0;
        for byte in self.0 {
            let digit = HEX[usize::from(*byte)];
            if digit == NO_DIGIT {
                break;
            }
            if value >> 60 != 0 {
                return None;
            }
            value = value << 4 | u64::from(digit);
            digits += 1;
        }
        self.0 = self.0.get(digits..)?;
        (digits > 0).then_some(value)
    }

    fn token(&mut self, token: u8) -> Option<()> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        (byte == token).then_some(())
    }

    /// A decimal number of any length; one that is too large is the largest.
    fn decimal(&mut self) -> Option<u64> {
        let len = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        let value = |value: u64, digit: &u8| value.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
        (len > 0).then(|| digits.iter().fold(0, value))
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

/// What a line says; the name is still the kernel's bytes, and part of the line.
#[derive(Debug)]
pub(super) struct Line<'a> {
    pub start: usize,
    pub end: usize,
    pub protection: Protection,
    pub shared: bool,
    pub offset: u64,
    /// The file that is mapped: other areas have a name at most.
    pub number: Option<FileNumber>,
    /// Empty where there is none. Newlines are escaped, see [`unescape`].
    pub name: &'a [u8],
}

impl Line<'_> {
    /// The area, with its name unescaped.
    pub fn area(&self) -> Area {
        self.named(unescape(self.name))
    }

    /// The area with a name that is known better.
    pub fn named(&self, name: Vec<u8>) -> Area {
        Area {
            allocation_base: self.start,
            start: self.start,
            end: self.end,
            protection: self.protection,
            shared: self.shared,
            path: (!name.is_empty()).then(|| (OsString::from_vec(name), self.offset)),
            is_file: self.number.is_some(),
            number: self.number,
            page: None,
            tag: None,
            usage: None,
        }
    }

    /// Whether the name may be a path with newlines, or one with backslashes: the line does not tell.
    pub fn is_ambiguous(&self) -> bool {
        self.number.is_some() && memchr::memmem::find(self.name, ESCAPE).is_some()
    }
}

/// Reads a line without its newline. An error shows the line.
pub(super) fn parse(line: &[u8]) -> Result<Line<'_>> {
    read(line).ok_or_else(|| {
        let (variant, why) = if ends_beyond(line, usize::MAX as u64) {
            ("TryFromInt", ", whose addresses don't fit into 32 bits: use a 64-bit Python to list a 64-bit process")
        } else {
            ("ParseInt", "")
        };
        let line = String::from_utf8_lossy(line);
        Error::Parse { variant, message: format!("can't read this line of the list of memory areas: {line:?}{why}") }
    })
}

/// Whether the line begins with two addresses, the second of them after `last`.
fn ends_beyond(line: &[u8], last: u64) -> bool {
    let mut rest = Rest(line);
    rest.hex().and_then(|_| rest.token(b'-')).and_then(|()| rest.hex()).is_some_and(|end| end > last)
}

fn read(line: &[u8]) -> Option<Line<'_>> {
    let mut rest = Rest(line);
    let start = usize::try_from(rest.hex()?).ok()?;
    rest.token(b'-')?;
    let end = usize::try_from(rest.hex()?).ok()?;
    rest.token(b' ')?;
    let protection = protection(rest.letter(b'r', b'-')?, rest.letter(b'w', b'-')?, rest.letter(b'x', b'-')?);
    let shared = rest.letter(b's', b'p')?;
    rest.token(b' ')?;
    let offset = rest.hex()?;
    rest.token(b' ')?;
    let major = rest.hex()?;
    rest.token(b':')?;
    let minor = rest.hex()?;
    rest.token(b' ')?;
    let inode = rest.decimal()?;
    let name = match rest.0 {
        [] => rest.0,
        padded => name(line, line.len() - padded.len())?,
    };
    // An area of no bytes, or of a negative number of them, is no area.
    let number = FileNumber::new(major, minor, inode);
    (start < end).then_some(Line { start, end, protection, shared, offset, number, name })
}

/// Where a 64-bit kernel begins the path: it pads shorter lines with spaces up to there (`seq_setwidth` in
/// fs/proc/task_mmu.c). After a longer line there are two spaces.
const COLUMN: usize = 73;

/// The name behind `header` bytes of a line. It may begin with spaces itself, so the kernel's padding is counted,
/// not trimmed, wherever the line looks like a 64-bit kernel's.
fn name(line: &[u8], header: usize) -> Option<&[u8]> {
    let padded = line.get(header..)?;
    if padded.first() != Some(&b' ') {
        return None;
    }
    let begin = COLUMN.max(header + 2);
    let padding = line.get(header..begin).unwrap_or_default();
    if !padding.is_empty() && padding.iter().all(|byte| *byte == b' ') {
        return line.get(begin..);
    }
    Some(padded.trim_ascii_start())
}

/// What the kernel writes for a newline in a name; nothing else is written otherwise than it is.
const ESCAPE: &[u8] = b"\\012";

/// A name as it is, if no `\012` in it stands for itself.
pub(super) fn unescape(name: &[u8]) -> Vec<u8> {
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

/// A name as the kernel writes it.
pub(super) fn escape(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'\n' => out.extend_from_slice(ESCAPE),
            other => out.push(*other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn area(line: &[u8]) -> Area {
        parse(line).expect("valid").area()
    }

    #[test]
    fn addresses_of_another_width() {
        let last = u64::from(u32::MAX);
        assert!(ends_beyond(b"7f5e1c000000-7f5e1c021000 rw-p 0 00:00 0", last));
        assert!(ends_beyond(b"fffff000-100000000 rw-p 0 00:00 0", last));
        assert!(!ends_beyond(b"ffffe000-fffff000 rw-p 0 00:00 0", last));
        assert!(!ends_beyond(b"100000000", last) && !ends_beyond(b"x-100000000", last) && !ends_beyond(b"", last));
    }

    #[test]
    fn u10_a_wide_device_minor() {
        let area = area(b"7f5e1c000000-7f5e1c021000 rw-p 00001000 fe:1000a 1048602     /a b (deleted)");
        assert_eq!((area.start, area.end), (0x7f5e_1c00_0000, 0x7f5e_1c02_1000));
        assert_eq!(area.protection, Protection::READ | Protection::WRITE);
        assert_eq!(area.path, Some((OsString::from("/a b (deleted)"), 0x1000)));
    }

    #[test]
    fn u11_paths_are_bytes() {
        let area = area(b"1000-2000 r-xs 0 0:1f 7 /\xff\xfe\\012x ");
        assert_eq!(area.path, Some((OsString::from_vec(b"/\xff\xfe\nx ".to_vec()), 0)));
        assert!(area.shared);
    }

    #[test]
    fn u11_leading_spaces_are_part_of_the_path() {
        let line = format!("{:<73}{}", "7f5e1c000000-7f5e1c021000 rw-p 00000000 fe:01 12", "  x");
        assert_eq!(area(line.as_bytes()).path, Some((OsString::from("  x"), 0)));
    }

    #[test]
    fn lines_without_a_path() {
        for line in [
            &b"1000-2000 ---p 00000000 00:00 0"[..],
            b"1000-2000 ---p 00000000 00:00 0 ",
            b"1000-2000 ---p 0 0:0 0      ",
        ] {
            assert_eq!(area(line).path, None);
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
            "1000-1000 ---p 0 0:0 0",
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

    #[test]
    fn files_are_told_from_names() {
        for (line, is_file) in [
            (&b"1000-2000 rw-p 0 00:00 0    [heap]"[..], false),
            (b"1000-2000 rw-p 0 00:00 000  x", false),
            (b"1000-2000 rw-p 0 00:01 0    /dev/zero (deleted)", true),
            (b"1000-2000 rw-p 0 00:00 123456789012345678901234567890 /x", true),
        ] {
            assert_eq!(parse(line).expect("valid").number.is_some(), is_file);
        }
    }

    #[test]
    fn the_last_page_of_the_address_space() {
        // No kernel maps it, as the end would not be a number; this is the most that can be said.
        let last = format!("{:x}-{:x} --xp 00000000 00:00 0", usize::MAX - 4095, usize::MAX);
        assert_eq!(area(last.as_bytes()).end, usize::MAX);
        let line = format!("{:x}-1{:x} --xp 00000000 00:00 0", usize::MAX - 4095, 0u128);
        assert!(parse(line.as_bytes()).is_err());
        let line = format!("1000-1{:016x} --xp 00000000 00:00 0", 0);
        assert!(parse(line.as_bytes()).is_err());
    }

    /// The line of a kernel: addresses of at least 8 digits, the name in the column that its word size gives it.
    fn written(start: usize, end: usize, bits: u8, rest: &str, name: Option<&[u8]>, column: usize) -> Vec<u8> {
        let flag = |bit: u8, on: char, off: char| if bits & bit != 0 { on } else { off };
        let (read, write) = (flag(1, 'r', '-'), flag(2, 'w', '-'));
        let (execute, share) = (flag(4, 'x', '-'), flag(8, 's', 'p'));
        let header = format!("{start:08x}-{end:08x} {read}{write}{execute}{share} {rest} ");
        let mut line = header.into_bytes();
        if let Some(name) = name {
            while line.len() < column - 1 {
                line.push(b' ');
            }
            line.push(b' ');
            line.extend(escape(name));
        }
        line
    }

    proptest! {
        #[test]
        fn never_panics(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&line).map(|line| line.area());
        }

        #[test]
        fn never_panics_on_what_is_nearly_a_line(
            line in "[0-9a-f]{1,20}-[0-9a-f]{1,20} [rwxsp-]{3,5} [0-9a-f]{1,20} [0-9a-f]{1,9}:[0-9a-f]{1,9} [0-9]{1,25} *.{0,9}",
            cut in 0usize..120, at in 0usize..120, byte: u8,
        ) {
            let mut line = line.into_bytes();
            line.truncate(cut.max(1));
            let at = at % line.len();
            let _ = parse(&line).map(|line| line.area());
            line[at] = byte;
            let _ = parse(&line).map(|line| line.area());
        }

        #[test]
        fn what_a_kernel_writes_is_read_back(
            start in 0usize..usize::MAX, len in 1usize..usize::MAX, bits in 0u8..16,
            offset: u64, major in 0u32..1 << 12, minor in 0u32..1 << 20, inode: u64,
            name in proptest::option::of(proptest::collection::vec(1u8..=255, 1..60)),
        ) {
            let end = start.saturating_add(len);
            // What looks like a written newline can't be told from one; see the next test.
            prop_assume!(name.as_ref().is_none_or(|name| memchr::memmem::find(name, ESCAPE).is_none()));
            let rest = format!("{offset:08x} {major:02x}:{minor:02x} {inode}");
            let line = written(start, end, bits, &rest, name.as_deref(), COLUMN);
            prop_assert!(!line.contains(&b'\n'));
            let line = parse(&line).expect("valid");
            let area = line.area();
            prop_assert_eq!((area.start, area.end), (start, end));
            prop_assert_eq!(area.protection.contains(Protection::READ), bits & 1 != 0);
            prop_assert_eq!(area.protection.contains(Protection::WRITE), bits & 2 != 0);
            prop_assert_eq!(area.protection.contains(Protection::EXECUTE), bits & 4 != 0);
            prop_assert_eq!(area.shared, bits & 8 != 0);
            prop_assert_eq!(area.is_file, (major, minor) != (0, 0) || inode != 0);
            prop_assert_eq!(area.path, name.map(|name| (OsString::from_vec(name), offset)));
        }

        #[test]
        fn what_a_32_bit_kernel_writes_is_read_back(
            start in 0u32..u32::MAX, len in 1u32..u32::MAX, offset: u32, inode: u32, name in "/[^\n\0]{1,40}",
        ) {
            let end = start.saturating_add(len) as usize;
            let rest = format!("{offset:08x} 08:01 {inode}");
            // The column is 25 + 6 * 4 - 1 characters of header there.
            let line = written(start as usize, end, 5, &rest, Some(name.as_bytes()), 49);
            let line = parse(&line).expect("valid");
            let area = line.area();
            prop_assert_eq!((area.start, area.end), (start as usize, end));
            let expected = name.replace("\\012", "\n");
            prop_assert_eq!(area.path, Some((OsString::from(expected), u64::from(offset))));
        }

        #[test]
        fn a_name_is_ambiguous_only_where_it_looks_escaped(name in "([a-c]|\n|\\\\|0|1|2|\\\\012){0,20}") {
            let escaped = escape(name.as_bytes());
            let ambiguous = memchr::memmem::find(&escaped, ESCAPE).is_some();
            prop_assert_eq!(ambiguous, name.contains('\n') || name.contains("\\012"));
            if !name.contains("\\012") {
                prop_assert_eq!(unescape(&escaped), name.as_bytes());
            }
        }
    }
}
