//! The way down, from the kindest step to the hardest, each with its deadline. It does nothing itself, so it can be tested.
//!
//! 1. systemd is asked, where it is process 1: it stops what runs, and it may hang for ever (its issue 21083, on a dead NFS root). How
//!    long it has depends on the root ([`Patience`]), which may die meanwhile.
//! 2. What is dirty goes to the disks, as far as they take it in 2 s: a dead server never holds a reboot up.
//! 3. reboot(2). 4. The kernel's emergency key, which needs nothing but the kernel.
use std::time::Duration;

use super::patience::Patience;

/// How long the disks may take.
pub(super) const DISKS: Duration = Duration::from_secs(2);
/// A machine that the kernel resets is gone in less than 0.1 s.
pub(super) const KERNEL: Duration = Duration::from_secs(10);
/// So often is looked how the root stands, while systemd has its time.
const LOOK: Duration = Duration::from_secs(1);

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
pub(super) fn climb(
    rungs: &mut dyn Rungs,
    patience: &Patience,
    mut tell: impl FnMut(String),
) -> String {
    let why = ask_systemd(rungs, patience, &mut tell);
    format!("{why}; {}", kernel_alone(rungs, tell))
}

/// Takes the steps that need nothing but the kernel.
pub(super) fn kernel_alone(rungs: &mut dyn Rungs, mut tell: impl FnMut(String)) -> String {
    let mut why = Vec::new();
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
    why.push(waited(rungs, called, "reboot(2)"));
    tell("presses the emergency key, b to /proc/sysrq-trigger".to_owned());
    let pressed = rungs.sysrq();
    why.push(waited(rungs, pressed, "the emergency key"));
    why.join("; ")
}

/// Asks systemd, and gives it its time; why the machine is still up.
fn ask_systemd(
    rungs: &mut dyn Rungs,
    patience: &Patience,
    tell: &mut impl FnMut(String),
) -> String {
    let signal = match rungs.signal() {
        Ok(signal) => signal,
        Err(why) => return why,
    };
    let (mut left, mut waited) = (patience.now(), Duration::ZERO);
    // Safety-order: before systemd is asked, which stops the agent.
    tell_guard(patience, left, tell);
    tell(format!(
        "asks systemd to reboot, with signal {signal} to process 1, and waits {} s",
        left.as_secs()
    ));
    if let Err(why) = rungs.ask(signal) {
        return why;
    }
    while !left.is_zero() {
        rungs.wait(LOOK);
        (left, waited) = (left - LOOK, waited + LOOK);
        if left > patience.now() {
            left = patience.now();
            tell(format!(
                "the root doesn't answer any more, and systemd has {} s left",
                left.as_secs()
            ));
            tell_guard(patience, left, tell);
        }
    }
    failed("systemd", waited)
}

/// Without its order the guard only does nothing.
fn tell_guard(patience: &Patience, left: Duration, tell: &mut impl FnMut(String)) {
    if let Err(error) = patience.tell_guard(left) {
        tell(format!("can't tell the guard: {error}"));
    }
}

/// After a step of the kernel's that seems to have worked it waits; what is said if the machine is still up then.
fn waited(rungs: &mut dyn Rungs, taken: Result<(), String>, who: &str) -> String {
    match taken {
        Ok(()) => {
            rungs.wait(KERNEL);
            failed(who, KERNEL)
        }
        Err(error) => error,
    }
}

