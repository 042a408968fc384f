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
};

use tracing::{
    Event, Metadata, Subscriber,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};

use crate::world::World;
use line::{Line, Text};

/// Lines that may wait for the thread.
const QUEUE: usize = 128;
/// The thread formats nothing, so this is plenty.
const STACK: usize = 64 * 1024;

/// Sends every event of the process to the log from now on. `PICKET_LOG` of the environment beats `level`.
pub fn start(level: LevelFilter, world: &World) {
    let level = std::env::var("PICKET_LOG")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(level);
    let (lines, queue) = sync_channel(QUEUE);
    let dropped = Arc::new(AtomicU64::new(0));
    let sink = match world.is_machine().then(journald::Journald::open).flatten() {
        Some(journald) => Sink::Journald(journald),
        None => Sink::Stderr,
    };
    let counter = dropped.clone();
    let thread = thread::Builder::new()
        .name("log".to_owned())
        .stack_size(STACK);
    // Without the thread the queue is closed, and every line is dropped: the agent works all the same.
    if let Err(error) = thread.spawn(move || write(&queue, &sink, &counter)) {
        eprintln!("can't start the log's thread, so nothing is logged: {error}");
    }
    // A subscriber that was there before is a test's.
    let _ = tracing::subscriber::set_global_default(Queueing {
        level,
        lines,
        dropped,
    });
}

enum Sink {
    Journald(journald::Journald),
    Stderr,
}

/// The thread: it wakes up when there is a line, and never else.
fn write(queue: &Receiver<Line>, sink: &Sink, dropped: &AtomicU64) {
    while let Ok(line) = queue.recv() {
        sink.write(&line);
        match dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            count => sink.write(&Line::dropped(count)),
        }
    }
}

impl Sink {
    fn write(&self, line: &Line) {
        match self {
            Self::Journald(journald) => journald.send(line),
            Self::Stderr => {
                // A closed stderr is nobody's business.
                let _ = writeln!(std::io::stderr(), "{line}");
            }
        }
    }
}

/// The subscriber: puts events into the queue.
struct Queueing {
    level: LevelFilter,
    lines: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

impl Subscriber for Queueing {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = Line {
            level: *event.metadata().level(),
            text: text.finish(),
        };
        if self.lines.try_send(line).is_err() {
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
    use super::*;

    #[test]
    fn a_full_queue_drops_and_counts_and_never_waits() {
        let (lines, queue) = sync_channel(2);
        let dropped = Arc::new(AtomicU64::new(0));
        let subscriber = Queueing {
            level: LevelFilter::INFO,
            lines,
            dropped: dropped.clone(),
        };
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("not this one");
            for n in 0..5 {
                tracing::warn!(n, host = "a\nb", "line");
            }
        });
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        let lines: Vec<String> = queue.iter().map(|line| line.to_string()).collect();
        assert_eq!(
            lines,
            ["warn: line n=0 host=a\\nb", "warn: line n=1 host=a\\nb"]
        );
        assert_eq!(
            Line::dropped(3).to_string(),
            "warn: 3 log lines were dropped, because nobody took them in time"
        );
    }
}
