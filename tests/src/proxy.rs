//! A TCP proxy on loopback that can hang (a full socket), delay, cut, reset, refuse, change and heal the lines through it.
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    time::{Duration, Instant},
};

use rustix::net::sockopt::set_socket_linger;

/// How much is read at once.
const CHUNK: usize = 4096;
/// So many chunks wait for their time; then the line's own buffers fill.
const IN_FLIGHT: usize = 64;

/// A proxy in front of one server.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    hung: AtomicBool,
    refusing: AtomicBool,
    delay_ms: AtomicU64,
    bytes_up: AtomicU64,
    /// Where this is on its way to the server next, its first byte is to be another.
    to_change: Mutex<Option<&'static [u8]>>,
    lines: Mutex<Vec<Arc<Line>>>,
    arrivals: Mutex<Vec<Instant>>,
}

/// A client, and its way to the server.
struct Line {
    client: TcpStream,
    server: TcpStream,
    /// It ends with a reset, as soon as nobody has it open any more.
    reset: AtomicBool,
}

/// Bytes that are to be written at a time.
struct Chunk {
    due: Instant,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// To the server.
    Up,
    /// From it.
    Down,
}

impl Proxy {
    /// Starts a proxy that forwards to `server`.
    pub fn to(server: SocketAddr) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        Self::on(listener, server)
    }

    /// The same on a listener that may lie in another network than the server.
    pub fn on(listener: TcpListener, server: SocketAddr) -> Self {
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            server,
            hung: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            delay_ms: AtomicU64::new(0),
            bytes_up: AtomicU64::new(0),
            to_change: Mutex::default(),
            lines: Mutex::default(),
            arrivals: Mutex::default(),
        });
        std::thread::spawn({
            let shared = shared.clone();
            move || {
                listener
                    .incoming()
                    .flatten()
                    .for_each(|line| serve(line, &shared))
            }
        });
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL for `picketd`.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Stops reading on every line, present and to come, so that the kernel's buffers fill.
    pub fn hang(&self) {
        self.shared.hung.store(true, Ordering::SeqCst);
    }

    /// Makes whatever goes to the server from now on arrive so much later, in whole milliseconds, and in its order.
    pub fn delay(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).expect("no test takes that long");
        self.shared.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// Changes the first byte of those where they next go to the server in one piece, once.
    pub fn change(&self, bytes: &'static [u8]) {
        *self.shared.to_change.lock().expect("no holder panics") = Some(bytes);
    }

    /// Whether they have not come yet.
    pub fn is_to_change(&self) -> bool {
        self.shared
            .to_change
            .lock()
            .expect("no holder panics")
            .is_some()
    }

    /// Cuts each new line at once.
    pub fn refuse(&self) {
        self.shared.refusing.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Cuts all lines: both sides see an orderly end.
    pub fn cut(&self) {
        for line in self.shared.take_lines() {
            for end in [&line.client, &line.server] {
                let _ = end.shutdown(Shutdown::Both);
            }
        }
    }

    /// Resets all lines, as a machine does that knows nothing of them any more: both sides see an error.
    pub fn reset(&self) {
        for line in self.shared.take_lines() {
            line.reset.store(true, Ordering::SeqCst);
            for end in [&line.client, &line.server] {
                // The kernel resets what is closed with no time to linger.
                let _ = set_socket_linger(end, Some(Duration::ZERO));
                // This wakes up who reads it, and tells the other side nothing.
                let _ = end.shutdown(Shutdown::Read);
            }
        }
    }

    /// Lets bytes and new lines through again, at once.
    pub fn heal(&self) {
        self.delay(Duration::ZERO);
        self.shared.hung.store(false, Ordering::SeqCst);
        self.shared.refusing.store(false, Ordering::SeqCst);
    }

    /// When lines were opened.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.shared
            .arrivals
            .lock()
            .expect("no holder panics")
            .clone()
    }

    /// Bytes that went to the server.
    pub fn bytes_up(&self) -> u64 {
        self.shared.bytes_up.load(Ordering::SeqCst)
    }
}

fn serve(client: TcpStream, shared: &Arc<Shared>) {
    shared
        .arrivals
        .lock()
        .expect("no holder panics")
        .push(Instant::now());
    if shared.refusing.load(Ordering::SeqCst) {
        return;
    }
    let Ok(server) = TcpStream::connect(shared.server) else {
        return;
    };
    // What is delayed would wait for more otherwise.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let line = Arc::new(Line {
        client,
        server,
        reset: AtomicBool::new(false),
    });
    let lines = shared.lines.lock();
    lines.expect("no holder panics").push(line.clone());
    pump(&line, shared, Way::Up);
    pump(&line, shared, Way::Down);
}

