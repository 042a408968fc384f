//! What happens to ticks when the broker dies, hangs or forgets: with a collector's acks each reaches it exactly once.
use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use picket_tests::{
    agent::{Agent, Setup},
    eventually,
    mosquitto::Mosquitto,
    proxy::Proxy,
    tick_counter::TickCounter,
    tree::Tree,
    watcher::{TickName, Watcher},
};
use rustix::process::Signal;

const FAST: &str = "sample_every = \"200ms\"\nwindow = \"1s\"";
const COLLECTOR: &str = "nightwatch";
const DEADLINE: Duration = Duration::from_secs(240);

/// A broker, an agent with its own count of ticks, and a collector that acks.
struct Bed {
    broker: Mosquitto,
    proxy: Proxy,
    counter: TickCounter,
    agent: Agent,
    watcher: Watcher,
    tree: Tree,
    _folder: tempfile::TempDir,
}

impl Bed {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let broker = Mosquitto::start(folder.path());
        let proxy = Proxy::to(broker.address());
        let watcher = Watcher::start(&broker.url(), Some(COLLECTOR), folder.path());
        let tree = Tree::of("pi3-nfs3");
        let counter = TickCounter::start(&tree);
        let agent = Agent::start(
            &tree,
            &Setup {
                broker: &proxy.url(),
                ack: COLLECTOR,
                extra: FAST,
            },
        );
        Self {
            broker,
            proxy,
            counter,
            agent,
            watcher,
            tree,
            _folder: folder,
        }
    }

    /// Waits until the collector shows `more` ticks beyond those that it has now.
    fn wait_for_ticks(&self, more: usize) {
        let goal = self.watcher.tick_counts().len() + more;
        eventually("ticks arrive", DEADLINE, || {
            (self.watcher.tick_counts().len() >= goal).then_some(())
        });
    }

    /// Stops the agent in an orderly way, wherever it is, starts it again, and checks the account of what it made before:
    /// what waited in the backlog at the stop is saved, and the next start delivers it.
    fn settle(mut self) {
        assert!(self.agent.process().terminate().success());
        let made = self.counter.ticks();
        self.agent.restart();
        let until = Instant::now() + DEADLINE;
        while self.open(made) != self.watcher.lost() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(50));
        }
        let (counts, lost) = (self.watcher.tick_counts(), self.watcher.lost());
        let missing = missing(&counts, made);
        println!(
            "{made} ticks made, {} missing, {lost} counted lost",
            missing.len()
        );
        assert_eq!(missing.len() as u64, lost, "missing: {missing:?}");
        let twice: Vec<_> = counts.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "shown more than once: {twice:?}");
    }

    /// How many of the first `made` ticks the collector does not have.
    fn open(&self, made: u64) -> u64 {
        missing(&self.watcher.tick_counts(), made).len() as u64
    }
}

fn missing(counts: &BTreeMap<TickName, usize>, made: u64) -> Vec<u64> {
    (0..made)
        .filter(|n| !counts.keys().any(|(_, tick)| tick == n))
        .collect()
}

#[test]
fn a_broker_that_is_killed_and_forgets_everything_costs_no_tick() {
    let mut bed = Bed::start();
    bed.wait_for_ticks(20);
    for _ in 0..2 {
        bed.broker.kill();
        std::thread::sleep(Duration::from_secs(5));
        bed.broker.restart();
        bed.wait_for_ticks(20);
    }
    assert_eq!(bed.watcher.lost(), 0);
    bed.settle();
}

#[test]
fn a_broker_stopped_for_a_minute_costs_no_tick_and_no_memory() {
    a_minute_costs_nothing(
        |bed| bed.broker.process().signal(Signal::STOP),
        |bed| bed.broker.process().signal(Signal::CONT),
    );
}

#[test]
fn a_full_socket_costs_no_tick_and_no_memory() {
    a_minute_costs_nothing(|bed| bed.proxy.hang(), |bed| bed.proxy.heal());
}

fn a_minute_costs_nothing(begin: impl Fn(&Bed), end: impl Fn(&Bed)) {
    let mut bed = Bed::start();
    bed.wait_for_ticks(20);
    let before = bed.agent.process().resident_kib().expect("the agent runs");
    begin(&bed);
    std::thread::sleep(Duration::from_secs(60));
    let during = bed.agent.process().resident_kib().expect("the agent runs");
    end(&bed);
    assert!(
        during < before + 1024,
        "{before} KiB before, {during} KiB after a minute"
    );
    bed.wait_for_ticks(300);
    assert_eq!(bed.watcher.lost(), 0);
    bed.settle();
}

#[test]
fn a_line_that_is_cut_again_and_again_costs_no_tick() {
    let bed = Bed::start();
    for _ in 0..10 {
        bed.wait_for_ticks(7);
        bed.proxy.cut();
    }
    assert_eq!(bed.watcher.lost(), 0);
    bed.settle();
}

