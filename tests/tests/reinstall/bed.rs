//! What the tests have in common: orders, and what must hold after each that comes to nothing.
use std::time::Duration;

use picket_proto::{Action, OperationId, Reinstall, State};
use picket_tests::{
    eventually,
    operator::{Order, Outcome},
    slotted::{Slotted, Snapshot},
};
use picketd::slots::Slot;

const PATIENCE: Duration = Duration::from_secs(120);

/// A machine and what it was when it was switched on.
pub(crate) struct Bed {
    pub(crate) pi: Slotted,
    before: Snapshot,
}

impl Bed {
    pub(crate) fn start() -> Self {
        Self::of(Slotted::start())
    }

    pub(crate) fn of(pi: Slotted) -> Self {
        let before = pi.snapshot("a");
        Self { pi, before }
    }

    /// Orders that image, with further arguments.
    pub(crate) fn order_image(&self, image: &str, more: &[&str]) -> Order {
        let catalogue = self.pi.images.folder().display().to_string();
        let mut order = vec!["reinstall", "pi-01", "--json", "--image", image];
        order.extend(["--catalogue", &catalogue]);
        order.extend(more);
        self.pi.operator.order(&order)
    }

    pub(crate) fn order(&self, more: &[&str]) -> Order {
        self.order_image("debian", more)
    }

    /// Gives up what is under way.
    pub(crate) fn cancel(&self, order: &Order) {
        let line = order.wait_for("a line", |line| line["operation"].is_string());
        let operation = line["operation"].as_str().unwrap_or_default();
        let outcome = self.pi.operator.run(&["cancel", operation, "--json"]);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }

    /// It ended with that code and reason (`-` for none), its words have those, and nothing is left of it.
    pub(crate) fn came_to_nothing(
        &self,
        outcome: &Outcome,
        (code, reason): (i32, &str),
        words: &[&str],
    ) {
        assert_eq!(outcome.code, Some(code), "{outcome:#?}");
        let end = outcome.end_of(&self.pi.device().to_string());
        assert_eq!(end["reason"].as_str().unwrap_or("-"), reason, "{end:#}");
        let said = format!("{} {}", end["detail"], end["warnings"]);
        for words in words {
            assert!(said.contains(words), "no {words:?} in {said}");
        }
        println!("{reason}: {}", end["detail"]);
        self.is_as_before();
    }

    /// The idle slot is emptied.
    pub(crate) fn wait_until_empty(&self) {
        eventually("the idle slot is empty", PATIENCE, || {
            (self.pi.slots() == ["a"]).then_some(())
        });
    }

    /// The active slot is what it was, the other one is empty, nothing is armed, and nothing was booted.
    pub(crate) fn is_as_before(&self) {
        assert_eq!(self.pi.slots(), ["a"]);
        let now = self.pi.snapshot("a");
        assert!(now == self.before, "the active slot was touched");
        let record = self.pi.boot_record();
        assert_eq!((record.active, record.trial), (Slot::A, None));
        assert_eq!(self.pi.init.boots().reboots(), 0);
    }

    /// An order of that, by an operator with bare hands, comes to where it holds.
    pub(crate) fn holds(&self, wish: Reinstall) -> OperationId {
        let (raw, device) = (&self.pi.raw, self.pi.device());
        let command = raw.command(device, Action::Reinstall(wish));
        raw.offer(&command);
        raw.wait_for_report(device, "it holds", |report| {
            (report.operation, report.state) == (Some(command.operation), Some(State::Staged))
        });
        command.operation
    }
}
