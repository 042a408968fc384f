//! How a column's readings become bytes: the form, of several, that takes the fewest.
//!
//! A column is a tag that names the form, then the numbers from which the values start, then bits: where the gaps are, and
//! the residuals. `docs/PROTOCOL.md` has every bit of it. This module knows nothing of metrics, ticks and batches.
mod bits;
mod coding;
mod form;
mod gaps;
mod scale;
mod transform;

use alloc::{vec, vec::Vec};

use bits::{BitReader, BitWriter};
use form::{Form, PACKED, Packing};
use scale::Scale;
use transform::{MAX_LISTED, Parts};

use crate::{DecodeError, Gap, Reading, wire};

/// The bytes of readings, in the form that takes the fewest.
#[must_use]
pub fn encode(readings: &[Reading]) -> Vec<u8> {
    let mut out = Vec::new();
    if let [Err(gap), rest @ ..] = readings {
        if rest.iter().all(|reading| *reading == Err(*gap)) {
            form::write(Form::Missing(gap.code()), Scale::ONE, false, &mut out);
            return out;
        }
    }
    let mut values = Vec::with_capacity(readings.len());
    values.extend(readings.iter().filter_map(|reading| reading.ok()));
    let has_gaps = values.len() < readings.len();
    let plan = Plan::best(&values);
    plan.write_lead(has_gaps, &mut out);
    let mut bits = BitWriter::new(&mut out);
    if has_gaps {
        gaps::write(readings, &mut bits);
    }
    if let Form::Packed(packing) = plan.form {
        let coding = packing.coding;
        coding.write(&plan.parts.residuals, packing.parameter, &mut bits);
    }
    out
}

/// `count` readings that fill `bytes` to the end. In a form that this version doesn't know every reading is
/// [`Gap::UnknownForm`].
///
/// # Errors
/// The part of the column that is wrong.
pub fn decode(bytes: &[u8], count: u16) -> Result<Vec<Reading>, DecodeError> {
    let (lead, rest) = form::read(bytes)?;
    let rows = usize::from(count);
    let (form, rest) = match lead.form {
        None => return Ok(vec![Err(Gap::UnknownForm); rows]),
        Some(Form::Missing(reason)) => {
            return match rest {
                [] => Ok(vec![Err(Gap::from_code(reason)); rows]),
                rest => Err(DecodeError::Trailing(rest.len())),
            };
        }
        Some(form) => (form, rest),
    };
    let (head, rest) = read_head(form, rest)?;
    let mut bits = BitReader::new(rest);
    let gaps = match lead.has_gaps {
        true => gaps::read(count, &mut bits).ok_or(DecodeError::Invalid("list of gaps"))?,
        false => vec![None; rows],
    };
    let present = gaps.iter().filter(|gap| gap.is_none()).count();
    let units = read_units(form, &head, present, &mut bits)?;
    if !bits.is_at_end() {
        return Err(DecodeError::Invalid("end of the column"));
    }
    let mut values = units.into_iter().map(|units| lead.scale.value(units));
    let mut readings = Vec::with_capacity(rows);
    for gap in gaps {
        readings.push(match gap {
            Some(gap) => Err(gap),
            None => Ok(values
                .next()
                .ok_or(DecodeError::Invalid("number of values"))?),
        });
    }
    Ok(readings)
}

/// How values are going to be written.
struct Plan {
    form: Form,
    scale: Scale,
    parts: Parts,
}

impl Plan {
    /// The shortest. Only its form is kept while others are tried, so that working memory is a few numbers a row.
    fn best(values: &[i64]) -> Self {
        let mut best: Option<(u64, Form, Scale)> = None;
        for scale in Scale::candidates(values) {
            let units = scale.units(values);
            for (bits, plan) in Self::of_units(&units, scale) {
                if best.is_none_or(|(least, ..)| bits < least) {
                    best = Some((bits, plan.form, scale));
                }
            }
        }
        let (_, form, scale) = best.expect("a scale of one always fits, and each scale has a plan");
        let parts = match form {
            Form::Packed(packing) => packing.transform.split(&scale.units(values)),
            Form::Missing(_) | Form::Constant(_) => None,
        };
        Self {
            form,
            scale,
            parts: parts.unwrap_or_default(),
        }
    }

