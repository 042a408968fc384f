//! While there is a connection: subscribes, announces, passes messages and confirmations on, watches deadlines. It doesn't
//! know what the messages say, nor what comes after the connection.
use picket_proto::Channel;
use rumqttc::{ConnectionError, Event, Outgoing, Packet, SubscribeReasonCode};
use tokio::time::{Instant, sleep_until};

use super::{End, Present, Supervisor};
use crate::link::{
    Awaited, Cause, LinkEvent, Order, Publish,
    client::{self, Online},
    guard::Change,
};

/// Everything that can happen to a connection.
pub(super) enum Happening {
    Client(Option<Result<Event, ConnectionError>>),
    Order(Option<Order>),
    Late(Awaited),
    PauseOver,
}

impl Supervisor {
    /// The next thing that happens to the connection.
    pub(super) async fn wait(&mut self, present: &mut Present) -> Happening {
        let due = present.session.deadline();
        let pause = self.guard.until().filter(|_| present.since.is_some());
        tokio::select! {
            // Cancel-safe: receiving from a channel is; the client itself runs in a task of its own.
            event = present.connection.events.recv() => Happening::Client(event),
            // Cancel-safe: receiving from a channel is.
            order = self.orders.recv() => Happening::Order(order),
            // Cancel-safe: deadlines keep no state.
            awaited = until(due) => Happening::Late(awaited),
            () = until(pause.map(|at| (at, ()))) => Happening::PauseOver,
        }
    }

    /// Does what it asks for; an error is the connection's end.
    pub(super) fn handle(
        &mut self,
        present: &mut Present,
        happening: Happening,
    ) -> Result<(), End> {
        let now = Instant::now();
        match happening {
            Happening::Client(Some(Ok(Event::Incoming(packet)))) => {
                self.incoming(present, packet).map_err(End::Failed)
            }
            Happening::Client(Some(Ok(Event::Outgoing(outgoing)))) => {
                match outgoing {
                    // 0 would be QoS 0, which is never asked for.
                    Outgoing::Publish(packet) if packet != 0 => present.session.written(packet),
                    Outgoing::PingReq => present.session.pinged(now),
                    _ => {}
                }
                Ok(())
            }
            Happening::Client(Some(Err(error))) => {
                Err(End::Failed(match present.session.is_accepted() {
                    true => client::cause(&error),
                    false => self.client.cause_before_answer(&error),
                }))
            }
            Happening::Client(None) => {
                Err(End::Failed(Cause::Broken("the client ended".to_owned())))
            }
            Happening::Order(Some(Order::Publish(number, publish))) => {
                if number != self.number || present.since.is_none() {
                    return Ok(());
                }
                self.publish(present, publish).map_err(End::Failed)
            }
            Happening::Order(Some(Order::Renew(access))) => match self.client.renew(access) {
                true => self.leave(present, End::Failed(Cause::Renewed)),
                false => Ok(()),
            },
            Happening::Order(Some(Order::Stop) | None) => self.leave(present, End::Stopped),
            Happening::Late(awaited) => Err(End::Failed(Cause::NoAnswer(awaited))),
            Happening::PauseOver => self.expire(present).map_err(End::Failed),
        }
    }

    /// Says that the agent goes, and what comes after that; without a connection that is at once. A stop is final.
    fn leave(&mut self, present: &mut Present, end: End) -> Result<(), End> {
        if present.since.is_none() {
            return Err(end);
        }
        let said = present.leaving.is_some();
        if !matches!(present.leaving, Some(End::Stopped)) {
            present.leaving = Some(end);
        }
        if said {
            return Ok(());
        }
        let gone = self.client.announce(self.number, Online::Gone);
        self.publish(present, gone).map_err(End::Failed)
    }

    fn incoming(&mut self, present: &mut Present, packet: Packet) -> Result<(), Cause> {
        let now = Instant::now();
        match packet {
            Packet::ConnAck(_) => {
                present.session.connected();
                if self.guard.expire(now) == Some(Change::CameOn) {
                    self.tell(LinkEvent::OversizedPacket { active: false });
                }
                match self.guard.channels() {
                    [] => self.announce(present),
                    channels => self.subscribe(present, channels),
                }
            }
            Packet::SubAck(ack) => {
                let refused = ack.return_codes.contains(&SubscribeReasonCode::Failure);
                if refused {
                    tracing::warn!(
                        "the broker refuses a subscription of this device: commands or acks won't arrive; look at the broker's ACL"
                    );
                }
                match present.session.subscribed() && present.since.is_none() {
                    true => self.announce(present),
                    false => Ok(()),
                }
            }
            Packet::PubAck(ack) => {
                if let Some(delivery) = present.session.acked(ack.pkid, now) {
                    self.tell(LinkEvent::Delivered(delivery));
                }
                Ok(())
            }
            Packet::PingResp => {
                present.session.ponged();
                Ok(())
            }
            Packet::Publish(message) => {
                self.message(&message);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn message(&mut self, message: &rumqttc::Publish) {
        let Some(channel) = self.client.channel(&message.topic) else {
            return tracing::debug!("a message on a topic that isn't ours is dropped");
        };
        let now = Instant::now();
        if let Some(place) = self.inlet.admit(now) {
            let event = LinkEvent::Message {
                channel,
                payload: message.payload.to_vec(),
                retained: message.retain,
            };
            // As in `tell`.
            let _ = self.events.send((event, Some(place)));
        }
        if let Some(dropped) = self.inlet.complaint(now) {
            tracing::warn!(
                "{dropped} messages to this device were dropped, as they came faster than it takes them; look at the broker's log for who publishes them, and let only collectors and signers do so"
            );
        }
    }

    /// The subscriptions stand: says that the agent is there, to the broker and to the owner loop.
    fn announce(&mut self, present: &mut Present) -> Result<(), Cause> {
        let here = self.client.announce(self.number, Online::Here);
        self.publish(present, here)?;
        present.since = Some(Instant::now());
        self.tell(LinkEvent::Connected {
            connection: self.number,
        });
        Ok(())
    }

    fn subscribe(&mut self, present: &mut Present, channels: &[Channel]) -> Result<(), Cause> {
        present.session.subscribing(Instant::now());
        self.client.subscribe(&present.connection, channels)
    }

    fn publish(&mut self, present: &mut Present, publish: Publish) -> Result<(), Cause> {
        present.session.publishing(publish.delivery, Instant::now());
        self.client.publish(&present.connection, publish)
    }

    fn expire(&mut self, present: &mut Present) -> Result<(), Cause> {
        if self.guard.expire(Instant::now()).is_none() {
            return Ok(());
        }
        self.tell(LinkEvent::OversizedPacket { active: false });
        self.subscribe(present, self.guard.channels())
    }
}

/// At that moment, or never.
async fn until<T>(due: Option<(Instant, T)>) -> T {
    match due {
        Some((at, what)) => {
            sleep_until(at).await;
            what
        }
        None => std::future::pending().await,
    }
}
