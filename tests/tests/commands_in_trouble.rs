//! Commands while something else goes wrong: the agent is away, the broker falls, two operators want something at once, the disk
//! is full, read-only or gone.
use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use picket_test_keys::TestKey;
use picket_tests::{
    binaries,
    fleet::{self, Make, Shelf},
    operator::{Operator, Outcome},
    raw_operator::RawOperator,
};

#[test]
fn an_agent_that_is_away_when_the_command_is_given_gets_it_when_it_comes() {
    let mut shelf = Shelf::empty();
    let operator = operator(&shelf, "anna", 1);
    let device = fleet::device(1).to_string();
    let order = operator.order(&["reboot", &device, "--json"]);
    order.wait_for("it is asked for", |line| line["device"] == device.as_str());
    std::thread::sleep(Duration::from_secs(4));
    shelf.switch_on(1, &Make::obeying(TestKey::new(1).line("anna")));
    let outcome = order.outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(shelf.reboots(), [1]);
}

#[test]
fn a_broker_that_restarts_in_the_middle_costs_time_and_nothing_else() {
    let mut shelf = Shelf::start(1, &Make::obeying(TestKey::new(1).line("anna")));
    let operator = operator(&shelf, "anna", 1);
    // It comes up after the broker is gone, and has nobody to tell.
    shelf.first().1.come_up_after(Duration::from_secs(3));
    let order = operator.order(&["reboot", &shelf.first().0.to_string(), "--json"]);
    shelf.first().1.wait_for_reboots(1);
    shelf.broker.kill();
    std::thread::sleep(Duration::from_secs(5));
    shelf.broker.restart();
    let outcome = order.outcome();
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    assert_eq!(shelf.reboots(), [1]);
}

#[test]
fn a_dead_broker_does_not_hold_up_a_reboot() {
    let key = TestKey::new(1);
    let mut shelf = Shelf::empty();
    let raw = RawOperator::connect(shelf.broker.address(), &key, "anna");
    shelf.switch_on(1, &Make::obeying(key.line("anna")));
    let (device, init) = shelf.first();
    let command = raw.command(device, picket_proto::Action::Reboot { force: false });
    // No confirmation comes any more once the agent has the command.
    raw.offer(&command);
    raw.settle();
    shelf.broker.process().signal(rustix::process::Signal::STOP);
    init.wait_for_reboots(1);
    shelf.broker.process().signal(rustix::process::Signal::CONT);
    raw.ping(device);
    raw.offer(&command);
    raw.wait_for_report(device, "the new boot's", |report| {
        report.state == Some(picket_proto::State::Succeeded)
    });
    assert_eq!(shelf.reboots(), [1]);
}

#[test]
fn of_two_operators_at_once_both_get_what_they_want_and_each_boot_ends_once() {
    let signers = [TestKey::new(1).line("anna"), TestKey::new(2).line("bert")].concat();
    let shelf = Shelf::start(1, &Make::obeying(signers));
    let device = shelf.first().0.to_string();
    let operators = [operator(&shelf, "anna", 1), operator(&shelf, "bert", 2)];
    let orders = operators
        .each_ref()
        .map(|operator| operator.order(&["reboot", &device, "--json"]));
    let outcomes = orders.map(picket_tests::operator::Order::outcome);
    // Who came second may have been told that the machine was busy, or have seen the reboot that both wanted.
    for outcome in &outcomes {
        let end = outcome.end_of(&device);
        let busy = end["reason"] == "busy" && outcome.code == Some(10);
        assert!(busy || outcome.code == Some(0), "{outcomes:#?}");
    }
    assert!(
        outcomes.iter().any(|outcome| outcome.code == Some(0)),
        "{outcomes:#?}"
    );
    // Both meant the same boot, unless one came so late that he saw the other's.
    let meant: BTreeSet<String> = operators.iter().flat_map(boots_meant).collect();
    assert_eq!(shelf.reboots(), [meant.len()], "{meant:?}");
}

/// One takes the nonce that the other has signed for.
#[test]
fn of_two_operators_with_one_nonce_the_second_signs_again() {
    let signers = [TestKey::new(1).line("anna"), TestKey::new(2).line("bert")].concat();
    let shelf = Shelf::start(1, &Make::obeying(signers));
    let device = shelf.first().0.to_string();
    let mut orders = Vec::new();
    let operators = [operator(&shelf, "anna", 1), operator(&shelf, "bert", 2)];
    for _ in 0..3 {
        for operator in &operators {
            orders.push(operator.order(&["identify", &device, "--for", "1s", "--json"]));
        }
    }
    for order in orders {
        let outcome = order.outcome();
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    }
}

#[test]
fn a_reboot_needs_no_disk() {
    for (what, script) in DISKS {
        let outcome = with_disk(script, &["reboot"]);
        assert_eq!(outcome.code, Some(0), "{what}: {outcome:#?}");
    }
}

#[test]
fn what_must_be_kept_is_refused_without_a_disk_and_not_done() {
    for (what, script) in DISKS {
        let outcome = with_disk(script, &["configure", "--sample-every", "1s"]);
        assert_eq!(outcome.code, Some(10), "{what}: {outcome:#?}");
        let refused = outcome.lines.iter().find(|line| line["state"] == "refused");
        let refused = refused.unwrap_or_else(|| panic!("{what}: {outcome:#?}"));
        assert_eq!(refused["reason"], "journal", "{what}: {outcome:#?}");
        let identified = with_disk(script, &["identify", "--for", "1s"]);
        assert_eq!(identified.code, Some(0), "{what}: {identified:#?}");
    }
}

/// What is done to the state directory, `$state`, in a mount namespace of the agent's own. util-linux's unshare makes it; without
/// root it makes a user namespace too.
const DISKS: [(&str, &str); 3] = [
    (
        "full",
        "mount -t tmpfs -o size=8k picket $state && ! head -c 1M /dev/zero >$state/fill 2>/dev/null",
    ),
    ("read-only", "mount -t tmpfs -o ro picket $state"),
    ("missing", "rm -r $state"),
];

/// One order to a machine with such a disk.
fn with_disk(script: &str, order: &[&str]) -> Outcome {
    let agent = binaries::agent();
    // What follows the agent's command is run --config FILE: the state directory lies beside that file.
    let file = agent.len() + 3;
    let script = format!(
        "state=$(dirname \"${{{file}}}\")/state && mkdir -p $state && {script}; exec \"$@\""
    );
    let command = ["unshare", "-rm", "sh", "-c", &script, "sh"].map(PathBuf::from);
    let make = Make {
        command: [&command[..], &agent].concat(),
        ..Make::obeying(TestKey::new(1).line("anna"))
    };
    let shelf = Shelf::start(1, &make);
    let (device, init) = shelf.first();
    let operator = operator(&shelf, "anna", 1);
    let device = device.to_string();
    let arguments = [&order[..1], &[&device], &order[1..], &["--json"]].concat();
    let outcome = operator.run(&arguments);
    let expected = usize::from(order[0] == "reboot");
    assert_eq!(init.boots().reboots(), expected, "{}", init.log());
    outcome
}

/// The boots that an operator's commands were to end.
fn boots_meant(operator: &Operator) -> Vec<String> {
    let signed = operator.audit_log().into_iter();
    signed
        .filter(|line| line["entry"] == "signed")
        .map(|line| line["targets"][0]["boot"].to_string())
        .collect()
}

fn operator(shelf: &Shelf, actor: &str, seed: u8) -> Operator {
    let (url, folder) = (shelf.broker.url(), shelf.folder.path());
    Operator::new(actor, &TestKey::new(seed), &url, folder)
}
