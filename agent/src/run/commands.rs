//! What joins commands to the rest: their core decides, and here its actions reach the link, the host, the journal, telemetry
//! and the log. It decides nothing.
use std::collections::VecDeque;

use picket_proto::{Report, State, Status, command::action_name};
use rustix::io::Errno;

use super::{Agent, Outside, WorkerNews, slots, verdicts};
use crate::{
    clock,
    command::{Action, Input, LastOperation, Now},
    config::Periods,
    host::{Host, HostEvent},
    journal::Outcome,
    link::{Link, Publish},
    notify::Word,
    telemetry::{self, DeliveryId},
};

/// Whether commands named that publish, and not telemetry.
pub(super) fn is_of_commands(delivery: DeliveryId) -> bool {
    delivery.0 >> 63 == 1
}

impl Agent {
    pub(super) fn journal<L: Link, H: Host>(
        &mut self,
        outcome: Outcome,
        outside: &mut Outside<L, H>,
    ) {
        match &outcome {
            Outcome::Written => tracing::debug!("the journal is written"),
            Outcome::Failed(why) => tracing::warn!("{why}"),
            Outcome::Unknown => tracing::error!(
                "the disk of the journal doesn't answer; what was to be recorded is neither done nor given up"
            ),
            Outcome::Opened { problem: None, .. } => {
                tracing::info!("the disk of the journal answers again");
            }
            Outcome::Opened {
                problem: Some(problem),
                ..
            } => tracing::warn!("{problem}"),
        }
        let said = match &outcome {
            Outcome::Unknown => Err(Errno::TIMEDOUT),
            _ => outside.journal.said(),
        };
        self.command(Input::Journal(outcome), outside);
        self.disk_said(said, outside);
    }

    pub(super) fn host<L: Link, H: Host>(&mut self, event: HostEvent, outside: &mut Outside<L, H>) {
        if let HostEvent::Rung(step) = &event {
            tracing::warn!("on the way down: {step}");
        }
        let event = match event {
            HostEvent::Preflighted(mut found) => {
                found
                    .warnings
                    .extend(verdicts::warnings(&self.parts.verdicts));
                HostEvent::Preflighted(found)
            }
            event => event,
        };
        self.command(Input::Host(event), outside);
    }

    pub(super) fn worker<L: Link, H: Host>(
        &mut self,
        news: WorkerNews,
        outside: &mut Outside<L, H>,
    ) {
        let input = match news {
            WorkerNews::Child(event) => Input::Worker(event),
            WorkerNews::BootRecord(said) => Input::BootRecord(said),
            WorkerNews::Idle(found) => Input::Idle(found),
        };
        self.command(input, outside);
        slots::tell(&self.parts.commands, &mut self.parts.status);
    }

    /// An operation may have waited for this moment.
    pub(super) fn look_at_commands<L: Link, H: Host>(&mut self, outside: &mut Outside<L, H>) {
        let due = self.parts.commands.deadline();
        if due.is_some_and(|due| due <= clock::boottime_ms()) {
            self.command(Input::Deadline, outside);
        }
    }

