//! A client that floods: MQTT 3.1.1 over TLS written as bytes, so that nothing but the broker and the line slow it down, and each
//! message that got onto the socket is counted. It knows neither agents nor what the broker should do.
use std::{
    fmt,
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use picket_tests::provisioned::Login;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};

/// Small messages that are written at once.
const CHUNK: usize = 1_000;
/// As large as is allowed, and far larger.
const LARGE: usize = 120 * 1024;
pub(crate) const HUGE: usize = 4_000_000;
/// At most on one connection, small ones and large ones: the collector has to see them all.
const MOST_SMALL: u64 = 30_000;
const MOST_LARGE: u64 = 300;
/// The same of those that nobody sees.
const MOST_STRANGE: u64 = 5_000_000;
/// Topics for retained messages.
pub(crate) const TOPICS: u64 = 200;

/// What got onto sockets, in messages.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) connections: u64,
    pub(crate) small: Rate,
    /// Small ones to a topic that is nobody's.
    pub(crate) strange: Rate,
    pub(crate) large: u64,
    pub(crate) huge: u64,
    pub(crate) bytes: u64,
}

/// So many in that time.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    pub(crate) messages: u64,
    time: Duration,
}

impl Sent {
    pub(crate) fn messages(&self) -> u64 {
        self.small.messages + self.strange.messages + self.large + self.huge
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "offered {} messages and {} MB on {} connections: small ones {}, to a topic of nobody's {}, {} of 120 KiB, {} of 4 MB",
            self.messages(),
            self.bytes / 1_000_000,
            self.connections,
            self.small,
            self.strange,
            self.large,
            self.huge
        )
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.messages as f64 / self.time.as_secs_f64();
        write!(f, "{} at {rate:.0} a second", self.messages)
    }
}

/// Somebody with a Pi's credentials, who writes below these topics.
pub(crate) struct Flooder<'a> {
    pub(crate) login: &'a Login,
    pub(crate) telemetry: String,
    pub(crate) status: String,
}

