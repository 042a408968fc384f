//! Which of our messages the broker has confirmed. The client numbers them in the order in which it was asked, and reuses the
//! numbers.
use std::collections::{HashMap, VecDeque};

use picket_proto::Topic;

/// Messages on their way to the broker, in one connection.
#[derive(Debug, Default)]
pub(super) struct Confirming {
    asked: VecDeque<Topic>,
    sent: HashMap<u16, Topic>,
}

impl Confirming {
    /// The client was asked to publish there.
    pub(super) fn asked(&mut self, topic: Topic) {
        self.asked.push_back(topic);
    }

    /// The client has sent the oldest that it was asked for, under that number.
    pub(super) fn sent(&mut self, id: u16) {
        if let Some(topic) = self.asked.pop_front() {
            self.sent.insert(id, topic);
        }
    }

    /// The broker has confirmed that number.
    pub(super) fn confirmed(&mut self, id: u16) -> Option<Topic> {
        self.sent.remove(&id)
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::{Channel, DeviceId};

    use super::*;

    #[test]
    fn a_number_confirms_what_was_sent_under_it() {
        let topic = |last| Topic {
            channel: Channel::Command,
            device: DeviceId([last; 8]),
        };
        let mut confirming = Confirming::default();
        confirming.asked(topic(1));
        confirming.asked(topic(2));
        assert_eq!(confirming.confirmed(1), None, "nothing was sent yet");
        confirming.sent(1);
        confirming.sent(2);
        assert_eq!(confirming.confirmed(2), Some(topic(2)));
        assert_eq!(confirming.confirmed(2), None, "once is enough");
        confirming.asked(topic(3));
        confirming.sent(2);
        assert_eq!(confirming.confirmed(2), Some(topic(3)));
        assert_eq!(confirming.confirmed(1), Some(topic(1)));
    }
}
