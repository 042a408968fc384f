//! What a start does with what the journal says. The state directory is the tenant's, so the journal may say anything: what this
//! agent never writes is told, and never guessed about.
//!
//! An operation that crosses boots gets rows of its own here, and the journal an entry with one more boot at each start.
use picket_proto::{Reason, State, command};

use super::{
    MOST_BOOTS, Machine, Operation, Step, bounded, configure::CONFIGURE,
    reinstall_record::REINSTALL,
};
use crate::{
    command::Slots,
    journal::{Record, Recorded},
};

/// Which recorded states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Succeeded,
    Final,
    Any,
}

/// Whether the machine was booted since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Boot {
    Same,
    Changed,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// It is over; an order that comes again is told so.
    Remember,
    /// A newer agent's, under way: it stays in the journal as it is, and nothing is done.
    Leave,
    /// A reinstall that is under way: another table says what is done.
    GoOn,
    /// It can't be: fail it, and say so.
    Impossible,
}

/// The first row that fits counts. Those that are never recorded come first, what only a newer agent knows last.
type Row = (&'static [u16], Stands, Then, Then);

const ANY: &[u16] = &[];

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // actions                                      stands             same boot         another boot
    (&[1, 4, 5, 6], /* never recorded */            Stands::Any,       Then::Impossible, Then::Impossible),
    (&[CONFIGURE],                                  Stands::Succeeded, Then::Remember,   Then::Remember),
    (&[CONFIGURE],  /* only recorded as done */     Stands::Any,       Then::Impossible, Then::Impossible),
    (ANY,                                           Stands::Final,     Then::Remember,   Then::Remember),
    (&[REINSTALL],                                  Stands::Any,       Then::GoOn,       Then::GoOn),
    (ANY,                                           Stands::Any,       Then::Leave,      Then::Leave),
];

impl Machine {
    /// Takes what the journal says as the truth, as far as it can be true.
    pub(super) fn recover(&mut self, record: Record) {
        let ours = self.boot;
        self.record = record;
        for at in 0..self.record.operations.len() {
            let recorded = self.record.operations[at];
            if self.known.get(recorded.operation).is_some() {
                continue;
            }
            let boot = match recorded.boot == ours {
                true => Boot::Same,
                false => Boot::Changed,
            };
            let then = match judge(&recorded, boot) {
                Then::GoOn => self.go_on_with(at, boot),
                then => then,
            };
            let recorded = self.record.operations[at];
            let operation = remembered(&recorded, then);
            let keys = self.host_keys_of(operation.id);
            let operation = Operation {
                host_keys: keys,
                ..operation
            };
            let operation = match (&self.slots, then) {
                (Slots::Missing(why), Then::Leave) if operation.action == REINSTALL => Operation {
                    detail: Some(bounded(&format!("nobody can go on with it: {why}"))),
                    ..operation
                },
                _ => operation,
            };
            if operation.reason != recorded.reason {
                self.record.operations[at].state = operation.state;
                self.record.operations[at].reason = operation.reason;
                self.steps.push(Step::Tell(operation.report(ours)));
            }
            let active = self.active();
            self.known.push(operation, &active);
        }
    }
}

fn judge(recorded: &Recorded, boot: Boot) -> Then {
    let stands = |stands| match stands {
        Stands::Succeeded => recorded.state == State::Succeeded,
        Stands::Final => recorded.state.is_final(),
        Stands::Any => true,
    };
    let fits = |row: &&Row| (row.0.is_empty() || row.0.contains(&recorded.action)) && stands(row.1);
    let row = TABLE.iter().find(fits);
    match (row, boot) {
        (Some((_, _, same, _)), Boot::Same) => *same,
        (Some((_, _, _, changed)), Boot::Changed) => *changed,
        (None, _) => Then::Impossible,
    }
}

fn remembered(recorded: &Recorded, then: Then) -> Operation {
    let (state, reason, detail) = match then {
        Then::Impossible => (
            State::Failed,
            Some(Reason::JournalCorrupt),
            Some(impossible(recorded)),
        ),
        Then::Leave if recorded.boots > MOST_BOOTS => {
            let detail = format!(
                "it lasted {} boots, and may last {MOST_BOOTS}",
                recorded.boots
            );
            (State::Failed, Some(Reason::Cap), Some(detail))
        }
        Then::Leave => {
            let detail =
                "a newer picketd began it, and this one can't go on with it; update picketd";
            (recorded.state, recorded.reason, Some(detail.to_owned()))
        }
        Then::Remember | Then::GoOn => (recorded.state, recorded.reason, None),
    };
    Operation {
        id: recorded.operation,
        action: recorded.action,
        fingerprint: recorded.fingerprint,
        actor: None,
        state,
        reason,
        detail: detail.map(|words| bounded(&words)),
        warnings: Vec::new(),
        host_keys: Vec::new(),
        hold: false,
        since_ms: None,
        transitions: 0,
    }
}

