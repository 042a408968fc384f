//! picketd.service in a guest: a real kernel, a real NFS root, Debian's systemd. One boot, which takes 20 s, serves everything that its
//! operators and its neighbours do to it. The last of it is a shutdown that hangs, which the guard alone ends.
use std::{
    thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    operator::Operator,
    pi::{Machine, Pi, Root, ticks},
    say,
};

/// Longer than the watchdog's patience, so that whoever would be killed for it is.
const HANG: Duration = Duration::from_secs(12);
/// The guard is there for a machine that goes down; from the order on it gives systemd so long.
const GUARD: Duration = Duration::from_secs(8);
/// What the guest does at once, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);
/// Process 1 is in this group. It ignores SIGSTOP; a frozen group stands still, whoever is in it.
const PROCESS_1: &str = "/sys/fs/cgroup/init.scope";
/// picketd can bring nothing down itself: neither by reboot(2) nor by the emergency key.
const SERVICE: &str = "[Service]\nWatchdogSec=8s\nCapabilityBoundingSet=~CAP_SYS_BOOT\nInaccessiblePaths=-/proc/sysrq-trigger\n";
/// systemd waits for it for ever on its way down.
const HANGS: &str = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/sleep infinity\nTimeoutStopSec=infinity\n";

#[test]
fn in_a_guest_it_obeys_systemd_outlives_journald_and_process_1_and_its_guard_ends_a_shutdown_that_hangs()
 {
    let bed = Bed::start();
    bed.is_restarted_and_stopped_and_started();
    bed.is_reloaded();
    bed.outlives_journald();
    bed.outlives_process_1();
    bed.is_killed_by_the_watchdog_when_it_hangs();
    bed.is_brought_down_by_its_guard();
}

/// A Pi that obeys anna.
struct Bed {
    pi: Pi,
    key: TestKey,
}

impl Bed {
    fn start() -> Self {
        let key = TestKey::new(1);
        let guard = format!(
            "[Service]\nExecStart=\nExecStart=@/usr/bin/picketd @picketd guard --patience {}\n",
            GUARD.as_secs()
        );
        let pi = Pi::builder(Machine::Virt)
            .root(Root::Systemd)
            .config("lifeboat = \"required\"")
            .unit("hangs.service", HANGS)
            .amend("picketd.service", SERVICE)
            .amend("picketd-guard.service", &guard)
            .obeying(&key)
            .start();
        Self { pi, key }
    }

    fn is_restarted_and_stopped_and_started(&self) {
        let first = self.property("MainPID");
        self.pi.script("systemctl restart picketd.service");
        assert_eq!(self.property("Result"), "success");
        assert_ne!(self.property("MainPID"), first);
        self.wait_for_ticks(4);
        self.pi.script("systemctl stop picketd.service");
        assert_eq!(self.property("ActiveState"), "inactive");
        assert_eq!(self.property("Result"), "success");
        self.pi.script("systemctl start picketd.service");
        self.wait_for_ticks(4);
        let twice = self.pi.watcher().tick_counts();
        let twice: Vec<_> = twice.iter().filter(|(_, count)| **count > 1).collect();
        assert!(twice.is_empty(), "no number is given twice: {twice:?}");
        assert_eq!(self.pi.watcher().lost(), 0, "an orderly stop loses nothing");
    }

    fn is_reloaded(&self) {
        let key = TestKey::new(2);
        let bert = Operator::new("bert", &key, &self.pi.broker().url(), self.pi.folder());
        let id = self.pi.id().to_string();
        let state = || {
            let outcome = bert.run(&["identify", &id, "--for", "0s", "--json"]);
            outcome.end_of(&id)["state"].clone()
        };
        let agent = self.property("MainPID");
        assert_eq!(state(), "refused", "nobody knows bert yet");
        let line = key.line("bert");
        self.pi.script(&format!(
            "echo '{}' >>/etc/picket/allowed_signers; systemctl reload picketd.service",
            line.trim()
        ));
        // A virtual board has no LED to blink.
        let heard = ["succeeded", "failed"];
        eventually("bert is heard", PATIENCE, || {
            let state = state();
            heard.iter().any(|heard| state == *heard).then_some(())
        });
        assert_eq!(self.property("MainPID"), agent, "a reload is no restart");
    }

