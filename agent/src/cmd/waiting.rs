//! Says that the start waits for a file, which can lie on a server that doesn't answer for hours: on stderr, since the file says how the log
//! is to be, and to the service manager, which then waits, too. It doesn't know what is in the file.
use std::{
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::{
    notify::{Notifier, Word},
    world::World,
};

/// How long a file may take before it is said, as with all else that the agent wants of the disk.
const MOST: Duration = Duration::from_secs(5);
/// So often the service manager hears of it.
const EVERY: Duration = Duration::from_secs(20);
const STACK: usize = 64 * 1024;

/// A file that is waited for. Its thread ends with it.
pub(super) struct Waiting {
    over: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Waiting {
    /// From now on the start waits for that file.
    pub(super) fn for_file(path: &Path, world: &World) -> Self {
        let (over, ended) = channel();
        let (path, notifier) = (path.to_owned(), Notifier::from_env(world));
        let thread = thread::Builder::new()
            .name("waiting".to_owned())
            .stack_size(STACK);
        // Without a thread it waits in silence, as it would without this.
        let thread = thread.spawn(move || watch(&path, &notifier, &ended)).ok();
        Self {
            over: Some(over),
            thread,
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // It only says things, and one that panics ends the process.
            let _ = thread.join();
        }
    }
}

/// Returns when the file has been read.
fn watch(path: &Path, notifier: &Notifier, over: &Receiver<()>) {
    let start = Instant::now();
    if over.recv_timeout(MOST) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let path = path.display();
    for first in std::iter::once(true).chain(std::iter::repeat(false)) {
        let waited = start.elapsed().as_secs();
        notifier.say(&Word::Starting(3 * EVERY));
        let status = format!("waits for the disk: {path} has not been read for {waited} s");
        notifier.say(&Word::Status(status));
        if first {
            eprintln!(
                "picketd: {path} has not been read for {waited} s: the disk doesn't answer; this agent starts when it does. \
                 Look at the server of the root file system, or give a configuration that lies elsewhere with --config"
            );
        }
        if over.recv_timeout(EVERY) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    notifier.say(&Word::Status("starts".to_owned()));
    let waited = start.elapsed().as_secs();
    eprintln!("picketd: the disk answers: {path} was read after {waited} s");
}
