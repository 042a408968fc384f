//! A broker, an attacker with a Pi's credentials, two other Pis, an operator who hears all that Pis say, and a collector.
use std::{fs, path::Path, process::Stdio, time::Duration};

use picket_test_keys::TestKey;
use picket_tests::{
    agent::Agent,
    eventually,
    process::Process,
    provisioned::{Login, Provisioned},
    tick_counter::TickCounter,
    tree::Tree,
    watcher::Watcher,
};

/// Whose credentials the attacker has.
pub(crate) const ATTACKER: &str = "00000000000000a0";
/// A Pi with an agent.
pub(crate) const VICTIM: &str = "00000000000000b0";
/// A Pi that is played, and only listens.
pub(crate) const BYSTANDER: &str = "00000000000000c0";
/// A Pi that is played, and only speaks.
pub(crate) const SPEAKER: &str = "00000000000000d0";

/// What a Pi publishes.
pub(crate) const UP: [&str; 7] = [
    "telemetry",
    "backlog",
    "event",
    "report",
    "pong",
    "status",
    "presence",
];
/// What is for a Pi.
pub(crate) const DOWN: [&str; 3] = ["command", "ping", "ack"];

pub(crate) struct Scene {
    pub(crate) fleet: Provisioned,
    pub(crate) attacker: Login,
    pub(crate) victim: Login,
    pub(crate) bystander: Login,
    pub(crate) speaker: Login,
    pub(crate) operator: Login,
    pub(crate) collector: Login,
    pub(crate) key: TestKey,
    tree: Tree,
    _heard: Process,
    _bystander: Process,
}

impl Scene {
    pub(crate) fn new(mut fleet: Provisioned) -> Self {
        let key = TestKey::new(1);
        let signers = fleet.path("allowed_signers");
        fs::write(&signers, key.line("alice")).unwrap();
        let more = [
            "--signers",
            signers.to_str().unwrap(),
            "--ack",
            "nightwatch",
        ];
        let [attacker, victim, bystander, speaker] =
            [ATTACKER, VICTIM, BYSTANDER, SPEAKER].map(|id| fleet.pi(id, &more));
        let operator = fleet.person("alice", "operator");
        let collector = fleet.person("nightwatch", "collector");
        fleet.reload(&[]);
        let heard = listen(&operator, &fleet, "heard", |id| UP.map(|up| topic(up, id)));
        let own = listen(&bystander, &fleet, "own", |_| {
            DOWN.map(|down| topic(down, BYSTANDER))
        });
        let scene = Self {
            fleet,
            attacker,
            victim,
            bystander,
            speaker,
            operator,
            collector,
            key,
            tree: Tree::of("pi3-nfs3"),
            _heard: heard,
            _bystander: own,
        };
        scene.until_both_listen();
        scene
    }

    /// What all Pis said so far, each line with its topic.
    pub(crate) fn heard(&self) -> String {
        read(&self.fleet.path("heard"))
    }

    /// What was said to the bystander.
    pub(crate) fn told(&self) -> String {
        read(&self.fleet.path("own"))
    }

    pub(crate) fn hears(&self, words: &str, deadline: Duration) {
        eventually(&format!("{words:?} is heard"), deadline, || {
            self.heard().contains(words).then_some(())
        });
    }

    pub(crate) fn folder(&self) -> &Path {
        self.fleet.broker_folder()
    }

    /// A Pi says that, and the broker takes it.
    pub(crate) fn speak(&self, words: &str) {
        let own = topic("telemetry", SPEAKER);
        assert!(self.speaker.publish(&own, words, &[]), "{words}");
    }

    /// A connection that publishes four times a second.
    pub(crate) fn keep_publishing(&self, login: &Login, topic: &str, words: &str) -> Process {
        let mut command = login.client("mosquitto_pub");
        command.args([
            "-t",
            topic,
            "-m",
            words,
            "--repeat",
            "400",
            "--repeat-delay",
            "0.25",
        ]);
        Process::start("keeps-publishing", self.folder(), command)
    }

    /// Counts the ticks that agents make. Start it before them.
    pub(crate) fn count_ticks(&self) -> TickCounter {
        TickCounter::start(&self.tree)
    }

    pub(crate) fn watch(&self) -> Watcher {
        let options = self.collector.options();
        Watcher::start_with(&options, Some("nightwatch"), self.folder())
    }

    /// An agent with what was provisioned for that Pi.
    pub(crate) fn agent(&self, id: &str) -> Agent {
        let login = match id {
            ATTACKER => &self.attacker,
            VICTIM => &self.victim,
            _ => &self.bystander,
        };
        let text = fs::read_to_string(login.file("picketd.toml")).unwrap();
        let fast = "connect_spread = \"0s\"\nsample_every = \"200ms\"\nwindow = \"1s\"\nnfs_probe = \"off\"\n";
        let at = text.find("[tls]").unwrap();
        let text = format!("{}{fast}{}", &text[..at], &text[at..]);
        Agent::start_configured(&self.tree, &text)
    }

    /// Until what is published is heard by the operator and by the bystander.
    fn until_both_listen(&self) {
        eventually("both listen", Duration::from_secs(60), || {
            self.speak("begins");
            self.operator
                .publish(&topic("ping", BYSTANDER), "begins", &[]);
            let both = self.heard().contains("begins") && self.told().contains("begins");
            both.then_some(())
        });
    }
}

/// What a client wrote, with what Pis say in bytes made text; empty if it wrote nothing.
pub(crate) fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// `picket/1/CHANNEL/ID`.
pub(crate) fn topic(channel: &str, id: &str) -> String {
    format!("picket/1/{channel}/{id}")
}

/// A client that writes what it receives to a file of that name.
fn listen<const N: usize>(
    login: &Login,
    fleet: &Provisioned,
    name: &str,
    topics: impl Fn(&str) -> [String; N],
) -> Process {
    let id = format!("{}-{name}", login.name);
    let mut command = login.client_as("mosquitto_sub", &id);
    command.args(["-v", "-q", "1"]);
    for topic in topics("+") {
        command.args(["-t", &topic]);
    }
    let file = fs::File::create(fleet.path(name)).unwrap();
    command.stdout(Stdio::from(file));
    Process::start(name, fleet.broker_folder(), command)
}