    fn outlives_journald(&self) {
        let before = (self.property("MainPID"), self.last_tick());
        let agent = &before.0;
        let journald = "$(systemctl show --value -p MainPID systemd-journald.service)";
        // Each reload makes some lines: far more than journald's socket and the agent's queue hold.
        let told = self.pi.script(&format!(
            "journald={journald}; kill -STOP $journald
             read up rest </proc/uptime; end=$((${{up%%.*}} + {})); n=0
             while read up rest </proc/uptime; [ ${{up%%.*}} -lt $end ]; do kill -HUP {agent}; n=$((n+1)); sleep 0.02; done
             while read key state rest; do case $key in State:) echo $state, $n reloads;; esac; done </proc/$journald/status
             kill -CONT $journald",
            HANG.as_secs()
        ));
        assert!(told.starts_with("T, "), "journald ran: {told}");
        say(&format!("journald is stopped: {}", told.trim()));
        self.goes_on(&before, "journald");
    }

    fn outlives_process_1(&self) {
        let before = (self.property("MainPID"), self.last_tick());
        let told = self.pi.script(&format!(
            "echo 1 >{PROCESS_1}/cgroup.freeze; timeout 5 systemctl show picketd.service >/dev/null; echo answer $?; \
             cat {PROCESS_1}/cgroup.procs {PROCESS_1}/cgroup.events"
        ));
        let frozen = told.contains("answer 124\n1\n") && told.contains("frozen 1");
        assert!(frozen, "process 1 goes on: {told}");
        let begin = Instant::now();
        thread::sleep(HANG);
        self.pi
            .script(&format!("echo 0 >{PROCESS_1}/cgroup.freeze"));
        say(&format!("process 1 was frozen: {:?}", begin.elapsed()));
        self.goes_on(&before, "process 1");
    }

    fn is_killed_by_the_watchdog_when_it_hangs(&self) {
        let agent = self.property("MainPID");
        let count = "$(systemctl show --value -p NRestarts picketd.service)";
        let told = self.pi.script(&format!(
            "read begin rest </proc/uptime; kill -STOP {agent}
             until [ {count} = 1 ]; do sleep 1; done
             read end rest </proc/uptime; echo killed and started again after $((${{end%%.*}} - ${{begin%%.*}})) s"
        ));
        say(told.trim());
        assert_ne!(self.property("MainPID"), agent);
        let log = self
            .pi
            .script("journalctl --no-pager --unit picketd.service");
        assert!(log.contains("Watchdog timeout"), "{log}");
        self.wait_for_ticks(4);
    }

    /// systemd has stopped picketd by then, and waits for another service.
    fn is_brought_down_by_its_guard(&self) {
        let id = self.pi.id().to_string();
        let begin = Instant::now();
        let order = ["reboot", &id, "--wait", "--timeout", "10m", "--json"];
        let order = self.pi.operator(&self.key).order(&order);
        eventually("the guard ends it", PATIENCE, || {
            (self.pi.boots() == 2).then_some(())
        });
        let took = begin.elapsed();
        say(&format!("a shutdown that hangs: down after {took:?}"));
        assert!(took >= GUARD, "who did that?");
        let outcome = order.outcome();
        let end = outcome.end_of(&id);
        assert_eq!(end["state"], "succeeded", "{outcome:#?}");
        assert_eq!(end["boot_id"], self.pi.wait_for_tick_of_boot(2)["boot_id"]);
    }

    /// What systemd says of picketd.service's property.
    fn property(&self, name: &str) -> String {
        let command = format!("systemctl show --value --property {name} picketd.service");
        self.pi.script(&command).trim().to_owned()
    }

    /// The same process, and every tick since.
    fn goes_on(&self, (agent, tick): &(String, u64), hung: &str) {
        self.wait_for_ticks(4);
        assert_eq!(&self.property("MainPID"), agent, "{hung}");
        assert_eq!(self.property("NRestarts"), "0", "{hung}");
        let mut ticks = ticks(&self.pi);
        ticks.retain(|number| number >= tick);
        let all: Vec<u64> = (*tick..*tick + ticks.len() as u64).collect();
        assert_eq!(ticks, all, "a tick is missing: {hung}");
        assert_eq!(self.pi.watcher().lost(), 0, "{hung}");
    }

    fn last_tick(&self) -> u64 {
        ticks(&self.pi).pop().expect("it has ticked")
    }

    /// So many more.
    fn wait_for_ticks(&self, more: usize) {
        let seen = ticks(&self.pi).len();
        eventually("ticks go on", PATIENCE, || {
            (ticks(&self.pi).len() >= seen + more).then_some(())
        });
    }
}