fn failed(who: &str, time: Duration) -> String {
    format!(
        "{who} did not bring the machine down within {} s",
        time.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use picket_proto::BootId;
    use tempfile::TempDir;

    use super::*;
    use crate::{
        guard::{Order, Post},
        host::patience::{Root, Seen},
    };

    const BOOT: BootId = BootId([7; 16]);
    /// Takes exactly these steps, and panics on any other.
    struct Script {
        steps: Vec<Step>,
        systemd: bool,
        seen: Seen,
        run_dir: TempDir,
    }

    #[derive(Debug, PartialEq)]
    enum Step {
        Told(&'static str),
        Ask(Result<(), &'static str>),
        Sync(bool),
        Reboot(Result<(), &'static str>),
        Sysrq(Result<(), &'static str>),
        /// So many seconds, in one wait or in several.
        Wait(u64),
        /// The root is so from now on.
        Root(Root),
        /// The guard has an order now, with so many seconds.
        Guard(u64),
    }
    use Step::{Ask, Guard, Reboot, Root as RootIs, Sync, Sysrq, Told, Wait};

    impl Script {
        fn next(&mut self) -> Step {
            assert!(!self.steps.is_empty(), "a step too many");
            self.steps.remove(0)
        }

        /// What happens, or is looked at, before the next step.
        fn look(&mut self) {
            while let Some(RootIs(_) | Guard(_)) = self.steps.first() {
                match self.next() {
                    RootIs(root) => self.seen.is(root),
                    Guard(seconds) => {
                        let order = Order::read(self.run_dir.path()).expect("an order");
                        assert_eq!(order.patience_ms, seconds * 1000);
                    }
                    step => panic!("{step:?}"),
                }
            }
        }
    }

    fn done(result: Result<(), &'static str>) -> Result<(), String> {
        result.map_err(str::to_owned)
    }

    /// One cell for the ladder and for what it tells, so that their order is seen.
    struct Shared<'a>(&'a RefCell<Script>);

    impl Rungs for Shared<'_> {
        fn signal(&self) -> Result<i32, String> {
            match self.0.borrow().systemd {
                true => Ok(39),
                false => Err("process 1 is busybox".to_owned()),
            }
        }

        fn ask(&mut self, signal: i32) -> Result<(), String> {
            assert_eq!(signal, 39);
            self.0.borrow_mut().look();
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
            let mut script = self.0.borrow_mut();
            script.look();
            match script.next() {
                Wait(seconds) if seconds == time.as_secs() => {}
                Wait(seconds) => {
                    let left = seconds.checked_sub(time.as_secs());
                    script.steps.insert(0, Wait(left.expect("a shorter wait")));
                }
                step => panic!("waited, and not {step:?}"),
            }
        }
    }

    /// The kernel's steps, of which none works.
    fn kernel() -> Vec<Step> {
        vec![
            Told("writes what is dirty to the disks, for 2 s at most"),
            Sync(true),
            Told("calls reboot(2)"),
            Reboot(Err("no reboot")),
            Told("presses the emergency key, b to /proc/sysrq-trigger"),
            Sysrq(Err("no key")),
        ]
    }

    const ASKS: &str = "asks systemd to reboot, with signal 39 to process 1, and waits 90 s";

    #[test]
    fn every_step_is_told_then_taken_then_given_its_time() {
        climbs(
            true,
            vec![
                Told(ASKS),
                Guard(95),
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
                Told(ASKS),
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
        let why = "process 1 is busybox; no reboot; no key";
        climbs(false, kernel(), why);
    }

    #[test]
    fn on_a_dead_root_systemd_has_10_s_and_the_guard_knows() {
        let steps = vec![
            RootIs(Root::Dead),
            Told("asks systemd to reboot, with signal 39 to process 1, and waits 10 s"),
            Guard(15),
            Ask(Ok(())),
            Wait(10),
        ];
        let why = "systemd did not bring the machine down within 10 s; no reboot; no key";
        climbs(true, steps.into_iter().chain(kernel()).collect(), why);
    }

    #[test]
    fn a_root_that_dies_on_the_way_leaves_systemd_10_s_and_one_that_comes_back_gives_it_no_more() {
        const DIES: &str = "the root doesn't answer any more, and systemd has 10 s left";
        for (at, waited, told) in [
            (0, 11, true),
            (30, 41, true),
            (79, 90, false),
            (85, 90, false),
        ] {
            let mut steps = vec![Told(ASKS), Ask(Ok(())), Wait(at), RootIs(Root::Dead)];
            steps.retain(|step| *step != Wait(0));
            match told {
                true => steps.extend([Wait(1), Told(DIES), Guard(15), Wait(4)]),
                false => steps.push(Wait(1)),
            }
            steps.extend([
                RootIs(Root::Answers),
                Wait(waited - at - if told { 5 } else { 1 }),
            ]);
            let why = format!(
                "systemd did not bring the machine down within {waited} s; no reboot; no key"
            );
            climbs(true, steps.into_iter().chain(kernel()).collect(), &why);
        }
    }

    #[test]
    fn a_guard_that_cant_be_told_is_no_obstacle() {
        let (script, _) = script(true, Vec::new());
        let mut told = Vec::new();
        let missing = script.borrow().run_dir.path().join("missing");
        let patience = Patience::new(Post::new(&missing, Some(BOOT)), Seen::default());
        script.borrow_mut().steps = vec![Ask(Err("no signal"))];
        let mut tell = |text| told.push(text);
        ask_systemd(&mut Shared(&script), &patience, &mut tell);
        assert!(told[0].starts_with("can't tell the guard: "), "{told:?}");
    }

    fn script(systemd: bool, mut steps: Vec<Step>) -> (RefCell<Script>, Patience) {
        let (seen, run_dir) = (Seen::default(), tempfile::tempdir().unwrap());
        if let Some(RootIs(root)) = steps.first() {
            seen.is(*root);
            steps.remove(0);
        }
        let post = Post::new(run_dir.path(), Some(BOOT));
        let patience = Patience::new(post, seen.clone());
        let script = Script {
            steps,
            systemd,
            seen,
            run_dir,
        };
        (RefCell::new(script), patience)
    }

    fn climbs(systemd: bool, steps: Vec<Step>, why: &str) {
        let (script, patience) = script(systemd, steps);
        let told = climb(&mut Shared(&script), &patience, |text| {
            match script.borrow_mut().next() {
                Told(expected) => assert_eq!(text, expected),
                step => panic!("told {text:?}, and not {step:?}"),
            }
        });
        assert_eq!(told, why);
        assert_eq!(script.borrow().steps, [], "a step too few");
    }
}
