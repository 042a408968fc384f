//! An NFS server that hangs, and an agent aboard its lifeboat on the emulated Pi: not one tick is missing, questions are answered,
//! and a reboot is carried out.
use std::{
    thread,
    time::{Duration, Instant},
};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    pi::{Builder, Hang, Machine, Pi},
    say,
};

/// Its ticks.
const PERIOD: Duration = Duration::from_secs(1);
/// From the command to the guest's reset: the disks get 2 s.
const DOWN: Duration = Duration::from_secs(30);
/// So long are the disks waited for when something is dirty.
const DISKS: Duration = Duration::from_secs(2);
/// For what must not happen any more.
const QUIET: Duration = Duration::from_secs(15);

#[test]
fn a_server_that_is_stopped_costs_no_tick_and_no_answer() {
    Hang::Server.is_survived(&aboard(), &key(), PERIOD);
}

#[test]
fn a_line_that_hangs_costs_no_tick_and_no_answer_when_nothing_is_cached() {
    let pi = aboard();
    pi.console()
        .run("echo 3 > /proc/sys/vm/drop_caches", pi.patience());
    Hang::Line.is_survived(&pi, &key(), PERIOD);
}

#[test]
fn a_reboot_is_carried_out_once_while_the_server_hangs() {
    // A log on the root's server is a mistake, is called one, and holds up nothing.
    let log = "/root/picketd.log";
    let pi = boards(builder().log(log));
    eventually("the agent says what is wrong", pi.patience(), || {
        let text = std::fs::read_to_string(pi.export().join(log)).ok()?;
        text.contains("stderr is a file on NFS").then_some(())
    });
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
    boards(builder())
}

fn builder() -> Builder {
    Pi::builder(Machine::Virt)
        .obeying(&key())
        .config("lifeboat = \"required\"")
}

fn boards(builder: Builder) -> Pi {
    let pi = builder.start();
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
