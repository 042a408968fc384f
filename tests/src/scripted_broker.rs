//! A broker that does what a test says, packet by packet: it withholds answers, stops in the middle of a packet, drops the
//! line. MQTT 3.1.1 as far as an agent uses it (OASIS MQTT 3.1.1, chapters 2 and 3).
//!
//! It runs in the test's own runtime, so that with tokio's paused clock hours pass at once. It panics on what it does not
//! expect.
use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Listens on a loopback port of the kernel's choice.
pub struct ScriptedBroker {
    listener: TcpListener,
}

/// One client of it.
pub struct Peer {
    stream: TcpStream,
}

/// Which delivery of a message with QoS 1 it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The first one.
    First,
    /// A later one, since no confirmation came: marked as a duplicate.
    Again,
}

/// A packet that came from the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    /// CONNECT.
    Connect(Connect),
    /// PUBLISH.
    Publish(Publish),
    /// SUBSCRIBE.
    Subscribe {
        /// Its packet id.
        id: u16,
        /// Topic filters.
        filters: Vec<String>,
    },
    /// PUBACK for a packet of ours.
    PubAck(u16),
    /// PINGREQ.
    PingReq,
    /// DISCONNECT.
    Disconnect,
    /// The connection is closed.
    Closed,
}

/// What a CONNECT says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    /// Whether it wants a clean session.
    pub clean_session: bool,
    /// In seconds.
    pub keep_alive: u16,
    /// Client id.
    pub client_id: String,
    /// The will's topic, payload, and whether it is retained.
    pub will: Option<(String, Vec<u8>, bool)>,
    /// User and password.
    pub login: Option<(String, String)>,
}

/// What a PUBLISH says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// Its packet id; 0 with QoS 0.
    pub id: u16,
    /// Topic.
    pub topic: String,
    /// Whether the broker shall keep it.
    pub retain: bool,
    /// Payload.
    pub payload: Vec<u8>,
}

impl ScriptedBroker {
    /// # Panics
    /// If loopback has no free port.
    pub async fn start() -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address")).await
    }

    /// # Panics
    /// If that address is taken.
    pub async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        Self { listener }
    }

    /// Where it listens.
    ///
    /// # Panics
    /// Never on Linux.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listener
            .local_addr()
            .expect("a bound socket has an address")
    }

    /// The next connection.
    ///
    /// # Panics
    /// If accepting fails.
    pub async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("a TCP socket");
        Peer { stream }
    }

    /// The next connection, taken as far as an agent's presence: CONNECT, SUBSCRIBE and the first PUBLISH are answered.
    ///
    /// # Panics
    /// If the client says anything else.
    pub async fn welcome(&self) -> (Peer, Connect, Publish) {
        let mut peer = self.accept().await;
        let connect = peer.connect().await;
        peer.connack(0).await;
        let (id, filters) = peer.subscribe().await;
        peer.suback(id, &vec![1; filters.len()]).await;
        let presence = peer.publish().await;
        peer.puback(presence.id).await;
        (peer, connect, presence)
    }
}

impl Peer {
    /// The next packet.
    ///
    /// # Panics
    /// If it is none that an agent sends.
    pub async fn read(&mut self) -> Packet {
        let Ok(head) = self.stream.read_u8().await else {
            return Packet::Closed;
        };
        let mut body = vec![0; self.length().await];
        if self.stream.read_exact(&mut body).await.is_err() {
            return Packet::Closed;
        }
        parse(head, &mut Bytes(&body))
    }

    /// Reads a CONNECT.
    ///
    /// # Panics
    /// If it is something else.
    pub async fn connect(&mut self) -> Connect {
        match self.read().await {
            Packet::Connect(connect) => connect,
            other => panic!("CONNECT was expected and not {other:?}"),
        }
    }

    /// Reads a SUBSCRIBE: its packet id and filters.
    ///
    /// # Panics
    /// If it is something else.
    pub async fn subscribe(&mut self) -> (u16, Vec<String>) {
        match self.read().await {
            Packet::Subscribe { id, filters } => (id, filters),
            other => panic!("SUBSCRIBE was expected and not {other:?}"),
        }
    }

    /// Reads a PUBLISH.
    ///
    /// # Panics
    /// If it is something else.
    pub async fn publish(&mut self) -> Publish {
        match self.read().await {
            Packet::Publish(publish) => publish,
            other => panic!("PUBLISH was expected and not {other:?}"),
        }
    }

    /// Accepts the connection with 0, or refuses it with 1 to 5.
    pub async fn connack(&mut self, code: u8) {
        self.send(&[0x20, 2, 0, code]).await;
    }

