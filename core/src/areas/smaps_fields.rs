//! What follows the line of an area in `/proc/PID/smaps`, as proc_pid_smaps(5) has it:
//!
//! ```text
//! Rss:                   8 kB
//! THPeligible:           0
//! VmFlags: rd mr mw me
//! ```
//!
//! Kernels differ in which lines they have, and may get new ones: those that are not known are skipped, and what is
//! missing stays unknown.

use super::usage::{Usage, VmFlags};
use crate::{Error, Result};

/// Whether a line is that of an area, which begins with an address: names of fields begin with a capital letter.
pub(super) fn is_area(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'0'..=b'9' | b'a'..=b'f'))
}

/// The fields of an area as far as they are read.
#[derive(Debug, Default)]
pub(super) struct Fields {
    /// Numbers of kilobytes, in the order of [`LINES`].
    numbers: [u64; LINES.len()],
    /// A bit for each of them that was read.
    known: u32,
    flags: Option<VmFlags>,
    /// How many bytes of the text the fields take.
    len: usize,
    /// Which line is probably the next.
    next: usize,
}

/// Names with the spaces that fill them up, and the digits of the numbers behind them.
const NAME: usize = 16;
const DIGITS: usize = 8;

/// The length of a line with both, and the unit.
const USUAL: usize = NAME + DIGITS + " kB\n".len();

/// The lines with numbers that kernels have, in their order: so each is mostly found where it is looked for first.
const LINES: [[u8; NAME]; 24] = [
    *b"Size:           ",
    *b"KernelPageSize: ",
    *b"MMUPageSize:    ",
    *b"Rss:            ",
    *b"Pss:            ",
    *b"Pss_Dirty:      ",
    *b"Shared_Clean:   ",
    *b"Shared_Dirty:   ",
    *b"Private_Clean:  ",
    *b"Private_Dirty:  ",
    *b"Referenced:     ",
    *b"Anonymous:      ",
    *b"KSM:            ",
    *b"LazyFree:       ",
    *b"AnonHugePages:  ",
    *b"ShmemPmdMapped: ",
    *b"FilePmdMapped:  ",
    *b"Shared_Hugetlb: ",
    *b"Private_Hugetlb:",
    *b"Swap:           ",
    *b"SwapPss:        ",
    *b"Locked:         ",
    *b"THPeligible:    ",
    *b"ProtectionKey:  ",
];

/// The name of the one line with words, which is the last.
const FLAGS: &[u8] = b"VmFlags:";

/// The place of a name in [`LINES`].
const fn place(name: &str) -> usize {
    let name = name.as_bytes();
    let mut place = 0;
    loop {
        let mut at = 0;
        while at < name.len() && LINES[place][at] == name[at] {
            at += 1;
        }
        if at == name.len() && LINES[place][at] == b':' {
            return place;
        }
        place += 1;
    }
}

/// Whether the number of a line is in kilobytes, and wanted.
const fn is_wanted(place: usize) -> bool {
    place != self::place("THPeligible") && place != self::place("ProtectionKey")
}

impl Fields {
    /// Reads on in the text that follows the line of an area, up to the line of the next one; false if there may be more
    /// fields: `is_all` says that no text comes after this.
    pub fn read(&mut self, text: &[u8], is_all: bool) -> Result<bool> {
        loop {
            let rest = text.get(self.len..).unwrap_or_default();
            if is_area(rest) {
                return Ok(true);
            }
            let usual = self.read_usual(rest);
            if usual > 0 {
                self.len += usual;
                continue;
            }
            let (line, len) = match memchr::memchr(b'\n', rest) {
                Some(len) => (rest.get(..len).unwrap_or_default(), len + 1),
                None if !is_all => return Ok(false),
                None if rest.is_empty() => return Ok(true),
                None => (rest, rest.len()),
            };
            self.note(line).ok_or_else(|| unreadable(line))?;
            self.len += len;
        }
    }

