//! A batch's bytes: a header, then length-prefixed columns up to the end. Knows nothing of what is in a column.
use alloc::{borrow::Cow, boxed::Box, vec::Vec};

use super::{Batch, BatchHeader, Column, MAX_COLUMNS, MAX_TICKS, Quality, WallClock};
use crate::{BootId, DecodeError, Gap, MetricId, Reading, column, frame::Body, frame::Kind, wire};

/// The lowest two of the header's flags are the quality of the wall clock.
const QUALITY: u8 = 0b0011;
/// The stride is not 1 and stands at the end of the header.
const HAS_STRIDE: u8 = 0b0100;
/// Ticks were lost, and their count stands at the end of the header.
const HAS_LOST: u8 = 0b1000;

/// So many low bits of a column's first byte are the length of its body.
const LENGTH_BITS: u32 = 5;
/// A length that stands for itself plus the varint that follows.
const LONG: usize = 31;
/// So many metric ids between two columns stand for themselves plus the varint that follows.
const FAR: u16 = 7;

impl Body for Batch {
    const KIND: Kind = Kind::Batch;

    /// A column that is too short is filled up with [`Gap::Unknown`]; columns whose ids do not ascend make a frame that
    /// no reader accepts.
    fn write(&self, out: &mut Vec<u8>) {
        self.header.write(out);
        put_columns(self, out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (header, rest) = BatchHeader::read(bytes)?;
        let columns = take_columns(rest)?.into_iter().map(|(metric, body)| {
            let readings = read_column(metric, body, header.count)?;
            Ok(Column { metric, readings })
        });
        Ok(Self {
            header,
            columns: columns.collect::<Result<_, _>>()?,
        })
    }
}

/// Appends the number of columns and the columns.
pub(crate) fn put_columns(batch: &Batch, out: &mut Vec<u8>) {
    let mut columns = Columns::new(batch.columns.len(), out);
    for column in &batch.columns {
        let readings = filled(&column.readings, batch.header.count);
        columns.put(column.metric, &readings);
    }
}

/// Takes the number of columns and the columns, which fill `bytes` to the end.
pub(crate) fn take_columns(bytes: &[u8]) -> Result<Vec<(MetricId, &[u8])>, DecodeError> {
    let (count, mut rest): (u64, _) = wire::take(bytes, "column count")?;
    if count > MAX_COLUMNS as u64 {
        return Err(DecodeError::TooLarge("column count"));
    }
    let mut columns = Vec::with_capacity(count as usize);
    let mut before = None;
    for _ in 0..count {
        let (metric, body, after) = take_column(rest, before)?;
        columns.push((metric, body));
        before = Some(metric);
        rest = after;
    }
    match rest {
        [] => Ok(columns),
        rest => Err(DecodeError::Trailing(rest.len())),
    }
}

/// The readings of a column.
pub(crate) fn read_column(
    metric: MetricId,
    body: &[u8],
    count: u16,
) -> Result<Vec<Reading>, DecodeError> {
    column::decode(body, count).map_err(|problem| DecodeError::Column {
        metric,
        problem: Box::new(problem),
    })
}

/// Columns that are being written.
pub(crate) struct Columns<'a> {
    out: &'a mut Vec<u8>,
    /// The id after that of the last column.
    next: u16,
}

impl<'a> Columns<'a> {
    /// Announces `count` columns.
    pub(crate) fn new(count: usize, out: &'a mut Vec<u8>) -> Self {
        wire::put(&count, out);
        Self { out, next: 0 }
    }

    /// Appends the column of a metric whose id lies above that of the one before.
    pub(crate) fn put(&mut self, metric: MetricId, readings: &[Reading]) {
        let body = column::encode(readings);
        write_head(metric.0.wrapping_sub(self.next), body.len(), self.out);
        self.out.extend_from_slice(&body);
        self.next = metric.0.wrapping_add(1);
    }
}

