//! The operations that this agent knows: what was ordered, and how it stands. They outlive their orders, so that a command that
//! comes again is answered and not run again. Knows no rules.
use picket_proto::{Action, BootId, OperationId, Progress, Reason, Report, State};

use super::{LastOperation, order::Order};

/// So many operations are known at most.
pub(super) const MOST: usize = 64;

/// One operation. The strings are bounded by whoever fills them in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operation {
    pub(super) id: OperationId,
    /// Number of the action, as in [`picket_proto::command::ACTIONS`].
    pub(super) action: u16,
    /// What tells it from another operation under the same id.
    pub(super) fingerprint: u64,
    /// Who ordered it; `None` when only the journal remembers it.
    pub(super) actor: Option<String>,
    pub(super) state: State,
    pub(super) reason: Option<Reason>,
    pub(super) detail: Option<String>,
    pub(super) warnings: Vec<String>,
    /// Fingerprints of the host keys that a reinstalled machine will show.
    pub(super) host_keys: Vec<String>,
    /// A reinstall stops when it is staged, until it is activated.
    pub(super) hold: bool,
    /// When it came into its state, CLOCK_BOOTTIME in ms; `None` when that was before this process.
    pub(super) since_ms: Option<u64>,
    /// Transitions in this process.
    pub(super) transitions: u32,
}

impl Operation {
    /// An operation that was ordered and has made no transition yet.
    pub(super) fn ordered(order: Order) -> Self {
        let hold = matches!(&order.action, Action::Reinstall(wanted) if wanted.hold);
        Self {
            id: order.operation,
            action: order.action.id(),
            fingerprint: order.fingerprint,
            actor: Some(order.actor),
            state: State::Accepted,
            reason: None,
            detail: None,
            warnings: Vec::new(),
            host_keys: Vec::new(),
            hold,
            since_ms: None,
            transitions: 0,
        }
    }

    /// How it stands.
    pub(super) fn report(&self, boot: BootId) -> Report {
        Report {
            operation: Some(self.id),
            state: Some(self.state),
            reason: self.reason,
            detail: self.detail.clone(),
            boot: Some(boot),
            boottime_ms: self.since_ms,
            action: Some(self.action),
            actor: self.actor.clone(),
            transition: (self.transitions > 0).then_some(self.transitions),
            warnings: (!self.warnings.is_empty()).then(|| self.warnings.clone()),
            host_keys: (!self.host_keys.is_empty()).then(|| self.host_keys.clone()),
            ..Report::default()
        }
    }
}

impl Operation {
    /// How far its state is.
    pub(super) fn progressing(&self, boot: BootId, progress: Progress, now_ms: u64) -> Report {
        Report {
            operation: Some(self.id),
            state: Some(self.state),
            boot: Some(boot),
            boottime_ms: Some(now_ms),
            action: Some(self.action),
            actor: self.actor.clone(),
            progress: Some(Progress {
                stage: self.state,
                ..progress
            }),
            ..Report::default()
        }
    }
}

/// The last operations, oldest first.
#[derive(Debug, Default)]
pub(super) struct Known {
    operations: Vec<Operation>,
}

impl Known {
    pub(super) fn get(&self, id: OperationId) -> Option<&Operation> {
        self.operations.iter().find(|known| known.id == id)
    }

    pub(super) fn get_mut(&mut self, id: OperationId) -> Option<&mut Operation> {
        self.operations.iter_mut().find(|known| known.id == id)
    }

    /// The one that was taken on last and acts, or acted.
    pub(super) fn last(&self) -> Option<&Operation> {
        let mut acting = self.operations.iter().rev();
        acting.find(|known| !matches!(known.action, CANCEL | ACTIVATE))
    }

    pub(super) fn status(&self) -> Option<LastOperation> {
        self.last().map(|last| LastOperation {
            operation: last.id,
            state: last.state,
            detail: last.detail.clone(),
        })
    }

    /// Takes a new one. The oldest that is final gives way; if none is, the oldest that isn't `active`.
    pub(super) fn push(&mut self, operation: Operation, active: &[OperationId]) {
        self.operations.push(operation);
        if self.operations.len() <= MOST {
            return;
        }
        let older = &self.operations[..MOST];
        let ended = older.iter().position(|known| known.state.is_final());
        let idle = || older.iter().position(|known| !active.contains(&known.id));
        let at = ended.or_else(idle).unwrap_or(0);
        self.operations.remove(at);
    }

    /// Takes one as the oldest, if there is room: for what costs nothing to find out again.
    pub(super) fn push_oldest(&mut self, operation: Operation) {
        if self.operations.len() < MOST {
            self.operations.insert(0, operation);
        }
    }

    /// Bytes that they take.
    pub(super) fn memory(&self) -> usize {
        let words = |known: &Operation| {
            let texts = known
                .actor
                .iter()
                .chain(&known.detail)
                .chain(&known.warnings)
                .chain(&known.host_keys);
            texts
                .map(|text| text.capacity() + size_of::<String>())
                .sum::<usize>()
        };
        self.operations.capacity() * size_of::<Operation>()
            + self.operations.iter().map(words).sum::<usize>()
    }
}

/// The actions that are about another operation.
pub(super) const ACTIVATE: u16 = 3;
pub(super) const CANCEL: u16 = 4;
