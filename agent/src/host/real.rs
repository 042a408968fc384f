//! The rungs of the real machine, each one system call. Not compiled into unit tests; and in whatever else cargo runs, and for a
//! tree, [`Machine::open`] refuses.
use std::{
    fs::{File, OpenOptions},
    io::Write,
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::system::{RebootCommand, reboot};

use super::{
    barrier,
    ladder::Rungs,
    within::{Call, within},
};
use crate::{sys, world::World};

/// What the kernel refuses it refuses at once.
const REFUSAL: Duration = Duration::from_secs(1);

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
        within(most, "sync", rustix::fs::sync) == Call::Back(())
    }

    fn reboot(&mut self) -> Result<(), String> {
        let call = || reboot(RebootCommand::Restart);
        let called = match within(REFUSAL, "reboot", call) {
            Call::Back(result) => result,
            // It waits for a driver to let go, and the emergency key must not.
            Call::Away => Ok(()),
            Call::NotMade => call(),
        };
        called.map_err(|error| format!("reboot(2) failed: {error}"))
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
