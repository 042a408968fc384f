//! Topic names: `<root>/1/<channel>/<id>`. The root word is configurable; `picket` unless said otherwise.
use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use crate::DeviceId;

/// The root word of the topics unless configured otherwise.
pub const DEFAULT_ROOT: &str = "picket";

/// What is said on a topic, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Batches, live. QoS 1, from the agent.
    Telemetry,
    /// Batches that were kept while there was no connection. QoS 1, from the agent.
    Backlog,
    /// Events. QoS 1, from the agent.
    Event,
    /// Transitions of operations. QoS 1, from the agent.
    Report,
    /// Answers to `Ping`. QoS 1, from the agent.
    Pong,
    /// What the agent is. Retained, from the agent.
    Status,
    /// Whether it is connected. Retained, from the agent and its will.
    Presence,
    /// Signed commands, to the agent.
    Command,
    /// Asks for a nonce, to the agent.
    Ping,
    /// What a collector has, to the agent.
    Ack,
}

const NAMES: [(Channel, &str); 10] = [
    (Channel::Telemetry, "telemetry"),
    (Channel::Backlog, "backlog"),
    (Channel::Event, "event"),
    (Channel::Report, "report"),
    (Channel::Pong, "pong"),
    (Channel::Status, "status"),
    (Channel::Presence, "presence"),
    (Channel::Command, "command"),
    (Channel::Ping, "ping"),
    (Channel::Ack, "ack"),
];

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES
            .iter()
            .find(|(channel, _)| channel == self)
            .map_or("", |(_, name)| *name);
        f.write_str(name)
    }
}

/// A channel of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Topic {
    /// What is said there.
    pub channel: Channel,
    /// Which device.
    pub device: DeviceId,
}

impl Topic {
    /// The topic's name under that root word.
    #[must_use]
    pub fn name(&self, root: &str) -> String {
        format!("{root}/1/{}/{}", self.channel, self.device)
    }

    /// The topic that `name` names under that root word; `None` when it is none of ours.
    #[must_use]
    pub fn parse(name: &str, root: &str) -> Option<Self> {
        let rest = name.strip_prefix(root)?.strip_prefix("/1/")?;
        let (channel, device) = rest.split_once('/')?;
        let (channel, _) = NAMES.iter().find(|(_, name)| *name == channel)?;
        Some(Self {
            channel: *channel,
            device: DeviceId::from_str(device).ok()?,
        })
    }
}

/// The filter that matches a channel of every device.
#[must_use]
pub fn every_device(channel: Channel, root: &str) -> String {
    format!("{root}/1/{channel}/+")
}
