//! Signed commands to the daemon as a process, on a tree: what goes in over MQTT, what comes out, and what it leaves in its
//! files. The broker is this test.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

mod dead_disk;
mod rig;
#[path = "../../../tests/src/scripted_broker.rs"]
#[expect(
    dead_code,
    unreachable_pub,
    reason = "another crate's tests share it, and use more of it"
)]
mod scripted_broker;
mod state_directory;

use std::{fs, time::Instant};

use picket_proto::{Action, Channel, Reason, Report, State};
use picket_test_keys::TestKey;
use rustix::process::Signal;

use rig::{ACTOR, BOOT_ID, Rig, Said};

const REBOOT: Action = Action::Reboot { force: false };

#[tokio::test]
async fn a_ping_gets_this_boot_and_the_same_nonce_until_a_command_has_used_it() {
    let mut rig = Rig::up().await;
    let (first, second) = (rig.pong().await, rig.pong().await);
    assert_eq!(first.boot, rig.boot());
    assert_eq!(first.nonce, second.nonce);
    assert!(second.boottime_ms >= first.boottime_ms);
    rig.operate(slow()).await;
    assert_ne!(rig.pong().await.nonce, first.nonce);
}

#[tokio::test]
async fn a_reboot_ends_the_daemon_in_an_orderly_way_and_the_tree_is_in_another_boot() {
    let mut rig = Rig::up().await;
    let before = rig.boot();
    let order = rig.order(REBOOT).await;
    let reports = rig.give(&order).await;
    assert_eq!(
        states(&reports),
        [State::Accepted, State::Preflight, State::Rebooting]
    );
    assert!(reports.iter().all(|report| report.boot == Some(before)));
    assert!(rig.ended().await.success());
    assert_ne!(rig.boot(), before);
    assert!(rig.path("state/spool").exists(), "the last ticks are saved");

    rig.start().await;
    let boot = rig.boot();
    let [again] = &rig.give(&order).await[..] else {
        panic!("one report, and the daemon stays");
    };
    assert_eq!(
        (again.state, again.boot),
        (Some(State::Succeeded), Some(boot))
    );
    rig.pong().await;
    assert_eq!(rig.boot(), boot, "the same command doesn't act twice");
}

#[tokio::test]
async fn the_last_operation_is_in_the_status_and_each_transition_in_the_log() {
    let mut rig = Rig::up().await;
    assert_eq!(
        rig.status.features.as_deref().unwrap(),
        ["telemetry", "commands"]
    );
    assert_eq!(rig.status.last_operation, None);
    let order = rig.order(slow()).await;
    rig.give(&order).await;
    while rig.status.last_state != Some(State::Succeeded) {
        rig.next().await.expect("the daemon stays");
    }
    assert_eq!(rig.status.last_operation, Some(order.operation));
    rig.send(Channel::Command, b"noise").await;
    while !matches!(rig.next().await.unwrap(), Said::Report(_)) {}
    rig.stop().await;
    let log = rig.log();
    for line in [
        &format!(
            "info: configure {}: succeeded, ordered by {ACTOR}",
            order.operation
        ),
        "warn: a command: refused (format): ",
    ] {
        assert!(log.contains(line), "no {line:?}");
    }
}

#[tokio::test]
async fn configured_periods_hold_at_once_and_after_a_restart_until_they_are_taken_back() {
    let mut rig = Rig::up().await;
    let file = (Some(200), Some(200));
    assert_eq!((rig.status.sample_every_ms, rig.status.window_ms), file);
    rig.batches.clear();
    rig.operate(slow()).await;
    let configured = (Some(500), Some(1_000));
    for _ in 0..2 {
        while (rig.status.sample_every_ms, rig.status.window_ms) != configured {
            rig.next().await.expect("the daemon stays");
        }
        until_a_batch_of(&mut rig, 2, 500).await;
        rig.restart().await;
        assert_eq!(
            (rig.status.sample_every_ms, rig.status.window_ms),
            configured
        );
    }
    let mut ticks: Vec<u64> = Vec::new();
    for batch in &rig.batches {
        ticks.extend((0..batch.header.count).map(|row| batch.header.tick(row)));
    }
    ticks.sort_unstable();
    ticks.dedup();
    let whole: Vec<u64> = (ticks[0]..=ticks[ticks.len() - 1]).collect();
    assert_eq!(ticks, whole, "ticks are numbered on, and none is lost");

    let back = Action::Configure {
        sample_every_ms: None,
        window_ms: None,
    };
    let reports = rig.operate(back).await;
    assert_eq!(reports.last().unwrap().state, Some(State::Succeeded));
    while (rig.status.sample_every_ms, rig.status.window_ms) != file {
        rig.next().await.expect("the daemon stays");
    }
    until_a_batch_of(&mut rig, 1, 200).await;
}

#[tokio::test]
async fn without_signers_every_command_is_refused_and_telemetry_goes_on() {
    for (signers, words) in [
        (None, "until then this agent only observes"),
        (Some("# nobody\n"), "names nobody who may sign"),
    ] {
        let mut rig = Rig::new().await;
        match signers {
            Some(text) => fs::write(rig.path("allowed_signers"), text).unwrap(),
            None => fs::remove_file(rig.path("allowed_signers")).unwrap(),
        }
        rig.start().await;
        assert_eq!(rig.status.features.as_deref().unwrap(), ["telemetry"]);
        for action in [REBOOT, slow(), Action::Query { operation: None }] {
            let reports = rig.operate(action).await;
            assert_eq!(refusal(&reports), Some(Reason::NoSigners), "{reports:?}");
        }
        rig.batches.clear();
        until_a_batch_of(&mut rig, 1, 200).await;
        rig.stop().await;
        let log = rig.log();
        assert!(log.contains(words), "no {words:?} in {log}");
    }
}

