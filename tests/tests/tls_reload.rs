//! Other credentials and another authority for a running agent: SIGHUP, and it goes on.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use picket_tests::{
    agent::{Agent, Setup},
    certificates::{Authority, Certificate},
    eventually,
    mosquitto::{Mosquitto, free_port},
    tree::Tree,
    watcher::Watcher,
};
use rustix::process::Signal;

const FAST: &str = "sample_every = \"200ms\"\nwindow = \"1s\"";
const DEADLINE: Duration = Duration::from_secs(60);

/// The agent comes in by a password that the broker then no longer takes, and by an authority that then no longer vouches for the
/// broker; with other files and a SIGHUP it goes on, and no tick is lost or twice.
#[test]
fn another_password_and_another_authority_are_taken_at_sighup_and_no_tick_is_lost() {
    let bed = Bed::start();
    let watcher = Watcher::start(&bed.broker.url(), Some("nightwatch"), bed.folder.path());
    let tree = Tree::of("pi3-nfs3");
    let mut agent = bed.agent(&tree);
    eventually("a tick arrives", DEADLINE, || {
        (!watcher.ticks().is_empty()).then_some(())
    });
    // The same files change nothing, and a half of new ones neither.
    agent.process().signal(Signal::HUP);
    said(&mut agent, "nothing changed");
    fs::write(bed.at("trusted.pem"), "half a file").unwrap();
    agent.process().signal(Signal::HUP);
    said(&mut agent, "that were read before stay in force");
    assert_eq!(connections(&mut agent), 1);
    // The broker is another one now, and takes another password.
    bed.put(&bed.new, "two");
    bed.broker.process().signal(Signal::HUP);
    agent.process().signal(Signal::HUP);
    eventually("a second connection", DEADLINE, || {
        (connections(&mut agent) >= 2).then_some(())
    });
    let before = watcher.tick_counts().len();
    eventually("ticks go on", DEADLINE, || {
        (watcher.tick_counts().len() > before + 10).then_some(())
    });
    assert!(agent.process().terminate().success());
    let counts = watcher.tick_counts();
    assert!(counts.values().all(|times| *times == 1), "{counts:?}");
    let last = counts.keys().map(|(_, tick)| *tick).max().unwrap();
    eventually("every tick arrived", DEADLINE, || {
        let counts = watcher.tick_counts();
        (0..last)
            .all(|n| counts.keys().any(|(_, tick)| *tick == n))
            .then_some(())
    });
    assert_eq!(watcher.lost(), 0);
}

/// A broker with a password and a certificate, and two authorities that can vouch for it.
struct Bed {
    folder: tempfile::TempDir,
    new: Authority,
    broker: Mosquitto,
    port: u16,
}

impl Bed {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let old = Authority::new(folder.path(), "old");
        let new = Authority::new(folder.path(), "new");
        put(folder.path(), &old, "one");
        let port = free_port();
        let listener = format!(
            "listener {port} 127.0.0.1\ncertfile {0}/broker.pem\nkeyfile {0}/broker.key\nallow_anonymous false\npassword_file {0}/passwords\n",
            folder.path().display()
        );
        Self {
            broker: Mosquitto::start_with(folder.path(), &listener),
            folder,
            new,
            port,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, authority: &Authority, password: &str) {
        put(self.folder.path(), authority, password);
    }

    fn agent(&self, tree: &Tree) -> Agent {
        let extra = format!(
            "{FAST}\nuser = \"pi\"\npassword_file = {:?}\n[tls]\nca = {:?}",
            self.at("secret"),
            self.at("trusted.pem")
        );
        let setup = Setup {
            broker: &format!("mqtts://localhost:{}", self.port),
            ack: "nightwatch",
            extra: &extra,
        };
        Agent::start(tree, &setup)
    }
}

/// The broker's certificate is by that authority, the agent trusts it, and both have that password.
fn put(folder: &Path, authority: &Authority, password: &str) {
    let Certificate { certificate, key } = authority.vouch("localhost");
    fs::copy(certificate, folder.join("broker.pem")).unwrap();
    fs::copy(key, folder.join("broker.key")).unwrap();
    fs::copy(authority.certificate(), folder.join("trusted.pem")).unwrap();
    fs::write(folder.join("secret"), format!("{password}\n")).unwrap();
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(folder.join("passwords"))
        .args(["pi", password])
        .status();
    assert!(made.unwrap().success());
}

fn connections(agent: &mut Agent) -> usize {
    let log = agent.process().stderr();
    log.matches("connected to the broker").count()
}

fn said(agent: &mut Agent, words: &str) {
    eventually(words, DEADLINE, || {
        agent.process().stderr().contains(words).then_some(())
    });
}
