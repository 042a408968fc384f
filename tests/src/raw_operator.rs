//! An operator with bare hands: it pings, signs and publishes whatever a test wants, also what `picket` never would, and keeps
//! every message that agents send.
use std::{
    fs::File,
    io::Read,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use picket_proto::{
    Action, Batch, BootId, Channel, Command, DeviceId, Message, Nonce, OperationId, Ping, Pong,
    Report, Target, Topic, frame,
};
use picket_test_keys::TestKey;
use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};

use crate::eventually;

const PATIENCE: Duration = Duration::from_secs(60);
/// An agent that is emulated on a busy machine answers late, and only the newest question counts.
const ASK_AGAIN: Duration = Duration::from_secs(5);
const ROOT: &str = "picket";
/// More than any agent or any other client of the tests sends.
const LARGEST: usize = 1 << 20;
/// How long a command is good, in ms of the agent's boot.
const GOOD_FOR_MS: u64 = 120_000;

/// Whether the broker shall keep a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retain {
    /// It shall.
    Yes,
    /// It shall not.
    No,
}

/// A client of the broker.
pub struct RawOperator {
    client: Client,
    shared: Arc<Shared>,
    published: AtomicU64,
    key: TestKey,
    actor: String,
}

/// What the listening thread knows.
#[derive(Default)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    subscribed: AtomicBool,
    confirmed: AtomicU64,
}

/// A message that came.
#[derive(Debug, Clone)]
pub struct Heard {
    /// When.
    pub at: Instant,
    /// From which Pi.
    pub device: DeviceId,
    /// Where.
    pub channel: Channel,
    /// What.
    pub message: Message,
}

impl RawOperator {
    /// Connects, and hears all agents from now on.
    pub fn connect(broker: SocketAddr, key: &TestKey, actor: &str) -> Self {
        let id = format!("raw-{:016x}", random_number());
        let mut options = MqttOptions::new(id, broker.ip().to_string(), broker.port());
        options.set_max_packet_size(LARGEST, LARGEST);
        let (client, connection) = Client::new(options, 1024);
        let shared = Arc::new(Shared::default());
        thread::spawn({
            let (client, shared) = (client.clone(), shared.clone());
            move || listen(connection, &client, &shared)
        });
        eventually("the subscription stands", PATIENCE, || {
            shared.subscribed.load(Ordering::SeqCst).then_some(())
        });
        Self {
            client,
            shared,
            published: AtomicU64::new(0),
            key: key.clone(),
            actor: actor.to_owned(),
        }
    }

    /// The key that it signs with.
    pub fn key(&self) -> &TestKey {
        &self.key
    }

    /// Publishes any bytes.
    pub fn publish(&self, device: DeviceId, channel: Channel, payload: Vec<u8>, retain: Retain) {
        let topic = Topic { channel, device }.name(ROOT);
        self.published.fetch_add(1, Ordering::SeqCst);
        self.client
            .publish(topic, QoS::AtLeastOnce, retain == Retain::Yes, payload)
            .expect("the client runs");
    }

    /// Gives a command to an agent, as it should be done.
    pub fn offer(&self, command: &Command) {
        let frame = self.key.frame(command);
        for target in &command.targets {
            self.publish(target.device, Channel::Command, frame.clone(), Retain::No);
        }
    }

    /// Waits until the broker has everything that was published before.
    pub fn settle(&self) {
        eventually("the broker confirms", PATIENCE, || {
            let confirmed = self.shared.confirmed.load(Ordering::SeqCst);
            (confirmed >= self.published.load(Ordering::SeqCst)).then_some(())
        });
    }

    /// Pings until the answer comes.
    pub fn ping(&self, device: DeviceId) -> Pong {
        let mut asked: Option<(u64, Instant)> = None;
        eventually("a pong comes", PATIENCE, || {
            let due = asked.is_none_or(|(_, at)| at.elapsed() > ASK_AGAIN);
            if due {
                let token = random_number();
                let ping = frame::encode(&Ping { token });
                self.publish(device, Channel::Ping, ping, Retain::No);
                asked = Some((token, Instant::now()));
            }
            let token = asked.map(|(token, _)| token);
            self.heard(|heard| match heard.message {
                Message::Pong(pong) if Some(pong.token) == token => Some(pong),
                _ => None,
            })
            .pop()
        })
    }

