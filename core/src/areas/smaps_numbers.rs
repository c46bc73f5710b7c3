//! Numbers as `/proc/PID/smaps` has them.

/// How many places kernels fill up with spaces before a number.
pub(super) const DIGITS: usize = 8;

/// A number behind the spaces that fill it up. All digits at once, as there are a hundred thousand of them.
pub(super) fn padded(digits: [u8; DIGITS]) -> Option<u64> {
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

pub(super) fn kilobytes(value: &[u8]) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn numbers_are_read_at_once_as_one_by_one(digits: [u8; DIGITS], number in 0u32..100_000_000) {
            let one_by_one = |digits: &[u8]| self::number(&digits[digits.iter().position(|byte| *byte != b' ')?..]);
            prop_assert_eq!(padded(digits), one_by_one(&digits));
            let text = format!("{number:>8}");
            prop_assert_eq!(padded(text.as_bytes().try_into().expect("so many")), Some(u64::from(number)));
        }
    }
}
