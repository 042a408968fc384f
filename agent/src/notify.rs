//! Words to the service manager (sd_notify(3)), sent without ever waiting: whoever doesn't listen misses them. The socket
//! is for these words alone, because one that is full for somebody else must not starve the watchdog.
use std::{
    io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

use crate::{config::Periods, world::World};

/// The way to the service manager, if there is one.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How long the manager waits for the next sign of life, if it watches.
    watchdog: Option<Duration>,
}

/// What the service manager is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// Start-up goes on; the manager shall wait at least so long for the next word (EXTEND_TIMEOUT_USEC=).
    Starting(Duration),
    /// Start-up is over.
    Ready,
    /// The loop lives.
    Watchdog,
    /// Signs of life come this far apart at least; the manager shall wait at least as long (WATCHDOG_USEC=).
    Silence(Duration),
    /// An orderly stop began.
    Stopping,
    /// One line for people.
    Status(String),
}

impl Word {
    /// The loop is sure to wake up at each tick only; one that comes late is no death.
    #[must_use]
    pub fn silence(periods: Periods) -> Self {
        Self::Silence(Duration::from_millis(2 * u64::from(periods.period_ms())))
    }
}

impl Notifier {
    /// From `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID` of the environment. Without a manager every word is
    /// dropped.
    #[must_use]
    pub fn from_env(world: &World) -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET") else {
            return Self::default();
        };
        // Managers have theirs below /run. Elsewhere it is on the disk, aboard too, and each word may wait for the disk.
        let name = match name.as_bytes() {
            [b'/', ..] => world.on_disk(&name).as_os_str().to_owned(),
            _ => name,
        };
        let pid = std::env::var("WATCHDOG_PID").ok();
        let mine = pid.is_none_or(|pid| pid == std::process::id().to_string());
        let patience = std::env::var("WATCHDOG_USEC").ok();
        let patience = patience.and_then(|text| text.parse().ok());
        Self {
            socket: open(name.as_bytes()).ok(),
            watchdog: patience.filter(|_| mine).map(Duration::from_micros),
        }
    }

    /// Says it, or drops it: there is nothing to be done about a manager that doesn't read.
    pub fn say(&self, word: &Word) {
        let Some((socket, to)) = &self.socket else {
            return;
        };
        let text = match word {
            Word::Starting(most) => format!("EXTEND_TIMEOUT_USEC={}", most.as_micros()),
            Word::Ready => "READY=1".to_owned(),
            Word::Watchdog if self.watchdog.is_none() => return,
            // Said also when the manager's own patience is enough: the word before may have asked for more.
            Word::Silence(silence) => match self.watchdog {
                Some(patience) => format!("WATCHDOG_USEC={}", patience.max(*silence).as_micros()),
                None => return,
            },
            Word::Watchdog => "WATCHDOG=1".to_owned(),
            Word::Stopping => "STOPPING=1".to_owned(),
            Word::Status(line) => format!("STATUS={}", line.replace('\n', " ")),
        };
        let _ = socket.send_to_addr(text.as_bytes(), to);
    }
}

/// How long a stop may take without the manager losing patience (TimeoutStopSec= is 90 s by default).
pub const STOP_DEADLINE: Duration = Duration::from_secs(3);

fn open(name: &[u8]) -> io::Result<(UnixDatagram, SocketAddr)> {
    let to = match name {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        name => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(name))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_reach_a_socket_by_path_and_by_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let by_path = UnixDatagram::bind(&path).unwrap();
        let name = format!("picket-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let by_name = UnixDatagram::bind_addr(&address).unwrap();
        for (manager, name) in [
            (by_path, path.as_os_str().as_bytes().to_vec()),
            (by_name, format!("@{name}").into_bytes()),
        ] {
            let notifier = Notifier {
                socket: Some(open(&name).unwrap()),
                watchdog: Some(Duration::from_secs(180)),
            };
            for (word, text) in [
                (
                    Word::Starting(Duration::from_secs(60)),
                    "EXTEND_TIMEOUT_USEC=60000000",
                ),
                (Word::Ready, "READY=1"),
                (
                    Word::silence(Periods::new(600_000, 600_000).unwrap()),
                    "WATCHDOG_USEC=1200000000",
                ),
                (Word::silence(Periods::default()), "WATCHDOG_USEC=180000000"),
                (Word::Watchdog, "WATCHDOG=1"),
                (Word::Stopping, "STOPPING=1"),
                (Word::Status("a\nb".to_owned()), "STATUS=a b"),
            ] {
                notifier.say(&word);
                let mut buffer = [0; 64];
                let len = manager.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..len], text.as_bytes());
            }
        }
    }

    #[test]
    fn a_manager_that_does_not_read_is_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let _silent = UnixDatagram::bind(&path).unwrap();
        let notifier = Notifier {
            socket: Some(open(path.as_os_str().as_bytes()).unwrap()),
            watchdog: Some(Duration::from_secs(180)),
        };
        // A blocking socket waits at the eleventh datagram, for ever.
        for _ in 0..1_000 {
            notifier.say(&Word::Watchdog);
        }
    }
}
