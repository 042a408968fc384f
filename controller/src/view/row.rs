//! What a table says of one Pi, in words of a few letters. Knows no widths and no colours.
use picket_proto::{DiskFault, Gap, MetricId, NfsState, Quality, Reading, Status, metric};

use crate::{
    collector::{ClockState, Device},
    duration,
};

/// How a cell is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Plain,
    /// There is nothing to say.
    Dim,
    /// Worth a look.
    Warn,
    /// Needs somebody.
    Bad,
}

/// One cell of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

/// One Pi.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Name, temperature, NFS latency, load, throttling, age, loss, notes.
    pub cells: [Cell; 8],
}

/// Firmware throttles from 80 °C on; six hours before that an operator wants to know.
const WARM: i64 = 70_000;
const HOT: i64 = 80_000;
/// NFS latency in µs that people begin to feel.
const SLOW: i64 = 20_000;
const VERY_SLOW: i64 = 200_000;
/// Ticks older than this, in ms, are no news any more.
const STALE_MS: u64 = 180_000;
const GONE_MS: u64 = 900_000;

impl Row {
    /// A Pi of the inventory that was never heard of.
    #[must_use]
    pub fn missing(name: String) -> Self {
        let none = || cell("-", Tone::Dim);
        Self {
            cells: [
                cell(name, Tone::Plain),
                none(),
                none(),
                none(),
                none(),
                none(),
                none(),
                cell("missing", Tone::Bad),
            ],
        }
    }

    /// A Pi that spoke.
    #[must_use]
    pub fn of(name: String, device: &Device, now_unix_ms: i64) -> Self {
        Self {
            cells: [
                cell(name, Tone::Plain),
                temperature(device.reading(metric::SOC_TEMPERATURE)),
                nfs(device),
                load(device.reading(metric::LOAD1)),
                throttling(device),
                age(device.age_ms(now_unix_ms)),
                loss(device.lost()),
                notes(device, now_unix_ms),
            ],
        }
    }

    /// Whether something about this Pi is worth a look.
    #[must_use]
    pub fn is_noteworthy(&self) -> bool {
        self.cells
            .iter()
            .any(|cell| matches!(cell.tone, Tone::Warn | Tone::Bad))
    }
}

fn cell(text: impl Into<String>, tone: Tone) -> Cell {
    Cell {
        text: text.into(),
        tone,
    }
}

/// A gap in few letters.
fn gap(gap: Option<Gap>) -> Cell {
    match gap {
        None | Some(Gap::Absent | Gap::FirstInterval | Gap::Idle | Gap::Unknown) => {
            cell("-", Tone::Dim)
        }
        Some(Gap::TimedOut) => cell("no reply", Tone::Bad),
        Some(Gap::Unreachable) => cell("no line", Tone::Bad),
        Some(Gap::Reset) => cell("reset", Tone::Dim),
        Some(Gap::Denied) => cell("denied", Tone::Warn),
        Some(_) => cell("error", Tone::Warn),
    }
}

fn temperature(reading: Option<Reading>) -> Cell {
    match reading {
        Some(Ok(value)) => {
            let tone = graded(value, WARM, HOT);
            cell(format!("{}°C", decimal(value, 1_000, 1)), tone)
        }
        other => gap(other.and_then(Result::err)),
    }
}

/// The Pi's own verdict when its server doesn't answer; else the operations' round trip, that of NULL calls when there were none.
fn nfs(device: &Device) -> Cell {
    let verdict = status(device).and_then(|status| status.nfs_verdict);
    match verdict.map(|verdict| verdict.verdict) {
        Some(NfsState::Stalled) => return cell("stalled", Tone::Bad),
        Some(NfsState::Stale) => return cell("stale", Tone::Bad),
        Some(NfsState::Slow) => {
            let Cell { text, tone } = latency(device);
            let tone = if tone == Tone::Bad { tone } else { Tone::Warn };
            return cell(text, tone);
        }
        _ => {}
    }
    latency(device)
}

/// What it says of itself, if that is of the boot that was heard last.
fn status(device: &Device) -> Option<&Status> {
    let latest = device.latest().map(|latest| latest.boot);
    let status = device.status()?;
    (latest.is_none() || status.boot == latest).then_some(status)
}

fn latency(device: &Device) -> Cell {
    let value = |metric: MetricId| device.reading(metric);
    match (value(metric::NFS_RTT), value(metric::NFS_NULL_RTT)) {
        (_, Some(Err(silent @ (Gap::TimedOut | Gap::Unreachable)))) => gap(Some(silent)),
        (Some(Ok(us)), _) | (_, Some(Ok(us))) => {
            let decimals = if us.unsigned_abs() < 100_000 { 2 } else { 0 };
            cell(decimal(us, 1_000, decimals), graded(us, SLOW, VERY_SLOW))
        }
        (rtt, null) => gap(rtt.or(null).and_then(Result::err)),
    }
}

fn load(reading: Option<Reading>) -> Cell {
    match reading {
        Some(Ok(value)) => cell(decimal(value, 100, 2), Tone::Plain),
        other => gap(other.and_then(Result::err)),
    }
}

