//! The way down, from the kindest step to the hardest, each with its deadline. It does nothing itself, so it can be tested.
//!
//! 1. systemd is asked, where it is process 1: it stops what runs, and it may hang for ever (its issue 21083, on a dead NFS root).
//! 2. What is dirty goes to the disks, as far as they take it in 2 s: a dead server never holds a reboot up.
//! 3. reboot(2). 4. The kernel's emergency key, which needs nothing but the kernel.
use std::time::Duration;

/// How long systemd may take: as long as it gives one unit to stop by default (DefaultTimeoutStopSec=).
pub(super) const SYSTEMD: Duration = Duration::from_secs(90);
/// How long the disks may take.
pub(super) const DISKS: Duration = Duration::from_secs(2);
/// A machine that the kernel resets is gone in less than 0.1 s.
pub(super) const KERNEL: Duration = Duration::from_secs(10);

/// The steps, as the machine takes them.
pub(super) trait Rungs {
    /// The signal that makes process 1 reboot.
    ///
    /// # Errors
    /// Why there is none.
    fn signal(&self) -> Result<i32, String>;
    /// Sends process 1 that signal.
    fn ask(&mut self, signal: i32) -> Result<(), String>;
    /// Writes what is dirty; whether it was done in that time.
    fn sync(&mut self, most: Duration) -> bool;
    /// Calls reboot(2); whether it failed at once. It may also not come back, and not bring the machine down.
    fn reboot(&mut self) -> Result<(), String>;
    /// Presses the emergency key `b`.
    fn sysrq(&mut self) -> Result<(), String>;
    /// Waits.
    fn wait(&mut self, time: Duration);
}

/// Takes every step, and tells each before it is taken. It comes back only if the machine is still up: why each step failed.
pub(super) fn climb(rungs: &mut dyn Rungs, mut tell: impl FnMut(String)) -> String {
    let mut why = Vec::new();
    match rungs.signal() {
        Ok(signal) => {
            tell(format!(
                "asks systemd to reboot, with signal {signal} to process 1, and waits {} s",
                SYSTEMD.as_secs()
            ));
            let asked = rungs.ask(signal);
            why.push(waited(rungs, asked, SYSTEMD, "systemd"));
        }
        Err(error) => why.push(error),
    }
    tell(format!(
        "writes what is dirty to the disks, for {} s at most",
        DISKS.as_secs()
    ));
    if !rungs.sync(DISKS) {
        why.push(format!(
            "the disks did not take what is dirty within {} s",
            DISKS.as_secs()
        ));
    }
    tell("calls reboot(2)".to_owned());
    let called = rungs.reboot();
    why.push(waited(rungs, called, KERNEL, "reboot(2)"));
    tell("presses the emergency key, b to /proc/sysrq-trigger".to_owned());
    let pressed = rungs.sysrq();
    why.push(waited(rungs, pressed, KERNEL, "the emergency key"));
    why.join("; ")
}

