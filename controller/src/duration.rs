//! Lengths of time as people write and read them: `90s`, `5m`, `2h`. Knows no clock.
use std::time::Duration;

/// Parses `10s`, `5m`, `2h`, `1d`, `500ms`.
///
/// # Errors
/// Says how to write one.
pub fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and ms, s, m, h or d, as in 90s".to_owned();
    let at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let number: u64 = text[..at].parse().map_err(|_| wrong())?;
    let unit_ms = match &text[at..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(wrong()),
    };
    let ms = number.checked_mul(unit_ms).ok_or("that is too long")?;
    Ok(Duration::from_millis(ms))
}

/// A length in ms in at most four characters: `0s`, `59s`, `3m`, `47h`, `12d`.
#[must_use]
pub fn short(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0..120 => format!("{s}s"),
        120..7_200 => format!("{}m", s / 60),
        7_200..172_800 => format!("{}h", s / 3_600),
        172_800..86_400_000 => format!("{}d", s / 86_400),
        _ => ">999d".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_number_and_a_unit() {
        for (text, ms) in [
            ("500ms", Some(500)),
            ("90s", Some(90_000)),
            ("5m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("1d", Some(86_400_000)),
            ("", None),
            ("5", None),
            ("s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5 s", None),
            ("99999999999999999999d", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(parse(text).ok(), ms.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn a_length_is_shown_in_one_unit() {
        for (s, text) in [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_800, "2d"),
        ] {
            assert_eq!(short(s * 1_000), text);
        }
        assert_eq!(short(u64::MAX), ">999d");
    }
}
