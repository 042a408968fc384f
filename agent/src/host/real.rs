//! The rungs of the real machine, each one system call. Not compiled into unit tests; and in whatever else cargo runs, and for a
//! tree, [`Machine::open`] refuses.
use std::{
    fs::{File, OpenOptions},
    io::Write,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rustix::system::{RebootCommand, reboot};

use super::{barrier, ladder::Rungs};
use crate::{sys, world::World};

const STACK: usize = 64 * 1024;

/// What is needed on the way down, got hold of while everything still works: no path is resolved then.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    signal: Result<i32, String>,
    sysrq: Result<Arc<File>, String>,
}

impl Machine {
    /// Gets hold of it.
    ///
    /// # Errors
    /// Why this process must not bring this machine down.
    pub(super) fn open(world: &World) -> Result<Self, String> {
        barrier::barred(world, |name| std::env::var_os(name).is_some())?;
        let sysrq = OpenOptions::new().write(true).open("/proc/sysrq-trigger");
        Ok(Self {
            signal: barrier::reboot_signal(world),
            sysrq: sysrq
                .map(Arc::new)
                .map_err(|error| format!("can't open /proc/sysrq-trigger: {error}")),
        })
    }

    /// The way down, to be taken once.
    pub(super) fn ladder(&self) -> Box<dyn Rungs + Send> {
        Box::new(self.clone())
    }
}

impl Rungs for Machine {
    fn signal(&self) -> Result<i32, String> {
        self.signal.clone()
    }

    fn ask(&mut self, signal: i32) -> Result<(), String> {
        sys::signal_process_1(signal)
            .map_err(|error| format!("can't send process 1 signal {signal}: {error}"))
    }

    fn sync(&mut self, most: Duration) -> bool {
        let (done, waits) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("sync".to_owned())
            .stack_size(STACK);
        let spawned = thread.spawn(move || {
            rustix::fs::sync();
            // Nobody waits any more if the time is over.
            let _ = done.send(());
        });
        spawned.is_ok() && waits.recv_timeout(most).is_ok()
    }

    fn reboot(&mut self) -> Result<(), String> {
        reboot(RebootCommand::Restart).map_err(|error| format!("reboot(2) failed: {error}"))
    }

    fn sysrq(&mut self) -> Result<(), String> {
        let mut file = self.sysrq.clone()?;
        file.write_all(b"b")
            .map_err(|error| format!("can't write b to /proc/sysrq-trigger: {error}"))
    }

    fn wait(&mut self, time: Duration) {
        thread::sleep(time);
    }
}
