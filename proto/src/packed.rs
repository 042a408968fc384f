//! A batch whose columns stay encoded, so that it can be kept small, and joined, thinned or cut one column at a time:
//! never more than one decoded column is in memory. Knows no spool.
use alloc::{boxed::Box, vec::Vec};

use crate::{
    Batch, BatchHeader, DecodeError, MetricId, Reading,
    batch::{self, layout},
    frame::Body,
    frame::Kind,
};

/// A batch with encoded columns. As a message it is the same bytes as a [`Batch`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Which ticks, when, and how far they can be trusted. `boot`, `wall` and `lost` may be changed freely; the rest
    /// describes the columns.
    pub header: BatchHeader,
    /// What follows the header on the wire.
    columns: Box<[u8]>,
}

impl Packed {
    /// Encodes the columns of a batch.
    #[must_use]
    pub fn new(batch: &Batch) -> Self {
        let mut out = Vec::new();
        layout::put_columns(batch, &mut out);
        Self {
            header: batch.header,
            columns: out.into_boxed_slice(),
        }
    }

    /// Bytes that the encoded columns take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.columns.len()
    }

    /// Whether `next` goes on where this batch ends: the same boot, period, stride and metrics, no hole in the ticks nor
    /// in time, and at most [`batch::MAX_TICKS`] rows in all. A tenth of the period is no hole; a restart of the agent
    /// leaves one in time alone.
    #[must_use]
    pub fn follows(&self, next: &Self) -> bool {
        let (ours, theirs) = (&self.header, &next.header);
        let rows = u32::from(ours.count) + u32::from(theirs.count);
        ours.boot == theirs.boot
            && ours.period_ms == theirs.period_ms
            && ours.stride == theirs.stride
            && ours.tick(ours.count) == theirs.first_tick
            && ours
                .boottime_ms(ours.count)
                .abs_diff(theirs.first_boottime_ms)
                <= u64::from(ours.period_ms / 10)
            && rows <= u32::from(batch::MAX_TICKS)
            && self.metrics().eq(next.metrics())
    }

    /// This batch with the rows of `next` behind its own, if it [follows](Self::follows).
    #[must_use]
    pub fn joined(&self, next: &Self) -> Option<Self> {
        if !self.follows(next) {
            return None;
        }
        let theirs = next.header.count;
        let mut right = next.columns().ok()?.into_iter();
        self.rewritten(self.header.count + theirs, |readings| {
            let (metric, body) = right.next()?;
            let more = layout::read_column(metric, body, theirs).ok()?;
            readings.reserve_exact(more.len());
            readings.extend(more);
            Some(())
        })
    }

    fn metrics(&self) -> impl Iterator<Item = MetricId> + '_ {
        let columns = self.columns().unwrap_or_default();
        columns.into_iter().map(|(metric, _)| metric)
    }

    /// The batch of the rows `first`, `first + step`, `first + 2 * step`, …, `count` of them. `None` when there are no
    /// such rows, or `step` is 0.
    #[must_use]
    pub fn rows(&self, first: u16, step: u16, count: u16) -> Option<Self> {
        let last = first.checked_add(step.checked_mul(count.checked_sub(1)?)?)?;
        let stride = self.header.stride.checked_mul(step)?;
        if stride == 0 || last >= self.header.count {
            return None;
        }
        let mut cut = self.rewritten(count, |readings| {
            let mut row = 0;
            readings.retain(|_| {
                let keep = row >= first && row <= last && (row - first) % step == 0;
                row += 1;
                keep
            });
            Some(())
        })?;
        cut.header.first_tick = self.header.tick(first);
        cut.header.first_boottime_ms = self.header.boottime_ms(first);
        cut.header.stride = stride;
        Some(cut)
    }

    /// The batch in full.
    ///
    /// # Errors
    /// Never for what [`Packed::new`] or [`Body::read`] made.
    pub fn unpack(&self) -> Result<Batch, DecodeError> {
        crate::frame::decode(&crate::frame::encode(self))
    }

    /// Every column decoded, changed by `change`, and encoded again.
    fn rewritten(
        &self,
        count: u16,
        mut change: impl FnMut(&mut Vec<Reading>) -> Option<()>,
    ) -> Option<Self> {
        let columns = self.columns().ok()?;
        let mut out = Vec::with_capacity(self.columns.len());
        let mut written = layout::Columns::new(columns.len(), &mut out);
        for (metric, body) in columns {
            let mut readings = layout::read_column(metric, body, self.header.count).ok()?;
            change(&mut readings)?;
            written.put(metric, &readings);
        }
        Some(Self {
            header: BatchHeader {
                count,
                ..self.header
            },
            columns: out.into_boxed_slice(),
        })
    }

    /// The encoded columns, each with its metric.
    fn columns(&self) -> Result<Vec<(MetricId, &[u8])>, DecodeError> {
        layout::take_columns(&self.columns)
    }
}

