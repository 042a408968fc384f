//! Reboot: a wish for another boot. It needs no journal: whether it came about the next boot's id tells.
//!
//! Safety-order: the host is told to reboot once at most for an operation, and only after the report that says so was confirmed,
//! or can't be, or 2 s have passed.
use picket_proto::{OperationId, Reason, State};

use super::{Action, Link, MOST_WARNINGS, Machine, Operation, Order, Step, Turn, bounded};
use crate::host::Preflight;

/// What speaks against a reboot is known by then, or isn't waited for, in ms.
const PREFLIGHT_MS: u64 = 5_000;
/// The broker's word on the last report is waited for, in ms.
const TELL_MS: u64 = 2_000;
/// The machine is down by then, or stays up, in ms.
const GO_DOWN_MS: u64 = 15 * 60 * 1_000;

/// A reboot that is under way.
#[derive(Debug)]
pub(super) struct Reboot {
    pub(super) operation: OperationId,
    pub(super) until_ms: u64,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The host looks what speaks against it.
    Preflight { force: bool },
    /// The broker is being told.
    Telling,
    /// The host goes down.
    GoingDown,
}

impl Reboot {
    /// Whether it can be given up: the host was not told yet.
    pub(super) fn is_cancellable(&self) -> bool {
        self.stage != Stage::GoingDown
    }
}

impl Machine {
    /// Such an order asks for nothing: there is another boot. It is kept only if there is room, and as the oldest: orders of long
    /// ago must not take the place of what this boot did.
    pub(super) fn proven(&mut self, order: Order, now_ms: u64) {
        let mut operation = Operation::ordered(order);
        operation.state = State::Succeeded;
        operation.since_ms = Some(now_ms);
        operation.transitions = 1;
        operation.detail = Some("it was ordered in another boot than this one".to_owned());
        self.steps.push(Step::Tell(operation.report(self.boot)));
        self.known.push_oldest(operation);
    }

    pub(super) fn begin_reboot(&mut self, operation: OperationId, force: bool, now_ms: u64) {
        self.reboot = Some(Reboot {
            operation,
            until_ms: now_ms.saturating_add(PREFLIGHT_MS),
            stage: Stage::Preflight { force },
        });
        self.turn(operation, Turn::to(State::Preflight), now_ms);
        self.steps.push(Step::Do(Action::Preflight));
    }

    pub(super) fn preflighted(&mut self, found: Preflight, now_ms: u64) {
        let Some((operation, Stage::Preflight { force })) = self.rebooting() else {
            return;
        };
        let mut warnings = found.warnings;
        match found.inhibited {
            Some(why) if !force => {
                let detail = format!(
                    "a user of the Pi asks not to reboot it: {why}; remove /run/picket/inhibit there, or order it with --force"
                );
                let turn = Turn::refused(Reason::Inhibited, detail);
                return self.turn(operation, turn, now_ms);
            }
            Some(why) => {
                warnings.insert(0, format!("a user of the Pi asks not to reboot it: {why}"))
            }
            None => {}
        }
        self.announce(operation, warnings, now_ms);
    }

    /// The way down of another operation.
    pub(super) fn go_down_for(&mut self, operation: OperationId, now_ms: u64) {
        self.reboot = Some(Reboot {
            operation,
            until_ms: now_ms,
            stage: Stage::Telling,
        });
        let known = self.known.get(operation);
        let warnings = known.map_or(Vec::new(), |known| known.warnings.clone());
        self.announce(operation, warnings, now_ms);
    }

    pub(super) fn told(&mut self, operation: OperationId, now_ms: u64) {
        if self.rebooting() == Some((operation, Stage::Telling)) {
            self.go_down(now_ms);
        }
    }

    /// Nobody hears the report.
    pub(super) fn unheard(&mut self, now_ms: u64) {
        if let Some((_, Stage::Telling)) = self.rebooting() {
            self.go_down(now_ms);
        }
    }

    pub(super) fn rung(&mut self, words: String, now_ms: u64) {
        if let Some((operation, Stage::GoingDown)) = self.rebooting() {
            self.turn(operation, Turn::to(State::Rebooting).saying(words), now_ms);
        }
    }

    pub(super) fn stayed(&mut self, words: String, now_ms: u64) {
        if let Some((operation, Stage::GoingDown)) = self.rebooting() {
            if self.is_reinstall(operation) {
                return self.reinstall_stays_up(operation, &words, now_ms);
            }
            let detail = format!("the machine stays up: {words}; switch its port off and on");
            self.turn(operation, Turn::failed(Reason::Host, detail), now_ms);
        }
    }

    pub(super) fn reboot_is_late(&mut self, now_ms: u64) {
        let late = self.reboot.as_ref().filter(|one| one.until_ms <= now_ms);
        let Some((operation, stage)) = late.map(|one| (one.operation, one.stage)) else {
            return;
        };
        match stage {
            // A Pi with a dead disk must not stay as it is because of what can't be looked up.
            Stage::Preflight { .. } => {
                let warning = "what speaks against it could not be looked up in 5 s".to_owned();
                self.announce(operation, vec![warning], now_ms);
            }
            Stage::Telling => self.go_down(now_ms),
            Stage::GoingDown if self.is_reinstall(operation) => {
                self.reinstall_stays_up(operation, "15 minutes have passed", now_ms);
            }
            Stage::GoingDown => {
                let detail = "the machine is still up after 15 minutes; switch its port off and on";
                let turn = Turn::failed(Reason::TimedOut, detail.to_owned());
                self.turn(operation, turn, now_ms);
            }
        }
    }

    fn announce(&mut self, operation: OperationId, warnings: Vec<String>, now_ms: u64) {
        if let Some(known) = self.known.get_mut(operation) {
            let kept = warnings.iter().take(MOST_WARNINGS);
            known.warnings = kept.map(|words| bounded(words)).collect();
        }
        self.stage(Stage::Telling, now_ms.saturating_add(TELL_MS));
        self.turn(operation, Turn::to(State::Rebooting), now_ms);
        self.steps.push(Step::Do(Action::Flush));
        if self.link == Link::Down {
            self.go_down(now_ms);
        }
    }

    fn go_down(&mut self, now_ms: u64) {
        self.stage(Stage::GoingDown, now_ms.saturating_add(GO_DOWN_MS));
        self.steps.push(Step::Do(Action::Reboot));
    }

    fn stage(&mut self, stage: Stage, until_ms: u64) {
        if let Some(reboot) = &mut self.reboot {
            reboot.stage = stage;
            reboot.until_ms = until_ms;
        }
    }

    fn is_reinstall(&self, operation: OperationId) -> bool {
        let reinstall = self.reinstall.as_ref();
        reinstall.is_some_and(|one| one.operation == operation)
    }

    fn rebooting(&self) -> Option<(OperationId, Stage)> {
        let reboot = self.reboot.as_ref();
        reboot.map(|reboot| (reboot.operation, reboot.stage))
    }
}
