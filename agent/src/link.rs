//! The link to the broker: the only place that knows MQTT. It connects, subscribes, says that the agent is there, and
//! matches confirmations to publishes. What is published, and what must be offered again, others decide.
//!
//! A task of its own ([`supervisor`]) runs the connections, so that nobody cancels the client in the middle of a packet.
//! On every disconnect the whole client is thrown away: the spool is the truth, the client's queue never is.
mod access;
mod addresses;
mod backoff;
mod client;
mod distrust;
mod guard;
mod inlet;
mod resolver;
mod session;
mod supervisor;
mod tls;

use std::{future::Future, net::SocketAddr};

use picket_proto::{BootId, Channel, DeviceId};
use tokio::sync::mpsc;

use crate::{config::LinkSettings, telemetry::DeliveryId};

pub use access::{Access, AccessError, Credentials};
pub use distrust::Distrust;
pub use session::Awaited;

/// Publishes that wait for the link's task; it takes them at once, so more means that it hangs.
const QUEUE: usize = 64;

/// The link did not take a publish: its queue is full. Its owner may offer it again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link's queue is full")]
pub struct NotTaken;

/// Something to publish, with QoS 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Comes back as [`LinkEvent::Delivered`]; `None` if nobody waits for it.
    pub delivery: Option<DeliveryId>,
    /// Where.
    pub channel: Channel,
    /// The frame.
    pub payload: Vec<u8>,
    /// Whether the broker keeps it for later subscribers.
    pub retained: bool,
}

/// What happens on the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// A connection with this number will be tried; its will names it.
    Connecting {
        /// Ascending in each boot.
        connection: u32,
    },
    /// The broker took the connection, confirmed the subscriptions, and was told that the agent is there.
    Connected {
        /// Its number.
        connection: u32,
    },
    /// The connection is gone, and all that was not confirmed with it.
    Disconnected {
        /// Why, for people.
        cause: Cause,
    },
    /// The broker confirmed a publish.
    Delivered(DeliveryId),
    /// A message came for this device.
    Message {
        /// On which channel.
        channel: Channel,
        /// The bytes: hostile until parsed.
        payload: Vec<u8>,
        /// It was kept by the broker, so it may be old.
        retained: bool,
    },
    /// The broker sends a packet that is too large: commands are off, or on again.
    OversizedPacket {
        /// Off, or on again.
        active: bool,
    },
    /// The orderly stop is done; nothing follows.
    Stopped,
}

/// Why a connection ended or didn't come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The broker did not answer in time.
    #[error("the broker sent no {0} in time")]
    NoAnswer(Awaited),
    /// The broker doesn't let this device in.
    #[error(
        "the broker refused the connection: {0}; look at user, password_file and the certificate, and at the broker's log"
    )]
    Refused(String),
    /// One of the two doesn't trust the other's certificate.
    #[error(transparent)]
    Distrusted(#[from] Distrust),
    /// TLS was agreed on, and then the peer hung up without an answer.
    #[error(
        "the broker hung up after TLS was agreed on: {0}; it does so when it wants a certificate (certificate and key in [tls]) or has too many connections; look at the broker's log"
    )]
    HungUp(String),
    /// The credentials were read again, and they are others.
    #[error("the credentials changed, so the connection is made anew")]
    Renewed,
    /// The peer ended the TLS handshake, or answered with something else.
    #[error(
        "{0}; does the broker's port speak TLS? for one that doesn't, write mqtt:// and its port"
    )]
    NoTls(String),
    /// The peer answered CONNECT with something else than MQTT, or hung up.
    #[error(
        "no MQTT answer: {0}; does the broker's port want TLS? for one that does, write mqtts:// and its port"
    )]
    NoMqtt(String),
    /// A packet was larger than accepted.
    #[error("the broker sent a packet of {0} bytes, more than this agent accepts")]
    Oversized(usize),
    /// The line broke.
    #[error("{0}")]
    Broken(String),
    /// The client did not take a publish.
    #[error("the client's queue is full")]
    Full,
}

/// Who speaks on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The device: client id and last word of each topic.
    pub device: DeviceId,
    /// The boot, for presence.
    pub boot: BootId,
}

/// The link, as the owner loop sees it.
pub trait Link {
    /// Publishes on the present connection. Without one it is taken and dropped: after `Connected` everything is offered
    /// again.
    ///
    /// # Errors
    /// It was not taken.
    fn publish(&mut self, publish: Publish) -> Result<(), NotTaken>;
    /// Other credentials: the connection is made anew with them, after what is unconfirmed is confirmed. The same ones change
    /// nothing.
    fn renew(&mut self, access: Access);
    /// Says goodbye after all that was published before; [`LinkEvent::Stopped`] follows, or never.
    fn stop(&mut self);
    /// The next event. Cancel-safe.
    fn event(&mut self) -> impl Future<Output = LinkEvent>;
}

/// The link over MQTT 3.1.1.
#[derive(Debug)]
pub struct MqttLink {
    orders: mpsc::Sender<Order>,
    /// Unbounded, but what it holds is not: messages need a place, confirmations a publish, and the rest a connection.
    events: mpsc::UnboundedReceiver<(LinkEvent, Option<inlet::Place>)>,
    connection: u32,
}

/// What the link's task is told.
#[derive(Debug)]
enum Order {
    /// Publish, if that connection is the present one.
    Publish(u32, Publish),
    /// These credentials are in force.
    Renew(Access),
    /// Say goodbye.
    Stop,
}

impl MqttLink {
    /// Starts the link's task. Its first connection's number follows `connection`.
    #[must_use]
    pub fn start(
        settings: LinkSettings,
        access: Access,
        identity: Identity,
        connection: u32,
    ) -> Self {
        Self::start_knowing(settings, access, identity, connection, Vec::new())
    }

    /// The same, with addresses of the broker to try as long as its name can't be resolved.
    #[must_use]
    pub fn start_knowing(
        settings: LinkSettings,
        access: Access,
        identity: Identity,
        connection: u32,
        known: Vec<SocketAddr>,
    ) -> Self {
        let (orders, orders_in) = mpsc::channel(QUEUE);
        let (events_out, events) = mpsc::unbounded_channel();
        let client = client::Client::new(settings, access, identity);
        let mut supervisor = supervisor::Supervisor::new(client, orders_in, events_out, connection);
        supervisor.knows(known);
        tokio::spawn(supervisor.run());
        Self {
            orders,
            events,
            connection,
        }
    }
}

impl Link for MqttLink {
    fn publish(&mut self, publish: Publish) -> Result<(), NotTaken> {
        let order = Order::Publish(self.connection, publish);
        // A link whose task has ended reports that it stopped.
        match self.orders.try_send(order) {
            Err(mpsc::error::TrySendError::Full(_)) => Err(NotTaken),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
        }
    }

    fn renew(&mut self, access: Access) {
        // One that isn't taken stays as it is until the next SIGHUP.
        if self.orders.try_send(Order::Renew(access)).is_err() {
            tracing::error!("the link is too busy for new credentials; send SIGHUP again");
        }
    }

    fn stop(&mut self) {
        // A link that doesn't take this order is given up at the stop's deadline.
        let _ = self.orders.try_send(Order::Stop);
    }

    async fn event(&mut self) -> LinkEvent {
        // Cancel-safe: receiving from a channel is.
        let event = match self.events.recv().await {
            Some((event, _place)) => event,
            None => LinkEvent::Stopped,
        };
        if let LinkEvent::Connected { connection } = event {
            self.connection = connection;
        }
        event
    }
}
