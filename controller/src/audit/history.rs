//! How an operation stands, from its lines in the audit log. Pure: lines in, state out, in whatever order several pickets wrote
//! them.
use std::collections::BTreeMap;

use jiff::Timestamp;
use picket_proto::{BootId, DeviceId, Nonce, OperationId, Reason, State, Target};

use super::{Entry, Line, Ordered, Outcome, Settled, Signed, Transition};

/// How one operation stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Which.
    pub operation: OperationId,
    /// When its first line was written; the beginning of time before there is one.
    pub began: Timestamp,
    /// What was ordered, when the log has it. Only the first order counts: a second one under the same id is none.
    pub ordered: Option<Ordered>,
    /// Each target, also those that nothing was heard of.
    pub targets: BTreeMap<DeviceId, TargetHistory>,
    /// Why it was halted, unless somebody went on with it.
    pub halted: Option<String>,
    /// The exit code of the last run of picket, when that came to its end.
    pub exit: Option<u8>,
}

/// How it stands on one Pi.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetHistory {
    /// What its last signed command carried.
    pub signed: Option<Freshness>,
    /// The boot that its first signed command carried. A reboot is a wish for another one, whoever resumes it.
    pub first_boot: Option<BootId>,
    /// What it reported last, or that it is done once it said so.
    pub latest: Option<Transition>,
    /// When that was written.
    pub latest_at: Option<Timestamp>,
    /// What the controller concluded last.
    pub outcome: Option<Outcome>,
    /// Why, and what to do, where no report says it: nothing was heard, or nothing was signed.
    pub why: Option<String>,
    /// So many times its power was switched.
    pub power_cycles: u32,
    /// When that began for the first time.
    pub power_cycled_at: Option<Timestamp>,
}

/// What made a command fresh on a Pi.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// When it was signed.
    pub time: Timestamp,
    /// The boot that it was for.
    pub boot: BootId,
    /// The nonce.
    pub nonce: Nonce,
}

/// Whether a refusal for that reason goes away when the Pi is asked for its nonce and the command signed again.
#[must_use]
pub fn may_be_cured(reason: Option<Reason>) -> bool {
    let cured = [
        Reason::StaleNonce,
        Reason::Expired,
        Reason::WrongBoot,
        Reason::RateLimited,
    ];
    reason.is_some_and(|reason| cured.contains(&reason))
}

impl TargetHistory {
    /// How it ended; `None` when there is more to do. A target that timed out isn't at its end: somebody may go on with it.
    /// Nor does a refusal stand in the way of what a later run was told.
    #[must_use]
    pub fn end(&self) -> Option<Outcome> {
        let reported = self.latest.as_ref().filter(|latest| is_final(latest));
        let reported = reported.and_then(|latest| Outcome::of(latest.state));
        let is_last = |outcome: &Outcome| !matches!(outcome, Outcome::TimedOut | Outcome::Refused);
        let refused = self.outcome.filter(|outcome| *outcome == Outcome::Refused);
        self.outcome.filter(is_last).or(reported).or(refused)
    }

    fn sign(&mut self, time: Timestamp, target: &Target) {
        self.first_boot.get_or_insert(target.boot);
        self.signed = Some(Freshness {
            time,
            boot: target.boot,
            nonce: target.nonce,
        });
    }

    fn settle(&mut self, settled: &Settled) {
        let reported = self.latest.as_ref();
        let reported = reported.and_then(|latest| Outcome::of(latest.state));
        let is_new = reported != Some(settled.outcome);
        self.why = settled.detail.clone().filter(|_| is_new);
        self.outcome = Some(settled.outcome);
    }

    fn power_cycle(&mut self, time: Timestamp) {
        self.power_cycles += 1;
        self.power_cycled_at.get_or_insert(time);
    }

    /// A report that was overtaken by the last one changes nothing. What was refused may have been ordered again.
    fn report(&mut self, time: Timestamp, transition: &Transition) {
        let is_done =
            |latest: &Transition| latest.state.is_final() && latest.state != State::Refused;
        if self.latest.as_ref().is_some_and(is_done) {
            return;
        }
        self.latest = Some(transition.clone());
        self.latest_at = Some(time);
    }
}

fn is_final(transition: &Transition) -> bool {
    let refused = transition.state == State::Refused;
    transition.state.is_final() && !(refused && may_be_cured(transition.reason))
}

impl History {
    /// Of an operation that nothing is known of yet.
    #[must_use]
    pub fn new(operation: OperationId) -> Self {
        Self {
            operation,
            began: Timestamp::UNIX_EPOCH,
            ordered: None,
            targets: BTreeMap::new(),
            halted: None,
            exit: None,
        }
    }

    /// Takes the next line of the log into account; one of another operation changes nothing.
    pub fn take(&mut self, line: &Line) {
        if line.operation != self.operation {
            return;
        }
        if self.began == Timestamp::UNIX_EPOCH {
            self.began = line.time;
        }
        match &line.entry {
            Entry::Ordered(ordered) => self.order(ordered),
            Entry::Signed(signed) => self.sign(line.time, signed),
            Entry::Transition(transition) => {
                self.target(transition.device).report(line.time, transition)
            }
            Entry::Settled(settled) => self.target(settled.device).settle(settled),
            Entry::PowerCycling(cycling) => self.target(cycling.device).power_cycle(line.time),
            Entry::Halted(halted) => self.halted = Some(halted.why.clone()),
            Entry::Resumed(_) => {
                self.halted = None;
                self.exit = None;
            }
            Entry::Ended(ended) => self.exit = Some(ended.exit),
            Entry::PowerCycled(_) | Entry::Unknown => {}
        }
    }

    /// The targets that there is more to do for, in the order of the order.
    pub fn unfinished(&self) -> impl Iterator<Item = DeviceId> {
        let ordered = self.ordered.iter().flat_map(|ordered| &ordered.targets);
        ordered.copied().filter(|device| {
            let target = self.targets.get(device);
            target.is_none_or(|target| target.end().is_none())
        })
    }

    fn order(&mut self, ordered: &Ordered) {
        if self.ordered.is_some() {
            return;
        }
        for device in &ordered.targets {
            self.target(*device);
        }
        self.ordered = Some(ordered.clone());
    }

    /// What counts is the payload: those are the bytes that went out.
    fn sign(&mut self, time: Timestamp, signed: &Signed) {
        for target in signed.command().iter().flat_map(|command| &command.targets) {
            self.target(target.device).sign(time, target);
        }
    }

    fn target(&mut self, device: DeviceId) -> &mut TargetHistory {
        self.targets.entry(device).or_default()
    }
}

#[cfg(test)]
mod tests;
