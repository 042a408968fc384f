//! From a received frame to what it changes: decodes, checks numbers, and keeps the rules of each channel.
use picket_proto::{
    Batch, BatchHeader, Channel, DecodeError, EventReport, Presence, Status, TickRange, frame,
};

use super::{
    Device, Refusal, SeenEvent, Settings, Tick, Update, Warning, boot::ranges, device::Latest,
};

/// Tick and event numbers, boottimes and counts above this are refused: a JSON number holds no more, no machine gets there.
const MAX_NUMBER: u64 = (1 << 53) - 1;
/// Texts of a status are cut to this many characters; proto bounds its lists.
const MAX_TEXT: usize = 200;

/// How and when a frame came.
pub(super) struct Arrival {
    pub(super) channel: Channel,
    pub(super) retained: bool,
    pub(super) now_ms: i64,
    /// The number of the frame, counted from 0.
    pub(super) frame: u64,
}

/// Whether a collector reads that channel.
pub(super) fn is_from_agent(channel: Channel) -> bool {
    matches!(
        channel,
        Channel::Telemetry
            | Channel::Backlog
            | Channel::Event
            | Channel::Status
            | Channel::Presence
    )
}

/// Takes a frame of a device.
pub(super) fn take(
    device: &mut Device,
    payload: &[u8],
    arrival: &Arrival,
    settings: &Settings,
    updates: &mut Vec<Update>,
) {
    // An empty retained message is MQTT's way to delete one.
    if payload.is_empty() && matches!(arrival.channel, Channel::Status | Channel::Presence) {
        return;
    }
    let mut intake = Intake {
        device,
        arrival,
        settings,
        updates,
    };
    match intake.frame(payload) {
        Ok(()) => {
            if !arrival.retained {
                intake.device.heard_ms = Some(arrival.now_ms);
            }
            if intake.device.bad == Some(arrival.channel) {
                intake.device.bad = None;
            }
        }
        Err(refusal) => intake.refuse(refusal),
    }
}

struct Intake<'a> {
    device: &'a mut Device,
    arrival: &'a Arrival,
    settings: &'a Settings,
    updates: &'a mut Vec<Update>,
}

impl Intake<'_> {
    fn frame(&mut self, payload: &[u8]) -> Result<(), Refusal> {
        match self.arrival.channel {
            Channel::Telemetry | Channel::Backlog => self.batch(&frame::decode(payload)?),
            Channel::Event => self.events(frame::decode(payload)?),
            Channel::Status => self.status(frame::decode(payload)?),
            Channel::Presence => self.presence(frame::decode(payload)?),
            _ => Ok(()),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.device.refused = self.device.refused.saturating_add(1);
        let channel = self.arrival.channel;
        if self.device.bad.replace(channel) != Some(channel) {
            self.warn(Warning::Refused(channel, refusal));
        }
    }

    fn warn(&mut self, warning: Warning) {
        self.updates.push(Update::warning(self.device.id, warning));
    }

    fn is_live(&self) -> bool {
        self.arrival.channel == Channel::Telemetry && !self.arrival.retained
    }

    fn batch(&mut self, batch: &Batch) -> Result<(), Refusal> {
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

    fn clash(&mut self, clash: Option<super::Clash>) {
        if let Some(clash) = clash {
            self.warn(Warning::Clash(clash));
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

    fn events(&mut self, report: EventReport) -> Result<(), Refusal> {
        for event in &report.events {
            within(event.sequence, "event number")?;
            within(event.boottime_ms, "boottime")?;
        }
        let id = self.device.id;
        let frame = self.arrival.frame;
        let boot = self
            .device
            .boot_mut(report.boot, frame, self.settings, self.updates);
        let made_ms = report.events.iter().map(|e| e.boottime_ms).max();
        let clock = made_ms.and_then(|made_ms| boot.anchor.offer(report.wall, made_ms));
        if let Some(wall) = clock {
            self.updates.push(Update::Clock {
                device: id,
                boot: report.boot,
                wall,
            });
        }
        for event in report.events {
            let number = TickRange {
                first: event.sequence,
                last: event.sequence,
            };
            let is_new = !boot.events.contains(event.sequence);
            boot.events.insert(number, self.settings.max_ranges);
            if is_new {
                let (unix_ms, quality) = boot.anchor.time(event.boottime_ms);
                self.updates.push(Update::Event(SeenEvent {
                    device: id,
                    boot: report.boot,
                    event,
                    unix_ms,
                    quality,
                }));
            }
        }
        Ok(())
    }

    fn status(&mut self, mut status: Status) -> Result<(), Refusal> {
        cut(&mut status);
        if self.device.status.as_deref() != Some(&status) {
            self.updates.push(Update::Status {
                device: self.device.id,
                status: Box::new(status.clone()),
            });
            self.device.status = Some(Box::new(status));
        }
        Ok(())
    }

    fn presence(&mut self, presence: Presence) -> Result<(), Refusal> {
        let other_boot_is_up = self
            .device
            .presence
            .is_some_and(|known| known.online && known.boot != presence.boot);
        let frame = self.arrival.frame;
        let boot = self
            .device
            .boot_mut(presence.boot, frame, self.settings, self.updates);
        let said = (presence.connection, presence.online);
        // Within a connection it is first up and then gone, never up again.
        let is_stale = boot.connection.is_some_and(|(number, up)| {
            said.0 < number || said == (number, up) || (said.0 == number && !up)
        });
        if is_stale {
            return Ok(());
        }
        boot.connection = Some(said);
        if !presence.online && other_boot_is_up {
            return Ok(());
        }
        self.device.presence = Some(presence);
        self.updates.push(Update::Presence {
            device: self.device.id,
            presence,
        });
        if presence.online && !self.arrival.retained {
            let clash = self
                .device
                .identity
                .heard(presence.boot, self.arrival.now_ms);
            self.clash(clash);
        }
        Ok(())
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
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

fn within(number: u64, what: &'static str) -> Result<(), Refusal> {
    (number <= MAX_NUMBER)
        .then_some(())
        .ok_or(Refusal::OutOfRange(what))
}

fn readings(batch: &Batch, row: u16) -> Vec<(picket_proto::MetricId, picket_proto::Reading)> {
    batch
        .columns
        .iter()
        .filter_map(|column| Some((column.metric, *column.readings.get(usize::from(row))?)))
        .collect()
}

fn cut(status: &mut Status) {
    let texts = [
        &mut status.agent_version,
        &mut status.model,
        &mut status.kernel,
        &mut status.os,
        &mut status.architecture,
    ];
    for text in texts.into_iter().flatten() {
        cut_text(text);
    }
    if let Some(features) = &mut status.features {
        features.iter_mut().for_each(cut_text);
    }
    if let Some(sensors) = &mut status.sensors {
        for sensor in sensors {
            cut_text(&mut sensor.name);
        }
    }
    status.unknown.clear();
}

fn cut_text(text: &mut String) {
    if let Some((at, _)) = text.char_indices().nth(MAX_TEXT) {
        text.truncate(at);
        text.shrink_to_fit();
    }
}
