//! What a fleet has said, put together: received frames in, each tick and event out exactly once, and what to ack.
//!
//! Pure: it knows no broker, no clock and no terminal; the arrival time comes with each frame. Everything that comes
//! from a Pi is a claim, so memory is bounded per device and in all, whatever is sent.
mod boot;
mod clock;
mod device;
mod identity;
mod intake;
mod update;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use picket_proto::{Ack, DeviceId, Topic};

pub use clock::ClockState;
pub use device::Device;
pub use identity::Clash;
pub use update::{Refusal, SeenEvent, Tick, Update, Warning};

/// How much a collector keeps, and for whom it speaks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name that agents know as `ack = NAME`; `None` only listens and never acks.
    pub collector: Option<String>,
    /// Devices of the inventory: never forgotten in favour of others.
    pub known: BTreeSet<DeviceId>,
    /// At most this many devices; beyond it the one that was silent longest is forgotten.
    pub max_devices: usize,
    /// At most this many boots of a device; beyond it the one that was silent longest is forgotten.
    pub max_boots: usize,
    /// At most this many tick ranges, and as many event ranges, of a boot; beyond it the oldest gaps are closed.
    pub max_ranges: usize,
    /// A wall clock further away from ours than this, in ms, is off.
    pub clock_tolerance_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            collector: None,
            known: BTreeSet::new(),
            max_devices: 4096,
            max_boots: 16,
            max_ranges: 512,
            clock_tolerance_ms: 10_000,
        }
    }
}

/// What every device has said so far.
#[derive(Debug)]
pub struct Collector {
    settings: Settings,
    devices: HashMap<DeviceId, Device>,
    /// Devices that may be forgotten, by the number of the frame that was their last.
    idle: BTreeMap<u64, DeviceId>,
    /// Devices with something to ack.
    unacked: BTreeSet<DeviceId>,
    frames: u64,
}

impl Collector {
    /// A collector that has heard nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            devices: HashMap::new(),
            idle: BTreeMap::new(),
            unacked: BTreeSet::new(),
            frames: 0,
        }
    }

    /// Takes one received message. `retained` is the retain flag as received, `now_unix_ms` our wall clock at its arrival.
    /// Returns what is new in it, ticks and events ascending within their frame.
    pub fn handle(
        &mut self,
        topic: &Topic,
        payload: &[u8],
        retained: bool,
        now_unix_ms: i64,
    ) -> Vec<Update> {
        if !intake::is_from_agent(topic.channel) {
            return Vec::new();
        }
        let mut updates = Vec::new();
        let frame = self.frames;
        self.frames += 1;
        self.touch(topic.device, frame, &mut updates);
        let device = self
            .devices
            .entry(topic.device)
            .or_insert_with(|| Device::new(topic.device));
        device.touched = frame;
        let arrival = intake::Arrival {
            channel: topic.channel,
            retained,
            now_ms: now_unix_ms,
            frame,
        };
        intake::take(device, payload, &arrival, &self.settings, &mut updates);
        if self.settings.collector.is_some() && device.has_unacked() {
            self.unacked.insert(topic.device);
        }
        updates
    }

    /// What to tell each device since the last call: the ticks and events received meanwhile, repeated ones too (a
    /// repetition means that an ack was lost). Each ack is small enough for an agent's packet limit.
    pub fn acks(&mut self) -> Vec<(DeviceId, Ack)> {
        let Some(name) = &self.settings.collector else {
            return Vec::new();
        };
        let mut acks = Vec::new();
        for id in std::mem::take(&mut self.unacked) {
            if let Some(device) = self.devices.get_mut(&id) {
                acks.extend(device.take_acks(name).into_iter().map(|ack| (id, ack)));
            }
        }
        acks
    }

    /// What is known of a device.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(&id)
    }

    /// Every device heard of, in no order.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// Moves a device to the end of the queue of those that may be forgotten, and makes room for a new one.
    fn touch(&mut self, id: DeviceId, frame: u64, updates: &mut Vec<Update>) {
        let known = self.devices.get(&id).map(|device| device.touched);
        if let Some(last) = known {
            self.idle.remove(&last);
        } else if self.devices.len() >= self.settings.max_devices {
            if let Some((_, gone)) = self.idle.pop_first() {
                self.devices.remove(&gone);
                self.unacked.remove(&gone);
                updates.push(Update::warning(gone, Warning::DeviceForgotten));
            }
        }
        if !self.settings.known.contains(&id) {
            self.idle.insert(frame, id);
        }
    }
}

#[cfg(test)]
mod tests;
