//! The figures for people: what is measured down, contenders across, at most 100 columns.
use std::fmt::Write as _;

use crate::{contender::Kind, figures::Figures, race::Outcome};

type Row = (&'static str, fn(&Figures) -> f64, usize);

const ROWS: [Row; 17] = [
    ("CPU a tick, µs", |f| f.cpu_us, 0),
    ("voluntary context switches a tick", |f| f.voluntary, 2),
    ("involuntary context switches a tick", |f| f.involuntary, 2),
    ("system calls a tick", |f| f.syscalls, 1),
    ("forks, clones and execs while traced", |f| f.forks, 0),
    ("messages a tick", |f| f.messages, 2),
    ("payload bytes a tick", |f| f.payload_bytes, 1),
    ("TCP payload bytes a tick, both ways", |f| f.tcp_bytes, 1),
    ("TCP segments a tick, both ways", |f| f.segments, 2),
    ("broker's CPU a tick above idle, µs", |f| f.broker_us, 0),
    ("RSS, KiB", |f| f.rss_kib, 0),
    ("peak RSS, KiB", |f| f.peak_kib, 0),
    ("threads", |f| f.threads, 0),
    ("binary and plugins, KiB", |f| f.binary_kib, 0),
    ("with shared libraries, KiB", |f| f.code_kib, 0),
    ("exec to READY, ms", |f| f.ready_ms, 1),
    ("exec to first PUBLISH, ms", |f| f.publish_ms, 1),
];

/// The table of all contenders, with picketd's share of the others.
#[must_use]
pub fn of(outcomes: &[Outcome]) -> String {
    let mut out = format!("{:<38}", "");
    for outcome in outcomes {
        let _ = write!(out, "{:>10}", outcome.kind.name());
    }
    out.push_str("   of floor of collectd\n");
    for (name, value, digits) in ROWS {
        let _ = write!(out, "{name:<38}");
        for outcome in outcomes {
            let _ = write!(out, "{:>10.digits$}", value(&outcome.figures));
        }
        let own = find(outcomes, Kind::Picketd).map(value);
        for (other, width) in [(Kind::Floor, 11), (Kind::Collectd, 12)] {
            let _ = write!(
                out,
                "{:>width$}",
                share(own, find(outcomes, other).map(value))
            );
        }
        out.push('\n');
    }
    out
}

/// The system calls of each contender, a tick, the most frequent ones.
#[must_use]
pub fn of_calls(outcomes: &[Outcome]) -> String {
    let mut out = String::from("system calls a tick, the most frequent ones\n");
    for outcome in outcomes {
        let calls = outcome.calls.0.iter().take(8).map(|(name, count)| {
            format!(
                "{name} {:.1}",
                *count as f64 / f64::from(outcome.traced_ticks)
            )
        });
        let calls: Vec<String> = calls.collect();
        let _ = writeln!(out, "  {:<9} {}", outcome.kind.name(), calls.join(", "));
    }
    out
}

/// The figures of that contender.
#[must_use]
pub fn find(outcomes: &[Outcome], kind: Kind) -> Option<&Figures> {
    let found = outcomes.iter().find(|outcome| outcome.kind == kind);
    found.map(|outcome| &outcome.figures)
}

fn share(own: Option<f64>, other: Option<f64>) -> String {
    match (own, other) {
        (Some(own), Some(other)) if other > 0.0 => format!("{:.2}", own / other),
        _ => "-".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_100_columns_and_shares_are_picketds() {
        let outcomes = [
            (Kind::Picketd, 200.0),
            (Kind::Floor, 100.0),
            (Kind::Collectd, 1_000_000.0),
        ]
        .map(|(kind, cpu_us)| {
            Outcome::with(
                kind,
                Figures {
                    cpu_us,
                    ..Figures::default()
                },
            )
        });
        let table = of(&outcomes);
        assert!(
            table.lines().all(|line| line.chars().count() <= 100),
            "{table}"
        );
        let cpu = table.lines().find(|line| line.starts_with("CPU")).unwrap();
        let words: Vec<&str> = cpu.split_whitespace().collect();
        assert_eq!(words[4..], ["200", "100", "1000000", "2.00", "0.00"]);
    }
}
