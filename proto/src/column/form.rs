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

/// Every packed form by its number, which is the high half of its tag. 0 is for what has no parameter, 14 and 15
/// are prefixes. A number is never used again for another form.
pub(super) const PACKED: [(u8, Transform, Coding); 13] = [
    (1, Transform::Values, Coding::Fixed),
    (2, Transform::Values, Coding::Rice),
    (3, Transform::Values, Coding::Exp),
    (4, Transform::Values, Coding::Sparse),
    (5, Transform::Deltas, Coding::Rice),
    (6, Transform::Deltas, Coding::Exp),
    (7, Transform::Deltas, Coding::Sparse),
    (8, Transform::Rises, Coding::Fixed),
    (9, Transform::Rises, Coding::Exp),
    (10, Transform::Deltas, Coding::Varint),
    (11, Transform::Bends, Coding::Rice),
    (12, Transform::Centred, Coding::Exp),
    (13, Transform::Listed, Coding::Rice),
];

/// Tags without a parameter.
const ALL_ZERO: u8 = 0x00;
const CONSTANT: u8 = 0x01;
/// The first of those that name a reason.
const MISSING: u8 = 0x03;
/// A reason or a parameter that stands in the next byte.
const NEXT_BYTE: u8 = 0x0f;
/// The high half of a prefix without and with gaps; its low half is the scale.
const PREFIX: u8 = 0xe0;
const PREFIX_WITH_GAPS: u8 = 0xf0;

/// What stands before the numbers and bits of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lead {
    /// Bits say where readings are missing.
    pub(super) has_gaps: bool,
    pub(super) scale: Scale,
    /// `None` is a form that a newer writer knows.
    pub(super) form: Option<Form>,
}

/// Appends prefix and tag of a form, and its constant. First numbers and bits follow after it.
pub(super) fn write(form: Form, scale: Scale, has_gaps: bool, out: &mut Vec<u8>) {
    if has_gaps || scale != Scale::ONE {
        let prefix = if has_gaps { PREFIX_WITH_GAPS } else { PREFIX };
        out.push(prefix | scale.code());
        scale.write(out);
    }
    match form {
        Form::Missing(reason) => write_small(0, reason.saturating_add(MISSING), reason, out),
        Form::Constant(0) => out.push(ALL_ZERO),
        Form::Constant(units) => {
            out.push(CONSTANT);
            wire::put(&units, out);
        }
        Form::Packed(packing) => {
            let parameter = packing.parameter as u8;
            write_small(packing.number() << 4, parameter, parameter, out);
        }
    }
}

/// Reads what [`write`] wrote, and returns it with what follows.
pub(super) fn read(bytes: &[u8]) -> Result<(Lead, &[u8]), DecodeError> {
    let (has_gaps, scale, rest) = read_prefix(bytes)?;
    let (tag, rest) = next(rest)?;
    let (form, rest) = read_form(tag, rest)?;
    let lead = Lead {
        has_gaps,
        scale,
        form,
    };
    Ok((lead, rest))
}

fn read_form(tag: u8, rest: &[u8]) -> Result<(Option<Form>, &[u8]), DecodeError> {
    let low = tag & NEXT_BYTE;
    match tag {
        ALL_ZERO => Ok((Some(Form::Constant(0)), rest)),
        CONSTANT => {
            let (units, rest) = wire::take(rest, "constant of the column")?;
            Ok((Some(Form::Constant(units)), rest))
        }
        MISSING..NEXT_BYTE => Ok((Some(Form::Missing(tag - MISSING)), rest)),
        NEXT_BYTE => next(rest).map(|(reason, rest)| (Some(Form::Missing(reason)), rest)),
        _ => {
            let Some((_, transform, coding)) = PACKED.iter().find(|form| form.0 == tag >> 4) else {
                return Ok((None, rest));
            };
            let (parameter, rest) = if low == NEXT_BYTE {
                next(rest)?
            } else {
                (low, rest)
            };
            let packing = Packing {
                transform: *transform,
                coding: *coding,
                parameter: u32::from(parameter),
            };
            if packing.parameter > MAX_PARAMETER {
                return Err(DecodeError::Invalid("parameter of the column"));
            }
            Ok((Some(Form::Packed(packing)), rest))
        }
    }
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

fn read_prefix(bytes: &[u8]) -> Result<(bool, Scale, &[u8]), DecodeError> {
    let (byte, rest) = next(bytes)?;
    if byte < PREFIX {
        return Ok((false, Scale::ONE, bytes));
    }
    let (scale, rest) = Scale::read(byte & 0x0f, rest)?;
    Ok((byte >= PREFIX_WITH_GAPS, scale, rest))
}

/// Writes `low` beside the high half in one byte; if it doesn't fit, `whole` in the next.
fn write_small(high: u8, low: u8, whole: u8, out: &mut Vec<u8>) {
    if low < NEXT_BYTE {
        out.push(high | low);
    } else {
        out.extend([high | NEXT_BYTE, whole]);
    }
}

fn next(bytes: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    match bytes {
        [byte, rest @ ..] => Ok((*byte, rest)),
        [] => Err(DecodeError::Truncated("column")),
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::*;

    #[test]
    fn the_document_has_the_same_forms_and_scales() {
        let document = include_str!("../../../docs/PROTOCOL.md");
        let mut forms = String::from("| form | transform | coding |\n|---|---|---|\n");
        for (number, transform, coding) in PACKED {
            let row = format!("| {number} | {transform:?} | {coding:?} |\n");
            forms.push_str(&row.to_lowercase());
        }
        assert!(document.contains(&format!("{forms}\n")), "{forms}");
        let mut scales = String::from("| scale | step | offset |\n|---|---|---|\n");
        for code in 0..15 {
            let (scale, _) = Scale::read(code, &[]).unwrap();
            let offset = scale.value(0);
            let step = scale.value(1) - offset;
            scales.push_str(&format!("| {code} | {step} | {offset} |\n"));
        }
        assert!(document.contains(&format!("{scales}\n")), "{scales}");
    }

    #[test]
    fn a_form_of_the_future_is_none_and_no_error() {
        for bytes in [&[0x02][..], &[0xe1, 0xe2], &[0xf0, 0x02]] {
            let (lead, _) = read(bytes).unwrap();
            assert_eq!(lead.form, None, "{bytes:02x?}");
        }
    }

    #[test]
    fn leads_that_end_early_or_say_too_much_are_refused() {
        for bytes in [
            &[][..],
            &[0xe1],
            &[0xef, 0x80],
            &[0x0f],
            &[0x01],
            &[0x1f],
            &[0x1f, 65],
        ] {
            assert!(read(bytes).is_err(), "{bytes:02x?}");
        }
    }
}
