//! A folder served over HTTP (RFC 9112), as operators serve images: GET, whole files, one answer to a line. It can stop in the middle of
//! its answers and go on later. It knows no images.
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How much is written at once.
const CHUNK: usize = 16 * 1024;
const PAUSE: Duration = Duration::from_millis(20);

/// A server on loopback. It ends with its handle.
pub struct HttpFolder {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    /// Of a body no more bytes than that are sent for now.
    most: AtomicU64,
    over: AtomicBool,
}

impl HttpFolder {
    /// Serves what is directly in that folder.
    pub fn serve(folder: &Path) -> Self {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            folder: folder.to_owned(),
            most: AtomicU64::new(u64::MAX),
            over: AtomicBool::new(false),
        });
        thread::spawn({
            let shared = shared.clone();
            move || accept(&listener, &shared)
        });
        Self { address, shared }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on an answer stops after so many bytes of its body, and goes on when it is released.
    pub fn hold_after(&self, bytes: u64) {
        self.shared.most.store(bytes, Ordering::SeqCst);
    }

    /// What was held goes on.
    pub fn release(&self) {
        self.shared.most.store(u64::MAX, Ordering::SeqCst);
    }
}

impl Drop for HttpFolder {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // It waits for a line.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for line in listener.incoming() {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        let (Ok(line), shared) = (line, shared.clone()) else {
            continue;
        };
        // A client that goes away is no concern of the server's.
        thread::spawn(move || shared.answer(line));
    }
}

impl Shared {
    fn answer(&self, mut line: TcpStream) -> std::io::Result<()> {
        let name = asked(&line)?;
        let Some(body) = name.and_then(|name| fs::read(self.folder.join(name)).ok()) else {
            return line.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        line.write_all(head.as_bytes())?;
        let mut sent = 0;
        while sent < body.len() {
            let most = usize::try_from(self.most.load(Ordering::SeqCst)).unwrap_or(usize::MAX);
            let end = body.len().min(sent + CHUNK).min(most);
            if end <= sent {
                if self.over.load(Ordering::SeqCst) {
                    return Ok(());
                }
                thread::sleep(PAUSE);
                continue;
            }
            line.write_all(&body[sent..end])?;
            sent = end;
        }
        Ok(())
    }
}

/// The name of the file; none for what is no GET of one. The rest of the request is read and means nothing.
fn asked(line: &TcpStream) -> std::io::Result<Option<String>> {
    let mut lines = BufReader::new(line).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let name = first
        .strip_prefix("GET /")
        .and_then(|rest| rest.split(' ').next())
        .filter(|name| !name.is_empty() && !name.contains('/') && *name != "..");
    Ok(name.map(str::to_owned))
}