    /// A fresh command, for what the agent says now.
    pub fn command(&self, device: DeviceId, action: Action) -> Command {
        let pong = self.ping(device);
        self.command_after(device, &pong, action)
    }

    /// A command after a pong.
    pub fn command_after(&self, device: DeviceId, pong: &Pong, action: Action) -> Command {
        Command {
            operation: operation(),
            targets: vec![Target {
                device,
                boot: pong.boot,
                nonce: pong.nonce,
                not_after_ms: pong.boottime_ms + GOOD_FOR_MS,
            }],
            actor: self.actor.clone(),
            on_behalf_of: String::new(),
            reason: "a test".to_owned(),
            action,
        }
    }

    /// What `pick` makes of the messages so far, in their order.
    pub fn heard<T>(&self, pick: impl FnMut(&Heard) -> Option<T>) -> Vec<T> {
        let heard = self.shared.heard.lock().expect("no holder panics");
        heard.iter().filter_map(pick).collect()
    }

    /// The reports of one Pi so far.
    pub fn reports(&self, device: DeviceId) -> Vec<Report> {
        self.heard(|heard| match &heard.message {
            Message::Report(report) if heard.device == device => Some(report.clone()),
            _ => None,
        })
    }

    /// Waits for a report of one Pi.
    pub fn wait_for_report(
        &self,
        device: DeviceId,
        what: &str,
        wanted: impl Fn(&Report) -> bool,
    ) -> Report {
        let what = format!("a report of {device}: {what}");
        eventually(&what, PATIENCE, || {
            self.reports(device)
                .into_iter()
                .find(|report| wanted(report))
        })
    }

    /// Waits for the final report of an operation.
    pub fn wait_for_end(&self, device: DeviceId, operation: OperationId) -> Report {
        self.wait_for_report(device, "the end", |report| {
            report.operation == Some(operation)
                && report.state.is_some_and(|state| state.is_final())
        })
    }

    /// The ticks of one Pi so far, by boot and number, in the order in which they came.
    pub fn ticks(&self, device: DeviceId) -> Vec<(BootId, u64)> {
        let batches = self.heard(|heard| match &heard.message {
            Message::Batch(batch) if heard.device == device => Some(names(batch)),
            _ => None,
        });
        batches.concat()
    }
}

impl Drop for RawOperator {
    fn drop(&mut self) {
        let _ = self.client.disconnect();
    }
}

/// A new operation id.
pub fn operation() -> OperationId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&random_number().to_be_bytes());
    bytes[8..].copy_from_slice(&random_number().to_be_bytes());
    OperationId(bytes)
}

/// A nonce that no agent has given.
pub fn foreign_nonce() -> Nonce {
    Nonce(operation().0)
}

fn names(batch: &Batch) -> Vec<(BootId, u64)> {
    let header = &batch.header;
    let rows = 0..u64::from(header.count);
    rows.map(|row| {
        (
            header.boot,
            header.first_tick + row * u64::from(header.stride),
        )
    })
    .collect()
}

fn listen(mut connection: Connection, client: &Client, shared: &Shared) {
    // Ends when the last client is gone or has said goodbye.
    for event in connection.iter() {
        match event {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let _ = client.try_subscribe(format!("{ROOT}/1/+/+"), QoS::AtLeastOnce);
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                shared.subscribed.store(true, Ordering::SeqCst);
            }
            Ok(Event::Incoming(Packet::PubAck(_))) => {
                shared.confirmed.fetch_add(1, Ordering::SeqCst);
            }
            Ok(Event::Incoming(Packet::Publish(publish))) => {
                let heard = understand(&publish);
                shared.heard.lock().expect("no holder panics").extend(heard);
            }
            Ok(Event::Outgoing(rumqttc::Outgoing::Disconnect)) => return,
            Ok(_) => {}
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn understand(publish: &rumqttc::Publish) -> Option<Heard> {
    let topic = Topic::parse(&publish.topic, ROOT)?;
    Some(Heard {
        at: Instant::now(),
        device: topic.device,
        channel: topic.channel,
        message: Message::decode(&publish.payload).ok()?,
    })
}

fn random_number() -> u64 {
    let mut bytes = [0; 8];
    let mut source = File::open("/dev/urandom").expect("the kernel has random numbers");
    source
        .read_exact(&mut bytes)
        .expect("random numbers don't end");
    u64::from_be_bytes(bytes)
}
