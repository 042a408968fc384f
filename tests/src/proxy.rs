//! A TCP proxy on loopback that can hang (a full socket), cut and heal the lines through it.
use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// A proxy in front of one server.
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    hung: AtomicBool,
    refusing: AtomicBool,
    bytes_up: AtomicU64,
    lines: Mutex<Vec<TcpStream>>,
    arrivals: Mutex<Vec<Instant>>,
}

impl Proxy {
    /// Starts a proxy that forwards to `server`.
    pub fn to(server: SocketAddr) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            server,
            hung: AtomicBool::new(false),
            refusing: AtomicBool::new(false),
            bytes_up: AtomicU64::new(0),
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

    /// Its URL for `picketd`.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// Stops reading on every line, present and to come, so that the kernel's buffers fill.
    pub fn hang(&self) {
        self.shared.hung.store(true, Ordering::SeqCst);
    }

    /// Cuts each new line at once.
    pub fn refuse(&self) {
        self.shared.refusing.store(true, Ordering::SeqCst);
        self.cut();
    }

    /// Cuts all lines.
    pub fn cut(&self) {
        for line in self
            .shared
            .lines
            .lock()
            .expect("no holder panics")
            .drain(..)
        {
            let _ = line.shutdown(Shutdown::Both);
        }
    }

    /// Lets bytes and new lines through again.
    pub fn heal(&self) {
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
    let ends = [client.try_clone(), server.try_clone()];
    shared
        .lines
        .lock()
        .expect("no holder panics")
        .extend(ends.into_iter().flatten());
    let up = (client.try_clone(), server.try_clone());
    if let (Ok(from), Ok(to)) = up {
        let shared = shared.clone();
        std::thread::spawn(move || {
            pump(from, to, &shared, |shared, n| {
                shared.bytes_up.fetch_add(n, Ordering::SeqCst)
            })
        });
    }
    let shared = shared.clone();
    std::thread::spawn(move || pump(server, client, &shared, |_, n| n));
}

fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    shared: &Shared,
    count: impl Fn(&Shared, u64) -> u64,
) {
    let mut buffer = [0; 4096];
    loop {
        while shared.hung.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
        match from.read(&mut buffer) {
            Ok(n) if n > 0 => {
                count(shared, n as u64);
                if to.write_all(&buffer[..n]).is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