impl Body for Packed {
    const KIND: Kind = Kind::Batch;

    fn write(&self, out: &mut Vec<u8>) {
        self.header.write(out);
        out.extend_from_slice(&self.columns);
    }

    /// Every column is checked, so that what was read can be joined and cut.
    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (header, rest) = BatchHeader::read(bytes)?;
        for (metric, body) in layout::take_columns(rest)? {
            layout::read_column(metric, body, header.count)?;
        }
        Ok(Self {
            header,
            columns: rest.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use crate::{
        BootId, Column, Gap, Quality, WallClock,
        frame::{decode, encode},
    };

    use super::*;

    #[test]
    fn it_is_the_same_message_as_the_batch() {
        let batch = batch(100, 1, 7);
        let packed = Packed::new(&batch);
        assert_eq!(encode(&packed), encode(&batch));
        assert_eq!(decode::<Packed>(&encode(&batch)), Ok(packed.clone()));
        assert_eq!(packed.unpack(), Ok(batch));
    }

    #[test]
    fn two_runs_that_follow_one_another_become_one() {
        let joined = Packed::new(&batch(100, 1, 7)).joined(&Packed::new(&batch(107, 1, 3)));
        assert_eq!(joined.unwrap().unpack(), Ok(batch(100, 1, 10)));
    }

    #[test]
    fn a_little_jitter_is_no_hole() {
        for (late, follows) in [
            (-1_001, false),
            (-1_000, true),
            (1_000, true),
            (1_001, false),
        ] {
            let mut next = batch(107, 1, 3);
            let first = &mut next.header.first_boottime_ms;
            *first = first.wrapping_add_signed(late);
            let packed = Packed::new(&batch(100, 1, 7));
            assert_eq!(packed.follows(&Packed::new(&next)), follows, "{late} ms");
        }
    }

    #[test]
    fn what_does_not_follow_is_not_joined() {
        let first = Packed::new(&batch(100, 1, 7));
        for (why, next) in [
            ("a hole", batch(108, 1, 3)),
            ("an overlap", batch(106, 1, 3)),
            ("another stride", batch(107, 2, 3)),
            ("too many rows", batch(107, 1, 1018)),
        ] {
            assert_eq!(first.joined(&Packed::new(&next)), None, "{why}");
        }
        type Change = (&'static str, fn(&mut Batch));
        let changes: [Change; 3] = [
            ("another boot", |b| b.header.boot = BootId([9; 16])),
            ("another period", |b| b.header.period_ms = 1),
            ("other metrics", |b| b.columns[1].metric = MetricId(9)),
        ];
        for (why, change) in changes {
            let mut next = batch(107, 1, 3);
            change(&mut next);
            assert_eq!(first.joined(&Packed::new(&next)), None, "{why}");
        }
    }

    #[test]
    fn rows_are_cut_out_with_their_ticks() {
        let packed = Packed::new(&batch(100, 1, 7));
        for (first, step, count, expect) in [
            (2, 1, 3, Some(batch(102, 1, 3))),
            (0, 2, 4, Some(batch(100, 2, 4))),
            (1, 3, 2, Some(batch(101, 3, 2))),
            (0, 1, 0, None),
            (0, 0, 1, None),
            (5, 1, 3, None),
            (u16::MAX, u16::MAX, u16::MAX, None),
        ] {
            let cut = packed
                .rows(first, step, count)
                .map(|cut| cut.unpack().unwrap());
            assert_eq!(cut, expect, "{first} {step} {count}");
        }
    }

    #[test]
    fn a_broken_column_is_refused() {
        let whole = encode(&batch(100, 1, 7));
        for len in 0..whole.len() {
            assert!(decode::<Packed>(&whole[..len]).is_err(), "{len}");
        }
    }

    /// Readings depend on the tick number only, so that equal ticks are equal wherever they were cut from.
    fn batch(first_tick: u64, stride: u16, count: u16) -> Batch {
        let header = BatchHeader {
            boot: BootId([1; 16]),
            first_tick,
            first_boottime_ms: first_tick * 10_000,
            period_ms: 10_000,
            stride,
            count,
            wall: WallClock {
                offset_ms: 5,
                quality: Quality::Unset,
            },
            lost: 0,
        };
        let ticks: Vec<u64> = (0..count).map(|row| header.tick(row)).collect();
        let column = |metric, reading: fn(u64) -> Reading| Column {
            metric: MetricId(metric),
            readings: ticks.iter().map(|&tick| reading(tick)).collect(),
        };
        Batch {
            header,
            columns: vec![
                column(1, |tick| Ok(48_000 + tick as i64 % 3)),
                column(2, |tick| match tick % 4 {
                    0 => Err(Gap::Failed),
                    _ => Ok(tick as i64),
                }),
            ],
        }
    }
}
