//! A child that installs an image or removes a slot, as a process: started, heard, told to give up, and killed when it is silent. Each
//! call here lasts as long as the child, so it is made in a thread of its own. It decides nothing.
use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use picket_proto::State;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    command::WorkerEvent,
    reinstall::wire::{Event, MAX_EVENT, Order, Stage},
};

/// A child says every 10 s at least that it lives, also while it waits for a disk; so one that says nothing for so long hangs.
const SILENCE: Duration = Duration::from_secs(60);

/// How a child is told to give up, at any time, also before it is there.
#[derive(Debug, Default)]
pub(super) struct Reins(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    /// What the child hears its end by.
    stdin: Option<ChildStdin>,
    is_given_up: bool,
}

/// What children are made of.
pub(super) struct Nursery<'a> {
    program: &'a str,
    arguments: &'a [&'a str],
    silence: Duration,
}

/// Why there is no last word.
struct Wordless {
    /// It may have begun something.
    was_started: bool,
    why: String,
}

impl Reins {
    /// The child ends as soon as it can.
    pub(super) fn give_up(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.is_given_up = true;
        held.stdin = None;
    }

    fn hold(&self, pipe: ChildStdin) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.stdin = Some(pipe).filter(|_| !held.is_given_up);
    }
}

impl Nursery<'static> {
    /// This program's own.
    pub(super) fn of_this_program() -> Self {
        Self {
            program: "/proc/self/exe",
            arguments: &["reinstall-child"],
            silence: SILENCE,
        }
    }
}

impl Nursery<'_> {
    /// Runs a child to its end; its last word. What one has begun that ended without a last word, another one removes.
    ///
    /// # Errors
    /// There is no last word: why, and what is left.
    pub(super) fn run(
        &self,
        order: &Order,
        reins: &Reins,
        said: &UnboundedSender<WorkerEvent>,
    ) -> Result<WorkerEvent, String> {
        let wordless = match self.once(order, reins, Some(said)) {
            Ok(last) => return Ok(last),
            Err(wordless) => wordless,
        };
        let why = wordless.why;
        match order {
            Order::Install(install) if wordless.was_started => {
                let clean = Order::Clean {
                    export: install.export.clone(),
                    slot: None,
                    lock: install.lock.clone(),
                };
                Err(match self.once(&clean, &Reins::default(), None) {
                    Ok(WorkerEvent::Failed { detail, .. }) => {
                        format!("{why}; what it had begun is still there: {detail}")
                    }
                    Ok(_) => format!("{why}; nothing of what it had begun is left"),
                    Err(other) => format!("{why}; what it had begun is still there: {}", other.why),
                })
            }
            _ => Err(why),
        }
    }

    fn once(
        &self,
        order: &Order,
        reins: &Reins,
        said: Option<&UnboundedSender<WorkerEvent>>,
    ) -> Result<WorkerEvent, Wordless> {
        let mut child = Command::new(self.program)
            .args(self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Wordless {
                was_started: false,
                why: format!("the child can't be started: {error}"),
            })?;
        if let Some(mut pipe) = child.stdin.take() {
            // It fails when the child is gone already, which shows below.
            let _ = pipe.write_all(order.line().as_bytes());
            reins.hold(pipe);
        }
        let out = child.stdout.take().expect("it was asked for");
        let mut lines = Lines {
            out,
            bytes: Vec::new(),
            silence: self.silence,
        };
        let last = listen(&mut lines, said);
        // Who waits for its end hears it by the end of its output, too.
        let is_silent = last.is_silent || lines.until_the_end();
        let why = end(child, is_silent.then_some(self.silence));
        reins.give_up();
        last.word.ok_or(Wordless {
            was_started: true,
            why,
        })
    }
}

/// Lines of a child's.
struct Lines {
    out: ChildStdout,
    bytes: Vec<u8>,
    silence: Duration,
}

enum Next {
    Line(String),
    End,
    Silence,
}

