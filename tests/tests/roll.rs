//! An order over a shelf of twenty machines: some at a time, halted, killed, resumed. Nobody reboots twice, and the audit log
//! says who ordered what.
use std::{collections::BTreeSet, time::Duration};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    fleet::{Make, Shelf},
    operator::{Operator, Order},
};
use serde_json::Value;

const SIZE: u8 = 20;
const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_roll_that_is_killed_and_resumed_reboots_each_machine_once() {
    let bed = Bed::start();
    let mut order = bed.roll(&[
        "--reason",
        "kernel update",
        "--on-behalf-of",
        "customer 4711",
    ]);
    for killed_after in [4, 9] {
        bed.wait_for_reboots(killed_after);
        let outcome = order.kill();
        assert_eq!(outcome.code, None, "it was killed: {outcome:#?}");
        let done: usize = bed.shelf.reboots().iter().sum();
        println!("killed after {done} reboots");
        assert!(done < usize::from(SIZE), "it was killed too late");
        order = bed.operator.order(&["resume", &bed.operation(), "--json"]);
    }
    let outcome = order.outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(bed.shelf.reboots(), [1; SIZE as usize]);
    let ordered = bed.entries("ordered");
    assert_eq!(ordered.len(), 1, "{ordered:#?}");
    assert_eq!(ordered[0]["actor"], "anna");
    assert_eq!(ordered[0]["reason"], "kernel update");
    assert_eq!(ordered[0]["on_behalf_of"], "customer 4711");
    assert_eq!(bed.entries("resumed").len(), 2);
    assert!(!bed.entries("signed").is_empty());
    assert_eq!(bed.succeeded().len(), usize::from(SIZE));
    let told = bed.operator.run(&["ops", &bed.operation(), "--json"]);
    assert_eq!(told.code, Some(0), "{told:#?}");
    // Once more does nothing more.
    let again = bed.operator.run(&["resume", &bed.operation(), "--json"]);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert_eq!(bed.shelf.reboots(), [1; SIZE as usize]);
}

#[test]
fn a_roll_goes_no_further_than_the_first_failure_and_at_most_so_many_at_a_time() {
    let bed = Bed::start();
    // The third machine goes down and doesn't come up again.
    bed.shelf.machines[2].1.stay_down();
    let outcome = bed.roll(&["--timeout", "8s"]).outcome();
    let reboots = bed.shelf.reboots();
    let begun: usize = reboots.iter().sum();
    println!("{begun} of {SIZE} begun when one failed");
    assert_eq!(reboots[2], 1, "it went down: {reboots:?}");
    assert!(
        begun < usize::from(SIZE),
        "the others were left alone: {reboots:?}"
    );
    assert_eq!(outcome.code, Some(15), "{outcome:#?}");
    let third = bed.shelf.machines[2].0.to_string();
    assert_eq!(outcome.end_of(&third)["state"], "timed_out", "{outcome:#?}");
    // Its power is cut and switched on; the rest gets its turn.
    bed.shelf.machines[2].1.come_up_after(Duration::ZERO);
    let outcome = bed.operator.run(&["resume", &bed.operation(), "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(bed.shelf.reboots(), [1; SIZE as usize]);
}

#[test]
fn a_roll_that_is_halted_follows_what_it_began_and_begins_no_more() {
    let bed = Bed::start();
    let order = bed.roll(&["--stagger", "200ms"]);
    bed.wait_for_reboots(3);
    order.interrupt();
    let outcome = order.outcome();
    let reboots = bed.shelf.reboots();
    let begun: usize = reboots.iter().sum();
    println!("{begun} of {SIZE} begun when it was halted");
    assert!(begun < usize::from(SIZE), "{reboots:?}");
    assert_eq!(
        bed.succeeded().len(),
        begun,
        "each that was begun was followed: {outcome:#?}"
    );
    assert_ne!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(bed.entries("halted").len(), 1);
    let outcome = bed.operator.run(&["resume", &bed.operation(), "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(bed.shelf.reboots(), [1; SIZE as usize]);
}

struct Bed {
    operator: Operator,
    shelf: Shelf,
}

impl Bed {
    fn start() -> Self {
        let key = TestKey::new(1);
        let shelf = Shelf::start(SIZE, &Make::obeying(key.line("anna")));
        let operator = Operator::new("anna", &key, &shelf.broker.url(), shelf.folder.path())
            .with_fleet(&shelf.inventory());
        Self { operator, shelf }
    }

    /// Reboots the shelf, three at a time.
    fn roll(&self, more: &[&str]) -> Order {
        let roll = [
            "reboot",
            "--select",
            "shelf=3",
            "--max-in-flight",
            "3",
            "--json",
        ];
        self.operator.order(&[&roll, more].concat())
    }

    fn wait_for_reboots(&self, count: usize) {
        eventually("machines reboot", DEADLINE, || {
            (self.shelf.reboots().iter().sum::<usize>() >= count).then_some(())
        });
    }

    /// The operation of the roll.
    fn operation(&self) -> String {
        let ordered = self.entries("ordered");
        let operation = ordered[0]["operation"].as_str();
        operation.expect("an entry names its operation").to_owned()
    }

    fn entries(&self, kind: &str) -> Vec<Value> {
        let log = self.operator.audit_log().into_iter();
        log.filter(|line| line["entry"] == kind).collect()
    }

    /// The machines that the log says succeeded.
    fn succeeded(&self) -> BTreeSet<String> {
        let transitions = self.entries("transition").into_iter();
        transitions
            .filter(|line| line["state"] == "succeeded")
            .map(|line| line["device"].to_string())
            .collect()
    }
}
