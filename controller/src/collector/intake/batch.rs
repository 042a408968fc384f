//! A batch: which of its ticks are new, and what it says of the device beyond them. Knows no other kind of message.
use picket_proto::{Batch, BatchHeader, Channel, MetricId, Reading};

use super::{Intake, within};
use crate::collector::{Refusal, Tick, Update, Warning, boot::ranges, device::Latest};

impl Intake<'_> {
    pub(super) fn batch(&mut self, batch: &Batch) -> Result<(), Refusal> {
        let header = &batch.header;
        check_header(header)?;
        let made_ms = header.boottime_ms(header.count - 1);
        let (id, frame) = (self.device.id, self.arrival.frame);
        let boot = self
            .device
            .boot_mut(header.boot, frame, self.settings, self.updates);
        boot.lost = boot.lost.max(header.lost);
        if let Some(wall) = boot.anchor.offer(header.wall, made_ms) {
            self.updates.push(Update::Clock {
                device: id,
                boot: header.boot,
                wall,
            });
        }
        let mut newest = None;
        for row in 0..header.count {
            if !boot.ticks.contains(header.tick(row)) {
                let boottime_ms = header.boottime_ms(row);
                let (unix_ms, quality) = boot.anchor.time(boottime_ms);
                newest = Some(row);
                self.updates.push(Update::Tick(Tick {
                    device: id,
                    boot: header.boot,
                    tick: header.tick(row),
                    boottime_ms,
                    unix_ms,
                    quality,
                    readings: readings(batch, row),
                    lost: header.lost,
                    channel: self.arrival.channel,
                }));
            }
        }
        let max = self.settings.max_ranges;
        let mut kept = true;
        for range in ranges(header) {
            kept &= boot.ticks.insert(range, max);
        }
        if !kept {
            self.warn(Warning::HolesClosed(header.boot));
        }
        self.follow(batch, newest);
        Ok(())
    }

    /// What a batch says of the device beyond its ticks; `newest` is the last row that is new.
    fn follow(&mut self, batch: &Batch, newest: Option<u16>) {
        let (header, now_ms) = (&batch.header, self.arrival.now_ms);
        if self.is_live() {
            if newest.is_some() {
                let clash = self.device.identity.heard(header.boot, now_ms);
                self.clash(clash);
                let tolerance_ms = self.settings.clock_tolerance_ms;
                let off = self.device.comparison.take(header, now_ms, tolerance_ms);
                if let Some(by_ms) = off {
                    self.warn(Warning::ClockOff(by_ms));
                }
            }
            let clash = self.device.identity.batch(header, now_ms);
            self.clash(clash);
        }
        if let Some(row) = newest {
            self.keep_latest(batch, row);
        }
    }

    /// The newest tick of the live boot; of whatever boot came last while none was live.
    fn keep_latest(&mut self, batch: &Batch, row: u16) {
        let (boot, tick) = (batch.header.boot, batch.header.tick(row));
        let live = self.device.identity.live();
        let is_newer = match &self.device.latest {
            None => true,
            Some(known) if known.boot == boot => known.tick < tick,
            Some(_) => live.is_none_or(|live| live == boot),
        };
        if is_newer {
            self.device.latest = Some(Latest {
                boot,
                tick,
                arrived_ms: self.arrival.now_ms,
                readings: readings(batch, row),
            });
        }
    }

    fn is_live(&self) -> bool {
        self.arrival.channel == Channel::Telemetry && !self.arrival.retained
    }
}

fn check_header(header: &BatchHeader) -> Result<(), Refusal> {
    let last = header.count - 1;
    let steps = u64::from(last) * u64::from(header.stride);
    within(header.first_tick.saturating_add(steps), "tick number")?;
    within(header.boottime_ms(last), "boottime")?;
    within(header.lost, "count of lost ticks")?;
    if header.period_ms == 0 && header.count > 1 {
        return Err(Refusal::OutOfRange("period"));
    }
    Ok(())
}

fn readings(batch: &Batch, row: u16) -> Vec<(MetricId, Reading)> {
    batch
        .columns
        .iter()
        .filter_map(|column| Some((column.metric, *column.readings.get(usize::from(row))?)))
        .collect()
}
