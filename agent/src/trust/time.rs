//! Times as OpenSSH writes them in options: `YYYYMMDD[HHMM[SS]]`, here always with a `Z` or `UTC` behind it. No leap seconds.
use std::fmt;

const DAY_S: i64 = 86_400;

/// Why a time can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadTime {
    /// It doesn't say that it is UTC.
    Local,
    /// It is no time.
    Garbled,
}

/// Unix time, in s. Shown as `2027-01-31 23:59:59 UTC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnixTime(pub(super) i64);

impl UnixTime {
    /// Reads a time from 1970-01-01 to 9999-12-31.
    pub(super) fn parse(text: &str) -> Result<Self, BadTime> {
        let bytes = text.as_bytes();
        let utc = ["Z", "UTC"].into_iter().find_map(|suffix| {
            let (digits, end) = bytes.split_at_checked(bytes.len().checked_sub(suffix.len())?)?;
            end.eq_ignore_ascii_case(suffix.as_bytes())
                .then_some(digits)
        });
        let time = digits(utc.unwrap_or(bytes)).ok_or(BadTime::Garbled)?;
        utc.is_some().then_some(time).ok_or(BadTime::Local)
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(DAY_S));
        let second = self.0.rem_euclid(DAY_S);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC"
        )
    }
}

fn digits(digits: &[u8]) -> Option<UnixTime> {
    if !matches!(digits.len(), 8 | 12 | 14) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = digits.get(from..to).unwrap_or_default();
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'))
    };
    let (year, month, day) = (number(0, 4), number(4, 6), number(6, 8));
    let (hour, minute, second) = (number(8, 10), number(10, 12), number(12, 14));
    let days = days(year, month, day);
    let real = year >= 1970 && civil(days) == (year, month, day);
    (real && hour < 24 && minute < 60 && second < 60)
        .then(|| UnixTime(days * DAY_S + hour * 3_600 + minute * 60 + second))
}

/// Days from 1970-01-01 to that day of the Gregorian calendar. Years are reckoned from March, so that the day that comes and
/// goes is the last one; 719_468 days lie between 0000-03-01 and 1970-01-01.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = match month > 2 {
        true => (year, month - 3),
        false => (year - 1, month + 9),
    };
    let leap = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap + (153 * month + 2) / 5 + day - 1 - 719_468
}

/// The day of the Gregorian calendar so many days after 1970-01-01: year, month, day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, days) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (days - days / 1_460 + days / 36_524 - days / 146_096) / 365;
    let day = days - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    match month < 10 {
        true => (era * 400 + year, month + 3, day),
        false => (era * 400 + year + 1, month - 9, day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_digits_and_a_zone() {
        use BadTime::{Garbled, Local};
        for (text, expected) in [
            ("19700101000001Z", Ok(1)),
            ("20260101Z", Ok(1_767_225_600)),
            ("20260101z", Ok(1_767_225_600)),
            ("20260101UTC", Ok(1_767_225_600)),
            ("202601010130Z", Ok(1_767_231_000)),
            ("20260101013007Z", Ok(1_767_231_007)),
            ("20240229Z", Ok(1_709_164_800)),
            ("20000229Z", Ok(951_782_400)),
            ("99991231235959Z", Ok(253_402_300_799)),
            ("20260101", Err(Local)),
            ("202601010130", Err(Local)),
            ("20250229Z", Err(Garbled)),
            ("21000229Z", Err(Garbled)),
            ("20261301Z", Err(Garbled)),
            ("20260001Z", Err(Garbled)),
            ("20260100Z", Err(Garbled)),
            ("20260431Z", Err(Garbled)),
            ("202601012400Z", Err(Garbled)),
            ("202601010160Z", Err(Garbled)),
            ("20260101000060Z", Err(Garbled)),
            ("19691231Z", Err(Garbled)),
            ("2026010Z", Err(Garbled)),
            ("2026-01-01Z", Err(Garbled)),
            ("20260101 Z", Err(Garbled)),
            ("+2026101Z", Err(Garbled)),
            ("Z", Err(Garbled)),
            ("", Err(Garbled)),
            ("é", Err(Garbled)),
        ] {
            assert_eq!(UnixTime::parse(text), expected.map(UnixTime), "{text}");
        }
    }

    #[test]
    fn a_time_is_shown_as_it_was_written() {
        for (unix_s, shown) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_868_799, "2000-02-29 23:59:59 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (1_798_761_599, "2026-12-31 23:59:59 UTC"),
            (1_798_761_600, "2027-01-01 00:00:00 UTC"),
        ] {
            assert_eq!(UnixTime(unix_s).to_string(), shown);
        }
    }

    #[test]
    fn every_day_of_four_centuries_comes_once_and_in_order() {
        let mut expected = (1970, 1, 1);
        for number in 0..146_097 {
            assert_eq!(civil(number), expected);
            let (year, month, day) = expected;
            assert_eq!(days(year, month, day), number);
            expected = match day == length(year, month) {
                false => (year, month, day + 1),
                true if month == 12 => (year + 1, 1, 1),
                true => (year, month + 1, 1),
            };
        }
    }

    fn length(year: i64, month: i64) -> i64 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }
}
