//! A real HTTP server for a folder of images: it sends parts of files (RFC 9110, section 14), and does to whoever fetches one what a test
//! wishes: it makes him wait at a place, drops the line, or has lost everything.
use std::{
    fs, io,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

/// Longer than any test keeps somebody waiting.
const PATIENCE: Duration = Duration::from_secs(300);

/// A place in the way of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the catalogue is answered.
    Catalogue,
    /// Before the archive is answered.
    Archive,
    /// In the archive, after so many thousandths of it.
    Within(u64),
}

/// A running server.
pub struct ImageServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Whoever comes there waits.
    gate: Option<Place>,
    /// How many have come there.
    arrived: usize,
    /// At so many thousandths of the archive the line drops, once each.
    drops: Vec<u64>,
    is_lost: bool,
    /// Each request: the file, and from which byte on.
    requests: Vec<(String, u64)>,
}

impl ImageServer {
    /// Serves that folder.
    pub fn start(folder: &Path) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has ports");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        thread::spawn({
            let (shared, folder) = (shared.clone(), folder.to_owned());
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    let (shared, folder) = (shared.clone(), folder.clone());
                    // Whoever asked may be gone.
                    thread::spawn(move || serve(stream, &folder, &shared));
                }
            }
        });
        Self { address, shared }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Its port, for whoever reaches this machine by another address.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// From now on whoever comes to that place waits.
    pub fn hold(&self, place: Place) {
        self.shared.change(|state| {
            state.gate = Some(place);
            state.arrived = 0;
        });
    }

    /// Waits until somebody has come there.
    pub fn wait_for_held(&self) {
        let state = self.shared.wait(|state| state.arrived > 0);
        assert!(state.arrived > 0, "nobody comes to {:?}", state.gate);
    }

    /// Nobody waits any more.
    pub fn go_on(&self) {
        self.shared.change(|state| state.gate = None);
    }

    /// Drops the line at so many thousandths of the archive, the next time that it comes by there.
    pub fn drop_line_at(&self, thousandths: u64) {
        self.shared.change(|state| state.drops.push(thousandths));
    }

    /// From now on it has nothing, and lines that are up drop.
    pub fn lose_everything(&self) {
        self.shared.change(|state| state.is_lost = true);
    }

    /// What was asked for so far: file, and first byte.
    pub fn requests(&self) -> Vec<(String, u64)> {
        self.shared.lock().requests.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder panics")
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn wait(&self, wanted: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), PATIENCE, |state| !wanted(state));
        waited.expect("no holder panics").0
    }

    /// Waits there as long as that is wished.
    fn pass(&self, place: Place) {
        let here = |state: &State| state.gate == Some(place);
        if !here(&self.lock()) {
            return;
        }
        self.change(|state| state.arrived += 1);
        drop(self.wait(|state| !here(state) || state.is_lost));
    }
}

fn serve(mut stream: TcpStream, folder: &Path, shared: &Shared) -> io::Result<()> {
    let (name, from) = request(&stream)?;
    shared.change(|state| state.requests.push((name.clone(), from.unwrap_or(0))));
    let is_archive = !name.starts_with("catalogue");
    shared.pass(match is_archive {
        true => Place::Archive,
        false => Place::Catalogue,
    });
    let path: PathBuf = folder.join(&name);
    let found = fs::read(path).ok().filter(|_| !shared.lock().is_lost);
    let Some(bytes) = found else {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        );
    };
    let (first, length) = (from.unwrap_or(0) as usize, bytes.len());
    let head = match from {
        Some(first) => format!(
            "206 Partial Content\r\nContent-Range: bytes {first}-{}/{length}",
            length - 1
        ),
        None => "200 OK".to_owned(),
    };
    let rest = length - first;
    let head = format!(
        "HTTP/1.1 {head}\r\nContent-Length: {rest}\r\nETag: \"{length}\"\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    match is_archive {
        true => send(&mut stream, &bytes, first, shared),
        false => stream.write_all(&bytes[first..]),
    }
}

/// In thousandths, at each of which something may happen.
fn send(stream: &mut TcpStream, bytes: &[u8], first: usize, shared: &Shared) -> io::Result<()> {
    let end_of = |part: u64| bytes.len() * part as usize / 1000;
    let mut sent = first;
    for part in 0..=1000 {
        let end = end_of(part);
        if end < sent {
            continue;
        }
        stream.write_all(&bytes[sent..end])?;
        sent = end;
        shared.pass(Place::Within(part));
        let mut state = shared.lock();
        let drop = state.drops.iter().position(|at| *at == part);
        if state.is_lost || drop.map(|at| state.drops.remove(at)).is_some() {
            return Ok(());
        }
    }
    Ok(())
}

/// The file that is asked for, and from which byte on.
fn request(stream: &TcpStream) -> io::Result<(String, Option<u64>)> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let name = path.trim_start_matches('/').to_owned();
    let mut from = None;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        let range = line.strip_prefix("range: bytes=");
        let range = range.and_then(|range| range.strip_suffix('-')?.parse().ok());
        from = range.or(from);
    }
    match name.contains('/') || name.is_empty() {
        true => Err(io::ErrorKind::InvalidInput.into()),
        false => Ok((name, from)),
    }
}
