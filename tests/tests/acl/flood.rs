//! A flood with a Pi's credentials: as many messages as the broker takes, huge and retained ones too, while a client of the operators
//! reads nothing. The others lose no tick. The same at a broker without the limits that `picket` writes, so that they are seen to hold.
use std::{collections::BTreeSet, fs, process::Stdio, time::Duration};

use picket_tests::{eventually, process::Process, provisioned::Provisioned, say, watcher::Watcher};
use rustix::process::Signal;

use super::{
    flooder::{Flooder, HUGE, TOPICS},
    scene::{ATTACKER, Scene, VICTIM, read, topic},
};

const FLOOD: Duration = Duration::from_secs(10);
const DEADLINE: Duration = Duration::from_secs(300);
/// What the broker says of itself ($SYS, mosquitto(8)), which no one else may read.
const TAKEN: &str = "publish/messages/received";
const RETAINED: &str = "retained messages/count";
const DROPPED: &str = "publish/messages/dropped";
const HEAP: &str = "heap/maximum";
/// What `picket watch` says of a message that is larger than it takes.
const TOO_LARGE: &str = "payload size limit exceeded";
/// The limit of the generated configuration.
const MEMORY: u64 = 512 << 20;

#[test]
fn a_flood_with_a_pis_credentials_costs_no_other_pi_a_tick() {
    let scene = Scene::new(observed(Provisioned::new("password"), measured));
    let mut watcher = scene.watch();
    let made = scene.count_ticks();
    let mut agent = scene.agent(VICTIM);
    let harm = flooded("with the generated limits", &scene, &mut watcher);
    let ticks = all_ticks_once(&watcher, made.ticks());
    say(&format!("{ticks} ticks of another Pi, each of them once"));
    assert!(agent.process().terminate().success());
    assert_eq!(harm.huge, 0, "a message of 4 MB came through");
    assert_eq!(harm.collector_out, 0);
    // What is retained is the Pi's own status, and some of what the broker says of itself.
    assert!(harm.retained < TOPICS / 2, "{harm:?}");
    assert!(harm.heap < MEMORY, "{harm:?}");
}

/// Without limits all of it goes through, and the collector is thrown out: else what is seen above would say nothing of them.
#[test]
fn without_the_generated_limits_the_same_flood_goes_through() {
    let fleet = observed(Provisioned::new("password"), unlimited).without_acl();
    let scene = Scene::new(fleet);
    let mut watcher = scene.watch();
    let _agent = scene.agent(VICTIM);
    let harm = flooded("without limits", &scene, &mut watcher);
    assert!(harm.huge > 0, "{harm:?}");
    assert!(harm.collector_out > 0, "{harm:?}");
    assert!(harm.retained >= TOPICS, "{harm:?}");
}

/// What a flood did.
#[derive(Debug)]
struct Harm {
    /// Messages of 4 MB that an operator got.
    huge: usize,
    /// How often the collector gave up its connection because of one.
    collector_out: usize,
    /// More retained messages than before.
    retained: u64,
    /// The most memory that the broker had, in bytes.
    heap: u64,
}

/// A flood beside an agent that ticks.
fn flooded(broker: &str, scene: &Scene, watcher: &mut Watcher) -> Harm {
    eventually("ticks arrive", DEADLINE, || {
        (watcher.ticks().len() > 10).then_some(())
    });
    let flooder = Flooder {
        login: &scene.attacker,
        telemetry: topic("telemetry", ATTACKER),
        status: topic("status", ATTACKER),
    };
    let _lengths = hears_lengths(scene, "lengths");
    let asleep = hears_lengths(scene, "asleep");
    asleep.signal(Signal::STOP);
    let (taken, retained) = (of_broker(scene, TAKEN), of_broker(scene, RETAINED));
    let before = watcher.ticks().len();
    let sent = flooder.flood(FLOOD);
    let during = (watcher.ticks().len() - before) as u64;
    let taken = settled(scene, TAKEN) - taken;
    let harm = Harm {
        huge: huge(scene, "lengths"),
        collector_out: watcher.process().stderr().matches(TOO_LARGE).count(),
        retained: settled(scene, RETAINED).saturating_sub(retained),
        heap: settled(scene, HEAP),
    };
    say(&format!(
        "flood {broker}: {sent}; the broker took {taken}, and dropped {} for clients that are too slow; {harm:?}",
        settled(scene, DROPPED)
    ));
    // It is a flood beside what the agent says, and the broker took it.
    let offered = sent.messages();
    assert!(
        offered > 100 * during.max(1),
        "{offered} beside {during} ticks"
    );
    assert!(taken > offered / 4, "{taken} of {offered}");
    harm
}

