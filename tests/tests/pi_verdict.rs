//! What an emulated Pi says of its NFS server and of its disk, while both are made to misbehave; and that it goes on meanwhile.
use std::time::{Duration, Instant};

use picket_test_keys::TestKey;
use picket_tests::{
    eventually,
    operator::Outcome,
    pi::{Builder, Machine, Pi},
    say,
};
use serde_json::Value;

/// A kernel that found no server asks again after 5 min at most (XS_TCP_MAX_REEST_TO); and on a machine of two processors that runs
/// thirty programs it takes minutes until three round trips in a row are quick.
const PATIENCE: Duration = Duration::from_secs(400);
const VIEWS: [&str; 3] = ["nfs_rtt", "nfs_null_rtt", "nfs_in_band_rtt"];

#[test]
fn a_delay_shows_in_all_three_views_within_two_ticks_and_goes_away_again() {
    let pi = slowly().start();
    wait_for_tick(&pi, 2, |tick| views(tick).iter().all(|us| *us < 90_000));
    costs_two_switches_a_tick(&pi);
    let before = last_tick(&pi);
    pi.nfs().delay(Duration::from_millis(100));
    let shows = wait_for_tick(&pi, before, |tick| {
        views(tick)
            .iter()
            .all(|us| (95_000..2_000_000).contains(us))
    });
    say(&format!(
        "from tick {before} on: {:?} in tick {shows}",
        VIEWS
    ));
    // One tick may have been on its way, and the delay came within the next.
    assert!(
        shows <= before + 4,
        "seen in tick {shows}, made at tick {before}"
    );
    wait_for_verdict(&pi, "slow");
    let before = last_tick(&pi);
    pi.nfs().heal();
    let healed = wait_for_tick(&pi, before, |tick| {
        views(tick).iter().all(|us| *us < 90_000)
    });
    assert!(
        healed <= before + 4,
        "gone in tick {healed}, healed at tick {before}"
    );
    wait_for_verdict(&pi, "ok");
    outlives_a_reset(&pi);
    nothing_is_missing(&pi);
}

/// What a firewall or a server's host does that has forgotten its connections: kernel and probe open others.
fn outlives_a_reset(pi: &Pi) {
    let (lines, before) = (pi.nfs().arrivals().len(), last_tick(pi));
    let reset = Instant::now();
    pi.nfs().reset();
    eventually("both lines are opened anew", PATIENCE, || {
        (pi.nfs().arrivals().len() >= lines + 2).then_some(())
    });
    let healed = wait_for_tick(pi, before + 2, |tick| {
        views(tick).iter().all(|us| *us < 90_000)
    });
    say(&format!(
        "reset after tick {before}, all is well in tick {healed}, after {:?}",
        reset.elapsed()
    ));
    wait_for_verdict(pi, "ok");
}

/// PICKET_STALLS says how often; by default once.
#[test]
fn a_server_that_is_killed_is_stalled_within_15_s_until_it_is_back() {
    let mut pi = Pi::builder(Machine::Virt).start();
    wait_for_tick(&pi, 2, |_| true);
    looks_in_band(&pi);
    let stalls = std::env::var("PICKET_STALLS").ok();
    for _ in 0..stalls.map_or(1, |text| text.parse().expect("PICKET_STALLS is a number")) {
        stalls_and_heals(&mut pi);
    }
    nothing_is_missing(&pi);
}

/// What a person sees who asks the Pi itself.
fn looks_in_band(pi: &Pi) {
    let sample = pi.console().run("picketd sample", PATIENCE);
    let rtt = sample
        .lines()
        .find_map(|line| line.strip_prefix("nfs_in_band_rtt"));
    let rtt = rtt.unwrap_or_else(|| panic!("no in-band round trip in {sample}"));
    assert!(rtt.ends_with(" ms"), "{sample}");
    let check = pi.console().run("picketd check", PATIENCE);
    assert!(check.contains("nfs_in_band"), "{check}");
}

