//! Who may hang under systemd: picketd may not, everybody else may, and nobody who is healthy is killed for it.
use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use picket_tests::{
    eventually,
    nspawn::{Container, Reboots, Setup, signal},
    watcher::Watcher,
};
use rustix::process::Signal;

const DEADLINE: Duration = Duration::from_secs(60);
/// More than three times the watchdog's patience.
const HANG: Duration = Duration::from_secs(10);
/// 3 s instead of 3 min. The agent asks for two sampling periods at least, which are less.
const SETUP: Setup<'_> = Setup {
    config: "sample_every = \"500ms\"\nwindow = \"1s\"",
    signers: "",
    service: "WatchdogSec=3s",
    units: &[],
    reboots: Reboots::Nothing,
};

#[test]
fn an_agent_that_hangs_is_killed_and_started_again() {
    let container = Container::boot(&SETUP);
    let watcher = Watcher::start(&container.broker.url(), None, container.folder());
    wait_for_ticks(&watcher, 4);
    let hangs = container.picketd();
    signal(hangs, Signal::STOP);
    let begin = Instant::now();
    eventually("the watchdog expires", DEADLINE, || {
        (container.property("NRestarts") == "1").then_some(())
    });
    let took = begin.elapsed();
    println!("stopped, killed and started again within {took:?}");
    let seen = watcher.ticks().len();
    wait_for_ticks(&watcher, seen + 6);
    assert_ne!(container.picketd(), hangs);
    let log = container.log();
    assert!(log.contains("Watchdog timeout"), "{log}");
    let numbers = numbers(&watcher);
    assert_eq!(numbers.len(), watcher.ticks().len(), "none is given twice");
}

#[test]
fn a_journald_that_hangs_costs_no_tick_and_holds_no_stop_up() {
    let container = Container::boot(&SETUP);
    let watcher = Watcher::start(&container.broker.url(), None, container.folder());
    wait_for_ticks(&watcher, 4);
    let journald = container
        .process_of("systemd-journald.service")
        .expect("journald runs");
    signal(journald, Signal::STOP);
    let agent = container.picketd();
    let (begin, mut reloads) = (Instant::now(), 0);
    while begin.elapsed() < HANG {
        // Each makes some lines: far more than the socket and the queue hold.
        signal(agent, Signal::HUP);
        reloads += 1;
        thread::sleep(Duration::from_millis(50));
    }
    goes_on(&container, &watcher, agent);
    let begin = Instant::now();
    container.order(&["stop", "picketd.service"]);
    let took = begin.elapsed();
    assert_eq!(container.property("Result"), "success");
    assert!(took < Duration::from_secs(10), "the stop took {took:?}");
    signal(journald, Signal::CONT);
    let heard = eventually("journald goes on", DEADLINE, || {
        let heard = container.log().matches("was read again").count();
        (heard > 0).then_some(heard)
    });
    println!("{reloads} reloads, of which journald heard {heard}; the stop took {took:?}");
    assert!(heard < reloads, "journald has heard everything");
}

#[test]
fn a_process_1_that_hangs_costs_no_tick_and_kills_nobody_when_it_is_back() {
    let container = Container::boot(&SETUP);
    let watcher = Watcher::start(&container.broker.url(), None, container.folder());
    wait_for_ticks(&watcher, 4);
    let agent = container.picketd();
    let process_1 = container.process_1();
    signal(process_1, Signal::STOP);
    thread::sleep(HANG);
    goes_on(&container, &watcher, agent);
    signal(process_1, Signal::CONT);
    let seen = watcher.ticks().len();
    wait_for_ticks(&watcher, seen + 12);
    goes_on(&container, &watcher, agent);
    assert_eq!(container.property("NRestarts"), "0");
}

/// The same process, and every tick since the first that was seen.
fn goes_on(container: &Container, watcher: &Watcher, agent: rustix::process::Pid) {
    assert_eq!(container.process_of("picketd.service"), Some(agent));
    let numbers = numbers(watcher);
    let (first, last) = (numbers.first(), numbers.last());
    let (first, last) = first.zip(last).expect("there are ticks");
    let all: BTreeSet<u64> = (*first..=*last).collect();
    assert_eq!(numbers, all, "a tick is missing");
    assert_eq!(watcher.lost(), 0);
    assert!(all.len() as u128 > HANG.as_millis() / 500, "{all:?}");
}

fn numbers(watcher: &Watcher) -> BTreeSet<u64> {
    let names = watcher.tick_counts();
    names.into_keys().map(|(_, number)| number).collect()
}

fn wait_for_ticks(watcher: &Watcher, count: usize) {
    eventually(&format!("{count} ticks"), DEADLINE, || {
        (watcher.ticks().len() >= count).then_some(())
    });
}
