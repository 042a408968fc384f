//! A hang of the NFS server, and what it must not cost an agent that is aboard its lifeboat: no tick, no answer, and it must be told
//! that it hangs. It knows neither machines nor roots.
use std::{
    env, thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use serde_json::Value;

use super::Pi;
use crate::{eventually, say};

/// An answer comes within so much of the guest's own time, beyond what it takes on the same guest while nothing hangs.
const ANSWER: Duration = Duration::from_secs(2);
/// And within this, whatever else this machine does.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time from a tick to its line at the collector, four times what it is with both processors busy.
const LATE: Duration = Duration::from_secs(12);
/// From the hang to the event, with a tick of 10 s too.
const STALL: Duration = Duration::from_secs(15);
/// Answers before the hang: what the guest takes for one by itself.
const BEFORE: usize = 5;

/// How it comes to hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hang {
    /// The server's process is stopped.
    Server,
    /// The line to it takes nothing and gives nothing.
    Line,
}

/// How long an answer took.
#[derive(Debug, Clone, Copy)]
struct Answer {
    /// On the clock of this machine.
    took: Duration,
    /// Without the time in which the guest was ready to go on and got no processor of this machine.
    own: Duration,
}

impl Hang {
    /// Hangs for `PICKET_HANG` seconds, 30 unless set, while the Pi obeys that key and ticks at that period.
    ///
    /// Every question of this time must be answered within 2 s of the guest's own time beyond the slowest answer before the hang. Own
    /// time is what passed here less what QEMU waited for a processor (the kernel counts that, /proc/PID/schedstat): what an answer
    /// costs on an emulated processor is in the answers before, and what other work on this machine costs is in neither.
    pub fn is_survived(self, pi: &Pi, key: &TestKey, period: Duration) {
        let before = (0..BEFORE).map(|_| ask(pi, key).own).max();
        let before = before.expect("it was asked");
        let seen = ticks(pi);
        let (last, start) = (seen.last().copied(), Instant::now());
        self.begin(pi);
        let (answers, told) = thread::scope(|scope| {
            let told = scope.spawn(move || wait_for_stall(pi, start));
            (ask_until(pi, key, start + time()), told.join())
        });
        let (told, stalled) = told.expect("the stall is told in time");
        // On the guest's clock: the first call that has no answer is made at a tick, at most one period after the hang began.
        let known = period + Duration::from_millis(number(&stalled, "boottime_ms"))
            - Duration::from_millis(number(&stalled, "since_ms"));
        let (hung, came) = (start.elapsed(), ticks(pi).len() - seen.len());
        self.end(pi);
        let slowest = |times: &dyn Fn(&Answer) -> Duration| answers.iter().map(times).max();
        let own = slowest(&|answer| answer.own).expect("it was asked");
        say(&format!(
            "{self:?} hung for {hung:?}: {came} ticks of {period:?} came, {} questions were answered within {:?}, of its own time {own:?} \
             ({before:?} before), the stall was told after {told:?}",
            answers.len(),
            slowest(&|answer| answer.took).expect("it was asked"),
        ));
        let due = hung.saturating_sub(LATE).as_millis() / period.as_millis();
        assert!(
            came as u128 >= due,
            "{came} ticks came while it hung, and {due} were due"
        );
        assert!(known <= STALL, "known after {known:?}: {stalled:#}");
        assert!(
            own <= before + ANSWER,
            "an answer took {own:?} of the guest's own time, and {before:?} before: {answers:#?}"
        );
        heals(pi, last.expect("it has ticked"));
    }

    fn begin(self, pi: &Pi) {
        match self {
            Self::Server => pi.ganesha().stop(),
            Self::Line => pi.nfs().hang(),
        }
    }

    fn end(self, pi: &Pi) {
        match self {
            Self::Server => pi.ganesha().cont(),
            Self::Line => pi.nfs().heal(),
        }
    }
}

/// The numbers of the ticks at the collector, in their order.
pub fn ticks(pi: &Pi) -> Vec<u64> {
    let ticks = pi.watcher().ticks().into_iter();
    let mut ticks: Vec<u64> = ticks
        .map(|tick: Value| tick["tick"].as_u64().expect("a tick has a number"))
        .collect();
    ticks.sort_unstable();
    ticks.dedup();
    ticks
}

fn time() -> Duration {
    let seconds = env::var("PICKET_HANG").map_or(30, |text| {
        text.parse().expect("PICKET_HANG is a number of seconds")
    });
    Duration::from_secs(seconds)
}

/// How long it took until it was told here, and what was.
fn wait_for_stall(pi: &Pi, start: Instant) -> (Duration, Value) {
    let stalled = |line: &Value| line["event"] == "nfs_verdict" && line["verdict"] == "stalled";
    let before = pi.watcher().lines().len();
    eventually("the stall is told", STALL + LATE, || {
        let mut lines = pi.watcher().lines().split_off(before).into_iter();
        lines.find(stalled).map(|line| (start.elapsed(), line))
    })
}

fn number(of: &Value, name: &str) -> u64 {
    let number = of[name].as_u64();
    number.unwrap_or_else(|| panic!("no {name} in {of:#}"))
}

fn ask_until(pi: &Pi, key: &TestKey, end: Instant) -> Vec<Answer> {
    let mut answers = Vec::new();
    while Instant::now() < end {
        answers.push(ask(pi, key));
        thread::sleep(Duration::from_secs(3));
    }
    answers
}

fn ask(pi: &Pi, key: &TestKey) -> Answer {
    let id = pi.id().to_string();
    let (starved, asked) = (pi.firmware().starved(), Instant::now());
    let outcome = pi.operator(key).run(&["query", &id, "--json"]);
    let took = asked.elapsed();
    let starved = pi.firmware().starved().saturating_sub(starved);
    assert!(took < PATIENCE, "an answer took {took:?}: {outcome:#?}");
    assert_eq!(outcome.end_of(&id)["device"], id.as_str());
    Answer {
        took,
        own: took.saturating_sub(starved),
    }
}

/// The disk is back, and the collector has every tick from that one on, of one agent that never stopped. Before it a guest that is busy
/// booting may have skipped one.
fn heals(pi: &Pi, last: u64) {
    let healed = ticks(pi).len();
    let listed = pi.console().run("ls /etc/picket", pi.patience());
    assert!(listed.contains("picketd.toml"), "{listed}");
    eventually("ticks go on", pi.patience(), || {
        (ticks(pi).len() > healed + 3).then_some(())
    });
    let mut ticks = ticks(pi);
    ticks.retain(|tick| *tick >= last);
    let all: Vec<u64> = (last..=ticks[ticks.len() - 1]).collect();
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