fn stalls_and_heals(pi: &mut Pi) {
    let before = boottime_of_last_tick(pi);
    pi.ganesha_mut().kill();
    let stalled = wait_for_verdict(pi, "stalled");
    let after_ms = number_of(&stalled, "boottime_ms") - before;
    say(&format!(
        "stalled is known {after_ms} ms after the last tick before"
    ));
    assert!(after_ms <= 15_000, "{after_ms} ms: {stalled:#}");
    wait_for_status(pi, |status| status["nfs_verdict"]["verdict"] == "stalled");
    let age = |tick: &Value| tick["readings"]["nfs_unanswered"].as_u64();
    let first = wait_for_tick(pi, last_tick(pi), |tick| age(tick) > Some(4_000));
    wait_for_tick(pi, first, |tick| age(tick) > Some(12_000));
    let ages: Vec<_> = ticks_from(pi, first).iter().map(age).collect();
    assert!(ages.windows(2).all(|pair| pair[0] < pair[1]), "{ages:?}");
    pi.ganesha_mut().restart();
    wait_for_verdict(pi, "ok");
    wait_for_tick(pi, last_tick(pi), |tick| age(tick) == Some(0));
    let mut said = events(pi, "nfs_verdict");
    said.truncate(said.len() - 1);
    let before_ok = said.pop().expect("there was a stall");
    assert_eq!(before_ok["verdict"], "slow", "a stall ends in slow");
}

