//! How a column's readings become bytes: the form, of several, that takes the fewest.
//!
//! A column is a tag that names the form, then the numbers from which the values start, then bits: where the gaps are, and
//! the residuals. `docs/PROTOCOL.md` has every bit of it. This module knows nothing of metrics, ticks and batches.
mod bits;
mod coding;
mod form;
mod gaps;
mod transform;

use alloc::vec::Vec;

use bits::{BitReader, BitWriter};
use form::{Form, PACKED, Packing};
use transform::{Transform, common_step, unzigzag, zigzag};

use crate::{DecodeError, Gap, Reading, wire};

/// The bytes of readings, in the form that takes the fewest.
#[must_use]
pub fn encode(readings: &[Reading]) -> Vec<u8> {
    let values: Vec<i64> = readings.iter().filter_map(|reading| reading.ok()).collect();
    let (form, head, residuals) = choose(&values, readings);
    let has_gaps = !matches!(form, Form::Missing(_)) && values.len() < readings.len();
    let mut out = Vec::new();
    form::write(form, has_gaps, &mut out);
    for number in head {
        wire::put(&number, &mut out);
    }
    let mut bits = BitWriter::new(&mut out);
    if has_gaps {
        gaps::write(readings, &mut bits);
    }
    if let Form::Packed(packing) = form {
        packing
            .coding
            .write(&residuals, packing.parameter, &mut bits);
    }
    out
}

/// `count` readings that fill `bytes` to the end. In a form that this version doesn't know every reading is
/// [`Gap::UnknownForm`].
///
/// # Errors
/// The part of the column that is wrong.
pub fn decode(bytes: &[u8], count: u16) -> Result<Vec<Reading>, DecodeError> {
    let (form, has_gaps, rest) = form::read(bytes)?;
    let rows = usize::from(count);
    let (head, rest) = match form {
        None => return Ok(alloc::vec![Err(Gap::UnknownForm); rows]),
        Some(Form::Missing(reason)) if rest.is_empty() && !has_gaps => {
            return Ok(alloc::vec![Err(Gap::from_code(reason)); rows]);
        }
        Some(Form::Missing(_)) => return Err(DecodeError::Trailing(rest.len())),
        Some(Form::Constant(_)) => (Vec::new(), rest),
        Some(Form::Packed(packing)) => read_head(packing.transform, rest)?,
    };
    let mut bits = BitReader::new(rest);
    let gaps = match has_gaps {
        true => gaps::read(count, &mut bits).ok_or(DecodeError::Invalid("gaps of a column"))?,
        false => alloc::vec![None; rows],
    };
    let present = gaps.iter().filter(|gap| gap.is_none()).count();
    let values = match form {
        Some(Form::Packed(packing)) => unpack(packing, &head, present, &mut bits)?,
        Some(Form::Constant(value)) => alloc::vec![value; present],
        Some(Form::Missing(_)) | None => Vec::new(),
    };
    if !bits.is_at_end() {
        return Err(DecodeError::Invalid("end of a column"));
    }
    let mut values = values.into_iter();
    gaps.into_iter()
        .map(|gap| match gap {
            Some(gap) => Ok(Err(gap)),
            None => values
                .next()
                .map(Ok)
                .ok_or(DecodeError::Invalid("length of a column")),
        })
        .collect()
}

/// The shortest form of the values, with its head and residuals.
fn choose(values: &[i64], readings: &[Reading]) -> (Form, Vec<i64>, Vec<u64>) {
    if let (true, [Err(gap), rest @ ..]) = (values.is_empty(), readings) {
        if rest.iter().all(|reading| *reading == Err(*gap)) {
            return (Form::Missing(gap.code()), Vec::new(), Vec::new());
        }
    }
    let first = values.first().copied().unwrap_or(0);
    if values.iter().all(|value| *value == first) {
        return (Form::Constant(first), Vec::new(), Vec::new());
    }
    let (_, packing, head, residuals) = PACKED
        .iter()
        .flat_map(|(_, transform, coding)| {
            let parts = transform.split(values);
            let step = transform.step(&parts.rest);
            let steps = if step > 1 { &[1, step][..] } else { &[1][..] };
            let mut found: Vec<_> = Vec::new();
            for &step in steps {
                let residuals = transform.residuals_of(&parts.rest, step);
                let (parameter, cost) = coding.best(&residuals);
                let packing = Packing {
                    transform: *transform,
                    coding: *coding,
                    parameter,
                    step,
                };
                let mut header = Vec::new();
                form::write(Form::Packed(packing), false, &mut header);
                for number in &parts.head {
                    wire::put(number, &mut header);
                }
                let bits = header.len() as u64 * 8 + cost;
                found.push((bits, packing, parts.head.clone(), residuals));
            }
            found
        })
        .min_by_key(|(bits, ..)| *bits)
        .expect("there are packed forms");
    (Form::Packed(packing), head, residuals)
}

