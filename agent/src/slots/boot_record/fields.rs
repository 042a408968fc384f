//! What a boot record's block holds, as numbered fields: those of a newer agent are kept. Hostile, as all of the file is. It knows
//! no blocks.
//!
//! 1: the active slot (u8: 0 is a, 1 is b). 2: the trial (slot, u8; attempts left, u8; operation, 16 bytes). 3: 1 if rescue is asked
//! for (u8). 4: the last fallback (slot, u8; why, u8; operation, 16 bytes).
use picket_proto::{OperationId, UnknownField};

use super::{BootRecord, Fallback, Slot, Trial, Why};
use crate::blocks::{array, put_field, take_field};

/// All that a newer agent recorded has at most so many bytes, with four for each field.
pub(super) const MOST_UNKNOWN: usize = 1024;

const ACTIVE: u16 = 1;
const TRIAL: u16 = 2;
const RESCUE: u16 = 3;
const FALLBACK: u16 = 4;

/// What is wrong with the fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FieldError {
    /// The list ends in the middle of a field.
    #[error("is cut after field {0}")]
    Cut(u16),
    /// A field is out of order, there twice, or of a value that it can't have.
    #[error("has a wrong field {0}")]
    Wrong(u16),
    /// No field says which slot is active.
    #[error("names no active slot")]
    NoActive,
    /// The trial's slot is the active one.
    #[error("has the slot {0} active and on trial at once")]
    OnTrial(Slot),
    /// What a newer agent recorded is longer than it may be.
    #[error("has more than {MOST_UNKNOWN} bytes of unknown fields")]
    Unknown,
}

/// The fields of that record.
pub(super) fn write(record: &BootRecord) -> Vec<u8> {
    let mut out = Vec::new();
    put_field(ACTIVE, &[code(record.active)], &mut out);
    if let Some(trial) = record.trial {
        let body = about(trial.slot, trial.attempts_left, trial.operation);
        put_field(TRIAL, &body, &mut out);
    }
    if record.rescue {
        put_field(RESCUE, &[1], &mut out);
    }
    if let Some(fallback) = record.last_fallback {
        let body = about(fallback.slot, fallback.why.code(), fallback.operation);
        put_field(FALLBACK, &body, &mut out);
    }
    for field in &record.unknown {
        put_field(field.id, &field.body, &mut out);
    }
    out
}

/// The record of the fields that fill those bytes.
pub(super) fn read(mut rest: &[u8]) -> Result<BootRecord, FieldError> {
    let mut record = BootRecord::of(Slot::A);
    let (mut active, mut last, mut unknown) = (None, 0, 0);
    while !rest.is_empty() {
        let (id, body, after) = take_field(rest).ok_or(FieldError::Cut(last))?;
        let wrong = FieldError::Wrong(id);
        if id <= last {
            return Err(wrong);
        }
        match (id, body) {
            (ACTIVE, [code]) => active = Some(slot(*code).ok_or(wrong)?),
            (TRIAL, body) => record.trial = Some(trial(body).ok_or(wrong)?),
            (RESCUE, [1]) => record.rescue = true,
            (FALLBACK, body) => record.last_fallback = Some(fallback(body).ok_or(wrong)?),
            (ACTIVE | RESCUE, _) => return Err(wrong),
            (id, body) => {
                unknown += 4 + body.len();
                let body = body.into();
                record.unknown.push(UnknownField { id, body });
            }
        }
        (last, rest) = (id, after);
    }
    if unknown > MOST_UNKNOWN {
        return Err(FieldError::Unknown);
    }
    record.active = active.ok_or(FieldError::NoActive)?;
    match record.trial {
        Some(trial) if trial.slot == record.active => Err(FieldError::OnTrial(trial.slot)),
        _ => Ok(record),
    }
}

fn about(slot: Slot, number: u8, operation: OperationId) -> Vec<u8> {
    [&[code(slot), number], &operation.0[..]].concat()
}

fn trial(body: &[u8]) -> Option<Trial> {
    let (slot, attempts_left, operation) = read_about(body)?;
    Some(Trial {
        slot,
        attempts_left,
        operation,
    })
}

fn fallback(body: &[u8]) -> Option<Fallback> {
    let (slot, why, operation) = read_about(body)?;
    Some(Fallback {
        slot,
        operation,
        why: Why::from_code(why),
    })
}

fn read_about(body: &[u8]) -> Option<(Slot, u8, OperationId)> {
    match body.len() {
        18 => Some((slot(body[0])?, body[1], OperationId(array(body, 2)))),
        _ => None,
    }
}

fn code(slot: Slot) -> u8 {
    match slot {
        Slot::A => 0,
        Slot::B => 1,
    }
}

fn slot(code: u8) -> Option<Slot> {
    match code {
        0 => Some(Slot::A),
        1 => Some(Slot::B),
        _ => None,
    }
}
