//! An agent that is not there: it checks signatures, targets, nonces and boots as the protocol demands, and its machine is a
//! number. Tests tell it how to misbehave.
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use picket_proto::{
    Action, BootId, Channel, Command, DeviceId, Nonce, OperationId, Ping, Pong, Presence,
    Privilege, Reason, Report, SignedCommand, State, Topic,
    frame::{decode, encode},
};
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, LastWill, MqttOptions, Publish, QoS};
use ssh_encoding::Decode;
use ssh_key::{PublicKey, SshSig};
use tokio::{task::JoinHandle, time::sleep};

/// How an agent misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Story {
    /// It does what it is told.
    Good,
    /// Another operation is under way, always.
    Busy,
    /// It goes down and does not come back.
    Dead,
    /// It says that a reboot succeeded, from the same boot.
    Liar,
    /// It takes commands on and says nothing more.
    Silent,
}

/// What happened to it.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// So often it went down.
    pub(crate) reboots: u32,
    /// So many commands came.
    pub(crate) commands: u32,
    /// The actions that it carried out.
    pub(crate) done: Vec<Action>,
}

/// A running fake. Dropping it lets its connection die without a word.
pub(crate) struct Fake {
    pub(crate) device: DeviceId,
    pub(crate) seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Fake {
    /// Starts it and waits until it listens.
    pub(crate) async fn start(
        broker: SocketAddr,
        number: u8,
        key: PublicKey,
        story: Story,
    ) -> Self {
        Self::start_in_boot(broker, (number, 1), key, story).await
    }

    /// The same, in that boot.
    pub(crate) async fn start_in_boot(
        broker: SocketAddr,
        (number, boot): (u8, u8),
        key: PublicKey,
        story: Story,
    ) -> Self {
        let device = device(number);
        let seen = Arc::new(Mutex::new(Seen::default()));
        let mut agent = Agent {
            device,
            key,
            story,
            boot,
            connection: 0,
            nonce: 0,
            last: None,
            seen: Arc::clone(&seen),
        };
        let (up, is_up) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut up = Some(up);
            loop {
                agent.life(broker, &mut up).await;
            }
        });
        is_up.await.unwrap();
        Self { device, seen, task }
    }

    pub(crate) fn reboots(&self) -> u32 {
        self.seen.lock().unwrap().reboots
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) fn device(number: u8) -> DeviceId {
    DeviceId([0, 0, 0, 0, 0xfa, 0xce, 0, number])
}

struct Agent {
    device: DeviceId,
    key: PublicKey,
    story: Story,
    boot: u8,
    connection: u32,
    nonce: u64,
    last: Option<(OperationId, State)>,
    seen: Arc<Mutex<Seen>>,
}

/// Why a life of the agent goes on or ends.
#[derive(PartialEq)]
enum Fate {
    Up,
    Down,
}

impl Agent {
    /// From a connection to its end, or to the end of the boot.
    async fn life(
        &mut self,
        broker: SocketAddr,
        up: &mut Option<tokio::sync::oneshot::Sender<()>>,
    ) {
        self.connection += 1;
        self.nonce += 1;
        let (client, mut poll) = self.connect(broker);
        loop {
            let packet = match poll.poll().await {
                Ok(Event::Incoming(packet)) => packet,
                Ok(_) => continue,
                Err(_) => {
                    sleep(Duration::from_millis(50)).await;
                    return;
                }
            };
            match packet {
                Incoming::ConnAck(_) => {
                    for channel in [Channel::Command, Channel::Ping] {
                        let name = self.topic(channel);
                        client.try_subscribe(name, QoS::AtLeastOnce).unwrap();
                    }
                }
                Incoming::SubAck(ack) if ack.pkid == 2 => {
                    self.publish(&client, Channel::Presence, encode(&self.presence(true)));
                    if let Some(up) = up.take() {
                        up.send(()).unwrap();
                    }
                }
                Incoming::Publish(message) if self.take(&client, &message) == Fate::Down => {
                    return self.go_down(client, poll).await;
                }
                _ => {}
            }
        }
    }

    fn connect(&self, broker: SocketAddr) -> (AsyncClient, EventLoop) {
        let mut options = MqttOptions::new(
            format!("fake-{}", self.device),
            broker.ip().to_string(),
            broker.port(),
        );
        let gone = encode(&self.presence(false));
        options
            .set_last_will(LastWill::new(
                self.topic(Channel::Presence),
                gone,
                QoS::AtLeastOnce,
                true,
            ))
            .set_keep_alive(Duration::from_secs(5));
        AsyncClient::new(options, 64)
    }

    fn presence(&self, online: bool) -> Presence {
        Presence {
            boot: self.boot_id(),
            connection: self.connection,
            online,
        }
    }

