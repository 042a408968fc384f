//! The one thread that waits for the disk, and the owner's end of it, which waits for nothing. Neither knows what is recorded.
use std::{
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use rustix::io::Errno;
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    time::{Instant, sleep_until},
};

use super::{MOST_OPERATIONS, Outcome, Problem, Record};

/// How long an opening or a write may take before it counts as hanging.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);
/// How often a write is taken back that perhaps counts.
const RETRY: Duration = if cfg!(test) {
    Duration::ZERO
} else {
    Duration::from_secs(5)
};
/// The buffers lie on the heap.
const STACK: usize = 64 * 1024;

/// What the thread works on: the file, or in tests something worse.
pub(super) trait Disk: Send + 'static {
    /// Reads what is there, or makes a new one.
    fn open(&mut self) -> Found;
    /// Whether it can be written to.
    fn is_open(&self) -> bool;
    /// Writes, and returns when it is durable. Only when it is open.
    fn write(&mut self, record: &Record) -> Result<(), Unwritten>;
    /// The error of the kernel that the last opening or write met, if any.
    fn said(&self) -> Option<Errno> {
        None
    }
    /// Sees to it that a write counts for nothing of which that isn't known; whether it was possible.
    fn take_back(&mut self) -> bool;
}

/// A write that failed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// Nothing of it counts.
    Not(String),
    /// It may count at the next start, or not.
    Perhaps(String),
}

/// What was found at an opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What it holds; `None` for a new one and for none.
    pub(super) record: Option<Record>,
    /// What is wrong.
    pub(super) problem: Option<Problem>,
}

impl Found {
    /// Nothing but that.
    pub(super) fn problem(problem: Problem) -> Self {
        Self {
            record: None,
            problem: Some(problem),
        }
    }
}

/// A journal, as it was found, and the way to write to it.
#[derive(Debug)]
pub struct Opened {
    /// What it holds; `None` for a new one, and when a problem keeps it from being read.
    pub record: Option<Record>,
    /// What is wrong with it, to be told.
    pub problem: Option<Problem>,
    /// Where to write.
    pub journal: Journal,
}

/// A write is under way already: its outcome comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the write before has not ended yet")]
pub struct Busy;

/// The owner's end of the journal.
#[derive(Debug)]
pub struct Journal {
    orders: SyncSender<Record>,
    outcomes: UnboundedReceiver<Outcome>,
    state: State,
    said: Arc<AtomicI32>,
    /// The opening has not come back; what every write is answered until it has.
    hangs: Option<String>,
}

#[derive(Debug)]
enum State {
    Idle,
    /// A write is under way, and counts as hanging from then on.
    Writing(Instant),
    /// A write hangs, which was said.
    Overdue,
    /// A write was refused at once, which is to be said.
    Refused(String),
}

impl Journal {
    /// Writes that record in place of the one before. [`Journal::outcome`] says what became of it.
    ///
    /// # Errors
    /// [`Busy`]: one at a time.
    pub fn write(&mut self, mut record: Record) -> Result<(), Busy> {
        if !matches!(self.state, State::Idle) {
            return Err(Busy);
        }
        let excess = record.operations.len().saturating_sub(MOST_OPERATIONS);
        record.operations.drain(..excess);
        self.state = match &self.hangs {
            Some(problem) => State::Refused(problem.clone()),
            None => match self.orders.try_send(record) {
                Ok(()) => State::Writing(Instant::now() + DEADLINE),
                Err(_) => {
                    State::Refused("the journal's thread is gone; restart picketd".to_owned())
                }
            },
        };
        Ok(())
    }

    /// What the disk said to the last opening or write that came back.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn said(&self) -> Result<(), Errno> {
        match self.said.load(Ordering::Acquire) {
            0 => Ok(()),
            error => Err(Errno::from_raw_os_error(error)),
        }
    }

    /// The next outcome; none comes as long as nothing is written. Cancel-safe.
    pub async fn outcome(&mut self) -> Outcome {
        if let State::Refused(problem) = &mut self.state {
            let problem = std::mem::take(problem);
            self.state = State::Idle;
            return Outcome::Failed(problem);
        }
        tokio::select! {
            biased;
            // Cancel-safe: receiving from a channel is.
            Some(outcome) = self.outcomes.recv() => self.came(outcome),
            // Cancel-safe: a deadline keeps no state.
            () = overdue(&self.state) => {
                self.state = State::Overdue;
                Outcome::Unknown
            }
        }
    }

    fn came(&mut self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Opened { .. } => self.hangs = None,
            Outcome::Unknown => self.state = State::Overdue,
            Outcome::Written | Outcome::Failed(_) => self.state = State::Idle,
        }
        outcome
    }
}

