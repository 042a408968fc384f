//! The agent is killed at one system call after the other while it carries out a command, and started again: the operation ends
//! well, its effect happens once, and the operator is told so.
//!
//! A seeded sample of the points is tried, PICKET_CRASH_POINTS of each action; `all` tries each. PICKET_CRASH_SEED is another
//! sample.
use std::{
    collections::hash_map::DefaultHasher,
    env,
    hash::{Hash, Hasher},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use picket_proto::{Message, Status};
use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    fleet::{Make, Shelf},
    killer::{Killer, Point},
    operator::{Operator, Outcome},
    raw_operator::RawOperator,
};

const DEADLINE: Duration = Duration::from_secs(30);
/// Points of each action that are tried unless PICKET_CRASH_POINTS says otherwise.
const POINTS: usize = 12;
/// Each of them mostly waits.
const AT_ONCE: usize = 4;

#[test]
fn a_reboot_survives_being_killed_anywhere_and_happens_once() {
    try_points(&["reboot"], |bed, outcome| {
        let boots = bed.shelf.first().1.boots().ids();
        assert_eq!(boots.len(), 2, "{boots:?}");
        assert_eq!(bed.end(outcome)["boot_id"], boots[1].as_str());
    });
}

#[test]
fn new_periods_survive_being_killed_anywhere() {
    let configure = ["configure", "--sample-every", "30s", "--window", "90s"];
    try_points(&configure, |bed, _| {
        eventually("the periods are in force", DEADLINE, || {
            let status = bed.status();
            ((status.sample_every_ms, status.window_ms) == (Some(30_000), Some(90_000)))
                .then_some(())
        });
        assert_eq!(bed.shelf.reboots(), [0]);
    });
}

#[test]
fn a_lamp_that_blinks_is_given_back_wherever_the_agent_is_killed() {
    try_points(&["identify", "--for", "1s"], |bed, _| {
        let tree = bed.shelf.first().1.tree();
        eventually("the lamp is given back", DEADLINE, || {
            let trigger = tree.read("sys/class/leds/ACT/trigger");
            (trigger.contains("[mmc0]") || trigger.trim() == "mmc0").then_some(())
        });
        assert_eq!(bed.shelf.reboots(), [0]);
    });
}

/// Tries the points of an order, and looks after each whether all is as it should be.
fn try_points(order: &[&str], is_right: impl Fn(&Bed, &Outcome) + Sync) {
    let all = points_of(order);
    assert!(all.len() >= 10, "only {} points: {all:#?}", all.len());
    let chosen = sample(&all);
    let (next, killed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(point) = chosen.get(next.fetch_add(1, Ordering::SeqCst)) {
                    killed.fetch_add(try_point(order, point, &is_right), Ordering::SeqCst);
                }
            });
        }
    });
    let killed = killed.into_inner();
    let (tried, there) = (chosen.len(), all.len());
    println!("{order:?}: {tried} of {there} points tried, killed at {killed}");
    // A call that was made in the first run need not be made in another.
    assert!(
        killed * 10 >= tried * 7,
        "killed at {killed} of {tried} points"
    );
}

/// 1 if it came to that point.
fn try_point(order: &[&str], point: &Point, is_right: impl Fn(&Bed, &Outcome)) -> usize {
    let bed = Bed::start();
    let killer = Killer::at(point, bed.agent(), bed.shelf.folder.path());
    let outcome = bed.give(order);
    let killed = killer.has_killed();
    println!(
        "{order:?}, {point}: killed {killed}, exit code {:?}",
        outcome.code
    );
    assert_eq!(
        outcome.code,
        Some(0),
        "{point}: {outcome:#?}\n{}",
        bed.shelf.first().1.log()
    );
    assert_eq!(
        bed.end(&outcome)["state"],
        "succeeded",
        "{point}: {outcome:#?}"
    );
    is_right(&bed, &outcome);
    // Whoever asks later is told the same, unless it was forgotten with the boot or the crash.
    let operation = outcome.end_of(&bed.device)["operation"].clone();
    let again = bed
        .operator
        .run(&["query", operation.as_str().expect("it has one"), "--json"]);
    let end = bed.end(&again);
    let forgotten = end["reason"] == "unknown_operation";
    assert!(again.code == Some(0) || forgotten, "{point}: {again:#?}");
    usize::from(killed)
}

/// Every point between the order and its end.
fn points_of(order: &[&str]) -> Vec<Point> {
    let bed = Bed::start();
    let watch = Killer::watch(bed.agent(), bed.shelf.folder.path());
    let outcome = bed.give(order);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    watch.points()
}

fn sample(all: &[Point]) -> Vec<Point> {
    let count = match env::var("PICKET_CRASH_POINTS").ok().as_deref() {
        None => POINTS,
        Some("all") => all.len(),
        Some(text) => text
            .parse()
            .expect("PICKET_CRASH_POINTS is a number or `all`"),
    };
    let seed = env::var("PICKET_CRASH_SEED").unwrap_or_else(|_| "1".to_owned());
    let mut shuffled = all.to_vec();
    shuffled.sort_by_key(|point| {
        let mut hasher = DefaultHasher::new();
        (&seed, point.thread, &point.call, point.nth).hash(&mut hasher);
        hasher.finish()
    });
    shuffled.truncate(count);
    shuffled
}

/// One machine that ticks so seldom that nothing but the command makes it act.
struct Bed {
    operator: Operator,
    raw: RawOperator,
    shelf: Shelf,
    device: String,
}

impl Bed {
    fn start() -> Self {
        let key = TestKey::new(1);
        let make = Make {
            sample_every: "60s",
            window: "120s",
            ..Make::obeying(key.line("anna"))
        };
        let mut shelf = Shelf::empty();
        let raw = RawOperator::connect(shelf.broker.address(), &key, "anna");
        shelf.switch_on(1, &make);
        let device = shelf.first().0;
        raw.ping(device);
        Self {
            operator: Operator::new("anna", &key, &shelf.broker.url(), shelf.folder.path()),
            raw,
            shelf,
            device: device.to_string(),
        }
    }

    fn agent(&self) -> u32 {
        let (_, init) = self.shelf.first();
        init.with_agent(|agent| agent.process().id())
    }

    fn give(&self, order: &[&str]) -> Outcome {
        let how = ["--timeout", "90s", "--json"];
        let arguments = [&order[..1], &[&self.device], &order[1..], &how].concat();
        self.operator.run(&arguments)
    }

    fn end<'a>(&self, outcome: &'a Outcome) -> &'a serde_json::Value {
        outcome.end_of(&self.device)
    }

    fn status(&self) -> Status {
        let statuses = self.raw.heard(|heard| match &heard.message {
            Message::Status(status) => Some(status.clone()),
            _ => None,
        });
        statuses.last().cloned().unwrap_or_default()
    }
}
