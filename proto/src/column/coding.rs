//! How unsigned residuals become bits: all of one width, in Rice codes, or as runs of zeros between Rice codes.
use alloc::vec::Vec;

use super::bits::{BitReader, BitWriter, gamma_bits};

/// How residuals become bits. Each has one parameter: the width, or how many low bits of a number stand as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Every number in as many bits as the parameter says.
    Fixed,
    /// The high part of a number in ones and a zero, then its low bits.
    Rice,
    /// The high part of a number, plus one, in gamma code, then its low bits: for long tails.
    Exp,
    /// Seven bits at a time, the lowest first, each group after a bit that is 1 when more follow. The parameter is 0.
    Varint,
    /// How many zeros come before the next other number, in gamma code; then that number less one, in Rice code.
    Sparse,
}

/// The largest parameter: a width of 64 bits.
pub(super) const MAX_PARAMETER: u32 = 64;
/// So many ones say that the number does not stand in Rice code: its width in 6 bits (less one) and its bits follow.
const ESCAPE: u32 = 12;

impl Coding {
    /// The parameter that makes `numbers` shortest, and how many bits they then take.
    pub(super) fn best(self, numbers: &[u64]) -> (u32, u64) {
        let all = numbers.iter().fold(0, |all, number| all | number);
        let widest = 64 - all.leading_zeros();
        let parameters = match self {
            Self::Fixed => widest..widest + 1,
            Self::Varint => 0..1,
            // Invariant: one can be added to the high part of a number.
            Self::Exp => widest / 64..widest.max(1),
            Self::Rice | Self::Sparse => 0..widest.max(1),
        };
        parameters
            .map(|parameter| (parameter, self.cost(numbers, parameter)))
            .min_by_key(|(_, cost)| *cost)
            .unwrap_or((0, 0))
    }

    /// How many bits `numbers` take.
    fn cost(self, numbers: &[u64], parameter: u32) -> u64 {
        match self {
            Self::Fixed => u64::from(parameter) * numbers.len() as u64,
            Self::Rice => numbers
                .iter()
                .map(|number| rice_bits(*number, parameter))
                .sum(),
            Self::Varint => numbers.iter().map(|number| varint_bits(*number)).sum(),
            Self::Exp => numbers
                .iter()
                .map(|number| exp_bits(*number, parameter))
                .sum(),
            Self::Sparse => {
                let mut bits = 0;
                let mut zeros = 0;
                for number in numbers {
                    if *number == 0 {
                        zeros += 1;
                        continue;
                    }
                    bits += gamma_bits(zeros + 1) + rice_bits(number - 1, parameter);
                    zeros = 0;
                }
                bits + if zeros > 0 { gamma_bits(zeros + 1) } else { 0 }
            }
        }
    }

    /// Writes the numbers.
    pub(super) fn write(self, numbers: &[u64], parameter: u32, bits: &mut BitWriter<'_>) {
        match self {
            Self::Fixed => numbers
                .iter()
                .for_each(|number| bits.put(*number, parameter)),
            Self::Rice => numbers
                .iter()
                .for_each(|number| write_rice(*number, parameter, bits)),
            Self::Varint => numbers
                .iter()
                .for_each(|number| write_varint(*number, bits)),
            Self::Exp => numbers
                .iter()
                .for_each(|number| write_exp(*number, parameter, bits)),
            Self::Sparse => write_sparse(numbers, parameter, bits),
        }
    }

    /// Reads `count` numbers. `None` if the bits end, or a run goes past the count.
    pub(super) fn read(
        self,
        count: usize,
        parameter: u32,
        bits: &mut BitReader<'_>,
    ) -> Option<Vec<u64>> {
        match self {
            Self::Fixed => exactly(count, || bits.take(parameter)),
            Self::Rice => exactly(count, || read_rice(parameter, bits)),
            Self::Varint => exactly(count, || read_varint(bits)),
            Self::Exp => exactly(count, || read_exp(parameter, bits)),
            Self::Sparse => read_sparse(count, parameter, bits),
        }
    }
}

/// `count` numbers, in a vector of just that capacity.
fn exactly(count: usize, mut next: impl FnMut() -> Option<u64>) -> Option<Vec<u64>> {
    let mut numbers = Vec::with_capacity(count);
    for _ in 0..count {
        numbers.push(next()?);
    }
    Some(numbers)
}

fn rice_bits(number: u64, parameter: u32) -> u64 {
    let high = number >> parameter;
    if high < u64::from(ESCAPE) {
        high + 1 + u64::from(parameter)
    } else {
        u64::from(ESCAPE + 6 + width(number))
    }
}

fn write_rice(number: u64, parameter: u32, bits: &mut BitWriter<'_>) {
    match u32::try_from(number >> parameter) {
        Ok(high) if high < ESCAPE => {
            bits.put_unary(high);
            bits.put(number, parameter);
        }
        _ => {
            bits.put(u64::MAX, ESCAPE);
            bits.put(u64::from(width(number) - 1), 6);
            bits.put(number, width(number));
        }
    }
}

fn read_rice(parameter: u32, bits: &mut BitReader<'_>) -> Option<u64> {
    match bits.take_unary(ESCAPE)? {
        ESCAPE => {
            let width = bits.take(6)? as u32 + 1;
            bits.take(width)
        }
        high => Some(u64::from(high).checked_shl(parameter).unwrap_or(0) | bits.take(parameter)?),
    }
}

fn exp_bits(number: u64, parameter: u32) -> u64 {
    gamma_bits((number >> parameter) + 1) + u64::from(parameter)
}

fn write_exp(number: u64, parameter: u32, bits: &mut BitWriter<'_>) {
    bits.put_gamma((number >> parameter) + 1);
    bits.put(number, parameter);
}

fn read_exp(parameter: u32, bits: &mut BitReader<'_>) -> Option<u64> {
    let high = bits.take_gamma()? - 1;
    Some(high.checked_shl(parameter).unwrap_or(0) | bits.take(parameter)?)
}

fn varint_bits(number: u64) -> u64 {
    u64::from(width(number).div_ceil(7) * 8)
}

fn write_varint(number: u64, bits: &mut BitWriter<'_>) {
    let mut left = number;
    while left >= 0x80 {
        bits.put(left & 0x7f | 0x80, 8);
        left >>= 7;
    }
    bits.put(left, 8);
}

fn read_varint(bits: &mut BitReader<'_>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let group = bits.take(8)?;
        number |= (group & 0x7f) << shift;
        if group < 0x80 {
            return Some(number);
        }
    }
    None
}

fn write_sparse(numbers: &[u64], parameter: u32, bits: &mut BitWriter<'_>) {
    let mut zeros = 0;
    for number in numbers {
        if *number == 0 {
            zeros += 1;
            continue;
        }
        bits.put_gamma(zeros + 1);
        write_rice(number - 1, parameter, bits);
        zeros = 0;
    }
    if zeros > 0 {
        bits.put_gamma(zeros + 1);
    }
}

fn read_sparse(count: usize, parameter: u32, bits: &mut BitReader<'_>) -> Option<Vec<u64>> {
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let zeros = bits.take_run(count - numbers.len())?;
        numbers.resize(numbers.len() + zeros, 0);
        if numbers.len() < count {
            numbers.push(read_rice(parameter, bits)?.wrapping_add(1));
        }
    }
    Some(numbers)
}

/// How many bits a number has, at least one.
fn width(number: u64) -> u32 {
    64 - (number | 1).leading_zeros()
}
