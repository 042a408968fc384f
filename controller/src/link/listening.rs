//! What a controller listens to, as filters of topics.
use picket_proto::{Channel, DeviceId, Topic, topic::every_device};

/// Channels that a controller listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listening {
    /// Of every device, by wildcard.
    pub everywhere: &'static [Channel],
    /// Of the known devices, by name. Retained messages need it: RabbitMQ gives none to a wildcard.
    pub by_name: &'static [Channel],
}

impl Listening {
    /// What a fleet says of itself.
    pub const FLEET: Self = Self {
        everywhere: &[
            Channel::Telemetry,
            Channel::Backlog,
            Channel::Event,
            Channel::Report,
            Channel::Status,
            Channel::Presence,
        ],
        by_name: &[Channel::Status, Channel::Presence],
    };
    /// What a few Pis say to an order. No wildcard: an operator may have the right to these Pis only.
    pub const ORDER: Self = Self {
        everywhere: &[],
        by_name: &[
            Channel::Report,
            Channel::Pong,
            Channel::Presence,
            Channel::Status,
        ],
    };

    /// The filters to subscribe to, under that root word.
    pub(super) fn filters(self, root: &str, known: &[DeviceId]) -> Vec<String> {
        let every = self.everywhere.iter();
        let every = every.map(|&channel| every_device(channel, root));
        let named = known.iter().flat_map(|&device| {
            let topics = self.by_name.iter();
            topics.map(move |&channel| Topic { channel, device }.name(root))
        });
        every.chain(named).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_subscribes_to_the_named_devices_alone() {
        let device = DeviceId([0; 8]);
        let filters = Listening::ORDER.filters("picket", &[device]);
        let expect = ["report", "pong", "presence", "status"];
        assert_eq!(
            filters,
            expect.map(|name| format!("picket/1/{name}/0000000000000000"))
        );
        let filters = Listening::FLEET.filters("picket", &[device]);
        assert_eq!(filters.iter().filter(|name| name.ends_with('+')).count(), 6);
        assert_eq!(filters.len(), 8);
    }
}
