//! What an order's core is told, and how a message reaches its Pi.
use picket_proto::{Channel, DeviceId, Pong, Presence, Report, Status, Topic, frame};

use super::{pi::Pi, turn::Turn};

/// What the core is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// There is a connection, with every subscription.
    Connected,
    /// There is none any more.
    Disconnected,
    /// Something on one of the topics.
    Message {
        /// Where.
        topic: Topic,
        /// What.
        payload: Vec<u8>,
        /// The retain flag as received.
        retained: bool,
    },
    /// The broker has what was published there.
    Confirmed(Topic),
    /// The answer to [`super::Action::Sign`].
    Signed {
        /// Which request.
        number: u64,
        /// The frame to offer, or why there is none.
        signed: Result<Vec<u8>, String>,
    },
    /// The answer to [`super::Action::PowerCycle`].
    PowerCycled {
        /// Whose.
        device: DeviceId,
        /// What the command said.
        result: Result<String, String>,
    },
    /// Begin no further Pi.
    Halt,
    /// Wait for nothing any more.
    Leave,
    /// Time has passed.
    Deadline,
}

/// What can't be decoded is no word of the Pi's agent; what the broker kept may be old.
pub(super) fn message(
    pi: &mut Pi,
    turn: &mut Turn,
    channel: Channel,
    (payload, retained): (&[u8], bool),
) {
    match channel {
        Channel::Pong if !retained => {
            if let Ok(pong) = frame::decode::<Pong>(payload) {
                pi.pong(turn, pong);
            }
        }
        Channel::Report if !retained => {
            if let Ok(report) = frame::decode::<Report>(payload) {
                pi.report(turn, &report);
            }
        }
        Channel::Presence => {
            if let Ok(presence) = frame::decode::<Presence>(payload) {
                pi.presence(turn, presence);
            }
        }
        Channel::Status => {
            if let Ok(status) = frame::decode::<Status>(payload) {
                pi.status(status);
            }
        }
        _ => {}
    }
}