    /// Reads lines as long as they look as kernels write them, and gives their length with the newlines.
    fn read_usual(&mut self, text: &[u8]) -> usize {
        // Kept in registers, as a hundred thousand lines are read.
        let (mut read, mut next, mut known) = (0, self.next, self.known);
        while let Some(line) = text.get(read..).and_then(<[u8]>::first_chunk::<USUAL>) {
            // A length that is known at compile time, so that these are comparisons of numbers.
            let (name, rest) = line.split_at(NAME);
            let (digits, end) = rest.split_at(DIGITS);
            let place = match LINES.get(next) {
                Some(expected) if expected == name => next,
                _ if name.starts_with(FLAGS) => break,
                _ => match LINES.iter().position(|line| line == name) {
                    Some(place) => place,
                    None => break,
                },
            };
            // By far the most frequent.
            let number = if digits == b"       0" { Some(0) } else { digits.try_into().ok().and_then(padded) };
            let Some(number) = number else { break };
            if end == b" kB\n" {
                read += USUAL;
            } else if end.starts_with(b"\n") && !is_wanted(place) {
                read += USUAL - 3;
            } else {
                break;
            }
            next = place + 1;
            // Eight digits of kilobytes are no overflow in bytes.
            self.numbers[place] = number;
            known |= 1 << place;
        }
        (self.next, self.known) = (next, known);
        read
    }

    /// Notes a line; `None` if it can't be read.
    fn note(&mut self, line: &[u8]) -> Option<()> {
        if let Some(value) = line.strip_prefix(FLAGS) {
            self.flags = Some(flags(value)?);
            return Some(());
        }
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.get(1..)?;
        let place = LINES.iter().position(|known| known.trim_ascii_end().strip_suffix(b":") == Some(name));
        match place.filter(|place| is_wanted(*place)) {
            Some(place) => self.set(place, kilobytes(value)?),
            None => Some(()),
        }
    }

    fn set(&mut self, place: usize, number: u64) -> Option<()> {
        *self.numbers.get_mut(place)? = number;
        self.known |= 1 << place;
        // In bytes it must fit too.
        (number <= u64::MAX / 1024).then_some(())
    }

    /// What the fields say, and their length in bytes. Ready for the next area after that.
    pub fn finish(&mut self) -> (Box<Usage>, usize) {
        let bytes = |place: usize| (self.known & 1 << place != 0).then(|| self.numbers[place] * 1024);
        let sum = |places: &[usize]| {
            places.iter().filter_map(|place| bytes(*place)).reduce(|sum, bytes| sum.saturating_add(bytes))
        };
        let transparent = sum(&const { [place("AnonHugePages"), place("ShmemPmdMapped"), place("FilePmdMapped")] });
        let pool = sum(&const { [place("Shared_Hugetlb"), place("Private_Hugetlb")] });
        // Before Linux 4.3 nothing was said of the pages of a pool.
        let is_of_pool = || self.flags.as_ref().is_some_and(|flags| flags.iter().any(|flag| flag == "ht"));
        let huge = match (transparent, pool) {
            (_, None) if is_of_pool() => None,
            (None, pool) => pool,
            (Some(transparent), pool) => Some(transparent.saturating_add(pool.unwrap_or(0))),
        };
        // Made in its place.
        let mut usage = Box::<Usage>::default();
        *usage = Usage {
            resident: bytes(const { place("Rss") }),
            proportional: bytes(const { place("Pss") }),
            shared_clean: bytes(const { place("Shared_Clean") }),
            shared_dirty: bytes(const { place("Shared_Dirty") }),
            private_clean: bytes(const { place("Private_Clean") }),
            private_dirty: bytes(const { place("Private_Dirty") }),
            referenced: bytes(const { place("Referenced") }),
            anonymous: bytes(const { place("Anonymous") }),
            swap: bytes(const { place("Swap") }),
            locked: bytes(const { place("Locked") }),
            huge,
            vm_flags: self.flags.take(),
        };
        (self.known, self.next) = (0, 0);
        (usage, std::mem::take(&mut self.len))
    }
}

