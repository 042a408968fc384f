//! A server of images that stops in the middle of the archive until it may go on.
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use picketd::reinstall::wire::Images;

/// A server that holds back the end of the archive.
pub(crate) struct Gated {
    address: SocketAddr,
    gate: Arc<Gate>,
}

#[derive(Default)]
struct Gate {
    /// Whether the beginning was sent; whether the rest may be.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gated {
    /// Of that folder; of archives only so many thousandths come before it waits.
    pub(crate) fn start(folder: PathBuf, thousandths: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let gate = Arc::new(Gate::default());
        thread::spawn({
            let gate = gate.clone();
            move || {
                for stream in listener.incoming() {
                    let (gate, folder) = (gate.clone(), folder.clone());
                    // Whoever asked may be gone.
                    thread::spawn(move || serve(stream?, &folder, thousandths, &gate));
                }
            }
        });
        Self { address, gate }
    }

    pub(crate) fn images(&self) -> Images {
        Images::Url(format!("http://{}", self.address))
    }

    /// Waits until it holds back.
    pub(crate) fn wait(&self) {
        self.gate.wait(|(sent, _)| *sent);
    }

    pub(crate) fn go_on(&self) {
        self.gate.set(|state| state.1 = true);
    }
}

impl Gate {
    fn wait(&self, wanted: impl Fn(&(bool, bool)) -> bool) {
        let state = self.state.lock().unwrap();
        let waited = self
            .changed
            .wait_timeout_while(state, Duration::from_secs(120), |state| !wanted(state));
        assert!(!waited.unwrap().1.timed_out(), "nothing came");
    }

    fn set(&self, set: impl Fn(&mut (bool, bool))) {
        set(&mut self.state.lock().unwrap());
        self.changed.notify_all();
    }
}

fn serve(
    mut stream: TcpStream,
    folder: &std::path::Path,
    thousandths: usize,
    gate: &Gate,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
    }
    let name = first.split([' ', '/']).nth(2).unwrap();
    let bytes = fs::read(folder.join(name))?;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes())?;
    if name.starts_with("catalogue") {
        return stream.write_all(&bytes);
    }
    let (now, later) = bytes.split_at(bytes.len() * thousandths / 1000);
    stream.write_all(now)?;
    gate.set(|state| state.0 = true);
    gate.wait(|(_, may)| *may);
    stream.write_all(later)
}