impl Flooder<'_> {
    /// Floods for so long, and comes back each time that it is thrown out.
    pub(crate) fn flood(&self, during: Duration) -> Sent {
        let (mut sent, over) = (Sent::default(), Instant::now() + during);
        // Each has a connection of its own, for a broker throws out who sends the first.
        let parts = [
            Self::huge,
            Self::junk,
            Self::strange,
            Self::small,
            Self::large,
        ];
        loop {
            for part in parts {
                // One that is thrown out has said what it could.
                let _ = part(self, &mut sent, Instant::now() + during / 6);
            }
            if Instant::now() >= over {
                return sent;
            }
        }
    }

    /// A message that no Pi has a reason to send, retained.
    fn huge(&self, sent: &mut Sent, _: Instant) -> io::Result<()> {
        let mut line = self.connect(sent)?;
        let packet = publish(&self.status, &vec![b'x'; HUGE], true);
        put(&mut line, &packet, &mut sent.bytes)?;
        sent.huge += 1;
        settle(&mut line)
    }

    /// Retained messages on topics that are nobody's.
    fn junk(&self, sent: &mut Sent, _: Instant) -> io::Result<()> {
        let mut line = self.connect(sent)?;
        for number in 0..TOPICS {
            let packet = publish(&format!("{}/{number}", self.status), &[b'x'; LARGE], true);
            put(&mut line, &packet, &mut sent.bytes)?;
            sent.large += 1;
        }
        settle(&mut line)
    }

    /// As large as is allowed, retained.
    fn large(&self, sent: &mut Sent, over: Instant) -> io::Result<()> {
        let mut line = self.connect(sent)?;
        let packet = publish(&self.status, &[b'x'; LARGE], true);
        for _ in 0..MOST_LARGE {
            if Instant::now() >= over {
                break;
            }
            put(&mut line, &packet, &mut sent.bytes)?;
            sent.large += 1;
        }
        settle(&mut line)
    }

    /// As many as small ones are taken.
    fn small(&self, sent: &mut Sent, over: Instant) -> io::Result<()> {
        let mut line = self.connect(sent)?;
        let packet = publish(&self.telemetry, b"junk", false);
        let most = sent.small.messages + MOST_SMALL;
        let counts = (&mut sent.small, &mut sent.bytes);
        pour(&mut line, &packet, counts, (most, over))
    }

    /// The same to a topic that nobody hears, which costs a broker the least.
    fn strange(&self, sent: &mut Sent, over: Instant) -> io::Result<()> {
        let mut line = self.connect(sent)?;
        let packet = publish("junk", b"junk", false);
        let most = sent.strange.messages + MOST_STRANGE;
        let counts = (&mut sent.strange, &mut sent.bytes);
        pour(&mut line, &packet, counts, (most, over))
    }

    fn connect(&self, sent: &mut Sent) -> io::Result<Line> {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, self.login.port()))?;
        for patience in [TcpStream::set_read_timeout, TcpStream::set_write_timeout] {
            patience(&socket, Some(Duration::from_secs(20)))?;
        }
        let mut line = StreamOwned::new(self.tls(), socket);
        line.write_all(&self.hello())?;
        let mut answer = [0; 4];
        line.read_exact(&mut answer)?;
        assert_eq!(answer, [0x20, 2, 0, 0], "the broker lets the attacker in");
        sent.connections += 1;
        Ok(line)
    }

    fn tls(&self) -> ClientConnection {
        let mut trusted = RootCertStore::empty();
        for authority in CertificateDer::pem_file_iter(self.login.file("ca.pem")).unwrap() {
            trusted.add(authority.unwrap()).unwrap();
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        ClientConnection::new(Arc::new(config), name).unwrap()
    }

    /// CONNECT with user and password (MQTT 3.1.1, section 3.1), for a clean session of 60 s.
    fn hello(&self) -> Vec<u8> {
        let password = std::fs::read_to_string(self.login.file("password")).unwrap();
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, 0b1100_0010, 0, 60];
        for text in [&self.login.name, &self.login.name, password.trim_end()] {
            body.extend(string(text));
        }
        packet(0x10, &body)
    }
}

type Line = StreamOwned<ClientConnection, TcpStream>;

/// As many of that packet as are taken until `over`, and until there are so many.
fn pour(
    line: &mut Line,
    packet: &[u8],
    (rate, bytes): (&mut Rate, &mut u64),
    (most, over): (u64, Instant),
) -> io::Result<()> {
    let (chunk, start) = (packet.repeat(CHUNK), Instant::now());
    while rate.messages < most && Instant::now() < over {
        put(line, &chunk, bytes)?;
        rate.messages += CHUNK as u64;
    }
    // What waits in between is part of what it took.
    let settled = settle(line);
    rate.time += start.elapsed();
    settled
}

/// Writes all of it.
fn put(line: &mut Line, bytes: &[u8], count: &mut u64) -> io::Result<()> {
    line.write_all(bytes)?;
    *count += bytes.len() as u64;
    Ok(())
}

/// Until the broker has read all that was written before, which it shows by the answer to a ping.
fn settle(line: &mut Line) -> io::Result<()> {
    line.write_all(&[0xc0, 0])?;
    line.read_exact(&mut [0; 2])
}

/// PUBLISH at QoS 0 (section 3.3).
fn publish(topic: &str, payload: &[u8], retained: bool) -> Vec<u8> {
    let body = [&string(topic), payload].concat();
    packet(0x30 | u8::from(retained), &body)
}

fn string(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap();
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

/// With its length in groups of seven bits (section 2.2.3).
fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (vec![kind], body.len());
    loop {
        let group = (rest % 128) as u8;
        rest /= 128;
        bytes.push(if rest > 0 { group | 0x80 } else { group });
        if rest == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}
