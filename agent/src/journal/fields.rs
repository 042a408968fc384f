//! What a journal's block holds, as numbered fields: those of a newer agent are kept. Hostile, as all of the file is. It knows no
//! blocks.
//!
//! By ascending number, each as number (u16), length (u16) and body, all little-endian. 1: the periods (two u32, ms: between
//! ticks, between batches). 2: the operations, the newest last, 47 bytes each: id (16), action (u16), state (u8), 1 if there is
//! a reason and else 0 (u8), reason (u16), fingerprint (u64), boot (16), boots (u8). 3: the last reinstall, as `reinstalled` has it. 4: slots that are kept, as
//! `kept` has them.
use picket_proto::{BootId, OperationId, Reason, State, UnknownField};

use super::{
    kept,
    record::{MOST_OPERATIONS, MOST_READ, Record, Recorded},
    reinstalled,
};
use crate::{
    blocks::{array, put_field, take_field, u16_at, u32_at, u64_at},
    config::Periods,
};

/// All that a newer agent recorded and this one keeps has at most so many bytes, with four for each field: what this agent
/// records always fits into a block beside it.
pub(super) const MOST_UNKNOWN: usize = 1024;

const PERIODS: u16 = 1;
const OPERATIONS: u16 = 2;
const REINSTALL: u16 = 3;
const KEPT: u16 = 4;
const OPERATION: usize = 47;

/// What is wrong with the fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FieldError {
    /// The list ends in the middle of a field.
    #[error("is cut after field {0}")]
    Cut(u16),
    /// A field is out of order, there twice, or of a length that it can't have.
    #[error("has a wrong field {0}")]
    Wrong(u16),
    /// What a newer agent recorded is longer than it may be.
    #[error("has more than {MOST_UNKNOWN} bytes of unknown fields")]
    Unknown,
    /// The periods don't go together.
    #[error("holds periods that can't be: {0}")]
    Periods(String),
    /// The operations are too many, or one is there twice.
    #[error("names an operation twice, or more than {MOST_READ}")]
    Operations,
}

/// The fields of that record.
///
/// # Errors
/// What a newer agent recorded is too long: it can't come from [`read`], which bounds it.
pub(super) fn write(record: &Record) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    if let Some(periods) = record.periods {
        let times = [periods.period_ms(), periods.window_ms()];
        put_field(PERIODS, &times.map(u32::to_le_bytes).concat(), &mut out);
    }
    if !record.operations.is_empty() {
        let known = &record.operations;
        let newest = &known[known.len().saturating_sub(MOST_OPERATIONS)..];
        let body: Vec<u8> = newest.iter().flat_map(operation).collect();
        put_field(OPERATIONS, &body, &mut out);
    }
    if let Some(reinstall) = &record.reinstall {
        put_field(REINSTALL, &reinstalled::write(reinstall), &mut out);
    }
    if !record.kept.is_empty() {
        put_field(KEPT, &kept::write(&record.kept), &mut out);
    }
    let before = out.len();
    for field in &record.unknown {
        put_field(field.id, &field.body, &mut out);
    }
    match out.len() - before > MOST_UNKNOWN {
        true => Err("what a newer picketd recorded is too long to be kept"),
        false => Ok(out),
    }
}

/// The record of the fields that fill those bytes.
pub(super) fn read(mut rest: &[u8]) -> Result<Record, FieldError> {
    let mut record = Record::default();
    let (mut last, mut unknown) = (0, 0);
    while !rest.is_empty() {
        let (id, body, after) = take_field(rest).ok_or(FieldError::Cut(last))?;
        if id <= last {
            return Err(FieldError::Wrong(id));
        }
        match id {
            PERIODS => record.periods = Some(read_periods(body)?),
            OPERATIONS => record.operations = read_operations(body)?,
            REINSTALL => {
                let read = reinstalled::read(body).ok_or(FieldError::Wrong(REINSTALL))?;
                record.reinstall = Some(Box::new(read));
            }
            KEPT => record.kept = kept::read(body).ok_or(FieldError::Wrong(KEPT))?,
            id => {
                unknown += 4 + body.len();
                let body = body.into();
                record.unknown.push(UnknownField { id, body });
            }
        }
        (last, rest) = (id, after);
    }
    match unknown > MOST_UNKNOWN {
        true => Err(FieldError::Unknown),
        false => Ok(record),
    }
}

fn read_periods(body: &[u8]) -> Result<Periods, FieldError> {
    if body.len() != 8 {
        return Err(FieldError::Wrong(PERIODS));
    }
    Periods::new(u32_at(body, 0), u32_at(body, 4)).map_err(FieldError::Periods)
}

fn read_operations(body: &[u8]) -> Result<Vec<Recorded>, FieldError> {
    if body.len() % OPERATION != 0 {
        return Err(FieldError::Wrong(OPERATIONS));
    }
    let operations: Option<Vec<Recorded>> = body.chunks(OPERATION).map(read_operation).collect();
    let operations = operations.ok_or(FieldError::Wrong(OPERATIONS))?;
    let mut ids: Vec<OperationId> = operations.iter().map(|op| op.operation).collect();
    ids.sort_unstable();
    let twice = ids.windows(2).any(|pair| pair[0] == pair[1]);
    match twice || ids.len() > MOST_READ {
        true => Err(FieldError::Operations),
        false => Ok(operations),
    }
}

fn read_operation(bytes: &[u8]) -> Option<Recorded> {
    let reason = Reason::from_code(u16_at(bytes, 20));
    Some(Recorded {
        operation: OperationId(array(bytes, 0)),
        action: u16_at(bytes, 16),
        state: State::from_code(bytes[18]),
        reason: match bytes[19] {
            0 => None,
            1 => Some(reason),
            _ => return None,
        },
        fingerprint: u64_at(bytes, 22),
        boot: BootId(array(bytes, 30)),
        boots: bytes[46],
    })
}

fn operation(recorded: &Recorded) -> Vec<u8> {
    let reason = recorded.reason.map_or(0, Reason::code);
    let mut out = Vec::with_capacity(OPERATION);
    out.extend_from_slice(&recorded.operation.0);
    out.extend_from_slice(&recorded.action.to_le_bytes());
    out.push(recorded.state.code());
    out.push(recorded.reason.is_some().into());
    out.extend_from_slice(&reason.to_le_bytes());
    out.extend_from_slice(&recorded.fingerprint.to_le_bytes());
    out.extend_from_slice(&recorded.boot.0);
    out.push(recorded.boots);
    out
}
