//! From a received frame to what it changes: decodes, checks numbers, and keeps the rules of each channel.
use picket_proto::{Channel, DecodeError, batch::MAX_NUMBER, frame};

use super::{Clash, Device, Refusal, Settings, Update, Warning};
use crate::claim;

mod batch;
mod events;
mod presence;
mod report;
mod status;

/// Texts of a status or report are cut to this many characters; proto bounds their lists.
const MAX_TEXT: usize = 400;

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
            | Channel::Report
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
            Channel::Report => self.report(frame::decode(payload)?),
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

    fn clash(&mut self, clash: Option<Clash>) {
        if let Some(clash) = clash {
            self.warn(Warning::Clash(clash));
        }
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

fn within(number: u64, what: &'static str) -> Result<(), Refusal> {
    (number <= MAX_NUMBER)
        .then_some(())
        .ok_or(Refusal::OutOfRange(what))
}

fn cut_text(text: &mut String) {
    claim::cut(text, MAX_TEXT);
}