    /// What was said before is sent, then the line is dead for a moment, or for good.
    async fn go_down(&mut self, client: AsyncClient, mut poll: EventLoop) {
        client.try_disconnect().unwrap();
        while poll.poll().await.is_ok() {}
        if self.story == Story::Dead {
            std::future::pending::<()>().await;
        }
        self.boot += 1;
        self.connection = 0;
        self.last = None;
    }

    fn take(&mut self, client: &AsyncClient, message: &Publish) -> Fate {
        let topic = Topic::parse(&message.topic, "picket").unwrap();
        assert!(!message.retain, "nothing is ever published retained");
        if topic.channel == Channel::Ping {
            let ping: Ping = decode(&message.payload).unwrap();
            let pong = Pong {
                token: ping.token,
                nonce: self.nonce(),
                boot: self.boot_id(),
                boottime_ms: 1_000,
            };
            self.publish(client, Channel::Pong, encode(&pong));
            return Fate::Up;
        }
        self.seen.lock().unwrap().commands += 1;
        self.command(client, &message.payload)
    }

    fn command(&mut self, client: &AsyncClient, payload: &[u8]) -> Fate {
        let signed: SignedCommand = decode(payload).unwrap();
        let command = Command::parse(&signed.payload).unwrap();
        self.verify(&signed, command.action.privilege().unwrap());
        let target = *command.target(self.device).expect("it is for us");
        let operation = command.operation;
        if let Some((known, state)) = self.last.filter(|(known, _)| *known == operation) {
            self.report(client, known, state, None);
            return Fate::Up;
        }
        if matches!(command.action, Action::Reboot { .. }) && target.boot != self.boot_id() {
            self.report(client, operation, State::Succeeded, None);
            return Fate::Up;
        }
        if target.nonce != self.nonce() {
            self.report(client, operation, State::Refused, Some(Reason::StaleNonce));
            return Fate::Up;
        }
        if self.story == Story::Busy {
            self.report(client, operation, State::Refused, Some(Reason::Busy));
            return Fate::Up;
        }
        self.act(client, operation, command.action)
    }

    fn act(&mut self, client: &AsyncClient, operation: OperationId, action: Action) -> Fate {
        if let Action::Query { operation: wanted } = action {
            let known = self
                .last
                .filter(|(known, _)| wanted.is_none_or(|wanted| wanted == *known));
            match known {
                Some((known, state)) => {
                    self.report(client, known, state, None);
                    self.report(client, operation, State::Succeeded, None);
                }
                None => self.report(
                    client,
                    operation,
                    State::Refused,
                    Some(Reason::UnknownOperation),
                ),
            }
            return Fate::Up;
        }
        self.nonce += 1;
        self.last = Some((operation, State::Accepted));
        self.report(client, operation, State::Accepted, None);
        match (self.story, &action) {
            (Story::Silent, _) => Fate::Up,
            (Story::Liar, _) => {
                self.report(client, operation, State::Succeeded, None);
                Fate::Up
            }
            (_, Action::Reboot { .. }) => {
                self.report(client, operation, State::Rebooting, None);
                self.seen.lock().unwrap().reboots += 1;
                Fate::Down
            }
            _ => {
                self.last = Some((operation, State::Succeeded));
                self.report(client, operation, State::Succeeded, None);
                self.seen.lock().unwrap().done.push(action);
                Fate::Up
            }
        }
    }

    fn verify(&self, signed: &SignedCommand, privilege: Privilege) {
        let signature = SshSig::decode(&mut &signed.signature[..]).unwrap();
        let verified = self
            .key
            .verify(privilege.namespace(), &signed.payload, &signature);
        verified.expect("the signature is one of the payload, for its privilege");
    }

    fn report(
        &self,
        client: &AsyncClient,
        operation: OperationId,
        state: State,
        reason: Option<Reason>,
    ) {
        let report = Report {
            operation: Some(operation),
            state: Some(state),
            reason,
            boot: Some(self.boot_id()),
            ..Report::default()
        };
        self.publish(client, Channel::Report, encode(&report));
    }

    fn publish(&self, client: &AsyncClient, channel: Channel, payload: Vec<u8>) {
        let retain = channel == Channel::Presence;
        let sent = client.try_publish(self.topic(channel), QoS::AtLeastOnce, retain, payload);
        sent.unwrap();
    }

    fn topic(&self, channel: Channel) -> String {
        Topic {
            channel,
            device: self.device,
        }
        .name("picket")
    }

    fn boot_id(&self) -> BootId {
        BootId([self.boot; 16])
    }

    fn nonce(&self) -> Nonce {
        let mut nonce = [self.boot; 16];
        nonce[..8].copy_from_slice(&self.nonce.to_le_bytes());
        Nonce(nonce)
    }
}
