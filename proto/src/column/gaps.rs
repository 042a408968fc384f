//! Which rows of a column hold no reading, and why: runs of readings and of gaps in turn, in Elias' gamma code.
use alloc::vec::Vec;

use super::bits::{BitReader, BitWriter};
use crate::{Gap, Reading};

/// Reasons below this one fit into four bits; its number stands for eight more.
const WIDE_REASON: u64 = 15;

/// Writes where the gaps are.
pub(super) fn write(readings: &[Reading], bits: &mut BitWriter<'_>) {
    let mut rest = readings;
    let mut known = None;
    loop {
        let present = rest.iter().take_while(|reading| reading.is_ok()).count();
        bits.put_gamma(present as u64 + 1);
        rest = &rest[present..];
        let Some(Err(gap)) = rest.first() else {
            return;
        };
        let run = rest
            .iter()
            .take_while(|reading| **reading == Err(*gap))
            .count();
        bits.put_gamma(run as u64);
        write_reason(*gap, known, bits);
        known = Some(*gap);
        rest = &rest[run..];
    }
}

/// For each of `count` rows `None` for a reading or the reason of its gap.
pub(super) fn read(count: u16, bits: &mut BitReader<'_>) -> Option<Vec<Option<Gap>>> {
    let count = usize::from(count);
    let mut rows = Vec::with_capacity(count);
    let mut known = None;
    loop {
        let present = bits.take_run(count - rows.len())?;
        rows.resize(rows.len() + present, None);
        if rows.len() == count {
            return Some(rows);
        }
        let after_first = bits.take_run(count - rows.len() - 1)?;
        known = Some(read_reason(known, bits)?);
        rows.resize(rows.len() + 1 + after_first, known);
    }
}

fn write_reason(gap: Gap, known: Option<Gap>, bits: &mut BitWriter<'_>) {
    if known.is_some() {
        bits.put(u64::from(known != Some(gap)), 1);
    }
    if known == Some(gap) {
        return;
    }
    match u64::from(gap.code()) {
        code if code < WIDE_REASON => bits.put(code, 4),
        code => {
            bits.put(WIDE_REASON, 4);
            bits.put(code, 8);
        }
    }
}

fn read_reason(known: Option<Gap>, bits: &mut BitReader<'_>) -> Option<Gap> {
    if let Some(gap) = known {
        if bits.take(1)? == 0 {
            return Some(gap);
        }
    }
    let code = match bits.take(4)? {
        WIDE_REASON => bits.take(8)?,
        code => code,
    };
    u8::try_from(code).ok().map(Gap::from_code)
}
