//! One call of an order's core: what it may look at, and what it wants done.
use picket_proto::{Command, DeviceId};

use super::{
    news::News,
    order::{Order, Pace},
};

/// What the core wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Ask that Pi for its nonce.
    Ping {
        /// Which.
        device: DeviceId,
        /// Comes back in its pong.
        token: u64,
    },
    /// Sign this; answered by [`super::Input::Signed`]. To be kept in the audit log before the answer.
    Sign {
        /// Names the request.
        number: u64,
        /// What.
        command: Command,
    },
    /// Give that Pi this frame, never retained.
    Offer {
        /// Which.
        device: DeviceId,
        /// A signed command.
        frame: Vec<u8>,
    },
    /// Cut that Pi's power for a moment; answered by [`super::Input::PowerCycled`].
    PowerCycle {
        /// Which.
        device: DeviceId,
    },
    /// Tell, and keep in the audit log.
    Tell(News),
}

/// What the Pis of an order share during a call.
pub(super) struct Turn<'a> {
    pub(super) order: &'a Order,
    pub(super) pace: &'a Pace,
    /// Any clock that goes on, in ms.
    pub(super) now_ms: u64,
    /// Since when there is a connection.
    pub(super) connected_ms: Option<u64>,
    /// The token of the next ping.
    pub(super) next_token: &'a mut u64,
    pub(super) out: &'a mut Vec<Action>,
}

impl Turn<'_> {
    pub(super) fn tell(&mut self, news: News) {
        self.out.push(Action::Tell(news));
    }

    pub(super) fn ping(&mut self, device: DeviceId) -> u64 {
        let token = *self.next_token;
        *self.next_token = token.wrapping_add(1);
        self.out.push(Action::Ping { device, token });
        token
    }
}
