//! picketd-guard.service under a real systemd that hangs on its way down: it ends that after an ordered reboot, and after nothing
//! else. What goes down is a container.
use std::{
    fs, thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    nspawn::{Container, Reboots, Setup},
    operator::Operator,
};
use rustix::process::Pid;

const DEADLINE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(4);
/// systemd waits for it for ever, as it waits for what hangs on a dead root.
const HANGS: (&str, &str) = (
    "hangs.service",
    "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\nExecStop=/bin/sleep infinity\nTimeoutStopSec=infinity\n",
);
const GUARD: &str = "picketd-guard.service";

#[test]
fn an_ordered_reboot_on_which_systemd_hangs_is_ended_by_the_guard() {
    let key = TestKey::new(1);
    let mut container = boot(&key.line("anna"));
    let anna = Operator::new("anna", &key, &container.broker.url(), container.folder());
    let device = Container::device().to_string();
    let order = anna.order(&["reboot", &device, "--json"]);
    order.wait_for_state("rebooting");
    let begin = Instant::now();
    eventually("systemd has stopped picketd", DEADLINE, || {
        container
            .process_of("picketd.service")
            .is_none()
            .then_some(())
    });
    assert!(container.process_of("hangs.service").is_some());
    let status = eventually("the container is down", DEADLINE, || container.ended());
    let took = begin.elapsed();
    println!("down after {took:?}");
    assert!(took + Duration::from_secs(1) > PATIENCE, "{took:?}");
    // What nspawn says of a container that called reboot(2), so that its manager starts it again.
    assert_eq!(status.code(), Some(133), "{status:?}");
    order.kill();
}

#[test]
fn without_an_order_the_guard_sleeps_also_while_systemd_hangs_on_its_way_down() {
    let mut container = boot("");
    let guard = guard(&container);
    let name = fs::read(format!("/proc/{}/cmdline", guard.as_raw_nonzero()));
    let name = name.expect("the guard runs");
    assert_eq!(name.first(), Some(&b'@'), "the final kill takes it");
    let before = wakings(guard);
    thread::sleep(PATIENCE);
    assert_eq!(wakings(guard), before, "it woke up while the agent ticked");
    container.order(&["--no-block", "reboot"]);
    eventually("systemd has stopped picketd", DEADLINE, || {
        container
            .process_of("picketd.service")
            .is_none()
            .then_some(())
    });
    thread::sleep(2 * PATIENCE);
    assert!(container.ended().is_none(), "nobody ordered that");
    assert!(container.process_of("hangs.service").is_some());
    assert_eq!(container.process_of(GUARD), Some(guard));
}

fn boot(signers: &str) -> Container {
    let container = Container::boot(&Setup {
        config: "sample_every = \"500ms\"\nwindow = \"1s\"",
        signers,
        units: &[HANGS],
        reboots: Reboots::Container { patience: PATIENCE },
        ..Setup::default()
    });
    assert!(container.has_no_emergency_key());
    eventually("the guard is ready", DEADLINE, || {
        let output = container.systemctl(&["is-active", GUARD]);
        output.status.success().then_some(())
    });
    eventually("the agent and the guard are aboard", DEADLINE, || {
        let aboard = container.log().matches("aboard the lifeboat").count();
        (aboard == 2).then_some(())
    });
    container
}

fn guard(container: &Container) -> Pid {
    container.process_of(GUARD).expect("the guard runs")
}

/// How often its threads have begun to wait.
fn wakings(pid: Pid) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero()));
    let tasks = tasks.expect("the process runs").flatten();
    let texts = tasks.map(|task| fs::read_to_string(task.path().join("status")));
    let lines = texts.map(|text| {
        let text = text.expect("the thread runs");
        let mut lines = text.lines();
        let count = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        count.expect("Linux counts them").trim().parse::<u64>()
    });
    lines.map(|count| count.expect("it is a number")).sum()
}