#[test]
fn ticks_that_only_an_observer_received_are_kept_for_the_collector() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let tree = Tree::of("pi3-nfs3");
    let _agent = Agent::start(
        &tree,
        &Setup {
            broker: &broker.url(),
            ack: COLLECTOR,
            extra: FAST,
        },
    );
    // Somebody else watches, and does not ack: the agent must keep everything.
    let observer = Watcher::start(&broker.url(), None, folder.path());
    eventually("an observer sees ticks", DEADLINE, || {
        (observer.ticks().len() > 20).then_some(())
    });
    let collector = Watcher::start(&broker.url(), Some(COLLECTOR), folder.path());
    eventually("the collector gets the first tick too", DEADLINE, || {
        collector
            .tick_counts()
            .keys()
            .any(|(_, tick)| *tick == 0)
            .then_some(())
    });
}

#[test]
fn an_orderly_stop_saves_the_spool_and_the_next_start_delivers_it() {
    let mut bed = Bed::start();
    bed.wait_for_ticks(10);
    bed.broker.kill();
    let before = bed.counter.ticks();
    eventually("ticks are made without a broker", DEADLINE, || {
        (bed.counter.ticks() > before + 30).then_some(())
    });
    assert!(bed.agent.process().terminate().success());
    assert!(
        bed.agent.state_dir().join("spool").is_file(),
        "the spool is saved"
    );
    bed.broker.restart();
    bed.agent.restart();
    bed.wait_for_ticks(50);
    assert_eq!(bed.watcher.lost(), 0);
    let spool = bed.agent.state_dir().join("spool");
    eventually("a spool that is confirmed is deleted", DEADLINE, || {
        (!spool.exists()).then_some(())
    });
    bed.settle();
}

#[test]
fn a_saved_spool_survives_a_kill_in_the_next_boot() {
    let mut bed = Bed::start();
    bed.wait_for_ticks(10);
    bed.broker.kill();
    let before = bed.counter.ticks();
    eventually("ticks are made without a broker", DEADLINE, || {
        (bed.counter.ticks() > before + 30).then_some(())
    });
    assert!(bed.agent.process().terminate().success());
    let made = bed.counter.ticks();
    let first = bed
        .watcher
        .tick_counts()
        .into_keys()
        .next()
        .expect("ticks")
        .0;
    let id = "proc/sys/kernel/random/boot_id";
    bed.tree.write(id, "7c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d6\n");
    bed.agent.restart();
    eventually("it ticks in the next boot", DEADLINE, || {
        (bed.counter.ticks() > made + 5).then_some(())
    });
    bed.agent.process().kill();
    bed.broker.restart();
    bed.agent.restart();
    eventually("every tick of the first boot arrives", DEADLINE, || {
        let counts = bed.watcher.tick_counts();
        let have = counts.keys().filter(|(boot, _)| *boot == first).count() as u64;
        (have == made).then_some(())
    });
}

#[test]
fn an_agent_that_is_killed_counts_what_died_with_it_as_lost() {
    let mut bed = Bed::start();
    bed.wait_for_ticks(10);
    bed.broker.kill();
    let before = bed.counter.ticks();
    eventually("ticks are made without a broker", DEADLINE, || {
        (bed.counter.ticks() > before + 30).then_some(())
    });
    bed.agent.process().kill();
    bed.broker.restart();
    bed.agent.restart();
    bed.wait_for_ticks(20);
    assert!(
        bed.watcher.lost() >= 30,
        "{} counted lost",
        bed.watcher.lost()
    );
    bed.settle();
}

#[test]
fn a_broker_that_is_gone_is_tried_again_ever_less_often_and_by_each_agent_at_times_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let beds: Vec<_> = (0..4)
        .map(|_| refused_agent(&broker, folder.path()))
        .collect();
    eventually("every agent tried six times", DEADLINE, || {
        beds.iter()
            .all(|(proxy, ..)| proxy.arrivals().len() >= 6)
            .then_some(())
    });
    let waits: Vec<Vec<Duration>> = beds
        .iter()
        .map(|(proxy, ..)| gaps(&proxy.arrivals()[..6]))
        .collect();
    for (at, one) in waits.iter().enumerate() {
        for other in &waits[at + 1..] {
            let same = one
                .iter()
                .zip(other)
                .filter(|(a, b)| a.abs_diff(**b) < Duration::from_millis(5))
                .count();
            assert!(same < one.len(), "two agents wait the same times: {one:?}");
        }
    }
    println!("waits between six attempts of four agents: {waits:?}");
}

fn refused_agent(broker: &Mosquitto, _folder: &Path) -> (Proxy, Tree, Agent) {
    let proxy = Proxy::to(broker.address());
    proxy.refuse();
    let tree = Tree::of("pi3-nfs3");
    let agent = Agent::start(
        &tree,
        &Setup {
            broker: &proxy.url(),
            ack: "puback",
            extra: FAST,
        },
    );
    (proxy, tree, agent)
}

fn gaps(times: &[Instant]) -> Vec<Duration> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}
