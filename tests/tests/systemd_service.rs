//! picketd.service under a real systemd: start, stop, reload and restart, as an operator of the machine does them.
use std::{collections::BTreeSet, path::Path, time::Duration};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    nspawn::{Container, Setup, signal},
    operator::Operator,
    watcher::Watcher,
};
use rustix::process::Signal;

const DEADLINE: Duration = Duration::from_secs(40);
const FAST: &str = "sample_every = \"500ms\"\nwindow = \"1s\"";

#[test]
fn it_is_started_stopped_killed_and_goes_on_counting() {
    let container = Container::boot(&Setup {
        config: FAST,
        ..Setup::default()
    });
    let watcher = Watcher::start(&container.broker.url(), None, container.folder());
    wait_for_ticks(&watcher, 4);
    container.order(&["restart", "picketd.service"]);
    assert_eq!(container.property("Result"), "success");
    wait_for_ticks(&watcher, 12);
    assert_eq!(watcher.lost(), 0, "an orderly stop loses nothing");
    signal(container.picketd(), Signal::KILL);
    let seen = watcher.ticks().len();
    wait_for_ticks(&watcher, seen + 8);
    assert_eq!(container.property("NRestarts"), "1");
    let counts = watcher.tick_counts();
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "no number is given twice: {twice:?}");
    let boots: BTreeSet<_> = counts.keys().map(|(boot, _)| boot).collect();
    assert_eq!(boots.len(), 1, "{boots:?}");
    container.order(&["stop", "picketd.service"]);
    assert_eq!(container.property("ActiveState"), "inactive");
    assert_eq!(container.property("Result"), "success");
    assert!(container.path("var/lib/picket").read_dir().is_ok());
}

/// With what the unit gives it, it boards; and then it has neither what that took nor a path of the disk for its root.
#[test]
fn it_is_aboard_its_lifeboat_with_nothing_but_reboot_left() {
    let container = Container::boot(&Setup {
        config: "lifeboat = \"required\"",
        ..Setup::default()
    });
    let log = eventually("it says that it is aboard", DEADLINE, || {
        Some(container.log()).filter(|log| log.contains("aboard the lifeboat"))
    });
    assert!(
        !log.contains("not locked") && !log.contains("not dropped"),
        "{log}"
    );
    let picketd = container.picketd();
    // CAP_SYS_BOOT is number 22, CAP_IPC_LOCK 14. A machine on which root itself may not raise limits needs the second one on.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", picketd.as_raw_nonzero()));
    let limits = limits.expect("picketd runs");
    let unlimited = limits
        .lines()
        .any(|line| line.starts_with("Max locked memory") && line.contains("unlimited"));
    let left = match unlimited {
        true => "0000000000400000",
        false => "0000000000404000",
    };
    for key in ["CapPrm", "CapEff"] {
        let held = container.status_of(picketd, key);
        assert_eq!(held, left, "{key}: {limits}");
    }
    assert_ne!(container.status_of(picketd, "VmLck"), "0 kB");
    let root = format!("/proc/{}/root", picketd.as_raw_nonzero());
    assert!(Path::new(&root).join("host/usr/bin/picketd").exists());
    assert!(!Path::new(&root).join("usr").exists());
}

#[test]
fn a_reload_reads_allowed_signers_again() {
    let key = TestKey::new(1);
    let container = Container::boot(&Setup {
        config: FAST,
        ..Setup::default()
    });
    let anna = Operator::new("anna", &key, &container.broker.url(), container.folder());
    let device = Container::device().to_string();
    let identify = ["identify", &device, "--for", "0s", "--json"];
    let outcome = anna.run(&identify);
    assert_eq!(outcome.end_of(&device)["reason"], "no_signers");
    let before = container.picketd();
    let signers = container.path("etc/picket/allowed_signers");
    std::fs::write(signers, key.line("anna")).expect("the root is ours");
    container.order(&["reload", "picketd.service"]);
    eventually("the new signer is heard", DEADLINE, || {
        let outcome = anna.run(&identify);
        (outcome.end_of(&device)["reason"] != "no_signers").then_some(())
    });
    assert_eq!(container.picketd(), before, "a reload is no restart");
}

fn wait_for_ticks(watcher: &Watcher, count: usize) {
    eventually(&format!("{count} ticks"), DEADLINE, || {
        (watcher.ticks().len() >= count).then_some(())
    });
}
