//! Topic names: `<root>/1/<channel>/<id>`. The root word is configurable; `picket` unless said otherwise.
use alloc::{format, string::String};
use core::{fmt, str::FromStr};

use crate::DeviceId;

/// The root word of the topics unless configured otherwise.
pub const DEFAULT_ROOT: &str = "picket";

/// The name that `ack` of an agent gives to the broker's confirmation; no collector may bear it.
pub const PUBACK: &str = "puback";

/// Whether `text` can be the root of topics: words of letters, digits, `-`, `_` and `.` with `/` between them, 64 bytes at
/// most.
#[must_use]
pub fn is_root(text: &str) -> bool {
    text.len() <= 64 && text.split('/').all(is_word)
}

/// Whether `text` can be a collector's name: letters, digits, `-`, `_` and `.`, 1 to 64 of them, and not [`PUBACK`].
#[must_use]
pub fn is_collector(text: &str) -> bool {
    is_word(text) && text.len() <= 64 && text != PUBACK
}

fn is_word(text: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.chars().all(good)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_one_rule() {
        let long = "x".repeat(65);
        for (text, root, collector) in [
            ("picket", true, true),
            ("hall-2/picket_1.0", true, false),
            ("puback", true, false),
            ("", false, false),
            ("a//b", false, false),
            ("/a", false, false),
            ("a/+", false, false),
            ("a b", false, false),
            ("é", false, false),
            (&long, false, false),
        ] {
            assert_eq!(
                (is_root(text), is_collector(text)),
                (root, collector),
                "{text}"
            );
        }
    }
}
