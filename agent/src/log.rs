//! Logging that never waits: events become lines in a bounded queue, which drops when it is full, and a thread of its own
//! writes them to journald where there is one, else to stderr. It knows no secrets, because nobody tells it any.
mod journald;
mod line;

use std::{
    fmt::Write as _,
    io::Write as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use tracing::{
    Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

use crate::world::World;
use line::Line;

/// Lines that may wait for the thread.
const QUEUE: usize = 128;
/// The thread copies a line into a datagram, so this is plenty.
const STACK: usize = 64 * 1024;

/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_millis(500);

/// The running log. Dropping it waits a moment for the lines that are queued, for they say why the process ends.
#[derive(Debug)]
pub struct Log {
    pending: Arc<AtomicU64>,
}

impl Drop for Log {
    fn drop(&mut self) {
        let start = Instant::now();
        while self.pending.load(Ordering::Acquire) > 0 && start.elapsed() < LAST_LINES {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Sends every event of the process to the log from now on. `PICKET_LOG` of the environment beats `level`.
#[must_use]
pub fn start(level: LevelFilter, world: &World) -> Log {
    let level = std::env::var("PICKET_LOG")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(level);
    let machine = world.is_machine();
    let logger = spawn(level, move || sink(machine));
    let pending = logger.pending.clone();
    // A subscriber that was there before is a test's.
    let _ = tracing::subscriber::set_global_default(logger);
    Log { pending }
}

/// Takes lines, and may wait as long as it likes.
trait Sink {
    fn write(&self, line: &Line);
}

struct Stderr;

impl Sink for Stderr {
    fn write(&self, line: &Line) {
        // A closed stderr is nobody's business.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// journald where there is one; a tree's agent is somebody's experiment, and doesn't write into the machine's journal.
fn sink(machine: bool) -> Box<dyn Sink> {
    match machine.then(journald::open) {
        Some(Ok(journald)) => Box::new(journald),
        Some(Err(_)) | None => Box::new(Stderr),
    }
}

/// Starts the thread, which opens its sink itself, because that may wait too.
fn spawn(level: LevelFilter, open: impl FnOnce() -> Box<dyn Sink> + Send + 'static) -> Queueing {
    let (logger, queue) = queue(level);
    let (dropped, pending) = (logger.dropped.clone(), logger.pending.clone());
    let thread = thread::Builder::new()
        .name("log".to_owned())
        .stack_size(STACK);
    // Without the thread the queue is closed, and every line is dropped: the agent works all the same.
    if let Err(error) = thread.spawn(move || write(&queue, &*open(), (&dropped, &pending))) {
        eprintln!("can't start the log's thread, so nothing is logged: {error}");
    }
    logger
}

fn queue(level: LevelFilter) -> (Queueing, Receiver<Line>) {
    let (lines, queue) = sync_channel(QUEUE);
    let logger = Queueing {
        level,
        lines,
        dropped: Arc::default(),
        pending: Arc::default(),
    };
    (logger, queue)
}

/// The thread: it wakes up when there is a line, and never else.
fn write(queue: &Receiver<Line>, sink: &dyn Sink, (dropped, pending): (&AtomicU64, &AtomicU64)) {
    while let Ok(line) = queue.recv() {
        sink.write(&line);
        match dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            count => sink.write(&Line::dropped(count)),
        }
        pending.fetch_sub(1, Ordering::Release);
    }
}

/// The subscriber: puts events into the queue.
struct Queueing {
    level: LevelFilter,
    lines: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
    pending: Arc<AtomicU64>,
}

impl Subscriber for Queueing {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        self.pending.fetch_add(1, Ordering::Relaxed);
        if self.lines.try_send(Line::of(event)).is_err() {
            self.pending.fetch_sub(1, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Spans aren't used here.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// An error with all its causes in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let (logger, queue) = queue(LevelFilter::INFO);
        let dropped = logger.dropped.clone();
        tracing::subscriber::with_default(logger, || {
            tracing::debug!("not this one");
            for n in 0..QUEUE + 3 {
                tracing::warn!(n, host = "a\nb", "line");
            }
        });
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        let lines: Vec<String> = queue.iter().map(|line| line.to_string()).collect();
        assert_eq!(lines.len(), QUEUE);
        assert_eq!(
            lines[..2],
            ["warn: line n=0 host=a\\nb", "warn: line n=1 host=a\\nb"]
        );
    }

    /// What tracing-journald does: a blocking socket, connected to somebody who need not read.
    struct Blocking(UnixDatagram);

    impl Sink for Blocking {
        fn write(&self, line: &Line) {
            self.0.send(line.text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_journald_that_does_not_read_stops_the_logs_thread_and_nobody_else() {
        let (silent, ours) = UnixDatagram::pair().unwrap();
        silent
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let logger = spawn(LevelFilter::INFO, || Box::new(Blocking(ours)));
        let long = "x".repeat(10_000);
        let said = QUEUE as u64 * 10;
        tracing::subscriber::with_default(logger, || {
            (0..said).for_each(|_| tracing::info!("{long}"));
        });
        // Nobody has read until here: a caller that waits would wait for ever. Now every line is there or counted.
        let (mut written, mut dropped) = (0, 0);
        while written + dropped < said {
            let mut buffer = [0; 16_384];
            let len = silent.recv(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..len]);
            match text.split_once(" log lines were dropped") {
                Some((count, _)) => dropped += count.parse::<u64>().unwrap(),
                None => written += 1,
            }
        }
        assert!(dropped > QUEUE as u64, "{dropped}");
    }

    #[test]
    fn the_end_waits_for_the_last_lines_but_not_for_ever() {
        let (silent, ours) = UnixDatagram::pair().unwrap();
        let logger = spawn(LevelFilter::INFO, || Box::new(Blocking(ours)));
        let pending = logger.pending.clone();
        let log = || {
            drop(Log {
                pending: pending.clone(),
            })
        };
        tracing::subscriber::with_default(logger, || {
            tracing::info!("last");
            log();
            silent.set_nonblocking(true).unwrap();
            assert_eq!(silent.recv(&mut [0; 16]).unwrap(), "last".len());
            let long = "x".repeat(10_000);
            (0..QUEUE * 10).for_each(|_| tracing::info!("{long}"));
            log();
        });
        assert!(pending.load(Ordering::Acquire) > 0);
    }
}
