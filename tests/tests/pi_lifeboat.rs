//! An NFS server that hangs, and an agent aboard its lifeboat on the emulated Pi: not one tick is missing, questions are answered,
//! and a reboot is carried out. `PICKET_HANG` is how many seconds a server hangs, 60 unless set.
use std::{
    env, thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    pi::{Machine, Pi},
    say,
};
use serde_json::Value;

/// Four times what an answer takes with both processors busy; on a quiet machine it is 0.3 s.
const ANSWER: Duration = Duration::from_secs(8);
/// The time from a tick to its line at the collector, four times what it is with both processors busy.
const LATE: Duration = Duration::from_secs(12);
/// From the hang to the event at the collector; with a tick of 10 s too.
const STALL: Duration = Duration::from_secs(15);
/// From the command to the guest's reset: the disks get 2 s.
const DOWN: Duration = Duration::from_secs(30);
/// So long are the disks waited for when something is dirty.
const DISKS: Duration = Duration::from_secs(2);
/// For what must not happen any more.
const QUIET: Duration = Duration::from_secs(15);

#[test]
fn a_server_that_is_stopped_costs_no_tick_and_no_answer() {
    let pi = aboard();
    let before = ticks(&pi);
    pi.ganesha().stop();
    hang(&pi, "SIGSTOP", before);
    pi.ganesha().cont();
    heals(&pi);
}

#[test]
fn a_line_that_hangs_costs_no_tick_and_no_answer_when_nothing_is_cached() {
    let pi = aboard();
    pi.console()
        .run("echo 3 > /proc/sys/vm/drop_caches", pi.patience());
    let before = ticks(&pi);
    pi.nfs().hang();
    hang(&pi, "a hung line and an empty page cache", before);
    pi.nfs().heal();
    heals(&pi);
}

#[test]
fn a_reboot_is_carried_out_once_while_the_server_hangs() {
    let pi = aboard();
    let first = pi.wait_for_tick_of_boot(1)["boot_id"].clone();
    let id = pi.id().to_string();
    // What was written since nobody takes, and that must hold up nothing either.
    let writes = "(while sleep 1; do echo dirt; done >/root/dirt) & sleep 2";
    pi.console().run(writes, pi.patience());
    pi.ganesha().stop();
    thread::sleep(Duration::from_secs(5));
    let start = Instant::now();
    let order = pi.operator(&key()).order(&["reboot", &id, "--json"]);
    eventually("the guest resets", DOWN, || (pi.boots() == 2).then_some(()));
    let took = start.elapsed();
    say(&format!(
        "a hung server: {took:?} from the order to the reset"
    ));
    assert!(took >= DISKS, "nothing was dirty");
    // Nothing comes up from a server that still hangs, and nobody says that it succeeded.
    thread::sleep(Duration::from_secs(10));
    assert!(
        order
            .lines()
            .iter()
            .all(|line| line["state"] != "succeeded")
    );
    pi.ganesha().cont();
    let outcome = order.outcome();
    let end = outcome.end_of(&id);
    assert_eq!(
        (outcome.code, &end["state"]),
        (Some(0), &"succeeded".into()),
        "{outcome:#?}"
    );
    assert!(
        end["boot_id"].is_string() && end["boot_id"] != first,
        "{end}"
    );
    thread::sleep(QUIET);
    assert_eq!(pi.boots(), 2, "it rebooted again");
    assert_eq!(pi.boot_ids().len(), 2);
}

fn key() -> TestKey {
    TestKey::new(1)
}

/// A Pi whose agent is aboard, and says so.
fn aboard() -> Pi {
    let pi = Pi::builder(Machine::Virt)
        .obeying(&key())
        .config("lifeboat = \"required\"")
        .start();
    let state = eventually("a status tells of the lifeboat", pi.patience(), || {
        let lines = pi.watcher().lines();
        let state = lines
            .iter()
            .find_map(|line| line["status"]["lifeboat"]["state"].as_str());
        state.map(str::to_owned)
    });
    assert_eq!(state, "aboard");
    pi
}

/// Asks, and looks whether ticks come, as long as the server hangs; that it hangs must be told.
fn hang(pi: &Pi, how: &str, before: Vec<u64>) {
    let start = Instant::now();
    let (answers, told) = thread::scope(|scope| {
        let watcher = pi.watcher();
        let told = scope.spawn(move || {
            eventually("the stall is told", STALL, || {
                let lines = watcher.lines();
                let stalled =
                    |line: &Value| line["event"] == "nfs_verdict" && line["verdict"] == "stalled";
                lines.iter().any(stalled).then(|| start.elapsed())
            })
        });
        (ask(pi, start), told.join())
    });
    let (questions, slowest) = answers;
    let told = told.expect("the stall is told in time");
    let during = ticks(pi).len() - before.len();
    let due = (start.elapsed().saturating_sub(LATE)).as_secs() as usize;
    say(&format!(
        "{how} for {:?}: {during} ticks of one second came, {questions} questions were answered within {slowest:?}, the stall was told after {told:?}",
        start.elapsed()
    ));
    assert!(
        during >= due,
        "{during} ticks came while it hung, and {due} were due"
    );
}

/// Asks again and again; how often, and how long the longest answer took.
fn ask(pi: &Pi, start: Instant) -> (usize, Duration) {
    let (operator, id) = (pi.operator(&key()), pi.id().to_string());
    let time = seconds();
    let (mut questions, mut slowest) = (0, Duration::ZERO);
    while start.elapsed() < time {
        let asked = Instant::now();
        let outcome = operator.run(&["query", &id, "--json"]);
        let took = asked.elapsed();
        assert!(took < ANSWER, "an answer took {took:?}: {outcome:#?}");
        assert_eq!(outcome.end_of(&id)["device"], id.as_str());
        slowest = slowest.max(took);
        questions += 1;
        thread::sleep(Duration::from_secs(3));
    }
    (questions, slowest)
}

/// The disk is back, and the collector has every tick of one agent that never stopped.
fn heals(pi: &Pi) {
    let healed = ticks(pi).len();
    let listed = pi.console().run("ls /etc/picket", pi.patience());
    assert!(listed.contains("picketd.toml"), "{listed}");
    eventually("ticks go on", pi.patience(), || {
        (ticks(pi).len() > healed + 3).then_some(())
    });
    let ticks = ticks(pi);
    let all: Vec<u64> = (ticks[0]..=ticks[ticks.len() - 1]).collect();
    assert_eq!(ticks, all, "ticks are missing");
    assert_eq!(pi.watcher().lost(), 0);
    assert_eq!(pi.boots(), 1);
    let lines = pi.watcher().lines();
    let starts = lines
        .iter()
        .filter(|line| line["event"] == "agent_started")
        .count();
    assert!(starts <= 1, "the agent was started {starts} times");
}

/// The numbers of the ticks at the collector, in their order.
fn ticks(pi: &Pi) -> Vec<u64> {
    let ticks = pi.watcher().ticks().into_iter();
    let mut ticks: Vec<u64> = ticks
        .map(|tick: Value| tick["tick"].as_u64().expect("a tick has a number"))
        .collect();
    ticks.sort_unstable();
    ticks.dedup();
    ticks
}

fn seconds() -> Duration {
    let seconds = env::var("PICKET_HANG").map_or(60, |text| {
        text.parse().expect("PICKET_HANG is a number of seconds")
    });
    Duration::from_secs(seconds)
}
