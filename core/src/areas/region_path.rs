//! macOS and iOS: which file an area maps, from `proc_pidinfo` (xnu's `bsd/sys/proc_info.h`).
//!
//! U28: upstream asks `proc_regionfilename`, which answers for the next area that maps a file if this one maps none, and
//! upstream does not check whose path it got. The answer of the call underneath says whose it is.

/// The longest answer to a question.
pub(super) const LONGEST: usize = 1272;

/// The longest path, with the 0 at its end.
const PATH: usize = 1024;

/// One of the kernel's two questions, and where in the answer is what.
pub(super) struct Question {
    /// Its number.
    pub flavor: i32,
    /// The answer's length in bytes.
    pub len: usize,
    /// Where the addresses of the area are: its first one and its size.
    area: usize,
    path: usize,
}

/// `PROC_PIDREGIONPATH` with its `struct proc_regionpath`: since macOS 10.15 and iOS 13. Of this area or a later one.
pub(super) const QUICK: Question = Question { flavor: 31, len: 1040, area: 0, path: 16 };

/// `PROC_PIDREGIONPATHINFO` with its `struct proc_regionwithpathinfo`. It counts the area's pages too, one by one.
pub(super) const OLD: Question = Question { flavor: 8, len: LONGEST, area: 80, path: 248 };

impl Question {
    /// The path in an answer, if it is about the area with this address.
    pub fn path(&self, answer: &[u8], address: u64) -> Option<Vec<u8>> {
        let number = |at: usize| {
            let bytes = answer.get(at..at.checked_add(8)?)?;
            Some(u64::from_ne_bytes(bytes.try_into().ok()?))
        };
        let (start, len) = (number(self.area)?, number(self.area.checked_add(8)?)?);
        if address.checked_sub(start)? >= len {
            return None;
        }
        let path = answer.get(self.path..self.path.checked_add(PATH)?)?;
        let path: Vec<u8> = path.iter().copied().take_while(|byte| *byte != 0).collect();
        (!path.is_empty()).then_some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(question: &Question, start: u64, len: u64, path: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; question.len];
        bytes[question.area..][..8].copy_from_slice(&start.to_ne_bytes());
        bytes[question.area + 8..][..8].copy_from_slice(&len.to_ne_bytes());
        bytes[question.path..][..path.len()].copy_from_slice(path);
        bytes
    }

    #[test]
    fn u28_a_path_is_of_the_area_that_was_asked_about() {
        for question in [&QUICK, &OLD] {
            let told = answer(question, 0x4000, 0x2000, b"/a\xff b");
            for (address, is_its_own) in [(0x3fff, false), (0x4000, true), (0x5fff, true), (0x6000, false)] {
                let path = question.path(&told, address);
                assert_eq!(path, is_its_own.then(|| b"/a\xff b".to_vec()), "{address:#x} of {}", question.flavor);
            }
        }
    }

    #[test]
    fn no_path_and_the_longest() {
        for question in [&QUICK, &OLD] {
            assert_eq!(question.path(&answer(question, 0x4000, 0x2000, b""), 0x4000), None);
            assert_eq!(question.path(&vec![0; question.len], 0), None, "nothing was answered");
            assert_eq!(question.path(&[], 0), None);
            let longest = [b'x'; PATH];
            assert_eq!(question.path(&answer(question, 0, u64::MAX, &longest), 5), Some(longest.to_vec()));
        }
    }

    #[test]
    fn the_structs_are_as_long_as_the_kernels() {
        // The kernel refuses any other size. The path is the last field of both.
        assert_eq!(QUICK.len, QUICK.path + PATH);
        assert_eq!(OLD.len, OLD.path + PATH);
        // `struct proc_regioninfo` is 96 bytes, its last two numbers the area's, `struct vnode_info` 152.
        assert_eq!((OLD.area, OLD.path), (96 - 16, 96 + 152));
    }
}