fn read_head(transform: Transform, bytes: &[u8]) -> Result<(Vec<i64>, &[u8]), DecodeError> {
    let mut head = Vec::with_capacity(transform.heads());
    let mut rest = bytes;
    for _ in 0..transform.heads() {
        let (number, after) = wire::take(rest, "head of a column")?;
        head.push(number);
        rest = after;
    }
    Ok((head, rest))
}

fn unpack(
    packing: Packing,
    head: &[i64],
    values: usize,
    bits: &mut BitReader<'_>,
) -> Result<Vec<i64>, DecodeError> {
    let transform = packing.transform;
    let residuals = packing
        .coding
        .read(transform.residuals(values), packing.parameter, bits)
        .ok_or(DecodeError::Invalid("residuals of a column"))?;
    let rest: Vec<i64> = residuals
        .into_iter()
        .map(|code| transform.grown(code, packing.step))
        .collect();
    Ok(transform.join(head, &rest))
}

impl Transform {
    /// The step that is common to all of the rest (0 or 1: none).
    fn step(self, rest: &[i64]) -> u64 {
        let step = if self.is_signed() {
            common_step(rest.iter().map(|number| number.unsigned_abs()))
        } else {
            common_step(rest.iter().map(|number| *number as u64))
        };
        if step > i64::MAX as u64 { 1 } else { step }
    }

    fn residuals_of(self, rest: &[i64], step: u64) -> Vec<u64> {
        rest.iter()
            .map(|number| match self.is_signed() {
                true => zigzag(number / step as i64),
                false => *number as u64 / step,
            })
            .collect()
    }

    fn grown(self, code: u64, step: u64) -> i64 {
        match self.is_signed() {
            true => unzigzag(code).wrapping_mul(step as i64),
            false => code.wrapping_mul(step) as i64,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_shape_of_values_comes_back() {
        let ramp = |step: i64| (0..40).map(move |at: i64| Ok(at.wrapping_mul(step)));
        let cases: Vec<Vec<Reading>> = vec![
            vec![],
            vec![Ok(0)],
            vec![Ok(i64::MIN)],
            vec![Err(Gap::Absent)],
            vec![Err(Gap::Other(200)); 5],
            vec![Ok(i64::MIN), Ok(i64::MAX)],
            vec![Ok(i64::MIN), Ok(0), Ok(i64::MIN), Ok(i64::MIN)],
            vec![Ok(i64::MAX), Ok(i64::MIN), Ok(-1), Ok(0), Ok(i64::MAX)],
            ramp(10).collect(),
            ramp(i64::MAX / 3).collect(),
            ramp(7).chain([Err(Gap::Idle)]).chain(ramp(-538)).collect(),
            (0..40)
                .map(|at| Ok(i64::from(at == 17) * 1_000_000))
                .collect(),
        ];
        for readings in cases {
            let bytes = encode(&readings);
            assert_eq!(
                decode(&bytes, readings.len() as u16).as_ref(),
                Ok(&readings),
                "{bytes:02x?}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_readings_come_back(readings in prop::collection::vec(any_reading(), 0..200)) {
            let bytes = encode(&readings);
            prop_assert_eq!(decode(&bytes, readings.len() as u16), Ok(readings));
        }

        #[test]
        fn any_bytes_are_readings_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..60), count in 1u16..1025) {
            if let Ok(readings) = decode(&bytes, count) {
                prop_assert_eq!(readings.len(), usize::from(count));
                prop_assert_eq!(decode(&encode(&readings), count), Ok(readings));
            }
        }
    }

    fn any_reading() -> impl Strategy<Value = Reading> {
        prop_oneof![
            4 => (-3i64..4).prop_map(Ok),
            2 => (0i64..100_000).prop_map(|value| Ok(value * 538)),
            1 => any::<i64>().prop_map(Ok),
            1 => any::<u8>().prop_map(|code| Err(Gap::from_code(code))),
        ]
    }
}
