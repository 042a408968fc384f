//! A step that all values of a column share: a value is an offset and so many steps. Knows neither rows nor bits.
use alloc::vec::Vec;

use crate::{DecodeError, wire};

/// A value is `offset + step * units`, in wrapping arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    step: i64,
    offset: i64,
}

impl Scale {
    /// Every value is its own number of units.
    pub(super) const ONE: Self = scale(1, 0);
}

/// Scales that have a number from 1. A number is never used again for another scale.
const KNOWN: [Scale; 14] = [
    scale(2, 0),
    // Pages of 4 KiB, in KiB.
    scale(4, 0),
    scale(5, 0),
    scale(10, 0),
    scale(25, 0),
    scale(100, 0),
    // Temperature sensors of 1/8 °C.
    scale(125, 0),
    scale(500, 0),
    scale(1000, 0),
    // Clocks in kHz.
    scale(50_000, 0),
    scale(100_000, 0),
    // BCM2711, BCM2837 and BCM2712: the thermal zone's slope and a value of its line near 48 °C, in thousandths of a
    // degree, so that everyday temperatures are within 64 units of 0.
    scale(487, 410_040 - 487 * 741),
    scale(538, 412_000 - 538 * 675),
    scale(550, 450_000 - 550 * 730),
];

/// The number that says that step and offset follow.
const EXPLICIT: u8 = 15;

const fn scale(step: i64, offset: i64) -> Scale {
    Scale { step, offset }
}

impl Scale {
    /// Scales on which all of the values are whole units: one, the coarsest known, and the coarsest of all.
    pub(super) fn candidates(values: &[i64]) -> impl Iterator<Item = Self> {
        let known = KNOWN
            .iter()
            .filter(|scale| values.iter().all(|value| scale.fits(*value)))
            .max_by_key(|scale| scale.step)
            .copied();
        let coarsest =
            coarsest(values).filter(|scale| known.is_none_or(|known| known.step != scale.step));
        [Some(Self::ONE), known, coarsest].into_iter().flatten()
    }

    /// Whether a value is whole units of a scale whose units fit into 64 bits.
    fn fits(self, value: i64) -> bool {
        value
            .checked_sub(self.offset)
            .is_some_and(|above| above % self.step == 0)
    }

    /// The units of values that fit.
    pub(super) fn units(self, values: &[i64]) -> Vec<i64> {
        let units = |value: &i64| value.wrapping_sub(self.offset) / self.step;
        values.iter().map(units).collect()
    }

    /// The value of so many units.
    pub(super) fn value(self, units: i64) -> i64 {
        units.wrapping_mul(self.step).wrapping_add(self.offset)
    }

    /// Four bits for a column's prefix: 0 is [`Scale::ONE`], 15 says that [`Scale::write`] follows.
    pub(super) fn code(self) -> u8 {
        match KNOWN.iter().position(|known| *known == self) {
            _ if self == Self::ONE => 0,
            Some(at) => at as u8 + 1,
            None => EXPLICIT,
        }
    }

    /// Appends what the code alone does not say.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        if self.code() == EXPLICIT {
            wire::put(&(self.step, self.offset), out);
        }
    }

    /// Reads the scale with that code.
    pub(super) fn read(code: u8, bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        match code {
            0 => Ok((Self::ONE, bytes)),
            EXPLICIT => {
                let ((step, offset), rest) = wire::take(bytes, "scale of a column")?;
                Ok((Self { step, offset }, rest))
            }
            at => Ok((KNOWN[usize::from(at) - 1], bytes)),
        }
    }
}

/// The scale whose step is the greatest common divisor of all differences; none when that is 0, 1 or beyond `i64`.
fn coarsest(values: &[i64]) -> Option<Scale> {
    let first = *values.first()?;
    let mut step = 0;
    for value in values {
        step = common_divisor(step, value.abs_diff(first));
        if step == 1 {
            return None;
        }
    }
    let step = i64::try_from(step).ok().filter(|step| *step > 1)?;
    let offset = first.rem_euclid(step);
    let fits = values
        .iter()
        .all(|value| value.checked_sub(offset).is_some());
    fits.then_some(Scale { step, offset })
}

/// Euclid's; 0 has every divisor.
fn common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_scales_are_named_and_the_rest_written_out() {
        for (values, names) in [
            (&[40_780, 41_318][..], &[0, 13][..]),
            (&[40_780, 41_856], &[0, 13, EXPLICIT]),
            (&[600_000, 1_200_000], &[0, 11, EXPLICIT]),
            (&[7, 14, 21], &[0, EXPLICIT]),
            (&[1, 2], &[0]),
            (&[i64::MIN, i64::MAX], &[0]),
            (&[i64::MIN, 0], &[0, 2]),
            (&[], &[0, 11]),
        ] {
            let codes: Vec<u8> = Scale::candidates(values).map(Scale::code).collect();
            assert_eq!(codes, names, "{values:?}");
        }
    }

    #[test]
    fn values_come_back_from_units() {
        for values in [&[40_780, 41_856][..], &[i64::MIN, i64::MAX], &[-7, 7, 0]] {
            for scale in Scale::candidates(values) {
                let mut bytes = Vec::new();
                scale.write(&mut bytes);
                assert_eq!(Scale::read(scale.code(), &bytes), Ok((scale, &[][..])));
                let units = scale.units(values);
                let back: Vec<i64> = units.iter().map(|units| scale.value(*units)).collect();
                assert_eq!(back, values, "{scale:?}");
            }
        }
    }

    #[test]
    fn everyday_temperatures_are_few_units() {
        for (scale, low, high) in [
            (KNOWN[11], 20_000, 78_000),
            (KNOWN[12], 16_000, 82_000),
            (KNOWN[13], 16_000, 82_000),
        ] {
            for value in (low..high).filter(|value| scale.fits(*value)) {
                assert!((-64..64).contains(&scale.units(&[value])[0]), "{value}");
            }
        }
    }
}
