//! What the agent does at each event: it joins sampler, telemetry, link, run directory and service manager. It waits for
//! nothing.
use std::{mem, path::PathBuf};

use picket_proto::{Ack, Channel, Status, frame};

use super::spool_file;
use crate::{
    clock::{self, Slot, Wall},
    link::{Link, LinkEvent, Publish},
    log::chain,
    notify::{Notifier, Word},
    runtime_state::{Progress, RuntimeState},
    sampler::Sampler,
    telemetry::{Action, DeliveryId, Input, Telemetry},
};

/// What an agent is made of.
#[derive(Debug)]
pub struct Parts {
    /// Reads the machine.
    pub sampler: Sampler,
    /// Decides.
    pub telemetry: Telemetry,
    /// The run directory.
    pub state: RuntimeState,
    /// What the agent says of itself.
    pub status: Status,
    /// The image of the last stop is in the state directory and in use.
    pub saved: bool,
    /// Where the spool is saved at the stop.
    pub state_dir: PathBuf,
    /// The service manager.
    pub notifier: Notifier,
    /// The configuration's file, for the reload.
    pub config: super::reload::Source,
    /// The last connection's number.
    pub connection: u32,
}

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    parts: Parts,
    wall: Wall,
    /// What the run directory's record says, if it could be written.
    recorded: Option<Progress>,
    /// The run directory could not be written; said once.
    state_failed: bool,
    /// Publishes that the link did not take, and of which their owners don't know yet.
    refused: Vec<DeliveryId>,
}