fn unreadable(line: &[u8]) -> Error {
    let line = String::from_utf8_lossy(line);
    Error::Parse {
        variant: "ParseInt",
        message: format!("can't read this line of the details of a memory area: {line:?}"),
    }
}

/// A number behind the spaces that fill it up. All digits at once, as there are a hundred thousand of them.
fn padded(digits: [u8; DIGITS]) -> Option<u64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The first digit is the lowest byte.
    let text = u64::from_le_bytes(digits);
    let spaces = (text ^ (EACH * 0x20)).trailing_zeros() / 8;
    // Spaces before the number become zeros.
    let filled = text | (EACH * 0x10).checked_shr(64 - 8 * spaces).unwrap_or(0);
    let high = EACH * 0xf0;
    let are_digits = filled & high == EACH * 0x30 && filled.wrapping_add(EACH * 6) & high == EACH * 0x30;
    // Pairs of digits, then of those, and of those.
    let ones = filled & (EACH * 0x0f);
    let pairs = ones.wrapping_mul(10).wrapping_add(ones >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let number = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    (are_digits && spaces < 8).then_some(number)
}

fn kilobytes(value: &[u8]) -> Option<u64> {
    number(value.trim_ascii().strip_suffix(b" kB")?.trim_ascii_end())
}

fn number(digits: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (!digits.is_empty()).then_some(number)
}

