//! What the agent does at each event: it joins sampler, telemetry, link, run directory and service manager. It waits for
//! nothing.
use std::mem;

use picket_proto::{Ack, Channel, Status, frame};

use super::{DiskEvent, Outside, commands::is_of_commands, disk};
use crate::{
    clock::{self, Slot, Wall},
    command::{self, Commands},
    host::Host,
    link::{Link, LinkEvent, Publish},
    notify::{Notifier, Word},
    runtime_state::{Progress, RuntimeState},
    sampler::Sampler,
    sys,
    telemetry::{Action, DeliveryId, Input, Telemetry},
    verdict::Verdicts,
    world::OnDisk,
};

/// What an agent is made of.
#[derive(Debug)]
pub struct Parts {
    /// Reads the machine.
    pub sampler: Sampler,
    /// Decides what is said, and when.
    pub telemetry: Telemetry,
    /// Decides what is thought of the NFS server and the disk.
    pub verdicts: Verdicts,
    /// Decides what is done that was ordered.
    pub commands: Commands,
    /// The run directory.
    pub state: RuntimeState,
    /// What the agent says of itself.
    pub status: Status,
    /// The image of the last stop is in the state directory and in use.
    pub saved: bool,
    /// Who may sign is known; if not, `allowed_signers` is read again at once.
    pub signers_known: bool,
    /// Password and certificates are known; if not, their files are read again at once.
    pub access_known: bool,
    /// Where the spool is saved at the stop.
    pub state_dir: OnDisk,
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
    pub(super) parts: Parts,
    pub(super) wall: Wall,
    /// What the run directory's record says, if it could be written.
    pub(super) recorded: Option<Progress>,
    /// The run directory could not be written; said once.
    pub(super) state_failed: bool,
    /// A good time was kept in this run.
    pub(super) time_kept: bool,
    /// Publishes that the link did not take, and of which their owners don't know yet; `None` is the status.
    refused: Vec<Option<DeliveryId>>,
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
            time_kept: false,
            refused: Vec::new(),
        }
    }

    /// When telemetry or an operation wants to be asked again, CLOCK_BOOTTIME in ms.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let commands = self.parts.commands.deadline();
        self.parts
            .telemetry
            .deadline()
            .into_iter()
            .chain(commands)
            .min()
    }

    /// What the link did not take goes back to its owners. That comes before the next event and not at once, since the owner's
    /// answer may be another publish, and a link that is full takes none before it had its turn.
    pub(super) fn give_back<L: Link, H: Host>(&mut self, outside: &mut Outside<L, H>) {
        let refused = mem::take(&mut self.refused);
        if refused.contains(&None) {
            self.announce(outside);
        }
        for delivery in refused.into_iter().flatten() {
            match is_of_commands(delivery) {
                true => self.command(command::Input::Refused(delivery), outside),
                false => self.tell(Input::Refused(delivery), outside),
            }
        }
    }

    pub(super) fn tick<L: Link, H: Host>(&mut self, slot: Slot, outside: &mut Outside<L, H>) {
        let sample = self.parts.sampler.sample(slot.boottime_ms);
        let wall = self.wall.now();
        let input = Input::Tick {
            boottime_ms: slot.boottime_ms,
            missed: slot.missed,
            wall,
            sample,
        };
        self.tell(input, outside);
        self.keep_time(wall, slot.boottime_ms, &mut outside.disk);
        self.judge(outside);
        self.look_at_commands(outside);
        self.parts.notifier.say(&Word::Watchdog);
    }

    pub(super) fn deadline_came<L: Link, H: Host>(&mut self, outside: &mut Outside<L, H>) {
        self.tell(Input::Deadline, outside);
        self.look_at_commands(outside);
    }

    pub(super) fn link<L: Link, H: Host>(&mut self, event: LinkEvent, outside: &mut Outside<L, H>) {
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
                self.announce(outside);
                self.command(command::Input::Connected, outside);
                self.tell(Input::Connected, outside);
                give_back_code();
            }
            LinkEvent::Disconnected { cause } => {
                let status = format!("not connected to the broker: {cause}");
                self.parts.notifier.say(&Word::Status(status));
                self.command(command::Input::Disconnected, outside);
                self.tell(Input::Disconnected, outside);
            }
            LinkEvent::Delivered(delivery) if is_of_commands(delivery) => {
                self.command(command::Input::Delivered(delivery), outside);
            }
            LinkEvent::Delivered(delivery) => self.tell(Input::Delivered(delivery), outside),
            LinkEvent::OversizedPacket { active } => {
                note_oversized(active);
                self.tell(Input::OversizedPacket { active }, outside);
            }
            LinkEvent::Message {
                channel: Channel::Command,
                payload,
                retained,
            } => self.command(command::Input::Command { payload, retained }, outside),
            LinkEvent::Message {
                channel, retained, ..
            } if retained => ignore_retained(channel),
            LinkEvent::Message {
                channel, payload, ..
            } => self.message(channel, payload, outside),
            LinkEvent::Stopped => {}
        }
    }

    pub(super) fn disk<L: Link, H: Host>(&mut self, event: DiskEvent, outside: &mut Outside<L, H>) {
        match event {
            DiskEvent::Reread(now) => self.reread(*now, outside),
            DiskEvent::RereadHangs => self.reread_hangs(),
            DiskEvent::Deleted(deleted) => self.spool_deleted(deleted, outside),
            DiskEvent::DeletionHangs => self.spool_deleted(Err(disk::hangs()), outside),
        }
    }

    pub(super) fn stop<L: Link, H: Host>(&mut self, why: &str, outside: &mut Outside<L, H>) {
        tracing::info!("{why}");
        self.parts.notifier.say(&Word::Stopping);
        self.tell(Input::Stop, outside);
        outside.host.stop();
        outside.link.stop();
    }

    fn message<L: Link, H: Host>(
        &mut self,
        channel: Channel,
        payload: Vec<u8>,
        outside: &mut Outside<L, H>,
    ) {
        match channel {
            Channel::Ping => self.command(command::Input::Ping { payload }, outside),
            Channel::Ack => match frame::decode::<Ack>(&payload) {
                Ok(ack) => self.tell(Input::Acked(ack), outside),
                Err(error) => tracing::warn!("an ack can't be read: {error}"),
            },
            channel => tracing::debug!(%channel, "a message is dropped: nothing comes that way"),
        }
    }

    /// The status goes out as it is now.
    pub(super) fn announce<L: Link, H: Host>(&mut self, outside: &mut Outside<L, H>) {
        self.parts.status.boottime_ms = Some(clock::boottime_ms());
        let status = Publish {
            delivery: None,
            channel: Channel::Status,
            payload: frame::encode(&self.parts.status),
            retained: true,
        };
        self.publish(status, outside);
    }

    /// Tells telemetry, and publishes what it says.
    pub(super) fn tell<L: Link, H: Host>(&mut self, input: Input, outside: &mut Outside<L, H>) {
        let actions = self.parts.telemetry.handle(input, clock::boottime_ms());
        // First, so that no number that goes out is ever given again.
        self.keep_progress();
        self.drop_saved(&mut outside.disk);
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
            self.publish(publish, outside);
        }
    }

    pub(super) fn publish<L: Link, H: Host>(
        &mut self,
        publish: Publish,
        outside: &mut Outside<L, H>,
    ) {
        let (channel, delivery) = (publish.channel, publish.delivery);
        if outside.link.publish(publish).is_err() {
            tracing::debug!(%channel, "the link is too busy for a publish");
            self.refused.push(delivery);
        }
    }
}

/// What came up by now came up with code that isn't needed again, or only for the next connection.
pub(crate) fn give_back_code() {
    if let Err(error) = sys::give_back_code() {
        // Locked memory is meant to stay.
        tracing::debug!("the code of the start stays in memory: {error}");
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