fn throttling(device: &Device) -> Cell {
    let bits = match device.reading(metric::THROTTLED) {
        Some(Ok(bits)) => bits,
        other => {
            return match device.reading(metric::UNDER_VOLTAGE) {
                Some(Ok(1)) => cell("low volt", Tone::Bad),
                _ => gap(other.and_then(Result::err)),
            };
        }
    };
    let now = [
        (2, "throttled", Tone::Bad),
        (0, "low volt", Tone::Bad),
        (3, "soft cap", Tone::Warn),
        (1, "capped", Tone::Warn),
    ];
    match now.iter().find(|(bit, ..)| bits >> bit & 1 == 1) {
        Some((_, text, tone)) => cell(*text, *tone),
        None if bits >> 16 & 0xf != 0 => cell("earlier", Tone::Warn),
        None => cell("no", Tone::Plain),
    }
}

fn age(age_ms: Option<u64>) -> Cell {
    match age_ms {
        None => cell("-", Tone::Dim),
        Some(ms) if ms < STALE_MS => cell(duration::short(ms), Tone::Plain),
        Some(ms) if ms < GONE_MS => cell(duration::short(ms), Tone::Warn),
        Some(ms) => cell(duration::short(ms), Tone::Bad),
    }
}

fn loss(lost: u64) -> Cell {
    let tone = if lost == 0 { Tone::Plain } else { Tone::Warn };
    cell(lost.to_string(), tone)
}

/// The most pressing first.
fn notes(device: &Device, now_unix_ms: i64) -> Cell {
    let mut notes: Vec<(String, Tone)> = Vec::new();
    if device.clash(now_unix_ms).is_some() {
        notes.push(("name clash".to_owned(), Tone::Bad));
    }
    if device.presence().is_some_and(|presence| !presence.online) {
        notes.push(("offline".to_owned(), Tone::Bad));
    }
    let trouble = status(device).and_then(|status| status.disk_trouble);
    notes.extend(trouble.map(|trouble| (disk(trouble.fault).to_owned(), Tone::Bad)));
    match device.clock() {
        ClockState::Off(by_ms) => {
            let sign = if by_ms < 0 { '-' } else { '+' };
            let by = duration::short(by_ms.unsigned_abs());
            notes.push((format!("clock {sign}{by}"), Tone::Warn));
        }
        ClockState::Unset if !has_time(device) => notes.push(("no clock".to_owned(), Tone::Warn)),
        _ => {}
    }
    if device.awaited() > 0 {
        notes.push((format!("gap {}", device.awaited()), Tone::Warn));
    }
    if device.refused() > 0 {
        notes.push((format!("refused {}", device.refused()), Tone::Warn));
    }
    let tone = match () {
        () if notes.iter().any(|(_, tone)| *tone == Tone::Bad) => Tone::Bad,
        () if notes.is_empty() => Tone::Plain,
        () => Tone::Warn,
    };
    let texts: Vec<_> = notes.into_iter().map(|(text, _)| text).collect();
    cell(texts.join(", "), tone)
}

fn disk(fault: DiskFault) -> &'static str {
    match fault {
        DiskFault::Full => "disk full",
        DiskFault::ReadOnly => "disk read-only",
        DiskFault::Quota => "disk quota",
        DiskFault::IoError => "disk error",
        DiskFault::Stale => "disk stale",
        DiskFault::NoAnswer => "disk silent",
        DiskFault::Other(_) => "disk trouble",
    }
}

fn has_time(device: &Device) -> bool {
    device
        .latest()
        .is_some_and(|latest| device.time(latest.boot, 0).1 > Quality::Unset)
}

fn graded(value: i64, warn: i64, bad: i64) -> Tone {
    match value {
        value if value >= bad => Tone::Bad,
        value if value >= warn => Tone::Warn,
        _ => Tone::Plain,
    }
}

/// `value / scale` with that many decimals, rounded half away from zero.
fn decimal(value: i64, scale: u64, decimals: u32) -> String {
    let step = scale / 10u64.pow(decimals);
    let rounded = (value.unsigned_abs().saturating_add(step / 2)) / step;
    let sign = if value < 0 && rounded > 0 { "-" } else { "" };
    let ten = 10u64.pow(decimals);
    match decimals {
        0 => format!("{sign}{rounded}"),
        _ => format!(
            "{sign}{}.{:0width$}",
            rounded / ten,
            rounded % ten,
            width = decimals as usize
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_rounded_like_people_do() {
        for (value, scale, decimals, text) in [
            (48_312, 1_000, 1, "48.3"),
            (-48_350, 1_000, 1, "-48.4"),
            (-40, 1_000, 1, "0.0"),
            (37, 100, 2, "0.37"),
            (412, 1_000, 2, "0.41"),
            (123_500, 1_000, 0, "124"),
            (i64::MIN, 1_000, 1, "-9223372036854775.8"),
        ] {
            assert_eq!(decimal(value, scale, decimals), text);
        }
    }
}
