//! Orders over many Pis: halted, killed, cut off, and resumed.
use std::net::SocketAddr;

use picket::demo::broker;
use rustix::process::Signal;

use crate::{
    fake::{Fake, Story, device},
    line::Line,
    operator::Operator,
};

const OPERATION: &str = "000102030405060708090a0b0c0d0e0f";

#[tokio::test]
async fn a_picket_that_is_killed_in_the_middle_of_a_roll_is_resumed_and_nobody_reboots_twice() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let fakes = fleet(&anna, broker, 20, Story::Good).await;
    let words = format!(
        "reboot --all --fleet {} --op-id {OPERATION} --max-in-flight 4",
        inventory(&anna, 20)
    );
    let mut running = anna.start(broker, &words);
    running.told("rebooting", 7).await;
    running.signal(Signal::KILL);
    let killed = running.end().await;
    assert_eq!(killed.code, None, "{killed:#?}");
    let begun = fakes.iter().filter(|fake| fake.reboots() > 0).count();
    assert!((7..20).contains(&begun), "{begun}");
    let resumed = anna.order(broker, &format!("resume {OPERATION}")).await;
    assert_eq!(resumed.code, Some(0), "{resumed:#?}");
    let reboots: Vec<_> = fakes.iter().map(Fake::reboots).collect();
    assert_eq!(reboots, [1; 20]);
    let last = resumed.lines.last().unwrap();
    assert_eq!(
        (&last["state"], &last["pis"]["succeeded"]),
        (&"ended".into(), &20.into())
    );
    let log = anna.log();
    let count = |entry: &str| log.iter().filter(|line| line["entry"] == entry).count();
    assert_eq!(
        (
            count("ordered"),
            count("resumed"),
            count("settled"),
            count("ended")
        ),
        (1, 1, 20, 1)
    );
    assert_eq!(log[0]["targets"].as_array().unwrap().len(), 20);
    let again = anna.order(broker, &format!("resume {OPERATION}")).await;
    assert_eq!(
        (again.code, again.lines.len()),
        (Some(0), 1),
        "nothing is left: {again:#?}"
    );
}

#[tokio::test]
async fn of_two_pickets_with_one_operation_the_newer_goes_on_and_nobody_reboots_twice() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let fakes = fleet(&anna, broker, 8, Story::Good).await;
    let words = format!(
        "reboot --all --fleet {} --op-id {OPERATION} --max-in-flight 1 --stagger 1s",
        inventory(&anna, 8)
    );
    let mut older = anna.start(broker, &words);
    older.told("rebooting", 2).await;
    let newer = format!("resume {OPERATION} --stagger 100ms");
    let newer = anna.order(broker, &newer).await;
    let older = older.end().await;
    let reboots: Vec<_> = fakes.iter().map(Fake::reboots).collect();
    assert_eq!(reboots, [1; 8], "{older:#?} {newer:#?}");
    assert_eq!((newer.code, older.code), (Some(0), Some(14)), "{older:#?}");
    assert!(
        older.stderr.contains("goes on with it") && older.stderr.contains("picket ops 0001"),
        "{}",
        older.stderr
    );
}

#[tokio::test]
async fn ctrl_c_halts_what_was_not_begun_and_follows_the_rest() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let first = Fake::start(broker, 1, anna.key.clone(), Story::Silent).await;
    let second = Fake::start(broker, 2, anna.key.clone(), Story::Good).await;
    let words = format!(
        "reboot {} {} --max-in-flight 1 --op-id {OPERATION}",
        first.device, second.device
    );
    let mut running = anna.start(broker, &words);
    running.told("accepted", 1).await;
    running.signal(Signal::INT);
    running.told("halted", 1).await;
    running.signal(Signal::INT);
    let outcome = running.end().await;
    assert_eq!(outcome.code, Some(14), "{outcome:#?}");
    assert_eq!(outcome.states(first.device).last(), Some(&"left"));
    assert_eq!(outcome.states(second.device), ["not_started"]);
    assert!(
        outcome.stderr.contains("Ctrl-C again"),
        "{}",
        outcome.stderr
    );
    assert_eq!(second.reboots(), 0);
    let history = anna.log();
    assert!(history.iter().any(|line| line["entry"] == "halted"));
}

#[tokio::test]
async fn the_first_failure_halts_the_roll_unless_it_is_to_keep_going() {
    for (option, code, states) in [("", 15, 2), ("--keep-going", 15, 3)] {
        let broker = broker::start().unwrap();
        let anna = Operator::new(1);
        let good = Fake::start(broker, 1, anna.key.clone(), Story::Good).await;
        let busy = Fake::start(broker, 2, anna.key.clone(), Story::Busy).await;
        let last = Fake::start(broker, 3, anna.key.clone(), Story::Good).await;
        let words = format!(
            "reboot {} {} {} --max-in-flight 1 {option}",
            good.device, busy.device, last.device
        );
        let outcome = anna.order(broker, &words).await;
        assert_eq!(outcome.code, Some(code), "{outcome:#?}");
        assert_eq!(outcome.last(busy.device)["reason"], "busy");
        assert_eq!((good.reboots(), last.reboots()), (1, states - 2));
        assert!(
            outcome
                .stderr
                .contains("reboot of 3 Pis, at most 1 at a time"),
            "{}",
            outcome.stderr
        );
    }
}

#[tokio::test]
async fn a_broker_that_restarts_in_the_middle_costs_time_and_nothing_else() {
    let broker = broker::start().unwrap();
    let anna = Operator::new(1);
    let line = Line::to(broker).await;
    let fakes = fleet(&anna, line.address, 4, Story::Good).await;
    let words = format!(
        "reboot --all --fleet {} --max-in-flight 2",
        inventory(&anna, 4)
    );
    let mut running = anna.start(line.address, &words);
    running.told("offered", 1).await;
    line.cut();
    running.told("rebooting", 2).await;
    line.cut();
    let outcome = running.end().await;
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert!(
        outcome.stderr.contains("not connected"),
        "{}",
        outcome.stderr
    );
    let reboots: Vec<_> = fakes.iter().map(Fake::reboots).collect();
    assert_eq!(reboots, [1; 4]);
}

async fn fleet(anna: &Operator, broker: SocketAddr, count: u8, story: Story) -> Vec<Fake> {
    let mut fakes = Vec::new();
    for number in 1..=count {
        fakes.push(Fake::start(broker, number, anna.key.clone(), story).await);
    }
    fakes
}

/// The file of an inventory of so many.
fn inventory(anna: &Operator, count: u8) -> String {
    let pi = |number| {
        format!(
            "[[pi]]\nid = \"{}\"\nname = \"pi-{number}\"\n",
            device(number)
        )
    };
    let text: String = (1..=count).map(pi).collect();
    anna.fleet(&text).display().to_string()
}
