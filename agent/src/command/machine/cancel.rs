//! Cancel: another operation is given up, if that one acts on nothing yet. Answered at any time.
use picket_proto::{OperationId, Reason, State};

use super::{Machine, Order, Turn, reboot::Reboot};

impl Machine {
    pub(super) fn cancel(&mut self, order: Order, other: OperationId, now_ms: u64) {
        let by = format!("given up by {} with {}", order.actor, order.operation);
        let operation = order.operation;
        let answer = self.give_up(other, by, now_ms);
        self.take_on(order);
        self.turn(operation, answer, now_ms);
    }

    fn give_up(&mut self, other: OperationId, by: String, now_ms: u64) -> Turn {
        let Some(state) = self.known.get(other).map(|known| known.state) else {
            let detail = format!("this picketd knows of no operation {other}, and gave up nothing");
            return Turn::refused(Reason::UnknownOperation, detail);
        };
        if self.give_up_reinstall(other, &by) {
            return Turn::to(State::Succeeded);
        }
        let ours = self.reinstall.as_ref().map(|one| one.operation);
        let reboot = self.reboot.as_ref().filter(|one| one.operation == other);
        if ours != Some(other) && reboot.is_some_and(Reboot::is_cancellable) {
            self.turn(other, Turn::to(State::Cancelled).saying(by), now_ms);
            return Turn::to(State::Succeeded);
        }
        match state {
            State::Cancelled => {
                Turn::to(State::Succeeded).saying(format!("{other} was cancelled before"))
            }
            state => Turn::refused(
                Reason::TooLate,
                format!("{other} is {state} and can't be cancelled any more"),
            ),
        }
    }
}