#[test]
fn a_full_export_is_named_while_configure_and_reboot_go_on() {
    let key = TestKey::new(1);
    let pi = Pi::builder(Machine::Virt).obeying(&key).start();
    pi.export().make_full();
    wait_for_fault(&pi, "full", true);
    wait_for_status(&pi, |status| status["disk_trouble"]["fault"] == "full");
    // The journal is overwritten in place.
    let outcome = order(&pi, &key, &["configure", "--window", "2s"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let outcome = order(&pi, &key, &["reboot"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    pi.wait_for_tick_of_boot(2);
    pi.export().heal();
    wait_for_fault(&pi, "full", false);
}

/// Its server reads and doesn't write, as one does whose disk has had an error: it comes back so, and the Pi is rebooted on it.
#[test]
fn a_read_only_export_is_named_in_status_and_in_the_report_and_a_reboot_goes_on() {
    let key = TestKey::new(1);
    let mut pi = Pi::builder(Machine::Virt).obeying(&key).start();
    pi.ganesha_mut().kill();
    pi.export().read_only();
    pi.ganesha_mut().restart();
    let outcome = order(&pi, &key, &["reboot"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let tick = pi.wait_for_tick_of_boot(2);
    wait_for_status(&pi, |status| {
        status["boot_id"] == tick["boot_id"] && status["disk_trouble"]["fault"] == "read_only"
    });
    let outcome = order(&pi, &key, &["configure", "--window", "2s"]);
    assert_eq!(outcome.code, Some(10), "{outcome:#?}");
    let last = outcome.end_of(&pi.id().to_string());
    let detail = last["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("Read-only file system"), "{last:#}");
    pi.export().heal();
    let outcome = order(&pi, &key, &["configure", "--window", "2s"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    wait_for_fault(&pi, "read_only", false);
}

#[test]
fn a_root_that_its_server_has_forgotten_is_stale_and_a_reboot_gets_the_new_one() {
    let key = TestKey::new(1);
    let mut pi = Pi::builder(Machine::Virt).obeying(&key).start();
    pi.ganesha_mut().kill();
    pi.export().recreate();
    pi.ganesha_mut().restart();
    wait_for_verdict(&pi, "stale");
    wait_for_status(&pi, |status| status["nfs_verdict"]["verdict"] == "stale");
    let errors = |tick: &Value| tick["readings"]["nfs_errors"].as_u64();
    let before = last_tick(&pi);
    wait_for_tick(&pi, before + 5, |_| true);
    let counted: Vec<_> = ticks_from(&pi, before).iter().map(errors).collect();
    say(&format!("errors of the mount, a tick each: {counted:?}"));
    let outcome = order(&pi, &key, &["reboot"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let tick = pi.wait_for_tick_of_boot(2);
    wait_for_status(&pi, |status| {
        status["boot_id"] == tick["boot_id"] && status["nfs_verdict"]["verdict"] == "ok"
    });
}

/// The in-band probe's thread waits for the answer and for the next tick, and wakes for nothing else.
fn costs_two_switches_a_tick(pi: &Pi) {
    let first = (last_tick(pi), switches(pi));
    wait_for_tick(pi, first.0 + 10, |_| true);
    let last = (last_tick(pi), switches(pi));
    let (ticks, switches) = (last.0 - first.0, last.1 - first.1);
    say(&format!(
        "in-band thread: {switches} context switches in {ticks} ticks"
    ));
    // One tick may lie between its number and its count. Room is asked for at every sixth.
    assert!(switches >= ticks - 1, "the probe isn't made");
    assert!(switches <= (ticks + 1) * 2 + (ticks + 1).div_ceil(6) + 1);
}

/// How often that thread waited so far.
fn switches(pi: &Pi) -> u64 {
    let command = "for t in /proc/$(pidof picketd)/task/*; do grep -q in-band $t/comm && grep ^voluntary $t/status; done";
    let answer = pi.console().run(command, PATIENCE);
    let count = answer.split("voluntary_ctxt_switches:").nth(1);
    let count = count.and_then(|text| text.split_whitespace().next());
    count
        .and_then(|count| count.parse().ok())
        .unwrap_or_else(|| panic!("no count of the in-band thread in {answer:?}"))
}

/// Two seconds a tick: three of them are a slow verdict's end, and a view needs one to be seen.
fn slowly() -> Builder {
    Pi::builder(Machine::Virt).periods("2s", "2s")
}

fn order(pi: &Pi, key: &TestKey, words: &[&str]) -> Outcome {
    let id = pi.id().to_string();
    let arguments = [&words[..1], &[id.as_str()], &words[1..], &["--json"]].concat();
    pi.operator(key).run(&arguments)
}

fn views(tick: &Value) -> Vec<i64> {
    let us = |name| tick["readings"][name].as_i64();
    VIEWS
        .into_iter()
        .map(|name| us(name).unwrap_or(i64::MAX))
        .collect()
}

/// The ticks of the boot that spoke last, from that number on, in their order.
fn ticks_from(pi: &Pi, first: u64) -> Vec<Value> {
    let boot = pi.boot_ids().pop();
    let mut ticks = pi.watcher().ticks();
    ticks.retain(|tick| tick["boot_id"].as_str() == boot.as_deref() && number(tick) >= first);
    ticks.sort_by_key(number);
    ticks.dedup_by_key(|tick| number(tick));
    ticks
}

fn number(tick: &Value) -> u64 {
    number_of(tick, "tick")
}

fn number_of(line: &Value, field: &str) -> u64 {
    let number = line[field].as_u64();
    number.unwrap_or_else(|| panic!("there is no {field} in {line:#}"))
}

fn last_tick(pi: &Pi) -> u64 {
    ticks_from(pi, 0).last().map_or(0, number)
}

fn boottime_of_last_tick(pi: &Pi) -> u64 {
    let last = ticks_from(pi, 0).pop().expect("it has ticked");
    number_of(&last, "boottime_ms")
}

/// The number of the first tick of such kind, from `first` on.
fn wait_for_tick(pi: &Pi, first: u64, wanted: impl Fn(&Value) -> bool) -> u64 {
    eventually("such a tick is at the collector", PATIENCE, || {
        ticks_from(pi, first)
            .iter()
            .find(|tick| wanted(tick))
            .map(number)
    })
}

/// The last word on the server, once it is that one.
fn wait_for_verdict(pi: &Pi, verdict: &str) -> Value {
    let what = format!("the server is {verdict}");
    eventually(&what, PATIENCE, || {
        let mut said = events(pi, "nfs_verdict");
        said.pop().filter(|event| event["verdict"] == verdict)
    })
}

fn wait_for_fault(pi: &Pi, fault: &str, active: bool) -> Value {
    let what = format!("the disk is {fault}: {active}");
    eventually(&what, PATIENCE, || {
        let mut said = events(pi, "disk_fault").into_iter();
        said.find(|event| event["fault"] == fault && event["active"] == active)
    })
}

fn events(pi: &Pi, name: &str) -> Vec<Value> {
    let mut lines = pi.watcher().lines();
    lines.retain(|line| line["channel"] == "event" && line["event"] == name);
    lines
}

/// The status that was said last, with the boot that it is of.
fn wait_for_status(pi: &Pi, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually("the Pi's status says so", PATIENCE, || {
        let mut lines = pi.watcher().lines();
        lines.retain(|line| line["channel"] == "status");
        let line = lines.pop()?;
        let mut status = line["status"].clone();
        status["boot_id"] = line["boot_id"].clone();
        wanted(&status).then_some(status)
    })
}

fn nothing_is_missing(pi: &Pi) {
    let numbers: Vec<_> = ticks_from(pi, 0).iter().map(number).collect();
    let expected: Vec<_> = (0..numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
}
