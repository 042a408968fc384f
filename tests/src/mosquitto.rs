//! A real Mosquitto without persistence, on a loopback port that it keeps across restarts.
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{eventually, process::Process};

/// A running broker.
pub struct Mosquitto {
    process: Option<Process>,
    folder: PathBuf,
    port: u16,
    more: String,
}

impl Mosquitto {
    /// Starts a broker with its files in `folder`.
    pub fn start(folder: &Path) -> Self {
        Self::start_with(folder, "")
    }

    /// The same, with further lines of its configuration: other listeners, each with its own rules.
    pub fn start_with(folder: &Path, more: &str) -> Self {
        let mut broker = Self {
            process: None,
            folder: folder.to_owned(),
            port: free_port(),
            more: more.to_owned(),
        };
        broker.restart();
        broker
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its URL for `picketd` and `picket`.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address())
    }

    /// The process.
    pub fn process(&self) -> &Process {
        self.process.as_ref().expect("the broker runs")
    }

    /// Kills it as a crash would, losing every session and retained message.
    pub fn kill(&mut self) {
        self.process.take().expect("the broker runs").kill();
    }

    /// Starts it again on the same port.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the broker runs already");
        let config = self.folder.join("mosquitto.conf");
        let text = format!(
            "per_listener_settings true\npersistence false\nuser root\nlistener {} 127.0.0.1\nallow_anonymous true\n{}",
            self.port, self.more
        );
        std::fs::write(&config, text).expect("the broker's folder is writable");
        let mut command = Command::new(program());
        command.arg("-c").arg(&config);
        self.process = Some(Process::start("mosquitto", &self.folder, command));
        let address = self.address();
        eventually("mosquitto listens", Duration::from_secs(20), || {
            TcpStream::connect(address).ok()
        });
    }
}

/// Debian puts it into /usr/sbin, which is not on every user's PATH.
fn program() -> PathBuf {
    let debian = PathBuf::from("/usr/sbin/mosquitto");
    if debian.is_file() {
        debian
    } else {
        PathBuf::from("mosquitto")
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    listener
        .local_addr()
        .expect("a bound socket has an address")
        .port()
}
