//! Which root filesystem is booted: decided from the boot record and from which slots can be booted, and from nothing else. It
//! does nothing.
//!
//! | record | bootable | chosen |
//! |---|---|---|
//! | asks for rescue | any | rescue |
//! | a trial with attempts left | the trial's | the trial, with one attempt less |
//! | a trial with none left, or whose slot can't be booted | the active one | the active one; the fallback is recorded |
//! | no trial | the active one | the active one |
//! | any | not the active one, and no trial's | rescue: a slot that nobody activated is never booted |
//! | none, or not understood | exactly one | that one |
//! | none, or not understood | both | rescue: which of them was meant is not guessed |
//! | none, or not understood | neither | rescue |
//!
//! Two slots can be booted at once from the moment a new one is complete until the old one is on its way out, so the last but one
//! row takes a damaged record in the middle of a reinstallation.
use std::fmt;

use super::{
    Slot,
    boot_record::{BootRecord, Fallback, Read, Trial, Why},
    layout::Bootable,
};

/// What is booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// That slot, as the active one.
    Slot(Slot),
    /// That slot, on trial.
    Trial(Slot),
    /// The rescue system, from memory.
    Rescue(Need),
}

/// Why the rescue system is booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The boot record asks for it.
    Asked,
    /// No slot can be booted.
    NothingBootable,
    /// The active slot can't be booted, and no other was activated.
    ActiveNotBootable(Slot),
    /// No boot record says which of two slots it is.
    Unclear,
    /// The trial's attempt could not be made durable, and the active slot can't be booted.
    NotDurable(Slot),
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("the boot record asks for it"),
            Self::NothingBootable => f.write_str("no slot holds a system that can be booted"),
            Self::ActiveNotBootable(slot) => write!(
                f,
                "the active slot {slot} holds no system that can be booted, and no other was activated"
            ),
            Self::Unclear => {
                f.write_str("both slots can be booted, and no boot record says which is meant")
            }
            Self::NotDurable(slot) => write!(
                f,
                "the attempt of slot {slot} on trial can't be recorded, and the active slot holds no system that can be booted"
            ),
        }
    }
}

/// A choice, and what must be recorded with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// What is booted.
    pub choice: Choice,
    /// The record from now on. For a trial it must be durable before, else [`Chosen::without_record`] counts.
    pub record: Option<BootRecord>,
}

/// Chooses, by the table above.
#[must_use]
pub fn choose(read: &Read, bootable: Bootable) -> Chosen {
    let Read::Record(record) = read else {
        return of(without_a_record(bootable));
    };
    if record.rescue {
        return of(Choice::Rescue(Need::Asked));
    }
    match record.trial {
        Some(trial) if !bootable.has(trial.slot) => {
            fall_back(record, trial, Why::NotBootable, bootable)
        }
        Some(trial) if trial.attempts_left == 0 => {
            fall_back(record, trial, Why::NoAttemptLeft, bootable)
        }
        Some(trial) => attempt(record, trial),
        None => of(active(record.active, bootable)),
    }
}

impl Chosen {
    /// What is booted when the record could not be made durable: never a trial whose attempt might count for nothing.
    #[must_use]
    pub fn without_record(self, read: &Read, bootable: Bootable) -> Choice {
        match (self.choice, read) {
            (Choice::Trial(slot), Read::Record(record)) => match bootable.has(record.active) {
                true => Choice::Slot(record.active),
                false => Choice::Rescue(Need::NotDurable(slot)),
            },
            (choice, _) => choice,
        }
    }
}

fn of(choice: Choice) -> Chosen {
    Chosen {
        choice,
        record: None,
    }
}

fn without_a_record(bootable: Bootable) -> Choice {
    match (bootable.a, bootable.b) {
        (true, false) => Choice::Slot(Slot::A),
        (false, true) => Choice::Slot(Slot::B),
        (true, true) => Choice::Rescue(Need::Unclear),
        (false, false) => Choice::Rescue(Need::NothingBootable),
    }
}

fn active(slot: Slot, bootable: Bootable) -> Choice {
    match (bootable.has(slot), bootable.has(slot.other())) {
        (true, _) => Choice::Slot(slot),
        (false, true) => Choice::Rescue(Need::ActiveNotBootable(slot)),
        (false, false) => Choice::Rescue(Need::NothingBootable),
    }
}

fn attempt(record: &BootRecord, trial: Trial) -> Chosen {
    let less = Trial {
        attempts_left: trial.attempts_left - 1,
        ..trial
    };
    Chosen {
        choice: Choice::Trial(trial.slot),
        record: Some(BootRecord {
            trial: Some(less),
            ..record.clone()
        }),
    }
}

