//! The task that keeps a connection up: resolves, tries each address, subscribes, announces, watches deadlines, backs
//! off. It doesn't know what the messages say.
use std::{net::SocketAddr, time::Duration};

use picket_proto::Channel;
use rumqttc::{ConnectionError, Event, Outgoing, Packet, SubscribeReasonCode};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    Awaited, Cause, LinkEvent, Order,
    addresses::Addresses,
    backoff::{self, Backoff},
    client::{self, Client, Connection, Online},
    guard::{Change, Guard},
    resolver::Resolver,
    session::Session,
};

/// Owns everything that outlives a connection.
pub(super) struct Supervisor {
    client: Client,
    orders: mpsc::Receiver<Order>,
    events: mpsc::UnboundedSender<LinkEvent>,
    resolver: Resolver,
    addresses: Addresses,
    backoff: Backoff,
    guard: Guard,
    number: u32,
}

/// How a connection ended, or that the agent stops.
enum End {
    Failed(Cause),
    Stopped,
}

/// The connection at hand.
struct Present {
    connection: Connection,
    session: Session,
    since: Option<Instant>,
    stopping: bool,
}

/// Everything that can happen to a connection.
enum Happening {
    Client(Option<Result<Event, ConnectionError>>),
    Order(Option<Order>),
    Late(Awaited),
    PauseOver,
}

impl Supervisor {
    pub(super) fn new(
        client: Client,
        orders: mpsc::Receiver<Order>,
        events: mpsc::UnboundedSender<LinkEvent>,
        number: u32,
    ) -> Self {
        Self {
            client,
            orders,
            events,
            resolver: Resolver::default(),
            addresses: Addresses::default(),
            backoff: Backoff::default(),
            guard: Guard::default(),
            number,
        }
    }

    /// Addresses to try as long as the name can't be resolved.
    pub(super) fn knows(&mut self, addresses: Vec<SocketAddr>) {
        self.addresses.resolved(addresses);
    }

    /// Until the agent stops.
    pub(super) async fn run(mut self) {
        let mut wait = backoff::spread(self.client.connect_spread(), backoff::chance());
        while self.pause(wait).await && self.round().await {
            wait = self.backoff.wait(backoff::chance());
        }
        self.tell(LinkEvent::Stopped);
    }

    /// Waits; false if the agent stops. Publishes are dropped meanwhile, as there is no connection.
    async fn pause(&mut self, wait: Duration) -> bool {
        let until = Instant::now() + wait;
        loop {
            tokio::select! {
                // Cancel-safe: a deadline keeps no state.
                () = sleep_until(until) => return true,
                // Cancel-safe: receiving from a channel is.
                order = self.orders.recv() => if !matches!(order, Some(Order::Publish(..))) { return false },
            }
        }
    }

    /// Tries every address until one connection was up; false if the agent stops.
    async fn round(&mut self) -> bool {
        let broker = self.client.broker().clone();
        let found = self.resolver.resolve(&broker.host, broker.port).await;
        self.addresses.resolved(found);
        let patience = self.backoff.patience();
        for address in self.addresses.round() {
            let (end, lasted) = self.connect(address, patience).await;
            let End::Failed(cause) = end else {
                return false;
            };
            self.note_end(&cause);
            match lasted {
                None => tracing::warn!(%address, "no connection to the broker: {cause}"),
                Some(lasted) => {
                    tracing::warn!(%address, "the connection to the broker is gone: {cause}");
                    self.backoff.ended(lasted);
                    self.tell(LinkEvent::Disconnected { cause });
                    return true;
                }
            }
        }
        self.backoff.ended(Duration::ZERO);
        true
    }

    /// One connection from its attempt to its end, and how long it was up, if it was.
    async fn connect(
        &mut self,
        address: SocketAddr,
        patience: Duration,
    ) -> (End, Option<Duration>) {
        self.number = self.number.wrapping_add(1);
        self.tell(LinkEvent::Connecting {
            connection: self.number,
        });
        let mut present = Present {
            connection: self.client.connect(address, self.number),
            session: Session::connecting(Instant::now() + patience),
            since: None,
            stopping: false,
        };
        loop {
            let happening = self.wait(&mut present).await;
            if let Err(end) = self.handle(&mut present, happening) {
                return (end, present.since.map(|since| since.elapsed()));
            }
            if present.since.is_some() {
                self.addresses.worked(address);
            }
            if present.stopping && present.session.is_idle() {
                self.goodbye(&mut present).await;
                return (End::Stopped, None);
            }
        }
    }

    async fn wait(&mut self, present: &mut Present) -> Happening {
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

    fn handle(&mut self, present: &mut Present, happening: Happening) -> Result<(), End> {
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
            Happening::Client(Some(Err(error))) => Err(End::Failed(client::cause(&error))),
            Happening::Client(None) => {
                Err(End::Failed(Cause::Broken("the client ended".to_owned())))
            }
            Happening::Order(Some(Order::Publish(number, publish))) => {
                if number != self.number || present.since.is_none() {
                    return Ok(());
                }
                self.publish(present, publish).map_err(End::Failed)
            }
            Happening::Order(_) if present.since.is_none() => Err(End::Stopped),
            Happening::Order(_) => {
                present.stopping = true;
                let gone = self.client.announce(self.number, Online::Gone);
                self.publish(present, gone).map_err(End::Failed)
            }
            Happening::Late(awaited) => Err(End::Failed(Cause::NoAnswer(awaited))),
            Happening::PauseOver => self.expire(present).map_err(End::Failed),
        }
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
                match self.client.channel(&message.topic) {
                    Some(channel) => self.tell(LinkEvent::Message {
                        channel,
                        payload: message.payload.to_vec(),
                        retained: message.retain,
                    }),
                    None => tracing::debug!("a message on a topic that isn't ours is dropped"),
                }
                Ok(())
            }
            _ => Ok(()),
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

    fn publish(&mut self, present: &mut Present, publish: super::Publish) -> Result<(), Cause> {
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

    fn note_end(&mut self, cause: &Cause) {
        match cause {
            Cause::Oversized(_) => {
                if self.guard.oversized(Instant::now()) == Some(Change::WentOff) {
                    self.tell(LinkEvent::OversizedPacket { active: true });
                }
            }
            _ => self.guard.other_end(),
        }
    }

    /// Waits until the client has written DISCONNECT; whoever waits for the stop has the deadline.
    async fn goodbye(&mut self, present: &mut Present) {
        self.client.disconnect(&present.connection);
        while let Some(Ok(event)) = present.connection.events.recv().await {
            if event == Event::Outgoing(Outgoing::Disconnect) {
                return;
            }
        }
    }

    fn tell(&self, event: LinkEvent) {
        // The owner loop is gone only when the process ends.
        let _ = self.events.send(event);
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
