//! How much of a stage is done, as people read it: a bar, and words. What a Pi says of itself may be any number.
use picket_proto::Progress;

/// Characters between a bar's brackets.
const BAR: u64 = 20;

/// A bar of a fixed width.
#[must_use]
pub fn bar(done: &Progress) -> String {
    let full = percent(done).map_or(0, |percent| percent * BAR / 100);
    (0..BAR)
        .map(|at| if at < full { '#' } else { '-' })
        .fold("[".to_owned(), |bar, next| bar + &next.to_string())
        + "]"
}

/// The stage, and how much of it: `unpacking 25 % (12.5 of 50.0 MB, 800 of 20123 entries)`.
#[must_use]
pub fn words(done: &Progress) -> String {
    let stage = done.stage.to_string().replace('_', " ");
    let percent = percent(done).map_or(String::new(), |percent| format!(" {percent} %"));
    let mut parts = Vec::new();
    if done.bytes > 0 || done.of_bytes > 0 {
        parts.push(bytes(done.bytes, done.of_bytes));
    }
    if done.entries > 0 || done.of_entries > 0 {
        let of = match done.of_entries {
            0 => String::new(),
            of => format!(" of {of}"),
        };
        parts.push(format!("{}{of} entries", done.entries));
    }
    match parts.is_empty() {
        true => format!("{stage}{percent}"),
        false => format!("{stage}{percent} ({})", parts.join(", ")),
    }
}

/// A length of time in minutes and seconds: `45s`, `2m 5s`.
#[must_use]
pub fn took(ms: u64) -> String {
    let s = ms.saturating_add(500) / 1_000;
    match s {
        0..60 => format!("{s}s"),
        _ => format!("{}m {}s", s / 60, s % 60),
    }
}

/// A length, with the unit that suits it: `512 B`, `1.5 MB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let (unit, name) = unit(bytes);
    format!("{} {name}", in_unit(bytes, unit))
}

/// By bytes, else by entries; nothing if the Pi doesn't know of how many.
fn percent(done: &Progress) -> Option<u64> {
    let (part, whole) = match done.of_bytes {
        0 => (done.entries, done.of_entries),
        of => (done.bytes, of),
    };
    let percent = (u128::from(part) * 100).checked_div(u128::from(whole))?;
    Some(u64::try_from(percent).unwrap_or(u64::MAX).min(100))
}

fn bytes(done: u64, of: u64) -> String {
    match of {
        0 => size(done),
        of => {
            let (unit, name) = unit(of);
            format!("{} of {} {name}", in_unit(done, unit), in_unit(of, unit))
        }
    }
}

fn unit(bytes: u64) -> (u64, &'static str) {
    match bytes {
        0..1_000 => (1, "B"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    }
}

fn in_unit(bytes: u64, unit: u64) -> String {
    match unit {
        1 => bytes.to_string(),
        unit => format!("{}.{}", bytes / unit, bytes % unit / (unit / 10)),
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::State;

    use super::*;

    fn done(bytes: (u64, u64), entries: (u64, u64)) -> Progress {
        Progress {
            stage: State::Unpacking,
            bytes: bytes.0,
            of_bytes: bytes.1,
            entries: entries.0,
            of_entries: entries.1,
        }
    }

    #[test]
    fn progress_is_words_and_a_bar_whatever_a_pi_says() {
        for (bytes, entries, text, full) in [
            (
                (12_500_000, 50_000_000),
                (800, 20_123),
                "unpacking 25 % (12.5 of 50.0 MB, 800 of 20123 entries)",
                5,
            ),
            ((512, 0), (0, 0), "unpacking (512 B)", 0),
            ((0, 0), (1, 2), "unpacking 50 % (1 of 2 entries)", 10),
            ((0, 0), (7, 0), "unpacking (7 entries)", 0),
            ((0, 0), (0, 0), "unpacking", 0),
            ((9, 9), (0, 0), "unpacking 100 % (9 of 9 B)", 20),
            (
                (u64::MAX, 1),
                (0, 0),
                "unpacking 100 % (18446744073709551615 of 1 B)",
                20,
            ),
            (
                (u64::MAX, u64::MAX),
                (0, 0),
                "unpacking 100 % (18446744073.7 of 18446744073.7 GB)",
                20,
            ),
        ] {
            let done = done(bytes, entries);
            assert_eq!(words(&done), text);
            let bar = bar(&done);
            assert_eq!(bar.len(), 22, "{bar}");
            assert_eq!(bar.matches('#').count(), full, "{bar}");
        }
    }

    #[test]
    fn a_length_of_time_has_minutes_and_seconds() {
        for (ms, text) in [
            (0, "0s"),
            (499, "0s"),
            (59_400, "59s"),
            (59_500, "1m 0s"),
            (125_000, "2m 5s"),
            (u64::MAX, "307445734561825m 51s"),
        ] {
            assert_eq!(took(ms), text);
        }
    }
}