    /// Every plan for the units of a scale, with the bits that it takes.
    fn of_units(units: &[i64], scale: Scale) -> impl Iterator<Item = (u64, Self)> {
        let first = units.first().copied().unwrap_or(0);
        let constant = units.iter().all(|each| *each == first).then(|| Self {
            form: Form::Constant(first),
            scale,
            parts: Parts::default(),
        });
        let forms = if constant.is_some() {
            &[][..]
        } else {
            &PACKED[..]
        };
        let constant = constant.map(|plan| (plan.lead_bits(), plan));
        let packed = forms.iter().filter_map(move |(_, transform, coding)| {
            let parts = transform.split(units)?;
            let (parameter, bits) = coding.best(&parts.residuals);
            let packing = Packing {
                transform: *transform,
                coding: *coding,
                parameter,
            };
            let form = Form::Packed(packing);
            let plan = Self { form, scale, parts };
            Some((plan.lead_bits() + bits, plan))
        });
        constant.into_iter().chain(packed)
    }

    fn write_lead(&self, has_gaps: bool, out: &mut Vec<u8>) {
        form::write(self.form, self.scale, has_gaps, out);
        if let Form::Packed(Packing { transform, .. }) = self.form {
            if transform.heads().is_none() {
                out.push(self.parts.head.len() as u8);
            }
        }
        for number in &self.parts.head {
            wire::put(number, out);
        }
    }

    fn lead_bits(&self) -> u64 {
        let mut lead = Vec::new();
        self.write_lead(false, &mut lead);
        lead.len() as u64 * 8
    }
}

fn read_head(form: Form, bytes: &[u8]) -> Result<(Vec<i64>, &[u8]), DecodeError> {
    let counted = match form {
        Form::Packed(packing) => packing.transform.heads(),
        Form::Missing(_) | Form::Constant(_) => Some(0),
    };
    let (count, mut rest) = match (counted, bytes) {
        (Some(count), bytes) => (count, bytes),
        (None, [count, rest @ ..]) if usize::from(*count) <= MAX_LISTED => {
            (usize::from(*count), rest)
        }
        (None, _) => return Err(DecodeError::Invalid("list of the column")),
    };
    let mut head = Vec::with_capacity(count);
    for _ in 0..count {
        let (number, after) = wire::take(rest, "first numbers of the column")?;
        head.push(number);
        rest = after;
    }
    Ok((head, rest))
}

fn read_units(
    form: Form,
    head: &[i64],
    count: usize,
    bits: &mut BitReader<'_>,
) -> Result<Vec<i64>, DecodeError> {
    match form {
        Form::Missing(_) => Ok(Vec::new()),
        Form::Constant(units) => Ok(vec![units; count]),
        Form::Packed(packing) => {
            let transform = packing.transform;
            packing
                .coding
                .read(transform.residuals(count), packing.parameter, bits)
                .and_then(|residuals| transform.join(head, &residuals))
                .ok_or(DecodeError::Invalid("residuals of the column"))
        }
    }
}

#[cfg(test)]
mod tests {
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
            vec![Ok(-2_147_483_651), Ok(-1)],
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
        fn no_column_is_longer_than_varints(readings in prop::collection::vec(any_reading(), 1..200)) {
            let values: Vec<i64> = readings.iter().filter_map(|reading| reading.ok()).collect();
            let deltas = values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
            let mut plain = vec![0];
            for number in values.iter().copied().take(1).chain(deltas) {
                wire::put(&number, &mut plain);
            }
            let values_only: Vec<Reading> = values.into_iter().map(Ok).collect();
            prop_assert!(encode(&values_only).len() <= plain.len());
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
