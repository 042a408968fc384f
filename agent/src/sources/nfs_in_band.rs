//! The in-band probe: the round trip of one GETATTR on the root mount itself, on the kernel's own connection, as every process on
//! the Pi meets it. While the server hangs it hangs too, and can't be given up; so one long-lived thread makes it, never more
//! than one at a time, and the loop waits for nothing.
//!
//! [`Probe::ask`] makes one and sets the bell; an answer in time silences it again, so that it wakes nobody. When there is none,
//! the bell rings, and once more when the late answer is there. [`Probe::look`] says how it stands.
mod getattr;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, Thread},
    time::Duration,
};

use picket_proto::{Gap, Reading};
use rustix::io::Errno;

use getattr::Getattr;

use super::nfs_server;
use crate::{
    clock::{Striker, boottime_ms},
    verdict::{InBand, Room},
    world::World,
};

/// It makes system calls and nothing else.
const STACK: usize = 64 * 1024;

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// How long it took, or why it failed.
    pub took: Result<Duration, Errno>,
    /// How much room the disk has, if that was asked.
    pub room: Option<Room>,
}

/// A probe that waited beyond its time. On CLOCK_BOOTTIME, in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Late {
    /// When it was made.
    pub since_ms: u64,
    /// When it ended.
    pub until_ms: u64,
}

/// What the thread does at each probe; tests put something else there.
pub trait Call: Send + 'static {
    /// Makes one, however long that takes.
    fn call(&mut self) -> Answer;
}

/// The asker's end of the thread. Dropped, it lets the thread end, after the call that is under way.
#[derive(Debug)]
pub struct Probe {
    shared: Arc<Shared>,
    thread: Thread,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    striker: Striker,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Unasked,
    Waiting { since_ms: u64, due_ms: u64 },
    Answered { answer: Answer, late: Option<Late> },
    Over,
}

impl Probe {
    /// A probe of the file system that is mounted at `root`. That is opened in the thread: even this may hang.
    ///
    /// # Errors
    /// There can be no further thread.
    pub fn spawn(root: &Path, striker: Striker) -> io::Result<Self> {
        Self::calling(Getattr::new(root), striker)
    }

    /// A probe that makes that call.
    ///
    /// # Errors
    /// As for [`Probe::spawn`].
    pub fn calling(mut call: impl Call, striker: Striker) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::Unasked),
            striker,
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("in-band".to_owned())
            .stack_size(STACK)
            .spawn(move || theirs.serve(&mut call))?;
        Ok(Self {
            shared,
            thread: thread.thread().clone(),
        })
    }

    /// Makes a probe, unless one has no answer yet. `now_ms` is CLOCK_BOOTTIME; at `due_ms` the bell rings if there is no answer.
    pub fn ask(&mut self, now_ms: u64, due_ms: u64) {
        let mut state = self.shared.lock();
        if matches!(*state, State::Waiting { .. }) {
            return;
        }
        if let Err(error) = self.shared.striker.set(due_ms) {
            tracing::debug!("the bell of the in-band probe can't be set: {error}");
        }
        *state = State::Waiting {
            since_ms: now_ms,
            due_ms,
        };
        drop(state);
        self.thread.unpark();
    }

    /// How the last probe stands.
    #[must_use]
    pub fn look(&self) -> InBand {
        match *self.shared.lock() {
            State::Unasked | State::Over => InBand::Unasked,
            State::Waiting { since_ms, .. } => InBand::Waiting { since_ms },
            State::Answered { answer, .. } => in_band(answer.took),
        }
    }

    /// How much room the disk has, if the last probe asked for it.
    #[must_use]
    pub fn room(&self) -> Option<Room> {
        match *self.shared.lock() {
            State::Answered { answer, .. } => answer.room,
            _ => None,
        }
    }

    /// The last probe, if it ended after the bell had rung.
    #[must_use]
    pub fn late(&self) -> Option<Late> {
        match *self.shared.lock() {
            State::Answered { late, .. } => late,
            _ => None,
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        *self.shared.lock() = State::Over;
        self.thread.unpark();
    }
}

/// Where to ask: the root mount of this machine, if it is on NFS. A tree that stands for a machine is asked nothing.
#[must_use]
pub fn root<'m>(world: &World, mountpoint: &'m str) -> Option<&'m Path> {
    let asked = world.is_machine() && nfs_server::is_nfs(world, mountpoint);
    asked.then(|| Path::new(mountpoint))
}

/// What a view is as a reading, in µs: a probe that waits has timed out.
///
/// # Errors
/// Why there is no round trip.
pub fn reading(view: InBand) -> Reading {
    match view {
        InBand::Off => Err(Gap::Absent),
        InBand::Unasked => Err(Gap::FirstInterval),
        InBand::Waiting { .. } => Err(Gap::TimedOut),
        InBand::Answered { rtt_us } => Ok(rtt_us),
        InBand::Stale | InBand::Failed => Err(Gap::Failed),
    }
}

/// One probe, for who asks once: it waits for the answer so long at most, and then leaves the thread to itself.
#[must_use]
pub fn once(root: &Path, patience: Duration, now_ms: u64) -> InBand {
    let (answers, answer) = mpsc::channel();
    let mut call = Getattr::new(root);
    let thread = thread::Builder::new().stack_size(STACK);
    match thread.spawn(move || answers.send(call.call())) {
        Ok(_) => answer
            .recv_timeout(patience)
            .map_or(InBand::Waiting { since_ms: now_ms }, |answer| {
                in_band(answer.took)
            }),
        Err(_) => InBand::Failed,
    }
}

fn in_band(took: Result<Duration, Errno>) -> InBand {
    match took {
        Ok(took) => InBand::Answered {
            rtt_us: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
        },
        Err(Errno::STALE) => InBand::Stale,
        Err(_) => InBand::Failed,
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A state is written whole, so it is sound whoever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, call: &mut impl Call) {
        loop {
            let state = *self.lock();
            match state {
                State::Over => return,
                State::Waiting { .. } => self.ended(call.call()),
                State::Unasked | State::Answered { .. } => thread::park(),
            }
        }
    }

    /// Under the lock, so that whoever asks next doesn't have its bell silenced.
    fn ended(&self, answer: Answer) {
        let mut state = self.lock();
        let State::Waiting { since_ms, due_ms } = *state else {
            return;
        };
        let until_ms = boottime_ms();
        let late = (until_ms >= due_ms).then_some(Late { since_ms, until_ms });
        *state = State::Answered { answer, late };
        let struck = match late {
            Some(_) => self.striker.ring(),
            None => self.striker.silence(),
        };
        if let Err(error) = struck {
            tracing::debug!("the bell of the in-band probe can't be struck: {error}");
        }
    }
}

#[cfg(test)]
mod tests;
