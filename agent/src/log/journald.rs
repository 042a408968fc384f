//! journald's socket in its native protocol (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md): one datagram an entry. Lines hold
//! no line breaks, so the plain form of a field suffices. Sending never waits.
use std::os::unix::net::UnixDatagram;

use tracing::Level;

use super::line::Line;

const SOCKET: &str = "/run/systemd/journal/socket";

/// The way to journald.
pub(super) struct Journald {
    socket: UnixDatagram,
}

impl Journald {
    /// `None` where there is no journald.
    pub(super) fn open() -> Option<Self> {
        Self::at(SOCKET)
    }

    fn at(path: &str) -> Option<Self> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(path).ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket })
    }

    /// Sends the line, or drops it if journald doesn't read.
    pub(super) fn send(&self, line: &Line) {
        let _ = self.socket.send(entry(line).as_bytes());
    }
}

fn entry(line: &Line) -> String {
    // syslog(3): 3 is an error, 4 a warning, 6 information, 7 for debugging.
    let priority = match line.level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    };
    format!(
        "PRIORITY={priority}\nSYSLOG_IDENTIFIER=picketd\nMESSAGE={}\n",
        line.text
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_reaches_the_socket_with_its_priority() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let server = UnixDatagram::bind(&path).unwrap();
        let journald = Journald::at(path.to_str().unwrap()).unwrap();
        for (level, priority) in [
            (Level::ERROR, 3),
            (Level::WARN, 4),
            (Level::INFO, 6),
            (Level::TRACE, 7),
        ] {
            let text = "over".to_owned();
            journald.send(&Line { level, text });
            let mut buffer = [0; 128];
            let len = server.recv(&mut buffer).unwrap();
            let expected =
                format!("PRIORITY={priority}\nSYSLOG_IDENTIFIER=picketd\nMESSAGE=over\n");
            assert_eq!(&buffer[..len], expected.as_bytes());
        }
    }

    #[test]
    fn without_a_socket_there_is_no_journald() {
        assert!(Journald::at("/nonexistent/socket").is_none());
    }
}
