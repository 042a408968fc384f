//! One device: its boots, its newest readings, and what stands against it. Knows no frames.
use picket_proto::{
    Ack, BootId, Channel, DeviceId, MetricId, Presence, Quality, Reading, Status, TickRange,
};

use super::{ClockState, Settings, Update, Warning, boot::Boot, clock, identity};

/// An ack names at most this many ranges, so that it stays far below an agent's packet limit of 32 KiB.
const ACK_RANGES: usize = 256;

/// What is known of one device.
#[derive(Debug)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    pub(super) boots: Vec<Boot>,
    pub(super) identity: identity::Identity,
    pub(super) comparison: clock::Comparison,
    pub(super) latest: Option<Latest>,
    pub(super) status: Option<Box<Status>>,
    pub(super) presence: Option<Presence>,
    /// When it was heard last, in ms of unix time; retained messages don't count.
    pub(super) heard_ms: Option<i64>,
    pub(super) refused: u64,
    /// The channel whose last message was refused.
    pub(super) bad: Option<Channel>,
    /// Ticks lost in boots that are forgotten.
    pub(super) lost_before: u64,
    pub(super) touched: u64,
}

/// The newest tick of the boot that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// Its boot.
    pub boot: BootId,
    /// Its number.
    pub tick: u64,
    /// When it arrived, in ms of unix time.
    pub arrived_ms: i64,
    /// Every metric of its batch, by ascending id.
    pub readings: Vec<(MetricId, Reading)>,
}

impl Device {
    pub(super) fn new(id: DeviceId) -> Self {
        Self {
            id,
            boots: Vec::new(),
            identity: identity::Identity::default(),
            comparison: clock::Comparison::default(),
            latest: None,
            status: None,
            presence: None,
            heard_ms: None,
            refused: 0,
            bad: None,
            lost_before: 0,
            touched: 0,
        }
    }

    /// The newest tick.
    #[must_use]
    pub fn latest(&self) -> Option<&Latest> {
        self.latest.as_ref()
    }

    /// The newest reading of a metric; `None` when its batches have no such column.
    #[must_use]
    pub fn reading(&self, metric: MetricId) -> Option<Reading> {
        let readings = &self.latest.as_ref()?.readings;
        readings
            .iter()
            .find(|(id, _)| *id == metric)
            .map(|(_, reading)| *reading)
    }

    /// Time since the newest tick arrived, in ms.
    #[must_use]
    pub fn age_ms(&self, now_unix_ms: i64) -> Option<u64> {
        let latest = self.latest.as_ref()?;
        Some(now_unix_ms.abs_diff(latest.arrived_ms.min(now_unix_ms)))
    }

    /// When it was heard last, in ms of unix time; retained messages don't count.
    #[must_use]
    pub fn heard_ms(&self) -> Option<i64> {
        self.heard_ms
    }

    /// What it said of itself last.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        self.status.as_deref()
    }

    /// What it, or its will, said last of its connection.
    #[must_use]
    pub fn presence(&self) -> Option<Presence> {
        self.presence
    }

    /// Ticks lost for good, as it says, of all boots heard of.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.boots
            .iter()
            .fold(self.lost_before, |sum, boot| sum.saturating_add(boot.lost))
    }

    /// Ticks that are missing between the first and the last of each boot, lost or not.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.boots
            .iter()
            .fold(0, |sum: u64, boot| sum.saturating_add(boot.ticks.missing()))
    }

    /// Missing ticks beyond those that it counts as lost: they may still come.
    #[must_use]
    pub fn awaited(&self) -> u64 {
        let awaited = |boot: &Boot| boot.ticks.missing().saturating_sub(boot.lost);
        self.boots
            .iter()
            .fold(0, |sum: u64, boot| sum.saturating_add(awaited(boot)))
    }

    /// The missing ticks of a boot as ranges, ascending.
    #[must_use]
    pub fn gaps(&self, boot: BootId) -> Vec<TickRange> {
        self.boot(boot)
            .map_or_else(Vec::new, |boot| boot.ticks.holes())
    }

    /// The boots heard of, in the order in which they were heard of first.
    pub fn boots(&self) -> impl Iterator<Item = BootId> {
        self.boots.iter().map(|boot| boot.id)
    }

    /// Unix time in ms at a boottime of a boot as known now, and how far to trust it.
    #[must_use]
    pub fn time(&self, boot: BootId, boottime_ms: u64) -> (Option<i64>, Quality) {
        self.boot(boot)
            .map_or((None, Quality::Unset), |boot| boot.anchor.time(boottime_ms))
    }

    /// How its wall clock compares with ours.
    #[must_use]
    pub fn clock(&self) -> ClockState {
        self.comparison.state()
    }

    /// Whether several machines speak under its id.
    #[must_use]
    pub fn clash(&self, now_unix_ms: i64) -> Option<super::Clash> {
        self.identity.clash(now_unix_ms)
    }

    /// Messages that were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn boot(&self, id: BootId) -> Option<&Boot> {
        self.boots.iter().find(|boot| boot.id == id)
    }

    /// The boot with that id, made if need be; then the boot that was silent longest may have to go.
    pub(super) fn boot_mut(
        &mut self,
        id: BootId,
        frame: u64,
        settings: &Settings,
        updates: &mut Vec<Update>,
    ) -> &mut Boot {
        let at = match self.boots.iter().position(|boot| boot.id == id) {
            Some(at) => at,
            None => {
                if self.boots.len() >= settings.max_boots.max(1) {
                    self.forget_a_boot(updates);
                }
                self.boots.push(Boot::new(id));
                self.boots.len() - 1
            }
        };
        self.boots[at].touched = frame;
        &mut self.boots[at]
    }

    fn forget_a_boot(&mut self, updates: &mut Vec<Update>) {
        let oldest = (0..self.boots.len()).min_by_key(|&at| self.boots[at].touched);
        if let Some(at) = oldest {
            let gone = self.boots.remove(at);
            self.lost_before = self.lost_before.saturating_add(gone.lost);
            updates.push(Update::warning(self.id, Warning::BootForgotten(gone.id)));
        }
    }

    pub(super) fn has_unacked(&self) -> bool {
        self.boots.iter().any(Boot::has_unacked)
    }

    pub(super) fn take_acks(&mut self, collector: &str) -> Vec<Ack> {
        let mut acks: Vec<Ack> = Vec::new();
        let mut room = 0;
        for boot in &mut self.boots {
            while boot.has_unacked() {
                if room == 0 {
                    room = ACK_RANGES;
                    acks.push(Ack {
                        collector: collector.to_owned(),
                        boots: Vec::new(),
                    });
                }
                let (Some(taken), Some(ack)) = (boot.take_ack(room), acks.last_mut()) else {
                    break;
                };
                room -= (taken.ticks.len() + taken.events.len()).min(room);
                ack.boots.push(taken);
            }
        }
        acks
    }
}
