//! What becomes of a message on `command`: the checks in their order, and the first that speaks against it. It knows nothing of how an
//! operation goes on.
//!
//! Safety-order: retained, signature, target; then what is known already; then another boot, the nonce, the time; and last
//! whether it can be done now. Nothing changes here before all of them passed, but for the buckets.
use picket_proto::{
    BootId, Command, OperationId, Reason, Report, SignedCommand, State,
    command::{self, Action as Wanted, Target},
    frame,
};

use super::{Action, Commands, Event, Now, known::Operation, order::Order, refusals::Asker};
use crate::trust::{self, Refusal};

impl Commands {
    pub(super) fn command(&mut self, payload: &[u8], retained: bool, now: &Now) -> Vec<Action> {
        // An empty message is how a broker is told to forget a command that it kept: nobody ordered anything.
        if payload.is_empty() {
            return Vec::new();
        }
        if retained {
            return self.refuse(Asker::Stranger, &kept_by_broker(payload), now);
        }
        match self.verified(payload, now) {
            Ok(command) => self.trusted(command, now),
            Err(refusal) => self.refuse(Asker::Stranger, &refusal, now),
        }
    }

    /// The command, if it is of somebody who may give it.
    fn verified(&mut self, payload: &[u8], now: &Now) -> Result<Command, Refusal> {
        let signed = trust::decode(payload)?;
        let Some(signers) = &self.settings.signers else {
            let operation = Command::operation_of(&signed.payload);
            return Err(Refusal::no_signers(operation));
        };
        if trust::names_signer(signers, &signed) && !self.looks.take(now.boottime_ms) {
            return Err(too_many(&signed));
        }
        let unjudged = self.settings.unjudged;
        let at = now.boottime_ms;
        trust::verify(signers, &signed, now.wall, at, unjudged).map(|verified| verified.command)
    }

    fn trusted(&mut self, command: Command, now: &Now) -> Vec<Action> {
        let Some(target) = command.target(self.settings.device).copied() else {
            return self.refuse(Asker::Signer, &not_ours(&command), now);
        };
        let order = Order::new(command, &target);
        match self.judge(&order, &target, now) {
            Verdict::Known => self.repeat(order.operation, now),
            Verdict::Proven => self.prove(order, now),
            Verdict::Refuse(reason, detail) => self.refuse_order(&order, (reason, detail), now),
            Verdict::Answer(operation) => self.query(&order, operation, now),
            Verdict::Act => {
                if consumes(&order.action) {
                    self.freshness.consume();
                }
                self.advance(Event::Ordered(order), now)
            }
        }
    }

    fn judge(&self, order: &Order, target: &Target, now: &Now) -> Verdict {
        match self.machine.known().get(order.operation) {
            Some(known) if known.fingerprint == order.fingerprint => return Verdict::Known,
            Some(known) => return Verdict::Refuse(Reason::OperationReused, reused(known)),
            None => {}
        }
        let boot = self.settings.boot;
        match order.action {
            Wanted::Reboot { .. } if target.boot != boot => return Verdict::Proven,
            _ if target.boot != boot => {
                return Verdict::Refuse(Reason::WrongBoot, other_boot(target.boot, boot));
            }
            _ => {}
        }
        if !self.freshness.is_current(target.nonce) {
            let detail =
                "the nonce was used, or is of another time; ping again, and sign with the new one";
            return Verdict::Refuse(Reason::StaleNonce, detail.to_owned());
        }
        if now.boottime_ms > target.not_after_ms {
            return Verdict::Refuse(Reason::Expired, expired(target.not_after_ms, now));
        }
        if let Some((reason, detail)) = self.machine.objection(&order.action) {
            return Verdict::Refuse(reason, detail);
        }
        match order.action {
            Wanted::Query { operation } => Verdict::Answer(operation),
            _ => Verdict::Act,
        }
    }

    /// What is known already is told again, and not done again.
    fn repeat(&mut self, operation: OperationId, now: &Now) -> Vec<Action> {
        if !self.refusals.may_answer(Asker::Signer, now.boottime_ms) {
            return Vec::new();
        }
        let known = self.machine.known().get(operation);
        let report = known.map(|known| known.report(self.settings.boot));
        report
            .iter()
            .flat_map(|report| self.outbox.push(report))
            .collect()
    }

    fn prove(&mut self, order: Order, now: &Now) -> Vec<Action> {
        match self.refusals.may_answer(Asker::Signer, now.boottime_ms) {
            true => self.advance(Event::Proven(order), now),
            false => Vec::new(),
        }
    }

