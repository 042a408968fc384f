//! How far the work is, counted by those who do it, and told by a thread of its own at most once in 2 s. It knows only events.
use std::{
    io::Write,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::Duration,
};

use super::wire::{Event, Progress};

/// Time between two events of progress.
const EVERY: Duration = Duration::from_secs(2);

/// What was done so far.
#[derive(Debug, Default)]
pub struct Counters {
    bytes: AtomicU64,
    entries: AtomicU64,
}

impl Counters {
    pub(crate) fn add_bytes(&self, count: u64) {
        self.bytes.fetch_add(count, Relaxed);
    }

    pub(crate) fn add_entry(&self) {
        self.entries.fetch_add(1, Relaxed);
    }

    /// Bytes of the archive, as it is packed.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Entries that were made.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries.load(Relaxed)
    }
}

/// Tells events. Clones tell to the same place.
#[derive(Clone)]
pub struct Teller(Arc<Mutex<Box<dyn Write + Send>>>);

impl Teller {
    /// To that place.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Box::new(out))))
    }

    /// Tells that. Nobody may hear it: the agent can be gone, which is noticed elsewhere.
    pub fn tell(&self, event: &Event) {
        let mut out = self.0.lock().expect("nobody panics while telling");
        let _ = out
            .write_all(event.line().as_bytes())
            .and_then(|()| out.flush());
    }

    /// Tells a warning.
    pub(crate) fn warn(&self, text: impl Into<String>) {
        self.tell(&Event::Warning { text: text.into() });
    }
}

/// Tells the progress as long as it lives.
pub(crate) struct Ticker {
    end: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Ticker {
    /// Of those counters, towards those ends.
    pub(crate) fn start(
        teller: Teller,
        counters: Arc<Counters>,
        (of_bytes, of_entries): (u64, u64),
    ) -> Self {
        let (end, ended) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("progress".to_owned())
            .stack_size(64 * 1024);
        let thread = thread.spawn(move || {
            let mut last = Progress::default();
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let progress = Progress {
                    bytes: counters.bytes(),
                    of_bytes,
                    entries: counters.entries(),
                    of_entries,
                };
                if progress != last {
                    teller.tell(&Event::Progress(progress));
                    last = progress;
                }
            }
        });
        Self {
            end: Some(end),
            // Without a thread there is no progress to be seen, and the work is the same.
            thread: thread.ok(),
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
