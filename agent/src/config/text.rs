//! Values as people write them: durations, sizes, topic words. Each error says what would be right.
use super::entry::Raw;

/// Milliseconds of "500ms", "10s", "5m" or "1h".
pub(super) fn duration_ms(raw: &Raw, least: u64, most: u64) -> Result<u64, String> {
    let range = || {
        format!(
            "write a duration from {} to {}, like \"10s\" or \"5m\"",
            show(least),
            show(most)
        )
    };
    let text = raw.text()?;
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(range()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(scale))
        .filter(|ms| (least..=most).contains(ms))
        .ok_or_else(range)
}

/// Bytes of "64KiB" or "1MiB".
pub(super) fn size(raw: &Raw, least: usize, most: usize) -> Result<usize, String> {
    let range = || {
        format!(
            "write a size from {}KiB to {}KiB, like \"96KiB\"",
            least / 1024,
            most / 1024
        )
    };
    let text = raw.text()?;
    let (number, scale) = if let Some(number) = text.strip_suffix("KiB") {
        (number, 1024)
    } else if let Some(number) = text.strip_suffix("MiB") {
        (number, 1024 * 1024)
    } else {
        return Err(range());
    };
    number
        .parse::<usize>()
        .ok()
        .and_then(|number| number.checked_mul(scale))
        .filter(|size| (least..=most).contains(size))
        .ok_or_else(range)
}

/// A word of letters, digits and `extra`, at most 64 long.
pub(super) fn word(raw: &Raw, extra: &str) -> Result<String, String> {
    let text = raw.text()?;
    let good = |c: char| c.is_ascii_alphanumeric() || extra.contains(c);
    if text.is_empty() || text.len() > 64 || !text.chars().all(good) {
        return Err(format!("write 1 to 64 letters, digits or any of {extra}"));
    }
    Ok(text.to_owned())
}

/// The duration as one would write it.
pub(super) fn show(ms: u64) -> String {
    match ms {
        ms if ms > 0 && ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms > 0 && ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}