    /// Answers a SUBSCRIBE; 0x80 refuses a filter.
    ///
    /// # Panics
    /// If there are more codes than a short packet holds.
    pub async fn suback(&mut self, id: u16, codes: &[u8]) {
        let length = u8::try_from(2 + codes.len()).expect("few codes");
        self.send(&[&[0x90, length], &id.to_be_bytes()[..], codes].concat())
            .await;
    }

    /// Confirms a PUBLISH.
    pub async fn puback(&mut self, id: u16) {
        self.send(&[&[0x40, 2], &id.to_be_bytes()[..]].concat())
            .await;
    }

    /// Answers a PINGREQ.
    pub async fn pingresp(&mut self) {
        self.send(&[0xd0, 0]).await;
    }

    /// Sends a retained message with QoS 0.
    ///
    /// # Panics
    /// If the topic is longer than MQTT allows.
    pub async fn message(&mut self, topic: &str, payload: &[u8]) {
        self.publish_to(0x31, topic, payload).await;
    }

    /// Sends a message with QoS 0 that is not retained.
    ///
    /// # Panics
    /// If the topic is longer than MQTT allows.
    pub async fn fleeting(&mut self, topic: &str, payload: &[u8]) {
        self.publish_to(0x30, topic, payload).await;
    }

    /// Sends a message with QoS 1.
    ///
    /// # Panics
    /// If the topic is longer than MQTT allows.
    pub async fn deliver(&mut self, delivery: Delivery, topic: &str, id: u16, payload: &[u8]) {
        let head = match delivery {
            Delivery::First => 0x32,
            Delivery::Again => 0x3a,
        };
        let rest = [&id.to_be_bytes()[..], payload].concat();
        self.publish_to(head, topic, &rest).await;
    }

    /// Waits until the client has sent something, or has closed the connection.
    pub async fn readable(&self) {
        // An error is for the next read to tell.
        let _ = self.stream.peek(&mut [0]).await;
    }

    async fn publish_to(&mut self, head: u8, topic: &str, payload: &[u8]) {
        let length = u16::try_from(topic.len()).expect("a short topic");
        let body = [&length.to_be_bytes()[..], topic.as_bytes(), payload].concat();
        let mut packet = vec![head];
        let mut rest = body.len();
        loop {
            let digit = u8::try_from(rest % 128).expect("below 128");
            rest /= 128;
            packet.push(if rest > 0 { digit | 0x80 } else { digit });
            if rest == 0 {
                break;
            }
        }
        self.send(&[packet, body].concat()).await;
    }

    /// Sends any bytes; that the client has gone is no error.
    pub async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    async fn length(&mut self) -> usize {
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            let digit = self.stream.read_u8().await.unwrap_or(0);
            length |= usize::from(digit & 0x7f) << shift;
            if digit & 0x80 == 0 {
                break;
            }
        }
        length
    }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().expect("two bytes"))
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.u16();
        self.take(length.into()).to_vec()
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.bytes()).expect("MQTT strings are UTF-8")
    }
}

fn parse(head: u8, body: &mut Bytes<'_>) -> Packet {
    match head >> 4 {
        1 => Packet::Connect(connect(body)),
        3 => {
            let topic = body.text();
            let id = if head & 0x06 == 0 { 0 } else { body.u16() };
            Packet::Publish(Publish {
                id,
                topic,
                retain: head & 1 == 1,
                payload: body.0.to_vec(),
            })
        }
        4 => Packet::PubAck(body.u16()),
        8 => {
            let id = body.u16();
            let mut filters = Vec::new();
            while !body.0.is_empty() {
                filters.push(body.text());
                body.take(1);
            }
            Packet::Subscribe { id, filters }
        }
        12 => Packet::PingReq,
        14 => Packet::Disconnect,
        kind => panic!("an agent sends no packet of kind {kind}"),
    }
}

fn connect(body: &mut Bytes<'_>) -> Connect {
    assert_eq!(body.text(), "MQTT");
    assert_eq!(body.take(1), [4], "MQTT 3.1.1");
    let flags = body.take(1)[0];
    let keep_alive = body.u16();
    let client_id = body.text();
    let will = (flags & 0x04 != 0).then(|| (body.text(), body.bytes(), flags & 0x20 != 0));
    let login = (flags & 0x80 != 0).then(|| (body.text(), body.text()));
    Connect {
        clean_session: flags & 0x02 != 0,
        keep_alive,
        client_id,
        will,
        login,
    }
}
