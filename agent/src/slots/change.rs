//! What changes the boot record: a slot is armed for its trial, committed, taken back; rescue is asked for; and the choice at boot is
//! made and recorded. Each is one write. It starts no system and ends none.
use picket_proto::OperationId;

use super::{
    Slot,
    boot_record::{ATTEMPTS, BootRecord, NotWritten, Read, Trial, read, write},
    choice::{self, Choice},
    layout::Export,
};

/// Why the boot record stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum NotChanged {
    /// There is no system in that slot.
    #[error("slot {0} holds no system that can be booted: fill it before")]
    NotBootable(Slot),
    /// It is the active one.
    #[error("slot {0} is the active one and needs no trial")]
    Active(Slot),
    /// The other operation comes first.
    #[error(
        "slot {slot} is on trial for the operation {operation}: commit it or let it end before"
    )]
    OnTrial {
        /// Its slot.
        slot: Slot,
        /// Which.
        operation: OperationId,
    },
    /// Nothing is on trial.
    #[error("no slot is on trial; name the one that shall be active with --slot")]
    NoTrial,
    /// There is no boot record that could be changed.
    #[error("{0}; say which slot is active: picketd slot commit --slot a|b")]
    NoRecord(String),
    /// It could not be written.
    #[error(transparent)]
    NotWritten(#[from] NotWritten),
}

/// A trial that has become the active slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// Which.
    pub slot: Slot,
    /// The operation that had armed it.
    pub operation: OperationId,
}

/// What is booted, and what could not be recorded of it.
#[derive(Debug)]
pub struct Made {
    /// What is booted.
    pub choice: Choice,
    /// Why the boot record is not what it should be now.
    pub unwritten: Option<NotWritten>,
    /// What is wrong with the boot record that was found.
    pub bad: Option<String>,
}

/// Arms that slot: the next [`ATTEMPTS`] boots are of it, until one commits. Rescue isn't asked for any more. Where no record can
/// be understood, the other slot is the active one from now on: it is whole or not there. Doing it again for the same operation is
/// fine and gives its attempts back.
///
/// # Errors
/// Why nothing is armed; but after [`NotWritten::Perhaps`] it may be.
pub fn arm(export: &Export, slot: Slot, operation: OperationId) -> Result<(), NotChanged> {
    if !export.bootable().has(slot) {
        return Err(NotChanged::NotBootable(slot));
    }
    let record = match read(export) {
        Read::Record(record) => record,
        Read::Absent | Read::Bad(_) => BootRecord::of(slot.other()),
    };
    if record.active == slot {
        return Err(NotChanged::Active(slot));
    }
    if let Some(trial) = record.trial.filter(|trial| trial.operation != operation) {
        return Err(NotChanged::OnTrial {
            slot: trial.slot,
            operation: trial.operation,
        });
    }
    let trial = Trial {
        slot,
        attempts_left: ATTEMPTS,
        operation,
    };
    let armed = BootRecord {
        trial: Some(trial),
        rescue: false,
        ..record
    };
    Ok(write(export, &armed)?)
}

/// Makes the slot on trial the active one. The one write is the commit.
///
/// # Errors
/// Why nothing is committed; but after [`NotWritten::Perhaps`] it may be.
pub fn commit(export: &Export) -> Result<Committed, NotChanged> {
    let record = known(export)?;
    let trial = record.trial.ok_or(NotChanged::NoTrial)?;
    let committed = BootRecord {
        active: trial.slot,
        trial: None,
        last_fallback: None,
        ..record
    };
    write(export, &committed)?;
    Ok(Committed {
        slot: trial.slot,
        operation: trial.operation,
    })
}

/// Makes that slot the active one, whatever was recorded: for an operator who knows. Any trial ends.
///
/// # Errors
/// [`NotChanged::NotBootable`]; why it can't be written.
pub fn activate(export: &Export, slot: Slot) -> Result<(), NotChanged> {
    if !export.bootable().has(slot) {
        return Err(NotChanged::NotBootable(slot));
    }
    let record = match read(export) {
        Read::Record(record) => record,
        Read::Absent | Read::Bad(_) => BootRecord::of(slot),
    };
    let active = BootRecord {
        active: slot,
        trial: None,
        rescue: false,
        ..record
    };
    Ok(write(export, &active)?)
}

/// Takes an armed trial back, if there is one: the active slot is booted.
///
/// # Errors
/// Why it is still armed.
pub fn disarm(export: &Export) -> Result<(), NotChanged> {
    let record = known(export)?;
    match record.trial {
        None => Ok(()),
        Some(_) => Ok(write(
            export,
            &BootRecord {
                trial: None,
                ..record
            },
        )?),
    }
}

/// Asks for the rescue system, at every boot until a slot is armed or activated, or [`no_rescue`] is called.
///
/// # Errors
/// There is no record; it can't be written.
pub fn ask_for_rescue(export: &Export) -> Result<(), NotChanged> {
    let record = known(export)?;
    let rescue = BootRecord {
        rescue: true,
        ..record
    };
    Ok(write(export, &rescue)?)
}

/// Rescue isn't asked for any more.
///
/// # Errors
/// As [`ask_for_rescue`]'s.
pub fn no_rescue(export: &Export) -> Result<(), NotChanged> {
    let record = known(export)?;
    let without = BootRecord {
        rescue: false,
        ..record
    };
    Ok(write(export, &without)?)
}

/// Chooses what is booted, and records what must be: an attempt is taken off a trial before it is chosen.
#[must_use]
pub fn make_choice(export: &Export) -> Made {
    let (read, bootable) = (read(export), export.bootable());
    let chosen = choice::choose(&read, bootable);
    let bad = match &read {
        Read::Bad(why) => Some(why.clone()),
        _ => None,
    };
    // Safety-order: durable first, then chosen.
    let unwritten = match &chosen.record {
        Some(record) => write(export, record).err(),
        None => None,
    };
    let choice = match unwritten {
        Some(_) => chosen.without_record(&read, bootable),
        None => chosen.choice,
    };
    Made {
        choice,
        unwritten,
        bad,
    }
}

fn known(export: &Export) -> Result<BootRecord, NotChanged> {
    match read(export) {
        Read::Record(record) => Ok(record),
        Read::Absent => Err(NotChanged::NoRecord("there is no boot record".to_owned())),
        Read::Bad(why) => Err(NotChanged::NoRecord(format!("the boot record {why}"))),
    }
}

#[cfg(test)]
mod tests;