/// After a step that seems to have worked it waits; what is said if the machine is still up then.
fn waited(rungs: &mut dyn Rungs, taken: Result<(), String>, time: Duration, who: &str) -> String {
    match taken {
        Ok(()) => {
            rungs.wait(time);
            format!(
                "{who} did not bring the machine down within {} s",
                time.as_secs()
            )
        }
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes exactly these steps, and panics on any other.
    struct Script {
        steps: Vec<Step>,
        systemd: bool,
    }

    #[derive(Debug, PartialEq)]
    enum Step {
        Told(&'static str),
        Ask(Result<(), &'static str>),
        Sync(bool),
        Reboot(Result<(), &'static str>),
        Sysrq(Result<(), &'static str>),
        Wait(u64),
    }
    use Step::{Ask, Reboot, Sync, Sysrq, Told, Wait};

    impl Script {
        fn next(&mut self) -> Step {
            assert!(!self.steps.is_empty(), "a step too many");
            self.steps.remove(0)
        }
    }

    fn done(result: Result<(), &'static str>) -> Result<(), String> {
        result.map_err(str::to_owned)
    }

    /// One cell for the ladder and for what it tells, so that their order is seen.
    struct Shared<'a>(&'a std::cell::RefCell<Script>);

    impl Rungs for Shared<'_> {
        fn signal(&self) -> Result<i32, String> {
            match self.0.borrow().systemd {
                true => Ok(39),
                false => Err("process 1 is busybox".to_owned()),
            }
        }

        fn ask(&mut self, signal: i32) -> Result<(), String> {
            assert_eq!(signal, 39);
            match self.0.borrow_mut().next() {
                Ask(result) => done(result),
                step => panic!("asked, and not {step:?}"),
            }
        }

        fn sync(&mut self, most: Duration) -> bool {
            assert_eq!(most.as_secs(), 2);
            match self.0.borrow_mut().next() {
                Sync(done) => done,
                step => panic!("synced, and not {step:?}"),
            }
        }

        fn reboot(&mut self) -> Result<(), String> {
            match self.0.borrow_mut().next() {
                Reboot(result) => done(result),
                step => panic!("rebooted, and not {step:?}"),
            }
        }

        fn sysrq(&mut self) -> Result<(), String> {
            match self.0.borrow_mut().next() {
                Sysrq(result) => done(result),
                step => panic!("pressed, and not {step:?}"),
            }
        }

        fn wait(&mut self, time: Duration) {
            assert_eq!(self.0.borrow_mut().next(), Wait(time.as_secs()));
        }
    }

    #[test]
    fn every_step_is_told_then_taken_then_given_its_time() {
        climbs(
            true,
            vec![
                Told("asks systemd to reboot, with signal 39 to process 1, and waits 90 s"),
                Ask(Ok(())),
                Wait(90),
                Told("writes what is dirty to the disks, for 2 s at most"),
                Sync(true),
                Told("calls reboot(2)"),
                Reboot(Ok(())),
                Wait(10),
                Told("presses the emergency key, b to /proc/sysrq-trigger"),
                Sysrq(Ok(())),
                Wait(10),
            ],
            "systemd did not bring the machine down within 90 s; reboot(2) did not bring the machine down within 10 s; \
             the emergency key did not bring the machine down within 10 s",
        );
    }

    #[test]
    fn a_step_that_fails_is_not_waited_for_and_disks_that_hang_hold_nothing_up() {
        climbs(
            true,
            vec![
                Told("asks systemd to reboot, with signal 39 to process 1, and waits 90 s"),
                Ask(Err("no signal")),
                Told("writes what is dirty to the disks, for 2 s at most"),
                Sync(false),
                Told("calls reboot(2)"),
                Reboot(Err("no reboot")),
                Told("presses the emergency key, b to /proc/sysrq-trigger"),
                Sysrq(Err("no key")),
            ],
            "no signal; the disks did not take what is dirty within 2 s; no reboot; no key",
        );
    }

    #[test]
    fn without_systemd_nobody_is_asked() {
        climbs(
            false,
            vec![
                Told("writes what is dirty to the disks, for 2 s at most"),
                Sync(true),
                Told("calls reboot(2)"),
                Reboot(Err("no reboot")),
                Told("presses the emergency key, b to /proc/sysrq-trigger"),
                Sysrq(Err("no key")),
            ],
            "process 1 is busybox; no reboot; no key",
        );
    }

    fn climbs(systemd: bool, steps: Vec<Step>, why: &str) {
        let script = std::cell::RefCell::new(Script { steps, systemd });
        let told = climb(&mut Shared(&script), |text| {
            match script.borrow_mut().next() {
                Told(expected) => assert_eq!(text, expected),
                step => panic!("told {text:?}, and not {step:?}"),
            }
        });
        assert_eq!(told, why);
        assert_eq!(script.borrow().steps, [], "a step too few");
    }
}
