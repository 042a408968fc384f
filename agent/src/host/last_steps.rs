//! The steps of the way down that need nothing but the kernel: the ladder without its first one. For whoever sees a machine hang that
//! systemd was asked to bring down.
use std::time::Duration;

use super::{
    ladder::{Rungs, climb},
    real::Machine,
};
use crate::world::World;

/// The steps, got hold of while everything still works.
#[derive(Debug)]
pub struct LastSteps(Machine);

impl LastSteps {
    /// Gets hold of them.
    ///
    /// # Errors
    /// Why this process must not bring this machine down.
    pub fn open(world: &World) -> Result<Self, String> {
        Machine::open(world).map(Self)
    }

    /// Takes them, and tells each before. It comes back only if the machine is still up: why each failed.
    pub fn take(&self, tell: impl FnMut(String)) -> String {
        climb(&mut KernelOnly(&mut *self.0.ladder()), tell)
    }
}

/// A machine whose process 1 is not asked.
struct KernelOnly<'a>(&'a mut dyn Rungs);

impl Rungs for KernelOnly<'_> {
    fn signal(&self) -> Result<i32, String> {
        Err("systemd was asked before".to_owned())
    }

    fn ask(&mut self, _: i32) -> Result<(), String> {
        Err("systemd was asked before".to_owned())
    }

    fn sync(&mut self, most: Duration) -> bool {
        self.0.sync(most)
    }

    fn reboot(&mut self) -> Result<(), String> {
        self.0.reboot()
    }

    fn sysrq(&mut self) -> Result<(), String> {
        self.0.sysrq()
    }

    fn wait(&mut self, time: Duration) {
        self.0.wait(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Recorder(Vec<&'static str>);

    impl Rungs for Recorder {
        fn signal(&self) -> Result<i32, String> {
            panic!("process 1 is not looked for")
        }
        fn ask(&mut self, _: i32) -> Result<(), String> {
            panic!("process 1 is not asked")
        }
        fn sync(&mut self, _: Duration) -> bool {
            self.0.push("sync");
            false
        }
        fn reboot(&mut self) -> Result<(), String> {
            self.0.push("reboot");
            Ok(())
        }
        fn sysrq(&mut self) -> Result<(), String> {
            self.0.push("sysrq");
            Err("no key".to_owned())
        }
        fn wait(&mut self, _: Duration) {
            self.0.push("wait");
        }
    }

    #[test]
    fn every_step_but_the_first_is_taken() {
        let mut steps = Recorder::default();
        let why = climb(&mut KernelOnly(&mut steps), |_| {});
        assert_eq!(steps.0, ["sync", "reboot", "wait", "sysrq"]);
        assert!(why.ends_with("no key"), "{why}");
    }
}