impl Agent {
    /// An agent that has not ticked yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            wall: Wall::default(),
            recorded: None,
            state_failed: false,
            refused: Vec::new(),
        }
    }

    /// When telemetry wants to be asked again, CLOCK_BOOTTIME in ms.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.parts.telemetry.deadline()
    }

    pub(super) fn tick(&mut self, slot: Slot, link: &mut impl Link) {
        let sample = self.parts.sampler.sample(slot.boottime_ms);
        let input = Input::Tick {
            boottime_ms: slot.boottime_ms,
            missed: slot.missed,
            wall: self.wall.now(),
            sample,
        };
        self.tell(input, link);
        self.parts.notifier.say(&Word::Watchdog);
    }

    pub(super) fn deadline_came(&mut self, link: &mut impl Link) {
        self.tell(Input::Deadline, link);
    }

    pub(super) fn link(&mut self, event: LinkEvent, link: &mut impl Link) {
        match event {
            LinkEvent::Connecting { connection } => {
                self.parts.connection = connection;
                self.keep_progress();
            }
            LinkEvent::Connected { connection } => {
                tracing::info!(connection, "connected to the broker");
                self.parts
                    .notifier
                    .say(&Word::Status("connected to the broker".to_owned()));
                self.announce(link);
                self.tell(Input::Connected, link);
            }
            LinkEvent::Disconnected { cause } => {
                let status = format!("not connected to the broker: {cause}");
                self.parts.notifier.say(&Word::Status(status));
                self.tell(Input::Disconnected, link);
            }
            LinkEvent::Delivered(delivery) => self.tell(Input::Delivered(delivery), link),
            LinkEvent::OversizedPacket { active } => {
                note_oversized(active);
                self.tell(Input::OversizedPacket { active }, link);
            }
            LinkEvent::Message {
                channel, retained, ..
            } if retained => ignore_retained(channel),
            LinkEvent::Message {
                channel, payload, ..
            } => self.message(channel, &payload, link),
            LinkEvent::Stopped => {}
        }
    }

    pub(super) fn reload(&mut self) {
        self.parts.config.reload();
    }

    pub(super) fn stop(&mut self, link: &mut impl Link) {
        tracing::info!("stopping");
        self.parts.notifier.say(&Word::Stopping);
        self.tell(Input::Stop, link);
        link.stop();
    }

    /// The last act: what is not confirmed goes to the state directory, once.
    pub(super) fn save(&self) {
        let image = self.parts.telemetry.save();
        if let Err(error) = spool_file::save(&self.parts.state_dir, &image) {
            let directory = self.parts.state_dir.display();
            tracing::warn!(
                "can't save the spool in {directory}: {error}; what is not confirmed is lost"
            );
        }
        let _ = self.write_progress(&self.progress());
    }

    fn message(&mut self, channel: Channel, payload: &[u8], link: &mut impl Link) {
        if channel != Channel::Ack {
            // Without signers the agent only observes.
            return tracing::debug!(%channel, "a message is dropped: this agent only observes");
        }
        match frame::decode::<Ack>(payload) {
            Ok(ack) => self.tell(Input::Acked(ack), link),
            Err(error) => tracing::warn!("an ack can't be read: {error}"),
        }
    }

    fn announce(&mut self, link: &mut impl Link) {
        self.parts.status.boottime_ms = Some(clock::boottime_ms());
        let status = Publish {
            delivery: None,
            channel: Channel::Status,
            payload: frame::encode(&self.parts.status),
            retained: true,
        };
        if link.publish(status).is_err() {
            tracing::warn!("the link is too busy for a status; the next connection brings it");
        }
    }

    /// What the link did not take before goes back first. It is told now and not at once, since the owner's answer may be another
    /// publish, and a link that is full takes none before it had its turn.
    fn tell(&mut self, input: Input, link: &mut impl Link) {
        let refused = mem::take(&mut self.refused).into_iter();
        for input in refused.map(Input::Refused).chain([input]) {
            self.tell_one(input, link);
        }
    }

    fn tell_one(&mut self, input: Input, link: &mut impl Link) {
        let actions = self.parts.telemetry.handle(input, clock::boottime_ms());
        // First, so that no number that goes out is ever given again.
        self.keep_progress();
        self.drop_saved();
        for action in actions {
            let Action::Publish {
                delivery,
                channel,
                payload,
            } = action;
            let publish = Publish {
                delivery: Some(delivery),
                channel,
                payload,
                retained: false,
            };
            if link.publish(publish).is_err() {
                tracing::debug!(%channel, "the link is too busy for a publish; it is offered again");
                self.refused.push(delivery);
            }
        }
    }

    /// The saved spool is deleted when nothing of it is pending any more: until then a crash must not lose it.
    fn drop_saved(&mut self) {
        if !self.parts.saved || self.parts.telemetry.restored_pending() {
            return;
        }
        self.parts.saved = false;
        if let Err(error) = spool_file::delete(&self.parts.state_dir) {
            let directory = self.parts.state_dir.display();
            tracing::warn!(
                "can't delete the spool in {directory}, all of which is confirmed: {error}; the next start offers it again"
            );
        }
    }

    fn keep_progress(&mut self) {
        let progress = self.progress();
        if self.recorded == Some(progress) {
            return;
        }
        let failed = !self.write_progress(&progress);
        self.recorded = (!failed).then_some(progress);
        if failed && !self.state_failed {
            tracing::error!(
                "can't write the run directory: after a restart in this boot, ticks are numbered again"
            );
        }
        self.state_failed = failed;
    }

    fn progress(&self) -> Progress {
        Progress {
            resume: self.parts.telemetry.progress(),
            connection: self.parts.connection,
        }
    }

    fn write_progress(&self, progress: &Progress) -> bool {
        self.parts
            .state
            .write(progress)
            .inspect_err(|error| tracing::debug!("{}", chain(error)))
            .is_ok()
    }
}

fn note_oversized(active: bool) {
    match active {
        true => tracing::warn!(
            "the broker sends a packet that is too large: commands are off for ten minutes"
        ),
        false => tracing::info!("commands are on again"),
    }
}

/// What a broker keeps is of another time: an ack of it was an answer once, and a command must be for now.
fn ignore_retained(channel: Channel) {
    tracing::warn!(
        %channel,
        "a retained message is ignored; whoever published it must not ask the broker to keep it, and can remove it with an empty one"
    );
}