/// What was heard.
struct Last {
    word: Option<WorkerEvent>,
    is_silent: bool,
}

impl Lines {
    fn next(&mut self) -> Next {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
                let line = self.bytes.drain(..=end).collect::<Vec<_>>();
                return Next::Line(String::from_utf8_lossy(&line).into_owned());
            }
            if self.bytes.len() > MAX_EVENT {
                // Nothing that a child says is so long.
                self.bytes.clear();
            }
            let mut chunk = [0; 1024];
            match self.is_readable() {
                Ok(false) => return Next::Silence,
                Ok(true) => match self.out.read(&mut chunk) {
                    Ok(0) | Err(_) => return Next::End,
                    Ok(count) => self.bytes.extend_from_slice(&chunk[..count]),
                },
                Err(Errno::INTR) => {}
                Err(_) => return Next::End,
            }
        }
    }

    fn is_readable(&self) -> Result<bool, Errno> {
        let silence = Timespec::try_from(self.silence).expect("it is short");
        let mut polled = [PollFd::new(&self.out, PollFlags::IN)];
        poll(&mut polled, Some(&silence)).map(|ready| ready > 0)
    }

    /// Whether it was silent instead.
    fn until_the_end(&mut self) -> bool {
        loop {
            match self.next() {
                Next::Line(_) => {}
                Next::End => return false,
                Next::Silence => return true,
            }
        }
    }
}

fn listen(lines: &mut Lines, said: Option<&UnboundedSender<WorkerEvent>>) -> Last {
    loop {
        let line = match lines.next() {
            Next::Line(line) => line,
            ended => {
                return Last {
                    word: None,
                    is_silent: matches!(ended, Next::Silence),
                };
            }
        };
        let Ok(event) = Event::parse(&line) else {
            tracing::warn!("the child says what is no event: {:?}", line.trim_end());
            continue;
        };
        let is_last = event.is_last();
        let Some(event) = heard(event) else { continue };
        if is_last {
            return Last {
                word: Some(event),
                is_silent: false,
            };
        }
        // Nobody listens any more when the agent ends.
        let _ = said.map(|said| said.send(event));
    }
}

/// Waits for its end, or brings it about. Why it said nothing.
fn end(mut child: Child, silent_for: Option<Duration>) -> String {
    if silent_for.is_some() {
        // Also one that is stopped ends of that.
        let _ = child.kill();
    }
    match (child.wait(), silent_for) {
        (_, Some(silence)) => format!(
            "the child said nothing for {} s and was killed",
            silence.as_secs()
        ),
        (Ok(status), None) => format!("the child ended without a word, with {status}"),
        (Err(error), None) => format!("the child ended without a word: {error}"),
    }
}

fn heard(event: Event) -> Option<WorkerEvent> {
    Some(match event {
        // That it is heard is what counts.
        Event::Alive => return None,
        // The core says this one by itself.
        Event::Stage {
            stage: Stage::Preflight,
        } => return None,
        Event::Stage { stage } => WorkerEvent::Stage(match stage {
            Stage::Preflight => State::Preflight,
            Stage::Fetching => State::Fetching,
            Stage::Unpacking => State::Unpacking,
            Stage::Sealed => State::Sealed,
            Stage::Personalised => State::Personalised,
        }),
        Event::Progress(progress) => WorkerEvent::Progress(picket_proto::Progress {
            stage: State::Unpacking,
            bytes: progress.bytes,
            of_bytes: progress.of_bytes,
            entries: progress.entries,
            of_entries: progress.of_entries,
        }),
        Event::Warning { text } => WorkerEvent::Warning(text),
        Event::Staged { host_keys, .. } => WorkerEvent::Staged { host_keys },
        Event::Cleaned => WorkerEvent::Cleaned,
        Event::Failed { reason, detail } => WorkerEvent::Failed { reason, detail },
    })
}

#[cfg(test)]
mod tests;