fn flags(value: &[u8]) -> Option<VmFlags> {
    let mut found = VmFlags::default();
    // As kernels write them: a space and two letters, again and again, and a space.
    let mut rest = value;
    while let Some(([b' ', first, second], after)) = rest.split_first_chunk::<3>() {
        if *first == b' ' || after.first().is_some_and(|byte| *byte != b' ') {
            break;
        }
        found.add([*first, *second])?;
        rest = after;
    }
    for code in rest.split(|byte| *byte == b' ').filter(|code| !code.is_empty()) {
        found.add(code.try_into().ok()?)?;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NEXT: &str = "7f5e1c000000-7f5e1c021000 rw-p 00000000 00:00 0\n";

    /// Reads all fields at once.
    fn parse(text: &[u8], is_all: bool) -> Result<Option<(Usage, usize)>> {
        let mut fields = Fields::default();
        let is_whole = fields.read(text, is_all)?;
        let (usage, len) = fields.finish();
        Ok(is_whole.then_some((*usage, len)))
    }

    fn read(text: &str) -> Usage {
        let (usage, len) = parse(text.as_bytes(), true).expect("readable").expect("whole");
        assert_eq!(len, text.len());
        let with_next = format!("{text}{NEXT}");
        assert_eq!(parse(with_next.as_bytes(), false).expect("readable"), Some((usage.clone(), len)));
        assert_eq!(parse(text.as_bytes(), false).expect("readable"), None);
        usage
    }

    #[test]
    fn all_that_linux_6_18_says() {
        let usage = read(
            "Size:               8192 kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\nRss:                   1 kB\n\
             Pss:                   2 kB\nPss_Dirty:            99 kB\nShared_Clean:          3 kB\nShared_Dirty:          4 kB\n\
             Private_Clean:         5 kB\nPrivate_Dirty:         6 kB\nReferenced:            7 kB\nAnonymous:             8 kB\n\
             KSM:                  99 kB\nLazyFree:             99 kB\nAnonHugePages:      2048 kB\nShmemPmdMapped:     4096 kB\n\
             FilePmdMapped:         0 kB\nShared_Hugetlb:        1 kB\nPrivate_Hugetlb:       2 kB\nSwap:                  9 kB\n\
             SwapPss:              99 kB\nLocked:               10 kB\nTHPeligible:           1\nProtectionKey:         0\n\
             VmFlags: rd wr mr mw me ac sd \n",
        );
        let numbers = usage.numbers().map(|(_, number)| number.map(|bytes| bytes / 1024));
        assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 6147].map(Some));
        let flags: Vec<_> = usage.vm_flags.iter().flat_map(VmFlags::iter).collect();
        assert_eq!(flags, ["rd", "wr", "mr", "mw", "me", "ac", "sd"]);
    }

    #[test]
    fn what_is_missing_is_unknown() {
        assert_eq!(read(""), Usage::default());
        // Linux 2.6.14.
        let usage = read("Size: 4 kB\nRss: 4 kB\nShared_Clean: 0 kB\n");
        assert_eq!((usage.resident, usage.shared_clean), (Some(4096), Some(0)));
        assert_eq!(usage, Usage { resident: Some(4096), shared_clean: Some(0), ..Usage::default() });
        assert_eq!(read("NewIn:  Linux 9, \u{fc}\nRss: 0 kB\nVmFlags: \n").vm_flags, Some(VmFlags::default()));
    }

    #[test]
    fn huge_pages_of_a_pool_that_nothing_is_said_of() {
        assert_eq!(read("AnonHugePages: 0 kB\nVmFlags: rd ht\n").huge, None);
        assert_eq!(read("AnonHugePages: 0 kB\nVmFlags: rd\n").huge, Some(0));
        assert_eq!(read("AnonHugePages: 0 kB\nPrivate_Hugetlb: 2048 kB\nVmFlags: rd ht\n").huge, Some(2 << 20));
        assert_eq!(read("Private_Hugetlb: 2048 kB\n").huge, Some(2 << 20));
        assert_eq!(read("Rss: 0 kB\n").huge, None);
    }

    #[test]
    fn a_line_that_can_not_be_read_is_shown() {
        for line in [
            "Rss",
            "Rss:",
            "Rss: kB",
            "Rss: 4",
            "Rss: 4 MB",
            "Rss: -4 kB",
            "Rss: 0x4 kB",
            "Rss: 4 4 kB",
            "Rss: 18446744073709551616 kB",
            "Rss: 18014398509481984 kB",
            "Swap: \u{664} kB",
            "VmFlags: rd m",
            "VmFlags: rdd",
            "VmFlags: rd mrx",
            "VmFlags: rd mrxx",
            "VmFlags: rd r\u{1}",
            "VmFlags:rd m",
            "",
        ] {
            let error = parse(format!("{line}\n").as_bytes(), true).expect_err(line);
            assert!(error.to_string().contains(&format!("{line:?}")), "{error}");
        }
        let many = format!("VmFlags:{}\n", " rd".repeat(41));
        assert!(parse(many.as_bytes(), true).is_err());
        assert_eq!(read(&many.replacen(" rd", "", 1)).vm_flags.map_or(0, |flags| flags.iter().count()), 40);
    }

    #[test]
    fn huge_numbers_do_not_wrap() {
        let last = u64::MAX / 1024;
        assert_eq!(read(&format!("Rss: {last} kB\n")).resident, Some(last * 1024));
        assert_eq!(read(&format!("AnonHugePages: {last} kB\nFilePmdMapped: {last} kB\n")).huge, Some(u64::MAX));
    }

    #[test]
    fn numbers_of_eight_places() {
        for (text, number) in [
            (b"       0", Some(0)),
            (b"       7", Some(7)),
            (b"   12345", Some(12345)),
            (b"12345678", Some(12_345_678)),
            (b"99999999", Some(99_999_999)),
            (b"00000010", Some(10)),
            (b"        ", None),
            (b"     1 2", None),
            (b"      1 ", None),
            (b"      :1", None),
            (b"      /1", None),
            (b"     \n12", None),
            (b"      -1", None),
            (b"\xff\xff\xff\xff\xff\xff\xff1", None),
            (b" \0\0\0\0\0\x001", None),
        ] {
            assert_eq!(padded(*text), number, "{}", text.escape_ascii());
        }
    }

    /// A field that kernels have, or may get.
    fn field() -> impl Strategy<Value = String> {
        prop_oneof![
            ("[A-Z][A-Za-z_]{0,14}", 0u64..1 << 40).prop_map(|(name, size)| format!("{name}: {size:>8} kB\n")),
            "[A-Z][A-Za-z]{0,14}: [ -~]{0,20}\n",
            "VmFlags:( [a-z?]{2}){0,30} \n",
        ]
    }

    proptest! {
        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..300), is_all: bool) {
            let _ = parse(&text, is_all);
        }

        #[test]
        fn never_panics_on_what_is_nearly_a_field(
            fields in proptest::collection::vec(field(), 0..8), cut in 0usize..400, at in 0usize..400, byte: u8,
            is_all: bool,
        ) {
            let mut text = fields.concat().into_bytes();
            text.truncate(cut);
            let _ = parse(&text, is_all);
            if !text.is_empty() {
                let at = at % text.len();
                text[at] = byte;
                let _ = parse(&text, is_all);
            }
        }

        #[test]
        fn what_a_kernel_writes_is_read_back(
            sizes in proptest::array::uniform10(proptest::option::of(0u64..u64::MAX / 1024)),
            others in proptest::collection::vec("Other[A-Za-z]{0,9}: [ -~]{0,20}\n", 10),
        ) {
            let names = [
                "Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty", "Referenced", "Anonymous",
                "Swap", "Locked",
            ];
            let mut text = String::new();
            for ((name, size), other) in names.iter().zip(sizes).zip(others) {
                if let Some(size) = size {
                    text.push_str(&format!("{:<16}{size:>8} kB\n", format!("{name}:")));
                }
                text.push_str(&other);
            }
            let usage = read(&text);
            let wanted = sizes.map(|size| size.map(|size| size * 1024));
            prop_assert_eq!(usage.numbers().map(|(_, number)| number)[..10].to_vec(), wanted.to_vec());
            prop_assert_eq!((usage.huge, usage.vm_flags), (None, None));
        }

        #[test]
        fn numbers_are_read_at_once_as_one_by_one(digits: [u8; DIGITS], number in 0u32..100_000_000) {
            let one_by_one = |digits: &[u8]| self::number(&digits[digits.iter().position(|byte| *byte != b' ')?..]);
            prop_assert_eq!(padded(digits), one_by_one(&digits));
            let text = format!("{number:>8}");
            prop_assert_eq!(padded(text.as_bytes().try_into().expect("so many")), Some(u64::from(number)));
        }

        #[test]
        fn usual_lines_are_read_as_any_others(
            lines in proptest::collection::vec((0usize..LINES.len(), "[ 0-9]{8}|[ ]{7}0|[ ]{0,6}[0-9]{2,8}", " kB| kB |||x"), 0..30),
        ) {
            // Lines that are longer than the kernel's by a space are read one by one.
            let usual: Vec<_> = lines
                .iter()
                .filter_map(|(line, digits, end)| Some((LINES.get(*line)?.trim_ascii_end(), digits, end)))
                .map(|(name, digits, end)| format!("{:<16}{digits}{end}\n", String::from_utf8_lossy(name)))
                .collect();
            let odd: Vec<_> = usual.iter().map(|line| line.replacen(':', ":           ", 1)).collect();
            let read = |text: String| parse(text.as_bytes(), true).map(|found| found.map(|(usage, _)| usage)).ok();
            prop_assert_eq!(read(usual.concat()), read(odd.concat()));
        }

        #[test]
        fn a_text_in_pieces_is_read_as_the_whole(fields in proptest::collection::vec("Rss: {1,9}[0-9]{1,9} kB\n", 0..5)) {
            let whole = format!("{}{NEXT}", fields.concat());
            let wanted = parse(whole.as_bytes(), true).expect("readable");
            let fields = fields.concat().len();
            for cut in 0..whole.len() {
                let mut found = Fields::default();
                prop_assert_eq!(found.read(&whole.as_bytes()[..cut], false).expect("readable"), cut > fields);
                prop_assert!(found.read(whole.as_bytes(), false).expect("readable"));
                let (usage, len) = found.finish();
                prop_assert_eq!(Some((*usage, len)), wanted.clone());
            }
        }
    }
}