#[tokio::test]
async fn a_key_is_changed_by_adding_a_line_and_taking_one_away_without_a_restart() {
    let mut rig = Rig::up().await;
    let (old, new) = (rig.key.clone(), TestKey::new(2));
    let pong = rig.pong().await;
    for (lines, key, reason) in [
        (&[][..], &new, Some(Reason::UnknownSigner)),
        (&[&old, &new], &new, None),
        (&[&old, &new], &old, None),
        (&[&new], &old, Some(Reason::UnknownSigner)),
        (&[&new], &new, None),
    ] {
        if !lines.is_empty() {
            let text: String = lines.iter().map(|key| key.line(ACTOR)).collect();
            fs::write(rig.path("allowed_signers"), text + "a line that is none\n").unwrap();
            rig.signal(Signal::HUP);
            while !matches!(rig.next().await.unwrap(), Said::Status) {}
        }
        rig.key = key.clone();
        let reports = rig.operate(Action::Query { operation: None }).await;
        match reason {
            Some(reason) => assert_eq!(refusal(&reports), Some(reason)),
            None => assert_ne!(refusal(&reports), Some(Reason::UnknownSigner)),
        }
    }
    assert_eq!(rig.pong().await.nonce, pong.nonce, "it is the same process");
    rig.stop().await;
    let log = rig.log();
    for words in [
        "2 lines say who may command this Pi, 1 don't count",
        "allowed_signers, line 3: ",
    ] {
        assert!(log.contains(words), "{words:?}");
    }
}

#[tokio::test]
async fn the_same_command_twice_is_one_operation() {
    let mut rig = Rig::up().await;
    let order = rig.order(slow()).await;
    let first = rig.give(&order).await;
    let again = rig.give(&order).await;
    assert_eq!(states(&first).last(), Some(&State::Succeeded));
    assert_eq!(states(&again), [State::Succeeded]);
    rig.stop().await;
    let log = rig.log();
    let accepted = format!("configure {}: accepted", order.operation);
    assert_eq!(log.matches(&accepted).count(), 1, "{log}");
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Broker {
    HangsUp,
    ConfirmsNothing,
}

#[tokio::test]
async fn a_broker_that_goes_away_or_confirms_nothing_does_not_hold_up_a_reboot() {
    for broker in [Broker::HangsUp, Broker::ConfirmsNothing] {
        let mut rig = Rig::up().await;
        let before = rig.boot();
        let order = rig.order(REBOOT).await;
        let payload = rig.key.frame(&order);
        rig.send(Channel::Command, &payload).await;
        let begin = Instant::now();
        assert_eq!(
            rig.unconfirmed_report().await.operation,
            Some(order.operation)
        );
        match broker {
            Broker::HangsUp => rig.hang_up(),
            Broker::ConfirmsNothing => rig.ignore().await,
        }
        assert!(rig.ended().await.success());
        // 2 s for the confirmation and 3 s for the goodbye, and time for an emulator.
        let took = begin.elapsed();
        assert!(took.as_secs() < 15, "{broker:?}: {took:?}");
        assert_ne!(rig.boot(), before);
    }
}

/// As systemd does it on the way down.
#[tokio::test]
async fn a_stop_in_the_middle_of_a_reboot_is_orderly_and_in_time() {
    let mut rig = Rig::up().await;
    let order = rig.order(REBOOT).await;
    let payload = rig.key.frame(&order);
    rig.send(Channel::Command, &payload).await;
    while rig.unconfirmed_report().await.state != Some(State::Rebooting) {}
    let begin = Instant::now();
    rig.signal(Signal::TERM);
    rig.ignore().await;
    assert!(rig.ended().await.success());
    // 3 s for the goodbye, and time for an emulator; TimeoutStopSec= is 15.
    let took = begin.elapsed();
    assert!(took.as_secs() < 12, "{took:?}");
    assert!(rig.path("state/spool").exists(), "the last ticks are saved");
}

#[tokio::test]
async fn a_reboot_that_the_machine_does_not_do_is_reported_and_telemetry_goes_on() {
    let mut rig = Rig::up().await;
    let order = rig.order(REBOOT).await;
    // A directory in its place can't be replaced by a file.
    fs::remove_file(rig.path(BOOT_ID)).unwrap();
    fs::create_dir_all(rig.path(BOOT_ID).join("in the way")).unwrap();
    let reports = rig.give(&order).await;
    let last = reports.last().unwrap();
    assert_eq!(
        (last.state, last.reason),
        (Some(State::Failed), Some(Reason::Host)),
        "{last:?}"
    );
    rig.batches.clear();
    until_a_batch_of(&mut rig, 1, 200).await;
}

/// Other periods than the file's.
fn slow() -> Action {
    Action::Configure {
        sample_every_ms: Some(500),
        window_ms: Some(1_000),
    }
}

fn states(reports: &[Report]) -> Vec<State> {
    reports.iter().filter_map(|report| report.state).collect()
}

fn refusal(reports: &[Report]) -> Option<Reason> {
    let last = reports.last().expect("a report");
    last.reason.filter(|_| last.state == Some(State::Refused))
}

/// Ticks that came at other times than they say would make other batches.
async fn until_a_batch_of(rig: &mut Rig, ticks: u16, period_ms: u32) {
    loop {
        match rig.next().await.expect("the daemon stays") {
            Said::Batch(batch)
                if (batch.header.count, batch.header.period_ms) == (ticks, period_ms) =>
            {
                return;
            }
            _ => {}
        }
    }
}
