//! TLS on an emulated Pi that believes it is 1970, at a Mosquitto as `picket` sets it up: the broker's certificate, which began in 2025, lets the
//! agent in, and one that ended before the agent was built doesn't, whatever the Pi's clock says.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

use std::{collections::BTreeSet, fs, path::Path};

use picket_tests::{
    certificates::Authority,
    eventually,
    pi::{Machine, Pi},
    provisioned::Provisioned,
    say,
    watcher::Watcher,
};

/// This machine, as the guest sees it.
const HOST: &str = "10.0.2.2";
/// 2025-01-01, Unix time in s: no picketd takes it to be earlier.
const NOT_BEFORE: i64 = 1_735_689_600;
const EXPIRED: &str = "the broker's certificate has expired, by the time ";

#[test]
fn in_1970_a_valid_certificate_lets_the_agent_in_and_one_that_expired_before_its_build_does_not() {
    let pi = Pi::builder(Machine::Virt).clock("1970-01-02").start();
    let mut fleet = Provisioned::new("password");
    let watcher = provision(&pi, &mut fleet);
    // By the guest: what is changed behind its server's back, the server may not see. Init starts the agent again.
    pi.script("cp /provisioned/* /etc/picket/ && kill $(pidof picketd)");
    let first = wait_for_tick_from(&pi, &watcher, 0);
    let date = pi.console().run("date -u +%Y-%m-%d", pi.patience());
    assert!(date.contains("1970-01-02"), "{date}");
    say(&format!(
        "tick {first} came over TLS from a Pi whose date is {}",
        date.trim()
    ));
    let good = exchange(&fleet, &expired(&fleet));
    fleet.restart();
    pi.console().wait_for(EXPIRED, pi.patience());
    judged_by_the_build(&pi);
    exchange(&fleet, &good);
    let before = last_tick(&pi, &watcher);
    fleet.restart();
    let last = wait_for_tick_from(&pi, &watcher, before + 5);
    eventually("what waited meanwhile is there", pi.patience(), || {
        let all = numbers(&pi, &watcher);
        (first..=last).all(|n| all.contains(&n)).then_some(())
    });
    assert_eq!(watcher.lost(), 0);
    assert!(watcher.tick_counts().values().all(|count| *count == 1));
}

/// Puts what `picket provision` makes onto its export; a collector at the broker of the fleet.
fn provision(pi: &Pi, fleet: &mut Provisioned) -> Watcher {
    let id = pi.id().to_string();
    let place = ["--at", "/etc/picket", "--ack", "nightwatch"];
    fleet.picket(&[&["provision", &id], &place[..]].concat());
    let made = fleet.path("provisioned").join(&id);
    let collector = fleet.person("nightwatch", "collector");
    fleet.reload(&["--name", HOST]);
    let to = pi.export().join("/provisioned");
    fs::create_dir(&to).unwrap();
    for name in ["ca.pem", "password"] {
        fs::copy(made.join(name), to.join(name)).unwrap();
    }
    let toml = read(made.join("picketd.toml"));
    let fast = "connect_spread = \"0s\"\nsample_every = \"1s\"\nwindow = \"1s\"\n[tls]";
    let toml = toml.replace("localhost", HOST).replace("[tls]", fast);
    assert!(
        toml.contains(&format!("mqtts://{HOST}:{}", fleet.pis)),
        "{toml}"
    );
    fs::write(to.join("picketd.toml"), toml).unwrap();
    Watcher::start_with(
        &collector.options(),
        Some("nightwatch"),
        fleet.broker_folder(),
    )
}

/// A certificate and its key, PEM.
type Pair = [String; 2];

/// By the fleet's authority, for the month of June 2024.
fn expired(fleet: &Provisioned) -> Pair {
    let authority = Authority::of(&fleet.path("authority"), "authority-1");
    let once = authority.vouched(HOST);
    [once.certificate, once.key].map(read)
}

/// Gives the broker another certificate; the one that it had.
fn exchange(fleet: &Provisioned, new: &Pair) -> Pair {
    let files = ["broker.pem", "broker.key"].map(|name| fleet.path("mosquitto").join(name));
    let before = files.each_ref().map(read);
    for (file, text) in files.iter().zip(new) {
        fs::write(file, text).unwrap();
    }
    before
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

/// The time that its error names is not that of its clock.
fn judged_by_the_build(pi: &Pi) {
    let text = pi.console().text();
    let (_, after) = text.split_once(EXPIRED).unwrap();
    let line = after.lines().next().unwrap();
    let time: i64 = line.split(' ').next().unwrap().parse().unwrap();
    assert!(time >= NOT_BEFORE, "{line}");
    assert!(line.contains("renew it at the broker"), "{line}");
    say(&format!("refused: {EXPIRED}{line}"));
}

fn wait_for_tick_from(pi: &Pi, watcher: &Watcher, first: u64) -> u64 {
    eventually("a tick comes over TLS", pi.patience(), || {
        let numbers = numbers(pi, watcher);
        numbers.range(first..).next().copied()
    })
}

fn last_tick(pi: &Pi, watcher: &Watcher) -> u64 {
    numbers(pi, watcher).last().copied().unwrap()
}

fn numbers(pi: &Pi, watcher: &Watcher) -> BTreeSet<u64> {
    let id = pi.id().to_string();
    let ticks = watcher.ticks().into_iter();
    let own = ticks.filter(|tick| tick["device"] == id.as_str());
    own.map(|tick| tick["tick"].as_u64().unwrap()).collect()
}
