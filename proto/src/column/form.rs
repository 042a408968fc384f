//! The forms that a column can take, and the bytes that name them. Knows neither rows nor gaps.
use alloc::vec::Vec;

use super::{coding::Coding, coding::MAX_PARAMETER, scale::Scale, transform::Transform};
use crate::{DecodeError, wire};

/// What the first bytes of a column say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// No reading at all, for the one reason with this code.
    Missing(u8),
    /// Every reading has this many units.
    Constant(i64),
    /// Residuals.
    Packed(Packing),
}

/// How the residuals of a column were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packing {
    pub(super) transform: Transform,
    pub(super) coding: Coding,
    /// The parameter of the coding.
    pub(super) parameter: u32,
}

/// Every packed form by its number. Those up to [`LAST_SHORT`] share a byte with their parameter.
pub(super) const PACKED: [(u8, Transform, Coding); 9] = [
    (1, Transform::Values, Coding::Fixed),
    (2, Transform::Values, Coding::Rice),
    (3, Transform::Rises, Coding::Fixed),
    (4, Transform::Deltas, Coding::Rice),
    (5, Transform::Rises, Coding::Rice),
    (6, Transform::Deltas, Coding::Sparse),
    (8, Transform::Bends, Coding::Rice),
    (9, Transform::Values, Coding::Sparse),
    (10, Transform::Rises, Coding::Sparse),
];

const ALL_ZERO: u8 = 0;
const CONSTANT: u8 = 1;
const MISSING: u8 = 16;
const LAST_SHORT: u8 = 6;
const PREFIX: u8 = 7;
/// A parameter, or a reason less [`MISSING`], that stands in the byte after the tag.
const NEXT_BYTE: u8 = 31;

/// What stands before the numbers and bits of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lead {
    /// Bits say where readings are missing.
    pub(super) has_gaps: bool,
    pub(super) scale: Scale,
    /// `None` is a form that a newer writer knows.
    pub(super) form: Option<Form>,
}

/// Appends prefix and tag of a form, and its constant. Heads and bits follow after it.
pub(super) fn write(form: Form, scale: Scale, has_gaps: bool, out: &mut Vec<u8>) {
    if has_gaps || scale != Scale::ONE {
        out.push(PREFIX << 5 | u8::from(has_gaps) << 4 | scale.code());
        scale.write(out);
    }
    match form {
        Form::Missing(reason) => write_small(0, MISSING.saturating_add(reason), reason, out),
        Form::Constant(0) => out.push(ALL_ZERO),
        Form::Constant(value) => {
            out.push(CONSTANT);
            wire::put(&value, out);
        }
        Form::Packed(packing) => {
            let number = packing.number();
            let parameter = packing.parameter as u8;
            if number <= LAST_SHORT {
                write_small(number << 5, parameter, parameter, out);
            } else {
                out.extend([number, parameter]);
            }
        }
    }
}

/// Reads what [`write`] wrote, and returns it with what follows.
pub(super) fn read(bytes: &[u8]) -> Result<(Lead, &[u8]), DecodeError> {
    let (has_gaps, scale, rest) = read_prefix(bytes)?;
    let (tag, rest) = next(rest)?;
    let (number, low) = (tag >> 5, tag & NEXT_BYTE);
    let (form, rest) = match (number, low) {
        (0, ALL_ZERO) => (Some(Form::Constant(0)), rest),
        (0, CONSTANT) => {
            let (value, rest) = wire::take(rest, "constant of a column")?;
            (Some(Form::Constant(value)), rest)
        }
        (0, MISSING..) => {
            let (reason, rest) = read_small(low, rest)?;
            let reason = if low == NEXT_BYTE {
                reason
            } else {
                reason - MISSING
            };
            (Some(Form::Missing(reason)), rest)
        }
        (0, long) => match packed(long) {
            None => (None, rest),
            Some(found) => {
                let (parameter, rest) = next(rest)?;
                (Some(packing(found, parameter)?), rest)
            }
        },
        (short, low) => match packed(short) {
            None => (None, rest),
            Some(found) => {
                let (parameter, rest) = read_small(low, rest)?;
                (Some(packing(found, parameter)?), rest)
            }
        },
    };
    let lead = Lead {
        has_gaps,
        scale,
        form,
    };
    Ok((lead, rest))
}

impl Packing {
    fn number(self) -> u8 {
        PACKED
            .iter()
            .find(|(_, transform, coding)| (*transform, *coding) == (self.transform, self.coding))
            .map(|(number, ..)| *number)
            .expect("a packing is made of a line of PACKED")
    }
}

fn packed(number: u8) -> Option<(Transform, Coding)> {
    PACKED
        .iter()
        .find(|(known, ..)| *known == number)
        .map(|(_, transform, coding)| (*transform, *coding))
}

fn packing((transform, coding): (Transform, Coding), parameter: u8) -> Result<Form, DecodeError> {
    if u32::from(parameter) > MAX_PARAMETER {
        return Err(DecodeError::Invalid("parameter of a column"));
    }
    Ok(Form::Packed(Packing {
        transform,
        coding,
        parameter: u32::from(parameter),
    }))
}

fn read_prefix(bytes: &[u8]) -> Result<(bool, Scale, &[u8]), DecodeError> {
    let (byte, rest) = next(bytes)?;
    if byte >> 5 != PREFIX {
        return Ok((false, Scale::ONE, bytes));
    }
    let (scale, rest) = Scale::read(byte & 0b1111, rest)?;
    Ok((byte & 1 << 4 != 0, scale, rest))
}

/// Writes `low` beside the number in one byte, or `whole` in the next byte if `low` doesn't fit.
fn write_small(number: u8, low: u8, whole: u8, out: &mut Vec<u8>) {
    if low < NEXT_BYTE {
        out.push(number | low);
    } else {
        out.extend([number | NEXT_BYTE, whole]);
    }
}

fn read_small(low: u8, rest: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    match low {
        NEXT_BYTE => next(rest),
        low => Ok((low, rest)),
    }
}

fn next(bytes: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    match bytes {
        [byte, rest @ ..] => Ok((*byte, rest)),
        [] => Err(DecodeError::Truncated("column")),
    }
}
