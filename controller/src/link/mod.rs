//! The controller's connection to the broker: what Pis say comes out as messages; acks, pings and commands go in. The only
//! place that knows MQTT; it knows nothing of what the payloads mean.
//!
//! After each disconnect the whole client is thrown away and a new one made, and what waited to be published with it: whoever
//! publishes says it again when nothing comes of it, so nothing depends on a queue here. Nothing is ever published retained: a
//! command that the broker keeps would be given to an agent long after its time.
mod backoff;
mod confirming;
mod listening;
mod subscribing;
mod tls;
mod words;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use picket_proto::{DeviceId, Topic};
use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, Outgoing, QoS, Transport};
use tokio::sync::mpsc;

use crate::random;

use backoff::Backoff;
use confirming::Confirming;
pub use listening::Listening;
pub use picketd::config::Broker;
use subscribing::Subscribing;
use words::words;

/// A batch of 1024 ticks and 128 columns has room in this many bytes.
const MAX_PACKET: usize = 2 * 1024 * 1024;
/// Messages that wait for their reader; beyond it the broker waits.
const WAITING: usize = 1024;
/// What connecting and subscribing may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where and as whom to connect, and what to listen to.
#[derive(Debug, Clone)]
pub struct LinkSettings {
    /// The broker.
    pub broker: Broker,
    /// Root word of the topics.
    pub topic_root: String,
    /// MQTT client id. Two clients with one id throw each other out.
    pub client_id: String,
    /// User and password.
    pub login: Option<(String, String)>,
    /// PEM file of the authorities that the broker's certificate is checked against; the system's without.
    pub ca: Option<PathBuf>,
    /// PEM files of the client's certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Which channels to listen to.
    pub listening: Listening,
    /// Devices whose channels are subscribed to by name.
    pub known: Vec<DeviceId>,
}

/// What the link reports.
#[derive(Debug)]
pub enum LinkEvent {
    /// Connected, and the broker has confirmed every subscription.
    Connected,
    /// The broker refuses these subscriptions; what is said there stays unheard.
    SubscriptionRefused(Vec<String>),
    /// Not connected: why, and when the next attempt is made.
    Disconnected {
        /// In words.
        why: String,
        /// Time until the next attempt.
        retry_in: Duration,
    },
    /// A message on one of our topics.
    Message {
        /// Where.
        topic: Topic,
        /// What.
        payload: Vec<u8>,
        /// The retain flag as received.
        retained: bool,
    },
    /// The broker has what was published there; if there was more than one, the oldest that wasn't confirmed yet.
    Confirmed(Topic),
}

/// What is to be published: where, and the payload.
type Saying = (Topic, Vec<u8>);

/// The running link. Dropping it ends the connection.
#[derive(Debug)]
pub struct Link {
    events: mpsc::Receiver<LinkEvent>,
    sayings: mpsc::Sender<Saying>,
    task: tokio::task::JoinHandle<()>,
}

impl Link {
    /// Starts connecting in the background.
    ///
    /// # Errors
    /// A certificate or key can't be read or is not valid.
    pub fn start(settings: LinkSettings) -> Result<Self> {
        let transport = match settings.broker.tls {
            true => Transport::tls_with_config(tls::configuration(&settings)?),
            false if settings.ca.is_some() || settings.identity.is_some() => {
                bail!("certificates need TLS; write the broker as mqtts://…")
            }
            false => Transport::tcp(),
        };
        let (events_in, events) = mpsc::channel(WAITING);
        let (sayings, sayings_out) = mpsc::channel(WAITING);
        let line = Line {
            settings,
            transport,
            events: events_in,
            sayings: sayings_out,
        };
        let task = tokio::spawn(line.run());
        Ok(Self {
            events,
            sayings,
            task,
        })
    }

    /// The next event. Cancel-safe: an event is taken or stays.
    pub async fn event(&mut self) -> LinkEvent {
        let event = self.events.recv().await;
        event.expect("the task holds the sender until this link is dropped")
    }

    /// Publishes with QoS 1 and never retained, if there is room and a connection; what is dropped must be said again when
    /// nothing comes of it.
    pub fn publish(&self, topic: Topic, payload: Vec<u8>) {
        let _ = self.sayings.try_send((topic, payload));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Line {
    settings: LinkSettings,
    transport: Transport,
    events: mpsc::Sender<LinkEvent>,
    sayings: mpsc::Receiver<Saying>,
}

impl Line {
    async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let why = self.session(&mut backoff).await;
            let retry_in = backoff.next(random::number().ok());
            let why = format!("{}: {why}", self.settings.broker);
            let event = LinkEvent::Disconnected { why, retry_in };
            if self.events.send(event).await.is_err() {
                return;
            }
            tokio::time::sleep(retry_in).await;
        }
    }