    /// How another operation stands, in its own report, and then that the query was answered.
    fn query(&mut self, order: &Order, wanted: Option<OperationId>, now: &Now) -> Vec<Action> {
        let known = match wanted {
            Some(operation) => self.machine.known().get(operation),
            None => self.machine.known().last(),
        };
        let found = known.map(|known| known.report(self.settings.boot));
        if let (None, Some(operation)) = (&found, wanted) {
            let detail = format!("this picketd knows of no operation {operation}");
            return self.refuse_order(order, (Reason::UnknownOperation, detail), now);
        }
        if !self.refusals.may_answer(Asker::Signer, now.boottime_ms) {
            return Vec::new();
        }
        let answer = Report {
            state: Some(State::Succeeded),
            detail: Some(found.as_ref().map_or_else(none_known, in_words)),
            ..of(order, now)
        };
        let mut actions = found.map_or_else(Vec::new, |found| self.outbox.push(&found));
        actions.extend(self.answer(answer));
        actions
    }

    fn refuse_order(
        &mut self,
        order: &Order,
        (reason, detail): (Reason, String),
        now: &Now,
    ) -> Vec<Action> {
        let report = Report {
            state: Some(State::Refused),
            reason: Some(reason),
            detail: Some(detail),
            ..of(order, now)
        };
        self.refuse_as(Asker::Signer, report, now)
    }

    fn refuse(&mut self, asker: Asker, refusal: &Refusal, now: &Now) -> Vec<Action> {
        let report = Report {
            operation: refusal.operation,
            state: Some(State::Refused),
            reason: Some(refusal.reason),
            detail: Some(refusal.detail.clone()),
            boottime_ms: Some(now.boottime_ms),
            ..Report::default()
        };
        self.refuse_as(asker, report, now)
    }

    fn refuse_as(&mut self, asker: Asker, report: Report, now: &Now) -> Vec<Action> {
        if !self.refusals.may_answer(asker, now.boottime_ms) {
            return Vec::new();
        }
        let detail = report.detail.map(|words| self.refusals.words(&words));
        self.answer(Report { detail, ..report })
    }
}

/// What becomes of an order.
enum Verdict {
    /// It came before.
    Known,
    /// A reboot from a boot that is over.
    Proven,
    /// It is refused, for that reason.
    Refuse(Reason, String),
    /// A query for that operation.
    Answer(Option<OperationId>),
    /// It is done.
    Act,
}

/// Whether an action takes its nonce with it. A cancel must not make the next command wait for another ping.
fn consumes(action: &Wanted) -> bool {
    !matches!(action, Wanted::Cancel { .. } | Wanted::Query { .. })
}

fn of(order: &Order, now: &Now) -> Report {
    Report {
        operation: Some(order.operation),
        boottime_ms: Some(now.boottime_ms),
        action: Some(order.action.id()),
        actor: Some(order.actor.clone()),
        ..Report::default()
    }
}

fn kept_by_broker(payload: &[u8]) -> Refusal {
    let signed = frame::decode::<SignedCommand>(payload).ok();
    Refusal {
        reason: Reason::Retained,
        detail: "the broker kept this command, so it may be of any time; publish commands without the retain flag, and remove this one with an empty retained message".to_owned(),
        operation: signed.and_then(|signed| Command::operation_of(&signed.payload)),
    }
}

fn too_many(signed: &SignedCommand) -> Refusal {
    Refusal {
        reason: Reason::RateLimited,
        detail: "too many commands came, and this one was not looked at; offer it again".to_owned(),
        operation: Command::operation_of(&signed.payload),
    }
}

fn not_ours(command: &Command) -> Refusal {
    Refusal {
        reason: Reason::WrongTarget,
        detail:
            "this Pi is none of the command's targets; name it as one, or send it to those that are"
                .to_owned(),
        operation: Some(command.operation),
    }
}

fn reused(known: &Operation) -> String {
    let name = command::action_name(known.action).unwrap_or("another action");
    format!(
        "{} was ordered before, as {name} with other values, and is {}; order this under another id",
        known.id, known.state
    )
}

fn other_boot(theirs: BootId, ours: BootId) -> String {
    format!(
        "the command is for boot {theirs}, and this is {ours}; ping again, and sign for this boot"
    )
}

fn expired(not_after_ms: u64, now: &Now) -> String {
    let late = now.boottime_ms.saturating_sub(not_after_ms);
    format!("the command came {late} ms after its time; ping again, and sign with more time")
}

fn none_known() -> String {
    "this picketd knows of no operation".to_owned()
}

fn in_words(found: &Report) -> String {
    let name = found
        .action
        .and_then(command::action_name)
        .unwrap_or("action");
    let operation = found.operation.map(|operation| operation.to_string());
    let state = found.state.map(|state| state.to_string());
    format!(
        "{name} {} is {}",
        operation.unwrap_or_default(),
        state.unwrap_or_default()
    )
}
