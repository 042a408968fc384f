//! A guest's console: what it printed in all of its boots, and a shell that answers there. It knows no machine.
use std::{
    fs,
    io::Write,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use crate::eventually;

/// A machine that was just reset has its console again within this.
const CONNECT: Duration = Duration::from_secs(30);

/// The console of one machine.
pub struct Console {
    log: PathBuf,
    socket: PathBuf,
    questions: AtomicUsize,
}

impl Console {
    pub(super) fn new(log: PathBuf, socket: PathBuf) -> Self {
        Self {
            log,
            socket,
            questions: AtomicUsize::new(0),
        }
    }

    /// Everything that was printed so far.
    pub fn text(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\r', "")
    }

    /// How often something was printed.
    pub fn count(&self, what: &str) -> usize {
        self.text().matches(what).count()
    }

    /// Waits until something was printed.
    pub fn wait_for(&self, what: &str, deadline: Duration) {
        let why = format!("the guest's console says {what:?}");
        eventually(&why, deadline, || self.text().contains(what).then_some(()));
    }

    /// Lets the guest's shell run a command line; what it printed. Kernel messages may stand in between.
    pub fn run(&self, command: &str, deadline: Duration) -> String {
        let number = self.questions.fetch_add(1, Ordering::SeqCst);
        // The shell's echo of the line has the quotes in it, its output has not.
        let (begin, end) = (format!("begin-{number}-"), format!("end-{number}-"));
        let line = format!("echo 'begin-''{number}-'; {command}; echo 'end-''{number}-'\n");
        // Open until the end: QEMU forgets what a client typed that has hung up.
        let mut keyboard = eventually("QEMU takes a console", CONNECT, || {
            UnixStream::connect(&self.socket).ok()
        });
        keyboard
            .write_all(line.as_bytes())
            .expect("QEMU reads what is typed");
        let why = format!("the guest's shell has run {command:?}");
        eventually(&why, deadline, || {
            let text = self.text();
            let (_, after) = text.split_once(&begin)?;
            let (output, _) = after.split_once(&end)?;
            Some(output.trim_start_matches('\n').to_owned())
        })
    }
}