fn fall_back(record: &BootRecord, trial: Trial, why: Why, bootable: Bootable) -> Chosen {
    let fallback = Fallback {
        slot: trial.slot,
        operation: trial.operation,
        why,
    };
    Chosen {
        choice: active(record.active, bootable),
        record: Some(BootRecord {
            trial: None,
            last_fallback: Some(fallback),
            ..record.clone()
        }),
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::OperationId;

    use super::*;

    const BOTH: Bootable = Bootable { a: true, b: true };
    const ONLY_A: Bootable = Bootable { a: true, b: false };
    const ONLY_B: Bootable = Bootable { a: false, b: true };
    const NONE: Bootable = Bootable { a: false, b: false };

    #[test]
    fn every_record_and_every_export_give_what_the_table_says() {
        use Choice::{Rescue, Slot as Boot, Trial as Try};
        let active_a = || BootRecord::of(Slot::A);
        let rescue = || BootRecord {
            rescue: true,
            ..on_trial(3)
        };
        let fell = |why| Some(fallen(why));
        #[rustfmt::skip]
        let table = [
            ("active", Read::Record(active_a()), BOTH, Boot(Slot::A), None),
            ("active alone", Read::Record(active_a()), ONLY_A, Boot(Slot::A), None),
            ("the active one is gone", Read::Record(active_a()), ONLY_B, Rescue(Need::ActiveNotBootable(Slot::A)), None),
            ("both are gone", Read::Record(active_a()), NONE, Rescue(Need::NothingBootable), None),
            ("a first attempt", Read::Record(on_trial(3)), BOTH, Try(Slot::B), Some(on_trial(2))),
            ("a last attempt", Read::Record(on_trial(1)), BOTH, Try(Slot::B), Some(on_trial(0))),
            ("an attempt without a way back", Read::Record(on_trial(2)), ONLY_B, Try(Slot::B), Some(on_trial(1))),
            ("forged attempts", Read::Record(on_trial(255)), BOTH, Try(Slot::B), Some(on_trial(254))),
            ("none left", Read::Record(on_trial(0)), BOTH, Boot(Slot::A), fell(Why::NoAttemptLeft)),
            ("none left and no way back", Read::Record(on_trial(0)), ONLY_B, Rescue(Need::ActiveNotBootable(Slot::A)), fell(Why::NoAttemptLeft)),
            ("the trial is gone", Read::Record(on_trial(2)), ONLY_A, Boot(Slot::A), fell(Why::NotBootable)),
            ("all is gone", Read::Record(on_trial(2)), NONE, Rescue(Need::NothingBootable), fell(Why::NotBootable)),
            ("asked for", Read::Record(rescue()), BOTH, Rescue(Need::Asked), None),
            ("asked for, nothing there", Read::Record(rescue()), NONE, Rescue(Need::Asked), None),
            ("no record, one", Read::Absent, ONLY_B, Boot(Slot::B), None),
            ("no record, the other", Read::Absent, ONLY_A, Boot(Slot::A), None),
            ("no record, two", Read::Absent, BOTH, Rescue(Need::Unclear), None),
            ("no record, none", Read::Absent, NONE, Rescue(Need::NothingBootable), None),
            ("bad, one", Read::Bad(String::new()), ONLY_B, Boot(Slot::B), None),
            ("bad, two", Read::Bad(String::new()), BOTH, Rescue(Need::Unclear), None),
            ("bad, none", Read::Bad(String::new()), NONE, Rescue(Need::NothingBootable), None),
        ];
        for (what, read, bootable, choice, next) in table {
            let chosen = choose(&read, bootable);
            let expected = Chosen {
                choice,
                record: next,
            };
            assert_eq!(chosen, expected, "{what}");
        }
    }

    #[test]
    fn the_table_above_is_the_one_that_operators_read() {
        let rows = |text: &str, mark: &str| -> Vec<String> {
            let begin = format!("{mark}|");
            let rows = text.lines().filter(|line| line.starts_with(&begin));
            rows.map(|row| row[mark.len()..].to_owned()).collect()
        };
        let ours = rows(include_str!("choice.rs"), "//! ");
        assert_eq!(ours.len(), 10);
        assert_eq!(ours, rows(include_str!("../../../docs/SLOTS.md"), ""));
    }

    #[test]
    fn an_attempt_that_is_not_durable_boots_the_active_slot() {
        let read = Read::Record(on_trial(3));
        for (bootable, choice) in [
            (BOTH, Choice::Slot(Slot::A)),
            (ONLY_B, Choice::Rescue(Need::NotDurable(Slot::B))),
        ] {
            let chosen = choose(&read, bootable);
            assert_eq!(chosen.without_record(&read, bootable), choice);
        }
        let read = Read::Record(on_trial(0));
        let chosen = choose(&read, BOTH);
        assert_eq!(chosen.without_record(&read, BOTH), Choice::Slot(Slot::A));
    }

    #[test]
    fn three_attempts_are_made_and_then_the_active_slot_stays() {
        let mut read = Read::Record(on_trial(3));
        let mut boots = Vec::new();
        for _ in 0..6 {
            let chosen = choose(&read, BOTH);
            boots.push(chosen.choice);
            read = chosen.record.map_or(read, Read::Record);
        }
        let (b, a) = (Choice::Trial(Slot::B), Choice::Slot(Slot::A));
        assert_eq!(boots, [b.clone(), b.clone(), b, a.clone(), a.clone(), a]);
        assert_eq!(read, Read::Record(fallen(Why::NoAttemptLeft)));
    }

    fn on_trial(attempts_left: u8) -> BootRecord {
        BootRecord {
            trial: Some(Trial {
                slot: Slot::B,
                attempts_left,
                operation: OperationId([7; 16]),
            }),
            ..BootRecord::of(Slot::A)
        }
    }

    fn fallen(why: Why) -> BootRecord {
        BootRecord {
            last_fallback: Some(Fallback {
                slot: Slot::B,
                operation: OperationId([7; 16]),
                why,
            }),
            ..BootRecord::of(Slot::A)
        }
    }
}