    /// Tells the core of commands, and does what it says.
    pub(super) fn command<L: Link, H: Host>(&mut self, input: Input, outside: &mut Outside<L, H>) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = Now {
                boottime_ms: clock::boottime_ms(),
                wall: self.wall.now(),
            };
            for action in self.parts.commands.handle(input, &now) {
                inputs.extend(self.obey(action, outside));
            }
        }
    }

    /// Does it; the answer, if there is one at once.
    fn obey<L: Link, H: Host>(
        &mut self,
        action: Action,
        outside: &mut Outside<L, H>,
    ) -> Option<Input> {
        match action {
            Action::Publish {
                delivery,
                channel,
                payload,
            } => self.publish(
                Publish {
                    delivery: Some(delivery),
                    channel,
                    payload,
                    retained: false,
                },
                outside,
            ),
            Action::Note(report) => note(&report),
            Action::Preflight => outside.host.preflight(),
            Action::Reboot => outside.host.reboot(),
            Action::Identify { seconds } => outside.host.identify(seconds),
            Action::Record(record) => {
                let written = outside.journal.write(record);
                return written
                    .err()
                    .map(|busy| Input::Journal(Outcome::Failed(busy.to_string())));
            }
            Action::Configure(periods) => {
                let result = self.configure(periods, outside);
                return Some(Input::Configured { result });
            }
            Action::Install(install) => outside.worker.install(&install),
            Action::Remove(slot) => outside.worker.remove(slot),
            Action::GiveUp => outside.worker.give_up(),
            Action::Arm { slot, operation } => outside.worker.arm(slot, operation),
            Action::Commit => outside.worker.commit(),
            Action::LookAt(slot) => outside.worker.look_at(slot),
            Action::Warn(words) => tracing::warn!("{words}"),
            Action::Flush => self.tell(telemetry::Input::Flush, outside),
            Action::Status(last) => {
                tell(last, &mut self.parts.status);
                self.announce(outside);
            }
        }
        None
    }

    fn configure<L: Link, H: Host>(
        &mut self,
        periods: Periods,
        outside: &mut Outside<L, H>,
    ) -> Result<(), String> {
        outside
            .timer
            .set_period(u64::from(periods.period_ms()))
            .map_err(|error| format!("the kernel refuses the timer: {error}"))?;
        self.parts.notifier.say(&Word::silence(periods));
        self.tell(telemetry::Input::Configure(periods), outside);
        self.parts.status.sample_every_ms = Some(periods.period_ms());
        self.parts.status.window_ms = Some(periods.window_ms());
        self.announce(outside);
        tracing::info!(
            "a tick every {} ms and a batch every {} ms from now on",
            periods.period_ms(),
            periods.window_ms()
        );
        Ok(())
    }
}

/// What `status` tells of the operation that was last taken on.
pub(super) fn tell(last: LastOperation, status: &mut Status) {
    status.last_operation = Some(last.operation);
    status.last_state = Some(last.state);
    status.last_detail = last.detail;
}

/// A line for whoever reads the log later: what, how it stands, why, and who wanted it.
fn note(report: &Report) {
    let line = line(report);
    match report.state {
        Some(
            State::Refused | State::Failed | State::Cancelled | State::RolledBack | State::Unknown,
        ) => tracing::warn!("{line}"),
        _ => tracing::info!("{line}"),
    }
}

fn line(report: &Report) -> String {
    let mut line = match report.action.and_then(action_name) {
        Some(action) => action.to_owned(),
        None => "a command".to_owned(),
    };
    if let Some(operation) = report.operation {
        line += &format!(" {operation}");
    }
    if let Some(state) = report.state {
        line += &format!(": {state}");
    }
    if let Some(reason) = report.reason {
        line += &format!(" ({reason})");
    }
    if let Some(actor) = &report.actor {
        line += &format!(", ordered by {actor}");
    }
    if let Some(detail) = &report.detail {
        line += &format!(": {detail}");
    }
    for warning in report.warnings.iter().flatten() {
        line += &format!("; warning: {warning}");
    }
    line
}

#[cfg(test)]
mod tests {
    use picket_proto::{OperationId, Reason};

    use super::*;

    #[test]
    fn a_line_says_what_how_why_and_who() {
        let operation = Some(OperationId([0xab; 16]));
        let named = Report {
            operation,
            action: Some(1),
            state: Some(State::Refused),
            reason: Some(Reason::Inhibited),
            detail: Some("a user asked for none; give --force".to_owned()),
            actor: Some("alice@example.org".to_owned()),
            warnings: Some(vec!["no kernel".to_owned()]),
            ..Report::default()
        };
        let unreadable = Report {
            state: Some(State::Refused),
            reason: Some(Reason::Malformed),
            ..Report::default()
        };
        for (report, expected) in [
            (
                named,
                "reboot abababababababababababababababab: refused (inhibited), ordered by alice@example.org: a user asked for none; give --force; warning: no kernel",
            ),
            (unreadable, "a command: refused (malformed)"),
        ] {
            assert_eq!(line(&report), expected);
        }
    }
}