/// Lets bytes through in one direction, in threads of its own: one reads, one writes when it is time.
fn pump(line: &Arc<Line>, shared: &Arc<Shared>, way: Way) {
    let (sender, receiver) = mpsc::sync_channel(IN_FLIGHT);
    let (reading, writing) = (
        (line.clone(), shared.clone()),
        (line.clone(), shared.clone()),
    );
    std::thread::spawn(move || take(&reading.0, &sender, &reading.1, way));
    std::thread::spawn(move || deliver(&receiver, &writing.0, &writing.1, way));
}

fn take(line: &Line, into: &SyncSender<Chunk>, shared: &Shared, way: Way) {
    let mut from = line.from(way);
    loop {
        shared.wait_while_hung(line);
        let mut bytes = vec![0; CHUNK];
        let Ok(n @ 1..) = from.read(&mut bytes) else {
            break;
        };
        bytes.truncate(n);
        if way == Way::Up {
            shared.bytes_up.fetch_add(n as u64, Ordering::SeqCst);
            shared.change(&mut bytes);
        }
        let due = Instant::now() + shared.delay(way);
        if into.send(Chunk { due, bytes }).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Read);
}

fn deliver(chunks: &Receiver<Chunk>, line: &Line, shared: &Shared, way: Way) {
    let mut to = line.to(way);
    for chunk in chunks {
        std::thread::sleep(chunk.due.saturating_duration_since(Instant::now()));
        // Read before it hung, it hangs with the rest.
        shared.wait_while_hung(line);
        if line.is_reset() || to.write_all(&chunk.bytes).is_err() {
            break;
        }
    }
    // An orderly end would be seen before the reset.
    if !line.is_reset() {
        let _ = to.shutdown(Shutdown::Both);
    }
}

impl Line {
    fn from(&self, way: Way) -> &TcpStream {
        match way {
            Way::Up => &self.client,
            Way::Down => &self.server,
        }
    }

    fn to(&self, way: Way) -> &TcpStream {
        match way {
            Way::Up => &self.server,
            Way::Down => &self.client,
        }
    }

    fn is_reset(&self) -> bool {
        self.reset.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// Those that there are; what comes later isn't among them.
    fn take_lines(&self) -> Vec<Arc<Line>> {
        let mut lines = self.lines.lock().expect("no holder panics");
        std::mem::take(&mut *lines)
    }

    fn change(&self, bytes: &mut [u8]) {
        let mut to_change = self.to_change.lock().expect("no holder panics");
        let found = to_change
            .and_then(|wanted| bytes.windows(wanted.len()).position(|seen| seen == wanted));
        if let Some(at) = found {
            bytes[at] ^= 1;
            *to_change = None;
        }
    }

    fn wait_while_hung(&self, line: &Line) {
        while self.hung.load(Ordering::SeqCst) && !line.is_reset() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// All of it on the way up, so that a question and its answer take that much longer.
    fn delay(&self, way: Way) -> Duration {
        match way {
            Way::Up => Duration::from_millis(self.delay_ms.load(Ordering::SeqCst)),
            Way::Down => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::*;

    #[test]
    fn both_sides_see_a_cut_line_end_and_a_reset_one_fail() {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let proxy = Proxy::to(server.local_addr().unwrap());
        for (ends, hung, expected) in [
            (Proxy::cut as fn(&Proxy), false, Ok(0)),
            (Proxy::reset, false, Err(ErrorKind::ConnectionReset)),
            (Proxy::reset, true, Err(ErrorKind::ConnectionReset)),
        ] {
            let mut client = TcpStream::connect(proxy.address()).unwrap();
            let (mut served, _) = server.accept().unwrap();
            // Its threads run once it has let something through.
            client.write_all(b"x").unwrap();
            served.read_exact(&mut [0]).unwrap();
            if hung {
                proxy.hang();
            }
            ends(&proxy);
            for end in [&mut client, &mut served] {
                let read = end.read(&mut [0; 8]).map_err(|error| error.kind());
                assert_eq!(read, expected, "hung: {hung}");
            }
            proxy.heal();
        }
    }
}
