//! What must hold of picketd's figures. Counts and ratios only: they are the same on a slow machine.
use crate::{contender::Kind, figures::median, race::Outcome};

/// A limit, and whether it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// What is limited.
    pub what: &'static str,
    /// What was measured.
    pub measured: f64,
    /// The most, or with [`Side::AtLeast`] the least, that it may be.
    pub limit: f64,
    /// On which side of the limit it must be.
    pub side: Side,
}

/// A side of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The limit or less.
    AtMost,
    /// The limit or more.
    AtLeast,
}

impl Verdict {
    /// Whether the limit was kept.
    #[must_use]
    pub fn held(&self) -> bool {
        match self.side {
            Side::AtMost => self.measured <= self.limit,
            Side::AtLeast => self.measured >= self.limit,
        }
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self) -> String {
        let word = if self.held() { "ok  " } else { "FAIL" };
        let side = match self.side {
            Side::AtMost => "at most",
            Side::AtLeast => "at least",
        };
        format!(
            "{word} {}: {:.2}, {side} {}",
            self.what, self.measured, self.limit
        )
    }
}

/// The limits of picketd, measured beside collectd. `None` if one of the two is missing.
#[must_use]
pub fn judge(outcomes: &[Outcome]) -> Option<Vec<Verdict>> {
    let of = |kind| outcomes.iter().find(|outcome| outcome.kind == kind);
    let (picketd, collectd) = (of(Kind::Picketd)?, of(Kind::Collectd)?);
    let own = &picketd.figures;
    let at_most = |what, measured, limit| Verdict {
        what,
        measured,
        limit,
        side: Side::AtMost,
    };
    let at_least = |what, measured, limit| Verdict {
        what,
        measured,
        limit,
        side: Side::AtLeast,
    };
    // Batches before and after the measured time may hold ticks of it.
    let ticks = f64::from(picketd.ticks.saturating_sub(crate::contender::WINDOW));
    Some(vec![
        at_least(
            "ticks that reached the broker",
            picketd.content.ticks as f64,
            ticks,
        ),
        at_least(
            "metrics in every batch",
            picketd.content.fewest_metrics as f64,
            14.0,
        ),
        at_most(
            "CPU time as a share of collectd's",
            share(&own.cpu_us_by_window, &collectd.figures.cpu_us_by_window),
            0.25,
        ),
        at_most("voluntary context switches a tick", own.voluntary, 5.0),
        at_most("system calls a tick", own.syscalls, 40.0),
        at_most("forks, clones and execs", own.forks, 0.0),
        at_most("resident memory in KiB", own.peak_kib, 3072.0),
    ])
}

/// The median of the windows' shares, since what else the machine does meets both in the same window. NaN, which keeps no
/// limit, without windows.
fn share(own: &[f64], other: &[f64]) -> f64 {
    let shares: Vec<f64> = own
        .iter()
        .zip(other)
        .map(|(own, other)| own / other)
        .collect();
    match shares.is_empty() {
        true => f64::NAN,
        false => median(shares),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::{Content, Figures};

    fn good() -> [Outcome; 2] {
        let figures = Figures {
            cpu_us_by_window: vec![200.0, 300.0, 250.0],
            voluntary: 2.0,
            syscalls: 20.0,
            peak_kib: 2500.0,
            ..Figures::default()
        };
        let mut picketd = Outcome::with(Kind::Picketd, figures);
        picketd.content = Content {
            ticks: 48,
            fewest_metrics: 19,
        };
        picketd.ticks = 48;
        let collectd = Figures {
            cpu_us_by_window: vec![1000.0, 1000.0, 2000.0],
            ..Figures::default()
        };
        [picketd, Outcome::with(Kind::Collectd, collectd)]
    }

    type Spoil = fn(&mut Outcome);

    fn broken(outcomes: &[Outcome]) -> Vec<&'static str> {
        let verdicts = judge(outcomes).unwrap();
        verdicts
            .iter()
            .filter(|verdict| !verdict.held())
            .map(|verdict| verdict.what)
            .collect()
    }

    #[test]
    fn each_limit_breaks_by_itself() {
        let cases: [(&str, Spoil); 7] = [
            ("ticks that reached the broker", |o| o.content.ticks = 41),
            ("metrics in every batch", |o| o.content.fewest_metrics = 13),
            ("CPU time as a share of collectd's", |o| {
                o.figures.cpu_us_by_window[0] = 251.0
            }),
            ("voluntary context switches a tick", |o| {
                o.figures.voluntary = 5.1
            }),
            ("system calls a tick", |o| o.figures.syscalls = 40.1),
            ("forks, clones and execs", |o| o.figures.forks = 1.0),
            ("resident memory in KiB", |o| o.figures.peak_kib = 3073.0),
        ];
        assert_eq!(broken(&good()), [""; 0]);
        for (what, spoil) in cases {
            let mut outcomes = good();
            spoil(&mut outcomes[0]);
            assert_eq!(broken(&outcomes), [what]);
        }
    }

    #[test]
    fn a_share_of_nothing_does_not_hold() {
        for windows in [vec![], vec![0.0]] {
            let mut outcomes = good();
            outcomes[0].figures.cpu_us_by_window = windows.clone();
            outcomes[1].figures.cpu_us_by_window = windows;
            assert_eq!(broken(&outcomes), ["CPU time as a share of collectd's"]);
        }
        let outcomes = good();
        assert_eq!(judge(&outcomes[..1]), None);
    }
}