/// When the write has taken too long, or never.
async fn overdue(state: &State) {
    match state {
        State::Writing(deadline) => sleep_until(*deadline).await,
        _ => std::future::pending().await,
    }
}

/// Opens it in a new thread, and waits at most so long.
pub(super) fn open(mut disk: impl Disk, directory: &str, patience: Duration) -> Opened {
    let (orders, orders_in) = mpsc::sync_channel(1);
    let (outcomes_out, outcomes) = unbounded_channel();
    // Without room in it, so that what was found is either taken here or comes as an outcome, and is never lost between.
    let (found_out, found) = mpsc::sync_channel(0);
    let said = Arc::new(AtomicI32::new(0));
    let noted = Arc::clone(&said);
    let work = move || {
        let found = disk.open();
        note(&noted, &disk);
        let told = found.record.clone();
        if let Err(mpsc::SendError(found)) = found_out.send(found) {
            let _ = outcomes_out.send(opened(found));
        }
        Writer {
            disk,
            told,
            outcomes: outcomes_out,
            said: noted,
        }
        .run(&orders_in);
    };
    let thread = thread::Builder::new()
        .name("journal".to_owned())
        .stack_size(STACK);
    let found = match thread.spawn(work) {
        Ok(_) => taken(&found, directory, patience),
        Err(error) => Found::problem(Problem::Unusable {
            path: directory.to_owned(),
            error: format!("its thread can't start: {error}"),
        }),
    };
    let hangs = match &found.problem {
        Some(problem @ Problem::Hangs { .. }) => Some(problem.to_string()),
        _ => None,
    };
    Opened {
        record: found.record,
        problem: found.problem,
        journal: Journal {
            orders,
            outcomes,
            state: State::Idle,
            said,
            hangs,
        },
    }
}

fn taken(found: &Receiver<Found>, directory: &str, patience: Duration) -> Found {
    match found.recv_timeout(patience) {
        Ok(found) => found,
        Err(_) => Found::problem(Problem::Hangs {
            directory: directory.to_owned(),
            seconds: patience.as_secs(),
        }),
    }
}

/// The thread's end.
struct Writer<D> {
    disk: D,
    /// What the owner knows to be recorded.
    told: Option<Record>,
    outcomes: UnboundedSender<Outcome>,
    said: Arc<AtomicI32>,
}

/// Before the outcome goes out, so that whoever has that knows this.
fn note(said: &AtomicI32, disk: &impl Disk) {
    let error = disk.said().map_or(0, Errno::raw_os_error);
    said.store(error, Ordering::Release);
}

impl<D: Disk> Writer<D> {
    fn run(mut self, orders: &Receiver<Record>) {
        while let Ok(record) = orders.recv() {
            let written = self.write(record);
            note(&self.said, &self.disk);
            let outcome = match written {
                Ok(()) => Outcome::Written,
                Err(Unwritten::Not(error)) => Outcome::Failed(error),
                Err(Unwritten::Perhaps(error)) => self.take_back(error),
            };
            // Nobody waits any more when the agent stops.
            let _ = self.outcomes.send(outcome);
        }
    }

    /// Until that is known, the truth is that it isn't.
    fn take_back(&mut self, error: String) -> Outcome {
        let _ = self.outcomes.send(Outcome::Unknown);
        while !self.disk.take_back() && !self.outcomes.is_closed() {
            thread::sleep(RETRY);
        }
        Outcome::Failed(error)
    }

    fn write(&mut self, record: Record) -> Result<(), Unwritten> {
        if !self.disk.is_open() {
            self.reopen().map_err(Unwritten::Not)?;
        }
        self.disk.write(&record)?;
        self.told = Some(record);
        Ok(())
    }

    /// Perhaps it can be used now. Whatever the owner doesn't know is told first, and not written over.
    fn reopen(&mut self) -> Result<(), String> {
        let found = self.disk.open();
        note(&self.said, &self.disk);
        let surprise = found.record.is_some() && found.record != self.told;
        if surprise {
            self.told.clone_from(&found.record);
        }
        match &found.problem {
            Some(problem) if !self.disk.is_open() => return Err(problem.to_string()),
            None if !surprise => return Ok(()),
            _ => {}
        }
        let _ = self.outcomes.send(opened(found));
        match surprise {
            true => Err(
                "what the journal holds could be read only now; give the command again".to_owned(),
            ),
            false => Ok(()),
        }
    }
}

fn opened(found: Found) -> Outcome {
    Outcome::Opened {
        record: found.record,
        problem: found.problem,
    }
}

#[cfg(test)]
mod tests;
