//! The task that keeps a connection up: resolves, tries each address, backs off, says goodbye. What happens while there is
//! a connection is in [`present`].
mod present;

use std::{net::SocketAddr, time::Duration};

use rumqttc::{Event, Outgoing};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{
    Cause, LinkEvent, Order,
    addresses::Addresses,
    backoff::{self, Backoff},
    client::{Client, Connection},
    guard::{Change, Guard},
    inlet::{Inlet, Place},
    resolver::Resolver,
    session::Session,
};

/// Owns everything that outlives a connection.
pub(super) struct Supervisor {
    client: Client,
    orders: mpsc::Receiver<Order>,
    events: mpsc::UnboundedSender<(LinkEvent, Option<Place>)>,
    resolver: Resolver,
    addresses: Addresses,
    backoff: Backoff,
    guard: Guard,
    inlet: Inlet,
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
    /// What comes after the goodbye, once one is wanted.
    leaving: Option<End>,
}

impl Supervisor {
    pub(super) fn new(
        client: Client,
        orders: mpsc::Receiver<Order>,
        events: mpsc::UnboundedSender<(LinkEvent, Option<Place>)>,
        number: u32,
    ) -> Self {
        Self {
            resolver: Resolver::new(client.names()),
            client,
            orders,
            events,
            addresses: Addresses::default(),
            backoff: Backoff::default(),
            guard: Guard::default(),
            inlet: Inlet::default(),
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
                order = self.orders.recv() => match order {
                    Some(Order::Publish(..)) => {}
                    Some(Order::Renew(access)) => {
                        if self.client.renew(access) {
                            return true;
                        }
                    }
                    Some(Order::Stop) | None => return false,
                },
            }
        }
    }

    /// Tries every address until one connection was up; false if the agent stops.
    async fn round(&mut self) -> bool {
        if !self.client.is_ready() {
            tracing::warn!(
                "no connection to the broker: the disk with the password and the certificates has not answered yet"
            );
            self.backoff.ended(Duration::ZERO);
            return true;
        }
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
                None if cause == Cause::Renewed => {}
                None => tracing::warn!(%address, "no connection to the broker: {cause}"),
                Some(_) if cause == Cause::Renewed => {
                    tracing::info!("{cause}");
                    self.tell(LinkEvent::Disconnected { cause });
                    return true;
                }
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
            leaving: None,
        };
        loop {
            let happening = self.wait(&mut present).await;
            if let Err(end) = self.handle(&mut present, happening) {
                // After a goodbye nothing else counts: an agent that stops isn't worth another connection.
                let end = present.leaving.unwrap_or(end);
                return (end, present.since.map(|since| since.elapsed()));
            }
            if present.since.is_some() {
                self.addresses.worked(address);
            }
            if present.leaving.is_some() && present.session.is_idle() {
                self.goodbye(&mut present).await;
                let end = present.leaving.unwrap_or(End::Stopped);
                return (end, present.since.map(|since| since.elapsed()));
            }
        }
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

    /// Waits until the client has written DISCONNECT, or can't within 5 s.
    async fn goodbye(&mut self, present: &mut Present) {
        self.client.disconnect(&present.connection);
        let written = async {
            while let Some(Ok(event)) = present.connection.events.recv().await {
                if event == Event::Outgoing(Outgoing::Disconnect) {
                    return;
                }
            }
        };
        // A broker that takes nothing more hears no goodbye either.
        let _ = timeout(Duration::from_secs(5), written).await;
    }

    fn tell(&self, event: LinkEvent) {
        // The owner loop is gone only when the process ends.
        let _ = self.events.send((event, None));
    }
}