fn impossible(recorded: &Recorded) -> String {
    let name = command::action_name(recorded.action).unwrap_or("unnamed");
    format!(
        "the journal says that {name} (action {}) is {}, which picketd never records; somebody else wrote it: order it again under another id",
        recorded.action, recorded.state
    )
}

#[cfg(test)]
mod tests {
    use picket_proto::{BootId, OperationId};

    use super::*;
    use crate::{config::Periods, journal::Outcome};

    const OURS: BootId = BootId([1; 16]);

    fn recorded(action: u16, state: State, boot: BootId, boots: u8) -> Recorded {
        Recorded {
            operation: OperationId([1; 16]),
            action,
            state,
            reason: None,
            fingerprint: 7,
            boot,
            boots,
        }
    }

    fn machine(operations: Vec<Recorded>) -> Machine {
        let record = Record {
            operations,
            ..Record::default()
        };
        let slots = Slots::Missing("there are none".to_owned());
        Machine::new(OURS, Periods::default(), slots, Some(record))
    }

    #[test]
    fn what_this_agent_never_records_is_told_and_the_rest_is_remembered_or_left_alone() {
        use State::{Accepted, Fetching, Rebooting, Succeeded, Unknown};
        let corrupt = Some(Reason::JournalCorrupt);
        for (action, state, boots, expected) in [
            (1, Rebooting, 0, (State::Failed, corrupt)),
            (1, Succeeded, 0, (State::Failed, corrupt)),
            (4, Succeeded, 0, (State::Failed, corrupt)),
            (CONFIGURE, Succeeded, 0, (Succeeded, None)),
            (CONFIGURE, Accepted, 0, (State::Failed, corrupt)),
            (CONFIGURE, Unknown, 0, (State::Failed, corrupt)),
            (2, Fetching, MOST_BOOTS, (Fetching, None)),
            (
                2,
                Fetching,
                MOST_BOOTS + 1,
                (State::Failed, Some(Reason::Cap)),
            ),
            (2, Succeeded, 200, (Succeeded, None)),
            (99, State::Other(200), 0, (State::Other(200), None)),
        ] {
            for boot in [OURS, BootId([2; 16])] {
                let what = format!("{action} {state} {boots} {boot}");
                let mut machine = machine(vec![recorded(action, state, boot, boots)]);
                let known = machine.known().get(OperationId([1; 16])).unwrap();
                assert_eq!((known.state, known.reason), expected, "{what}");
                let told = machine.handle(super::super::Event::Deadline, 1).len();
                assert_eq!(told, usize::from(expected.1.is_some()), "{what}");
            }
        }
    }

    /// The disk may answer only when a reboot is under way already.
    #[test]
    fn a_journal_that_is_read_late_takes_no_place_from_what_is_under_way() {
        use super::super::{Event, Order};
        let mut machine = machine(Vec::new());
        let ordered = OperationId([0; 16]);
        let order = Order {
            operation: ordered,
            action: command::Action::Reboot { force: false },
            actor: "alice".to_owned(),
            fingerprint: 1,
        };
        machine.handle(Event::Ordered(order), 1);
        let operations = (1..=64).map(|n| Recorded {
            operation: OperationId([n; 16]),
            ..recorded(2, State::Fetching, OURS, 0)
        });
        let record = Some(Record {
            operations: operations.collect(),
            ..Record::default()
        });
        let problem = None;
        machine.handle(Event::Journal(Outcome::Opened { record, problem }), 2);
        while let Some(due) = machine.deadline() {
            let steps = machine.handle(Event::Deadline, due);
            assert!(
                !steps.is_empty(),
                "it wants to be woken for nothing at {due}"
            );
        }
        let known = machine.known().get(ordered).unwrap();
        assert_eq!(known.reason, Some(Reason::TimedOut));
    }

    #[test]
    fn a_forged_journal_fills_no_memory_and_holds_no_command_up() {
        let operations = (0..=u8::MAX).map(|n| Recorded {
            operation: OperationId([n; 16]),
            ..recorded(2, State::Fetching, OURS, 0)
        });
        let mut twice: Vec<Recorded> = operations.collect();
        twice.extend(twice.clone());
        let machine = machine(twice);
        assert!(machine.memory() < 128 * 1024, "{}", machine.memory());
        let reboot = command::Action::Reboot { force: false };
        assert_eq!(machine.objection(&reboot), None);
    }
}
