//! Which lines kernels have in `/proc/PID/smaps` about an area, and which of them are read.

/// The length of a name with the colon and the spaces that fill it up.
pub(super) const NAME: usize = 16;

/// The lines with numbers that kernels have, in their order: so each is mostly found where it is looked for first.
pub(super) const LINES: [&[u8; NAME]; 24] = [
    b"Size:           ",
    b"KernelPageSize: ",
    b"MMUPageSize:    ",
    b"Rss:            ",
    b"Pss:            ",
    b"Pss_Dirty:      ",
    b"Shared_Clean:   ",
    b"Shared_Dirty:   ",
    b"Private_Clean:  ",
    b"Private_Dirty:  ",
    b"Referenced:     ",
    b"Anonymous:      ",
    b"KSM:            ",
    b"LazyFree:       ",
    b"AnonHugePages:  ",
    b"ShmemPmdMapped: ",
    b"FilePmdMapped:  ",
    b"Shared_Hugetlb: ",
    b"Private_Hugetlb:",
    b"Swap:           ",
    b"SwapPss:        ",
    b"Locked:         ",
    b"THPeligible:    ",
    b"ProtectionKey:  ",
];

/// Those of them that are not read.
const UNWANTED: [usize; 9] = [
    place("Size"),
    place("KernelPageSize"),
    place("MMUPageSize"),
    place("Pss_Dirty"),
    place("KSM"),
    place("LazyFree"),
    place("SwapPss"),
    place("THPeligible"),
    place("ProtectionKey"),
];

/// Whether the number of a line is wanted.
pub(super) const WANTED: [bool; LINES.len()] = {
    let mut wanted = [true; LINES.len()];
    let mut at = 0;
    while at < UNWANTED.len() {
        wanted[UNWANTED[at]] = false;
        at += 1;
    }
    wanted
};

/// The name of the one line with words, which is the last.
pub(super) const FLAGS: &[u8] = b"VmFlags:";

/// The place of a name in [`LINES`].
pub(super) const fn place(name: &str) -> usize {
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

/// The place of a name with its colon and spaces, which is probably the next.
pub(super) fn find(name: &[u8; NAME], next: usize) -> Option<usize> {
    let (before, after) = LINES.split_at_checked(next)?;
    let found = after.iter().position(|known| *known == name).map(|place| next + place);
    found.or_else(|| before.iter().position(|known| *known == name))
}

/// The same of a name with its colon, without spaces.
pub(super) fn find_unpadded(name: &[u8]) -> Option<usize> {
    LINES.iter().position(|known| known.trim_ascii_end() == name)
}
