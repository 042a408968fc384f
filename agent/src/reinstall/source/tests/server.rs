//! A small HTTP server on this machine that answers each request as it is told to.
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::super::{Images, Patience};

/// As of a machine under load, but for the pauses.
pub(super) const PATIENCE: Patience = Patience {
    silence: Duration::from_secs(3),
    pause: Duration::from_millis(1),
    tries: 4,
};

/// What becomes of a request.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// All of the file, whatever was asked.
    Whole,
    /// The range that was asked for.
    Range,
    /// So many bytes of the file, and the line is cut.
    Drop(usize),
    /// So many bytes of the range, and the line is cut.
    DropRange(usize),
    /// So many bytes of the file, and silence.
    Stall(usize),
    /// No byte at all.
    Close,
    Status(u16),
    /// To another name, for which the next act answers.
    Redirect,
    /// To itself.
    Circle,
    /// It says a greater length.
    Longer,
    /// All of another file.
    Changed,
    /// A range of another file.
    ChangedRange,
    /// A range that wasn't asked for.
    WrongRange,
    /// A range without Content-Range.
    BareRange,
    /// Bytes without end.
    Endless,
    /// The same, without ETag.
    Anonymous(Box<Act>),
}

/// The server.
pub(super) struct Fixture {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    file: Vec<u8>,
    acts: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<String>>,
    was_asked: Condvar,
    is_ended: AtomicBool,
    /// Lines that are to stay silent.
    held: Mutex<Vec<TcpStream>>,
}

/// Some bytes.
pub(super) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|at| (at * 31 / 7 % 256) as u8).collect()
}

impl Fixture {
    pub(super) fn start(file: Vec<u8>, acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            file,
            acts: Mutex::new(acts.into()),
            asked: Mutex::default(),
            was_asked: Condvar::new(),
            is_ended: AtomicBool::new(false),
            held: Mutex::default(),
        });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || {
                for stream in listener.incoming() {
                    if shared.is_ended.load(SeqCst) {
                        return;
                    }
                    // Whoever asked may be gone.
                    let _ = shared.serve(stream.unwrap());
                }
            }
        });
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    pub(super) fn images(&self) -> Images {
        Images::Url(format!("http://{}/dir/", self.address))
    }

    /// The heads of the requests, in small letters.
    pub(super) fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    pub(super) fn wait_for_request(&self) {
        let asked = self.shared.asked.lock().unwrap();
        let waited =
            self.shared
                .was_asked
                .wait_timeout_while(asked, Duration::from_secs(60), |asked| asked.is_empty());
        assert!(!waited.unwrap().1.timed_out(), "nobody asked");
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.shared.is_ended.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut head = String::new();
        let mut reader = BufReader::new(stream.try_clone()?);
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let head = head.to_lowercase();
        let from = head
            .split("range: bytes=")
            .nth(1)
            .and_then(|rest| rest.split('-').next()?.parse().ok());
        let act = self
            .acts
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Act::Status(599));
        self.asked.lock().unwrap().push(head);
        self.was_asked.notify_all();
        self.act(act, from.unwrap_or(0), "ETag: \"1\"\r\n", stream)
    }

    fn act(&self, act: Act, from: usize, tag: &str, mut to: TcpStream) -> std::io::Result<()> {
        let (file, length) = (&self.file, self.file.len());
        let rest = &file[from.min(length)..];
        let ok = |length: usize, tag: &str| {
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{tag}\r\n")
        };
        let part = |tag: &str, start: usize| {
            let range = format!("Content-Range: bytes {start}-{}/{length}", length - 1);
            format!(
                "HTTP/1.1 206 Part\r\nContent-Length: {}\r\n{range}\r\n{tag}\r\n",
                length - start
            )
        };
        let (head, body) = match act {
            Act::Whole => (ok(length, tag), &file[..]),
            Act::Range => (part(tag, from), rest),
            Act::Drop(count) => (ok(length, tag), &file[..count]),
            Act::DropRange(count) => (part(tag, from), &rest[..count]),
            Act::Stall(count) => {
                self.held.lock().unwrap().push(to.try_clone()?);
                (ok(length, tag), &file[..count])
            }
            Act::Close => return Ok(()),
            Act::Status(code) => (format!("HTTP/1.1 {code} No\r\nContent-Length: 0\r\n\r\n"), &[][..]),
            Act::Redirect => {
                let head = "HTTP/1.1 302 Found\r\nLocation: other\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                (head.to_owned(), &[][..])
            }
            Act::Circle => {
                ("HTTP/1.1 302 Found\r\nLocation: image\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(), &[][..])
            }
            Act::Longer => (ok(length + 1, tag), &file[..]),
            Act::Changed => (ok(length, "ETag: \"2\"\r\n"), &file[..]),
            Act::ChangedRange => (part("ETag: \"2\"\r\n", from), rest),
            Act::WrongRange => (part(tag, 0), &file[..]),
            Act::BareRange => (format!("HTTP/1.1 206 Part\r\nContent-Length: {}\r\n{tag}\r\n", rest.len()), rest),
            Act::Endless => {
                to.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
                loop {
                    to.write_all(&[7; 4096])?;
                }
            }
            Act::Anonymous(act) => return self.act(*act, from, "", to),
        };
        to.write_all(head.as_bytes())?;
        to.write_all(body)
    }
}
