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

use super::smaps_lines::{self, FLAGS, LINES, NAME, WANTED, place};
use super::smaps_numbers::{self, DIGITS};
use super::usage::Usage;
use super::vm_flags::VmFlags;
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
    /// Which of [`LINES`] is probably the next.
    next: usize,
}

/// The length of a line with a number and its unit.
const USUAL: usize = NAME + DIGITS + " kB\n".len();

impl Fields {
    /// Reads on in the text that follows the line of an area, up to the line of the next one; false if there may be more
    /// fields: `is_all` says that no text comes after this.
    pub fn read(&mut self, text: &[u8], is_all: bool) -> Result<bool> {
        loop {
            self.len += self.read_usual(text.get(self.len..).unwrap_or_default());
            let rest = text.get(self.len..).unwrap_or_default();
            if is_area(rest) {
                return Ok(true);
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

    /// Reads lines as long as they are as this kernel is expected to write them, and gives their length with the newlines.
    fn read_usual(&mut self, text: &[u8]) -> usize {
        let (Some(names), Some(wanted), Some(numbers)) =
            (LINES.get(self.next..), WANTED.get(self.next..), self.numbers.get_mut(self.next..))
        else {
            return 0;
        };
        let mut count = 0;
        let expected = names.iter().zip(wanted).zip(numbers);
        for (line, ((name, is_wanted), number)) in text.chunks_exact(USUAL).zip(expected) {
            // A length that is known at compile time, so that these are comparisons of numbers.
            let Some(line) = line.first_chunk::<USUAL>() else { break };
            let (found, rest) = line.split_at(NAME);
            let (digits, unit) = rest.split_at(DIGITS);
            if found != *name || unit != b" kB\n" {
                break;
            }
            if *is_wanted {
                // By far the most frequent.
                *number = if digits == b"       0" {
                    0
                } else {
                    match digits.try_into().ok().and_then(smaps_numbers::padded) {
                        Some(number) => number,
                        None => break,
                    }
                };
            }
            count += 1;
        }
        self.known |= ((1 << count) - 1) << self.next;
        self.next += count;
        count * USUAL
    }

    /// Notes a line; `None` if it can't be read.
    fn note(&mut self, line: &[u8]) -> Option<()> {
        if let Some(value) = line.strip_prefix(FLAGS) {
            // In its place, without a copy.
            let has_room = self.flags.insert(VmFlags::default()).read(value)?;
            if !has_room {
                self.flags = None;
            }
            return Some(());
        }
        let padded = line.first_chunk::<NAME>().and_then(|name| smaps_lines::find(name, self.next));
        let (place, value) = match padded {
            Some(place) => (place, line.get(NAME..)?),
            None => {
                let colon = memchr::memchr(b':', line)?;
                let (name, value) = line.split_at_checked(colon + 1)?;
                let Some(place) = smaps_lines::find_unpadded(name) else { return Some(()) };
                (place, value)
            }
        };
        self.next = place + 1;
        if WANTED[place] {
            let number = smaps_numbers::kilobytes(value)?;
            // In bytes it must fit too.
            number.checked_mul(1024)?;
            self.numbers[place] = number;
            self.known |= 1 << place;
        }
        Some(())
    }

    /// What the fields say, and their length in bytes. Ready for the next area after that.
    pub fn finish(&mut self) -> (Box<Usage>, usize) {
        let bytes = |place: usize| (self.known & 1 << place != 0).then(|| self.numbers[place] * 1024);
        let add = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        let files = add(bytes(const { place("ShmemPmdMapped") }), bytes(const { place("FilePmdMapped") }));
        let transparent = add(bytes(const { place("AnonHugePages") }), files);
        let pool = add(bytes(const { place("Shared_Hugetlb") }), bytes(const { place("Private_Hugetlb") }));
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
    }

    #[test]
    fn more_flags_than_there_is_room_for_are_unknown() {
        let usage = |count| read(&format!("Rss: 4 kB\nVmFlags:{}\n", " rd".repeat(count)));
        assert_eq!(usage(64).vm_flags.map_or(0, |flags| flags.iter().count()), 64);
        for count in [65, 1000] {
            assert_eq!(usage(count), Usage { resident: Some(4096), ..Usage::default() });
        }
        assert!(parse(format!("VmFlags:{} x\n", " rd".repeat(65)).as_bytes(), true).is_err());
    }

    #[test]
    fn huge_numbers_do_not_wrap() {
        let last = u64::MAX / 1024;
        assert_eq!(read(&format!("Rss: {last} kB\n")).resident, Some(last * 1024));
        assert_eq!(read(&format!("AnonHugePages: {last} kB\nFilePmdMapped: {last} kB\n")).huge, Some(u64::MAX));
    }

    /// A field that kernels have, or may get.
    fn field() -> impl Strategy<Value = String> {
        prop_oneof![
            ("[A-Z][A-Za-z_]{0,14}", 0u64..1 << 40).prop_map(|(name, size)| format!("{name}: {size:>8} kB\n")),
            "[A-Z][A-Za-z]{0,14}: [ -~]{0,20}\n",
            "VmFlags:( [a-z?]{2}){0,30} \n",
        ]
    }

    /// A number as kernels write it, where they do.
    fn size() -> impl Strategy<Value = Option<u64>> {
        let number = prop_oneof![4 => Just(0), 4 => 0u64..99_999_999, 1 => 0..u64::MAX / 1024];
        proptest::option::weighted(0.8, number)
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
            sizes in proptest::array::uniform24(size()),
            others in proptest::collection::vec(proptest::option::weighted(0.1, "Other[A-Za-z]{0,9}: [ -~]{0,20}\n"), 24),
            flags in proptest::option::of(proptest::collection::vec("[a-z]{2}", 0..30)),
        ) {
            // Any lines may be missing, and others may be among them.
            let mut text = String::new();
            for ((name, size), other) in LINES.iter().zip(sizes).zip(others) {
                let unit = if matches!(name.first(), Some(b'T')) || name.starts_with(b"Prot") { "" } else { " kB" };
                if let Some(size) = size {
                    text.push_str(&format!("{}{size:>8}{unit}\n", String::from_utf8_lossy(*name)));
                }
                text.extend(other);
            }
            text.extend(flags.as_ref().map(|flags| format!("VmFlags: {} \n", flags.join(" "))));
            let usage = read(&text);
            let said = |name| sizes[place(name)].map(|size| size * 1024);
            let wanted = [
                "Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty", "Referenced", "Anonymous",
                "Swap", "Locked",
            ];
            prop_assert_eq!(usage.numbers().map(|(_, number)| number)[..10].to_vec(), wanted.map(said).to_vec());
            let pool = [said("Shared_Hugetlb"), said("Private_Hugetlb")];
            let transparent = [said("AnonHugePages"), said("ShmemPmdMapped"), said("FilePmdMapped")];
            let is_of_pool = flags.iter().flatten().any(|flag| flag == "ht");
            let sum = pool.iter().chain(&transparent).flatten().copied().reduce(u64::saturating_add);
            let is_unknown = pool == [None; 2] && is_of_pool;
            prop_assert_eq!(usage.huge, sum.filter(|_| !is_unknown));
            let found = usage.vm_flags.as_ref().map(|found| found.iter().map(str::to_owned).collect());
            prop_assert_eq!(found, flags);
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
        fn a_text_in_pieces_is_read_as_the_whole(
            sizes in proptest::array::uniform24(size()), flags in "(VmFlags:( [a-z]{2}){0,9} \n)?",
        ) {
            let lines = LINES.iter().zip(sizes).filter_map(|(name, size)| Some((String::from_utf8_lossy(*name), size?)));
            let fields = lines.map(|(name, size)| format!("{name}{size:>8} kB\n")).collect::<String>() + &flags;
            let whole = format!("{fields}{NEXT}");
            let wanted = parse(whole.as_bytes(), true).expect("readable");
            for cut in 0..whole.len() {
                let mut found = Fields::default();
                prop_assert_eq!(found.read(&whole.as_bytes()[..cut], false).expect("readable"), cut > fields.len());
                prop_assert!(found.read(whole.as_bytes(), false).expect("readable"));
                let (usage, len) = found.finish();
                prop_assert_eq!(Some((*usage, len)), wanted.clone());
            }
        }
    }
}
