//! What was released before: its agent with today's `picket`, and its `picket` with today's agent. Telemetry, orders and a reboot.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use picket_test_keys::TestKey;
use picket_tests::{
    binaries, eventually,
    fleet::{Make, Shelf, device},
    operator::Operator,
    watcher::Watcher,
};

const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_released_agent_is_watched_and_ordered_by_today_s_picket() {
    for release in releases() {
        speaks(&release.join("picketd"), &binaries::picket());
    }
}

#[test]
fn a_released_picket_watches_and_orders_today_s_agent() {
    for release in releases() {
        speaks(&binaries::picketd(), &release.join("picket"));
    }
}

/// Everything that the two have to say to one another: ticks with their readings, acks, a ping, an order in each privilege and its
/// reports, a boot, and a refusal.
fn speaks(picketd: &Path, picket: &Path) {
    let pair = format!("{} with {}", picketd.display(), picket.display());
    let key = TestKey::new(1);
    let mut shelf = Shelf::empty();
    shelf.switch_on(
        1,
        &Make {
            command: vec![picketd.to_owned()],
            ..Make::obeying(key.line("anna"))
        },
    );
    let options = ["--broker".to_owned(), shelf.broker.url()];
    let watcher = Watcher::start_program(picket, &options, None, shelf.folder.path());
    let operator = Operator::new("anna", &key, &shelf.broker.url(), shelf.folder.path())
        .with_fleet(&shelf.inventory())
        .with_picket(picket);
    let name = device(1).to_string();
    let faster = [
        "configure",
        &name,
        "--sample-every",
        "1s",
        "--window",
        "2s",
        "--json",
    ];
    let outcome = operator.run(&faster);
    assert_eq!(outcome.code, Some(0), "{pair}: {outcome:#?}");
    eventually("readings arrive", DEADLINE, || {
        let ticks = watcher.ticks();
        let with_load = |tick: &&serde_json::Value| tick["readings"].get("load1").is_some();
        (ticks.iter().filter(with_load).count() >= 3).then_some(())
    });
    let outcome = operator.run(&["reboot", &name, "--json"]);
    assert_eq!(outcome.code, Some(0), "{pair}: {outcome:#?}");
    assert_eq!(outcome.end_of(&name)["state"], "succeeded", "{pair}");
    assert_eq!(shelf.reboots(), [1], "{pair}");
    let nobodys = ["query", "00112233445566778899aabbccddeeff", &name, "--json"];
    let outcome = operator.run(&nobodys);
    assert_eq!(outcome.code, Some(10), "{pair}: {outcome:#?}");
    assert_eq!(outcome.end_of(&name)["reason"], "unknown_operation");
    let booted: BTreeSet<_> = eventually("both boots were seen", DEADLINE, || {
        let boots: BTreeSet<_> = watcher
            .tick_counts()
            .into_keys()
            .map(|(boot, _)| boot)
            .collect();
        (boots.len() == 2).then_some(boots)
    });
    println!("{pair}: {} ticks of {booted:?}", watcher.ticks().len());
}

fn releases() -> Vec<PathBuf> {
    let folder = binaries::folder_from_environment("PICKET_RELEASED", "scripts/tier released");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("released");
    let list = fs::read_to_string(list).expect("it is in the repository");
    let commits = list
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let found: Vec<_> = commits.map(|commit| folder.join(commit)).collect();
    assert!(!found.is_empty(), "no release is tried");
    found
}
