//! A TCP proxy that counts what a client and its broker say to one another. It changes nothing.
use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::Instant,
};

use crate::mqtt::{Packet, Scanner};

/// A proxy before one broker. Its threads end with the process.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    tally: Arc<Mutex<Tally>>,
}

/// What went through a proxy so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// From the client to the broker.
    pub up: Direction,
    /// From the broker to the client.
    pub down: Direction,
    /// When the first `PUBLISH` of the client was whole.
    pub first_publish: Option<Instant>,
    /// Payloads of the client on `…/telemetry/…`, in order.
    pub batches: Vec<Vec<u8>>,
}

/// What went one way.
#[derive(Debug, Clone, Copy, Default)]
pub struct Direction {
    /// Bytes of TCP payload; without TLS those of MQTT.
    pub bytes: u64,
    /// MQTT packets of any kind.
    pub packets: u64,
    /// `PUBLISH` packets.
    pub publishes: u64,
    /// Bytes of their payloads.
    pub payload: u64,
}

impl Proxy {
    /// A proxy on a free loopback port, before that broker.
    ///
    /// # Errors
    /// No loopback port can be had.
    pub fn start(broker: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let shared = Arc::clone(&tally);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A client whose broker is gone sees its connection end, as it would without the proxy.
                drop(join(client, broker, &shared));
            }
        });
        Ok(Self { address, tally })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What went through so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        locked(&self.tally).clone()
    }
}

fn locked(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().expect("no thread panics while it counts")
}

fn join(client: TcpStream, broker: SocketAddr, tally: &Arc<Mutex<Tally>>) -> io::Result<()> {
    let server = TcpStream::connect(broker)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (up, down) = (Arc::clone(tally), Arc::clone(tally));
    let (client_too, server_too) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        pump(client, server, |bytes, packets| {
            count_up(&up, bytes, packets)
        })
    });
    thread::spawn(move || {
        pump(server_too, client_too, |bytes, packets| {
            locked(&down).down.add(bytes, packets);
        })
    });
    Ok(())
}

/// Copies until either side ends; counts before it passes on, so that nobody sees an answer to what isn't counted.
fn pump(mut from: TcpStream, mut to: TcpStream, mut count: impl FnMut(usize, &[Seen])) {
    let mut scanner = Scanner::default();
    let mut buffer = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let bytes = &buffer[..length];
        let mut packets = Vec::new();
        scanner.feed(bytes, |packet| packets.push(Seen::from(packet)));
        count(length, &packets);
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    // The other side may be gone already.
    drop(to.shutdown(std::net::Shutdown::Both));
}

/// What is kept of a packet: topic and payload if it is a `PUBLISH`.
struct Seen(Option<(Vec<u8>, Vec<u8>)>);

impl From<Packet<'_>> for Seen {
    fn from(packet: Packet<'_>) -> Self {
        let publish = packet.publish();
        Self(publish.map(|(topic, payload)| (topic.to_vec(), payload.to_vec())))
    }
}

fn count_up(tally: &Mutex<Tally>, bytes: usize, packets: &[Seen]) {
    let mut tally = locked(tally);
    tally.up.add(bytes, packets);
    for (topic, payload) in packets.iter().filter_map(|Seen(publish)| publish.as_ref()) {
        tally.first_publish.get_or_insert_with(Instant::now);
        if String::from_utf8_lossy(topic).contains("/telemetry/") {
            tally.batches.push(payload.clone());
        }
    }
}

impl Direction {
    fn add(&mut self, bytes: usize, packets: &[Seen]) {
        self.bytes += bytes as u64;
        self.packets += packets.len() as u64;
        for (_, payload) in packets.iter().filter_map(|Seen(publish)| publish.as_ref()) {
            self.publishes += 1;
            self.payload += payload.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt;

    #[test]
    fn both_directions_are_passed_on_and_counted() {
        let broker = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::start(broker.local_addr().unwrap()).unwrap();
        let mut client = TcpStream::connect(proxy.address()).unwrap();
        let (mut server, _) = broker.accept().unwrap();

        let batch = mqtt::publish("p/1/telemetry/x", 1, b"12345");
        let other = mqtt::publish("p/1/status/x", 2, b"67");
        let said = [batch.as_slice(), &other].concat();
        client.write_all(&said).unwrap();
        let mut heard = vec![0; said.len()];
        server.read_exact(&mut heard).unwrap();
        assert_eq!(heard, said);
        server.write_all(b"\x40\x02\x00\x01").unwrap();
        client.read_exact(&mut [0; 4]).unwrap();

        let tally = proxy.tally();
        assert_eq!((tally.up.packets, tally.up.publishes), (2, 2));
        assert_eq!((tally.up.bytes, tally.up.payload), (said.len() as u64, 7));
        assert_eq!((tally.down.packets, tally.down.bytes), (1, 4));
        assert_eq!(tally.batches, [b"12345"]);
        assert!(tally.first_publish.is_some());
    }
}