    /// One connection, from its start to why it ended.
    async fn session(&mut self, backoff: &mut Backoff) -> String {
        let (client, mut poll) = AsyncClient::new(self.options(), WAITING);
        let settings = &self.settings;
        let filters = settings
            .listening
            .filters(&settings.topic_root, &settings.known);
        let mut subscribed = Subscribing::new(filters);
        let mut confirming = Confirming::default();
        while self.sayings.try_recv().is_ok() {}
        let patience = tokio::time::sleep(PATIENCE);
        tokio::pin!(patience);
        loop {
            tokio::select! {
                // Cancel-safe: what is said is taken from the queue or stays in it.
                Some((topic, payload)) = self.sayings.recv(), if subscribed.is_complete() => {
                    let name = topic.name(&self.settings.topic_root);
                    if client.try_publish(name, QoS::AtLeastOnce, false, payload).is_ok() {
                        confirming.asked(topic);
                    }
                }
                () = &mut patience, if !subscribed.is_complete() => {
                    return "the broker did not answer in 20 s".to_owned();
                }
                // Cancel-safe: rumqttc keeps what it has read in its own buffer.
                event = poll.poll() => {
                    let packet = match event {
                        Ok(Event::Incoming(packet)) => packet,
                        Ok(Event::Outgoing(Outgoing::Publish(id))) => {
                            confirming.sent(id);
                            continue;
                        }
                        Ok(Event::Outgoing(_)) => continue,
                        Err(error) => return words(&error),
                    };
                    if let Incoming::PubAck(ack) = &packet {
                        if let Some(topic) = confirming.confirmed(ack.pkid) {
                            if let Err(why) = self.tell(LinkEvent::Confirmed(topic)).await {
                                return why;
                            }
                        }
                    }
                    if let Err(why) = self.take(packet, &client, &mut subscribed, backoff).await {
                        return why;
                    }
                }
            }
        }
    }

    async fn take(
        &mut self,
        packet: Incoming,
        client: &AsyncClient,
        subscribing: &mut Subscribing,
        backoff: &mut Backoff,
    ) -> Result<(), String> {
        match packet {
            Incoming::ConnAck(_) => subscribing.ask(client)?,
            Incoming::SubAck(confirmed) => {
                subscribing.answer(&confirmed.return_codes);
                if !subscribing.is_complete() {
                    return subscribing.ask(client);
                }
                backoff.reset();
                self.tell(LinkEvent::Connected).await?;
                if !subscribing.refused.is_empty() {
                    let refused = std::mem::take(&mut subscribing.refused);
                    self.tell(LinkEvent::SubscriptionRefused(refused)).await?;
                }
            }
            Incoming::Publish(message) => {
                if let Some(topic) = Topic::parse(&message.topic, &self.settings.topic_root) {
                    self.tell(LinkEvent::Message {
                        topic,
                        payload: message.payload.to_vec(),
                        retained: message.retain,
                    })
                    .await?;
                }
            }
            Incoming::Disconnect => return Err("the broker closed the connection".to_owned()),
            _ => {}
        }
        Ok(())
    }

    async fn tell(&self, event: LinkEvent) -> Result<(), String> {
        let sent = self.events.send(event).await;
        sent.map_err(|_| "nobody listens any more".to_owned())
    }

    fn options(&self) -> MqttOptions {
        let settings = &self.settings;
        let mut options = MqttOptions::new(
            &settings.client_id,
            &settings.broker.host,
            settings.broker.port,
        );
        options
            .set_transport(self.transport.clone())
            .set_max_packet_size(MAX_PACKET, MAX_PACKET)
            .set_keep_alive(Duration::from_secs(30))
            .set_clean_session(true);
        if let Some((user, password)) = &settings.login {
            options.set_credentials(user, password);
        }
        options
    }
}

/// A client id that no other controller has.
///
/// # Errors
/// The system gives no random numbers.
pub fn fresh_client_id() -> Result<String> {
    let random = random::number().context("no client id can be made; give --client-id")?;
    Ok(format!("picket-{random:016x}"))
}
