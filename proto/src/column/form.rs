//! The forms that a column can take, and the bytes that name them. Knows neither rows nor gaps.
use alloc::vec::Vec;

use super::{coding::Coding, coding::MAX_PARAMETER, transform::Transform};
use crate::{DecodeError, wire};

/// What the first bytes of a column say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// No reading at all, for the one reason with this code.
    Missing(u8),
    /// Every reading has this value.
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
    /// The common step that was taken out of the residuals, from 1.
    pub(super) step: u64,
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
/// A step that stands as a varint after the prefix.
const NEXT_VARINT: u8 = 15;

/// Steps that a prefix names by their place from 1: halves and decimals, pages of 4 KiB, the thermal sensors of
/// BCM2711, BCM2837 and BCM2712 in thousandths of a degree, clocks in kHz.
const STEPS: [u64; 14] = [
    2, 4, 5, 10, 16, 100, 125, 487, 500, 538, 550, 1000, 50_000, 100_000,
];

/// Appends prefix and tag of a form, and its constant. Heads and bits follow after it.
pub(super) fn write(form: Form, has_gaps: bool, out: &mut Vec<u8>) {
    let step = match form {
        Form::Packed(packing) => packing.step,
        Form::Missing(_) | Form::Constant(_) => 1,
    };
    if has_gaps || step != 1 {
        write_prefix(has_gaps, step, out);
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

/// Reads what [`write`] wrote: the form, whether there are gaps, and what follows. `None` instead of a form is one that
/// a newer writer knows.
pub(super) fn read(bytes: &[u8]) -> Result<(Option<Form>, bool, &[u8]), DecodeError> {
    let ((has_gaps, step), rest) = read_prefix(bytes)?;
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
                (Some(packing(found, parameter, step)?), rest)
            }
        },
        (short, low) => match packed(short) {
            None => (None, rest),
            Some(found) => {
                let (parameter, rest) = read_small(low, rest)?;
                (Some(packing(found, parameter, step)?), rest)
            }
        },
    };
    Ok((form, has_gaps, rest))
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

fn packing(
    (transform, coding): (Transform, Coding),
    parameter: u8,
    step: u64,
) -> Result<Form, DecodeError> {
    if u32::from(parameter) > MAX_PARAMETER {
        return Err(DecodeError::Invalid("parameter of a column"));
    }
    Ok(Form::Packed(Packing {
        transform,
        coding,
        parameter: u32::from(parameter),
        step,
    }))
}

fn write_prefix(has_gaps: bool, step: u64, out: &mut Vec<u8>) {
    let code = match STEPS.iter().position(|known| *known == step) {
        _ if step == 1 => 0,
        Some(at) => at as u8 + 1,
        None => NEXT_VARINT,
    };
    out.push(PREFIX << 5 | u8::from(has_gaps) << 4 | code);
    if code == NEXT_VARINT {
        wire::put(&step, out);
    }
}

fn read_prefix(bytes: &[u8]) -> Result<((bool, u64), &[u8]), DecodeError> {
    let (byte, rest) = next(bytes)?;
    if byte >> 5 != PREFIX {
        return Ok(((false, 1), bytes));
    }
    let (step, rest) = match byte & NEXT_VARINT {
        0 => (1, rest),
        NEXT_VARINT => wire::take(rest, "step of a column")?,
        at => (STEPS[usize::from(at) - 1], rest),
    };
    Ok(((byte & 1 << 4 != 0, step), rest))
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