impl BatchHeader {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let stride = if self.stride == 1 { 0 } else { HAS_STRIDE };
        let lost = if self.lost == 0 { 0 } else { HAS_LOST };
        out.push(self.wall.quality as u8 | stride | lost);
        wire::put(&self.boot, out);
        wire::put(&self.first_tick, out);
        let late = self.first_boottime_ms.wrapping_sub(self.planned_ms());
        wire::put(&(late as i64), out);
        wire::put(&self.period_ms, out);
        wire::put(&self.count, out);
        wire::put(&self.wall.offset_ms, out);
        if stride != 0 {
            wire::put(&self.stride, out);
        }
        if lost != 0 {
            wire::put(&self.lost, out);
        }
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let (flags, rest): (u8, _) = wire::take(bytes, "batch header")?;
        if flags & !(QUALITY | HAS_STRIDE | HAS_LOST) != 0 {
            return Err(DecodeError::Invalid("set of flags of the batch header"));
        }
        type Fixed = (BootId, u64, i64, u32, u16, i64);
        let (fixed, mut rest): (Fixed, _) = wire::take(rest, "batch header")?;
        let (boot, first_tick, late, period_ms, count, offset_ms) = fixed;
        let (mut stride, mut lost) = (1, 0);
        if flags & HAS_STRIDE != 0 {
            (stride, rest) = wire::take(rest, "stride of the batch header")?;
        }
        if flags & HAS_LOST != 0 {
            (lost, rest) = wire::take(rest, "lost ticks of the batch header")?;
        }
        let quality = quality(flags & QUALITY)?;
        let mut header = Self {
            boot,
            first_tick,
            first_boottime_ms: 0,
            period_ms,
            stride,
            count,
            wall: WallClock { offset_ms, quality },
            lost,
        };
        header.first_boottime_ms = header.planned_ms().wrapping_add(late as u64);
        header.check()?;
        Ok((header, rest))
    }

    /// When the first tick would be if tick 0 were at boottime 0.
    fn planned_ms(&self) -> u64 {
        self.first_tick.wrapping_mul(u64::from(self.period_ms))
    }

    fn check(&self) -> Result<(), DecodeError> {
        let steps = u64::from(self.count).saturating_sub(1) * u64::from(self.stride);
        if self.count == 0 || self.count > MAX_TICKS {
            Err(DecodeError::Invalid("tick count of the batch header"))
        } else if self.stride == 0 {
            Err(DecodeError::Invalid("stride of the batch header"))
        } else if self.first_tick.checked_add(steps).is_none() {
            Err(DecodeError::Invalid("first tick of the batch header"))
        } else {
            Ok(())
        }
    }
}

fn quality(code: u8) -> Result<Quality, DecodeError> {
    match code {
        0 => Ok(Quality::Unset),
        1 => Ok(Quality::Unsynchronised),
        2 => Ok(Quality::Synchronised),
        _ => Err(DecodeError::Invalid("clock quality of the batch header")),
    }
}

/// Exactly `count` readings.
fn filled(readings: &[Reading], count: u16) -> Cow<'_, [Reading]> {
    match readings.get(..usize::from(count)) {
        Some(readings) => Cow::Borrowed(readings),
        None => {
            let mut readings = readings.to_vec();
            readings.resize(usize::from(count), Err(Gap::Unknown));
            Cow::Owned(readings)
        }
    }
}

/// Writes how many ids were skipped and how long the body is.
fn write_head(skipped: u16, length: usize, out: &mut Vec<u8>) {
    let near = skipped.min(FAR);
    let short = length.min(LONG);
    out.push((near << LENGTH_BITS) as u8 | short as u8);
    if near == FAR {
        wire::put(&(skipped - FAR), out);
    }
    if short == LONG {
        wire::put(&(length - LONG), out);
    }
}

/// Takes the column whose metric id must lie above that of the column `before` it.
fn take_column(
    bytes: &[u8],
    before: Option<MetricId>,
) -> Result<(MetricId, &[u8], &[u8]), DecodeError> {
    let (byte, mut rest): (u8, _) = wire::take(bytes, "head of a column")?;
    let mut skipped = Some(u16::from(byte >> LENGTH_BITS));
    let mut length = usize::from(byte) & LONG;
    if skipped == Some(FAR) {
        let more: u16;
        (more, rest) = wire::take(rest, "metric id of a column")?;
        skipped = FAR.checked_add(more);
    }
    if length == LONG {
        let more: u32;
        (more, rest) = wire::take(rest, "length of a column")?;
        length = LONG.saturating_add(more as usize);
    }
    let next = before.map_or(Some(0), |MetricId(id)| id.checked_add(1));
    let metric = next
        .zip(skipped)
        .and_then(|(next, skipped)| next.checked_add(skipped))
        .map(MetricId)
        .ok_or(DecodeError::Invalid("metric id of a column"))?;
    let (body, rest) = rest
        .split_at_checked(length)
        .ok_or(DecodeError::Truncated("body of a column"))?;
    Ok((metric, body, rest))
}
