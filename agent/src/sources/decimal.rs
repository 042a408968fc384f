//! Decimal integers as kernel files write them: digits, nothing else. What they count is not known here.

/// The fields of a line, which spaces or tabs part.
pub(crate) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
}

/// An integer without a sign; more than 64 bits is none.
pub(crate) fn unsigned(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        value.checked_mul(10)?.checked_add(u64::from(digit(*byte)?))
    })
}

/// An integer that may have a minus sign.
pub(crate) fn signed(text: &[u8]) -> Option<i64> {
    match text.strip_prefix(b"-") {
        Some(digits) => i64::try_from(unsigned(digits)?).ok().map(|value| -value),
        None => i64::try_from(unsigned(text)?).ok(),
    }
}

/// The only field of a file of one line, as an integer.
pub(crate) fn only(text: &[u8]) -> Option<i64> {
    signed(text.trim_ascii())
}

/// Fills `columns` with the integers that blanks part, and says how many there were; what follows isn't looked at.
/// Anything but digits in a column is none.
pub(crate) fn numbers(text: &[u8], columns: &mut [u64]) -> Option<usize> {
    let mut bytes = text.iter();
    for (at, column) in columns.iter_mut().enumerate() {
        let mut byte = bytes.find(|byte| !byte.is_ascii_whitespace());
        let Some(first) = byte else {
            return Some(at);
        };
        let mut value = u64::from(digit(*first)?);
        loop {
            byte = bytes.next();
            match byte {
                Some(byte) if !byte.is_ascii_whitespace() => {
                    value = value
                        .checked_mul(10)?
                        .checked_add(u64::from(digit(*byte)?))?;
                }
                _ => break,
            }
        }
        *column = value;
    }
    Some(columns.len())
}

fn digit(byte: u8) -> Option<u8> {
    let digit = byte.wrapping_sub(b'0');
    (digit <= 9).then_some(digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_make_an_integer() {
        for (text, value) in [
            ("", None),
            ("-", None),
            ("0", Some(0)),
            ("48312", Some(48312)),
            ("-1500", Some(-1500)),
            ("--1", None),
            ("+1", None),
            ("1.5", None),
            ("1e3", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("9223372036854775808", None),
            ("99999999999999999999", None),
            (" 1", None),
            ("\u{661}", None),
        ] {
            assert_eq!(signed(text.as_bytes()), value, "{text:?}");
        }
        assert_eq!(unsigned(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(unsigned(b"18446744073709551616"), None);
    }

    #[test]
    fn columns_are_filled_as_far_as_there_are_integers() {
        for (text, filled) in [
            ("", Some(vec![])),
            ("  \t\n", Some(vec![])),
            ("1", Some(vec![1])),
            (" 12\t 0 \n", Some(vec![12, 0])),
            ("1 2 3", Some(vec![1, 2, 3])),
            ("1 2 3 x", Some(vec![1, 2, 3])),
            ("1 2 18446744073709551615", Some(vec![1, 2, u64::MAX])),
            ("1 2 18446744073709551616", None),
            ("1 -2 3", None),
            ("1 2x 3", None),
        ] {
            let mut columns = [0; 3];
            let count = numbers(text.as_bytes(), &mut columns);
            assert_eq!(
                count.map(|count| columns[..count].to_vec()),
                filled,
                "{text:?}"
            );
        }
    }

    #[test]
    fn blanks_part_fields() {
        let line = b"\t xprt:\ttcp  940 0\n";
        let parts: Vec<_> = fields(line).collect();
        assert_eq!(parts, [&b"xprt:"[..], b"tcp", b"940", b"0"]);
    }
}
