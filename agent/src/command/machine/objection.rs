//! Whether something can be begun now: at most one operation acts on the machine, and at most one is recorded.
use picket_proto::{OperationId, Reason, command};

use super::{Machine, turn::unsupported};

impl Machine {
    /// Whether that can be begun now.
    pub(in super::super) fn objection(&self, action: &command::Action) -> Option<(Reason, String)> {
        use command::Action as Wanted;
        match action {
            Wanted::Unknown { id, .. } => Some((Reason::Unsupported, unsupported(*id))),
            Wanted::Reinstall(wanted) => self.reinstall_objection(wanted),
            Wanted::Reboot { .. } => self.busy(self.acting()),
            Wanted::Configure {
                sample_every_ms,
                window_ms,
            } => match self.periods.with(*sample_every_ms, *window_ms) {
                Err(error) => Some((Reason::OutOfRange, error)),
                Ok(_) => self
                    .busy(self.acting().or(self.recording()).or(self.writing()))
                    .or_else(|| self.keeper.objection_to_writing()),
            },
            Wanted::Identify { .. } => self.busy(self.identify.as_ref().map(|one| one.operation)),
            Wanted::Activate { .. } => self.busy(self.recording()),
            Wanted::Cancel { .. } | Wanted::Query { .. } => None,
        }
    }

    /// The operation that acts on the machine. One whose record the disk keeps waiting acts on nothing until that resolves.
    pub(super) fn acting(&self) -> Option<OperationId> {
        let reboot = self.reboot.as_ref().map(|reboot| reboot.operation);
        let configure = self.configure.as_ref().filter(|one| one.is_acting());
        let reinstall = self.reinstall.as_ref().filter(|one| one.is_acting());
        reboot
            .or(configure.map(|one| one.operation))
            .or(reinstall.map(|one| one.operation))
    }

    /// The reinstall that the journal writes for.
    fn writing(&self) -> Option<OperationId> {
        let reinstall = self.reinstall.as_ref().filter(|one| one.writing.is_some());
        reinstall.map(|one| one.operation)
    }

    pub(super) fn recording(&self) -> Option<OperationId> {
        self.configure.as_ref().map(|one| one.operation)
    }

    pub(super) fn busy(&self, with: Option<OperationId>) -> Option<(Reason, String)> {
        let running = self.known.get(with?)?;
        let name = command::action_name(running.action).unwrap_or("another");
        let detail = format!(
            "{name} {} is {}; wait until it has ended, or cancel it",
            running.id, running.state
        );
        Some((Reason::Busy, detail))
    }
}
