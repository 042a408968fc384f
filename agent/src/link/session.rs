//! One connection's bookkeeping: what the broker owes us and until when, and which confirmation belongs to which publish.
//! Pure: it is told what was sent and received, and when.
use std::{collections::VecDeque, fmt, time::Duration};

use tokio::time::Instant;

use crate::telemetry::DeliveryId;

/// How long the broker may owe an answer without any progress.
pub(super) const PROGRESS: Duration = Duration::from_secs(20);

/// An answer that the broker owes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// The answer to CONNECT.
    ConnAck,
    /// The answer to SUBSCRIBE.
    SubAck,
    /// The answer to PUBLISH.
    PubAck,
    /// The answer to PINGREQ.
    PingResp,
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnAck => "CONNACK",
            Self::SubAck => "SUBACK",
            Self::PubAck => "PUBACK",
            Self::PingResp => "PINGRESP",
        })
    }
}

/// What the broker owes on one connection.
#[derive(Debug)]
pub(super) struct Session {
    connect: Option<Instant>,
    subscribe: Option<Instant>,
    ping: Option<Instant>,
    publish: Option<Instant>,
    /// Handed to the client, not yet written. The client writes in this order and then names the packet id.
    queued: VecDeque<Option<DeliveryId>>,
    /// Written, by packet id.
    in_flight: Vec<(u16, Option<DeliveryId>)>,
}

impl Session {
    /// A connection that the broker must accept until `deadline`.
    pub(super) fn connecting(deadline: Instant) -> Self {
        Self {
            connect: Some(deadline),
            subscribe: None,
            ping: None,
            publish: None,
            queued: VecDeque::new(),
            in_flight: Vec::new(),
        }
    }

    /// The broker accepted.
    pub(super) fn connected(&mut self) {
        self.connect = None;
    }

    /// The broker has answered CONNECT.
    pub(super) fn is_accepted(&self) -> bool {
        self.connect.is_none()
    }

    /// A SUBSCRIBE was handed to the client.
    pub(super) fn subscribing(&mut self, now: Instant) {
        self.subscribe = Some(now + PROGRESS);
    }

    /// SUBACK came; true if it was waited for.
    pub(super) fn subscribed(&mut self) -> bool {
        self.subscribe.take().is_some()
    }

    /// A PUBLISH was handed to the client.
    pub(super) fn publishing(&mut self, delivery: Option<DeliveryId>, now: Instant) {
        self.queued.push_back(delivery);
        self.publish.get_or_insert(now + PROGRESS);
    }

    /// The client wrote the next PUBLISH under that packet id.
    pub(super) fn written(&mut self, packet: u16) {
        if let Some(delivery) = self.queued.pop_front() {
            self.in_flight.push((packet, delivery));
        }
    }

    /// PUBACK came: the publish that it confirms, if anybody waits for that.
    pub(super) fn acked(&mut self, packet: u16, now: Instant) -> Option<DeliveryId> {
        let at = self.in_flight.iter().position(|(id, _)| *id == packet)?;
        let (_, delivery) = self.in_flight.remove(at);
        self.publish = (!self.is_idle()).then_some(now + PROGRESS);
        delivery
    }

    /// PINGREQ was written.
    pub(super) fn pinged(&mut self, now: Instant) {
        self.ping.get_or_insert(now + PROGRESS);
    }

    /// PINGRESP came.
    pub(super) fn ponged(&mut self) {
        self.ping = None;
    }

    /// Nothing that was published is unconfirmed.
    pub(super) fn is_idle(&self) -> bool {
        self.queued.is_empty() && self.in_flight.is_empty()
    }

    /// The first answer that is due, and when.
    pub(super) fn deadline(&self) -> Option<(Instant, Awaited)> {
        [
            (self.connect, Awaited::ConnAck),
            (self.subscribe, Awaited::SubAck),
            (self.publish, Awaited::PubAck),
            (self.ping, Awaited::PingResp),
        ]
        .into_iter()
        .filter_map(|(at, awaited)| Some((at?, awaited)))
        .min_by_key(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_a_deadline_and_ends_it() {
        let now = Instant::now();
        let due = |session: &Session| session.deadline().map(|(_, awaited)| awaited);
        let mut session = Session::connecting(now + Duration::from_secs(5));
        assert_eq!(
            session.deadline(),
            Some((now + Duration::from_secs(5), Awaited::ConnAck))
        );
        session.connected();
        assert_eq!(due(&session), None);
        session.subscribing(now);
        assert_eq!(due(&session), Some(Awaited::SubAck));
        assert!(session.subscribed());
        assert!(!session.subscribed());
        session.pinged(now);
        assert_eq!(due(&session), Some(Awaited::PingResp));
        session.ponged();
        session.publishing(None, now);
        assert_eq!(session.deadline(), Some((now + PROGRESS, Awaited::PubAck)));
        session.written(1);
        assert_eq!(due(&session), Some(Awaited::PubAck));
        assert_eq!(session.acked(1, now), None);
        assert_eq!(due(&session), None);
    }

    #[test]
    fn acks_are_matched_in_any_order_and_each_is_progress() {
        let now = Instant::now();
        let later = now + Duration::from_secs(15);
        let mut session = Session::connecting(now);
        session.connected();
        for n in 0..3 {
            session.publishing(Some(DeliveryId(n)), now);
        }
        for packet in [7, 8, 9] {
            session.written(packet);
        }
        assert_eq!(session.acked(8, later), Some(DeliveryId(1)));
        assert_eq!(
            session.deadline(),
            Some((later + PROGRESS, Awaited::PubAck))
        );
        assert_eq!(session.acked(8, later), None, "twice");
        assert_eq!(session.acked(5, later), None, "never sent");
        assert_eq!(session.acked(9, later), Some(DeliveryId(2)));
        assert_eq!(session.acked(7, later), Some(DeliveryId(0)));
        assert!(session.is_idle() && session.deadline().is_none());
    }
}