/// A client of the operator's that writes the length of each message; it listens already.
fn hears_lengths(scene: &Scene, name: &str) -> Process {
    let mut command = scene
        .operator
        .client_as("mosquitto_sub", &format!("alice-{name}"));
    command.args(["-F", "%l", "-t", &topic("status", "+")]);
    command.args(["-t", &topic("telemetry", "+")]);
    let file = fs::File::create(scene.fleet.path(name)).unwrap();
    command.stdout(Stdio::from(file));
    let client = Process::start(name, scene.folder(), command);
    eventually("the operator's client listens", DEADLINE, || {
        scene.speak("begins");
        (!lengths(scene, name).is_empty()).then_some(())
    });
    client
}

fn lengths(scene: &Scene, name: &str) -> Vec<usize> {
    let text = read(&scene.fleet.path(name));
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

fn huge(scene: &Scene, name: &str) -> usize {
    let lengths = lengths(scene, name).into_iter();
    lengths.filter(|length| *length == HUGE).count()
}

/// Waits until so many ticks as were made are there, and all numbers are there or counted as not made; how many arrived. A machine that is
/// busy may keep an agent from making one.
fn all_ticks_once(watcher: &Watcher, made: u64) -> usize {
    let arrived = eventually("the victim's ticks arrived", DEADLINE, || {
        let ticks = watcher.ticks().into_iter();
        let own = ticks.filter(|tick| tick["device"] == VICTIM);
        let numbers: BTreeSet<u64> = own.map(|tick| tick["tick"].as_u64().unwrap()).collect();
        let arrived = numbers.len() as u64;
        let all = arrived + watcher.lost() == numbers.last()? + 1;
        (all && arrived >= made).then_some(numbers.len())
    });
    let counts = watcher.tick_counts();
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    arrived
}

/// Lets the operator read what the broker says of itself, and changes its configuration.
fn observed(fleet: Provisioned, change: fn(String) -> String) -> Provisioned {
    fleet
        .weakened(change)
        .also_allowing("user alice\ntopic read $SYS/#\n")
}

fn measured(text: String) -> String {
    format!("sys_interval 1\n{text}")
}

fn unlimited(text: String) -> String {
    let limits = [
        "message_size_limit",
        "max_packet_size",
        "max_inflight_messages",
        "max_queued_",
        "memory_limit",
        "use_username_as_clientid",
    ];
    let is_limit = |line: &&str| limits.iter().any(|limit| line.starts_with(limit));
    let (gone, kept): (Vec<_>, Vec<_>) = text.lines().partition(is_limit);
    assert!(gone.len() > limits.len(), "{gone:?}");
    format!(
        "sys_interval 1\nmax_queued_messages 0\n{}\n",
        kept.join("\n")
    )
}

/// A number of the broker's, once it is no longer changed by more than a few clients change it.
fn settled(scene: &Scene, what: &str) -> u64 {
    eventually("the broker is quiet", DEADLINE, || {
        let before = of_broker(scene, what);
        std::thread::sleep(Duration::from_secs(2));
        let after = of_broker(scene, what);
        (after.abs_diff(before) < 100).then_some(after)
    })
}

fn of_broker(scene: &Scene, what: &str) -> u64 {
    let topic = format!("$SYS/broker/{what}");
    eventually(&topic, DEADLINE, || {
        let mut client = scene.operator.client_as("mosquitto_sub", "alice-gauge");
        client.args(["-C", "1", "-W", "10", "-t", &topic]);
        let output = client.output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    })
}
