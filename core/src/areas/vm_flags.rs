//! Linux's own flags of an area.

/// As many as the kernel has bits for.
const MOST: usize = 64;

/// Linux's flags of an area, two characters each: `rd`, `wr`, `mr`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VmFlags {
    codes: [[u8; 2]; MOST],
    len: usize,
}

impl Default for VmFlags {
    fn default() -> Self {
        Self { codes: [[0; 2]; MOST], len: 0 }
    }
}

impl VmFlags {
    /// Reads codes with spaces around them, into what has none yet; false if there are more than there is room for, `None` if
    /// there is anything else.
    #[cfg_attr(not(any(target_os = "linux", target_os = "android")), allow(dead_code))]
    pub(super) fn read(&mut self, text: &[u8]) -> Option<bool> {
        // As kernels write them: a space and two letters, again and again, and a space.
        let mut len = 0;
        for (chunk, code) in text.chunks_exact(3).zip(&mut self.codes) {
            let [b' ', first @ b'!'..=b'~', second @ b'!'..=b'~'] = chunk else { break };
            *code = [*first, *second];
            len += 1;
        }
        self.len = len;
        let rest = text.get(3 * len..)?;
        if rest == b" " { Some(true) } else { self.read_rest(rest) }
    }

    /// The same with codes that are not as usual, or too many, behind those that were read.
    fn read_rest(&mut self, text: &[u8]) -> Option<bool> {
        // The first could be the end of a longer one.
        if self.len > 0 && text.first().is_some_and(|byte| *byte != b' ') {
            return None;
        }
        let mut has_room = true;
        for code in text.split(|byte| *byte == b' ').filter(|code| !code.is_empty()) {
            let code: [u8; 2] = code.try_into().ok()?;
            if !code.iter().all(u8::is_ascii_graphic) {
                return None;
            }
            match self.codes.get_mut(self.len) {
                Some(place) => {
                    *place = code;
                    self.len += 1;
                }
                None => has_room = false,
            }
        }
        Some(has_room)
    }

    /// The flags, as the kernel lists them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.codes.iter().take(self.len).filter_map(|code| std::str::from_utf8(code).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the text says, read word by word.
    fn words(text: &str) -> Option<Option<Vec<&str>>> {
        let codes: Vec<_> = text.split(' ').filter(|code| !code.is_empty()).collect();
        let is_code = |code: &&str| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_graphic());
        codes.iter().all(is_code).then(|| (codes.len() <= MOST).then_some(codes))
    }

    fn check(text: &str) {
        let mut flags = VmFlags::default();
        let found = flags.read(text.as_bytes()).map(|has_room| has_room.then(|| flags.iter().collect()));
        assert_eq!(found, words(text), "{text:?}");
    }

    #[test]
    fn codes_and_what_is_none() {
        for text in [
            "",
            " ",
            " rd ",
            " rd",
            "rd",
            " rd wr mr mw me ac sd ",
            " rd  wr",
            "  rd wr ",
            "rd wr",
            " rd wr x",
            " rdd ",
            " rd wrx",
            " rd wrxx mr",
            " rdwr",
            " rd w",
            " rd \u{fc} ",
            " rd r\u{1} ",
            " \u{1}r",
            " rd\twr",
            "x rd",
            " ?? rd ",
        ] {
            check(text);
        }
    }

    #[test]
    fn more_than_there_is_room_for() {
        for count in 60..70 {
            check(&" rd".repeat(count));
            check(&format!("{} ", " rd".repeat(count)));
            check(&format!("{}  mr ", " rd".repeat(count)));
            check(&format!("{} x", " rd".repeat(count)));
        }
    }

    proptest! {
        #[test]
        fn read_as_word_by_word(
            text in "( [a-z?]{2}){0,70} ?|( {1,2}[a-z]{1,3}){0,30} ?|[ -~]{0,30}| rd wr[ a-z\u{1}\u{7f}\u{fc}]{0,9}",
        ) {
            check(&text);
        }
    }
}
