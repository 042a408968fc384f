//! What `picket provision` writes, and the procedures of docs/BROKERS.md: new credentials for a Pi, an operator taken out, a new key
//! for the authority. A real Mosquitto, a real agent that goes on meanwhile.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use picket_tests::{
    agent::Agent,
    binaries, eventually,
    provisioned::{Login, Provisioned},
    tree::Tree,
    watcher::Watcher,
};
use rustix::process::Signal;

const PI: &str = "00000000000000b0";
const DEADLINE: Duration = Duration::from_secs(90);

#[test]
fn what_is_written_is_valid_secret_and_enough() {
    for (with, secret, public) in [
        (
            "password",
            "password",
            vec!["clock", "cmdline.txt", "ca.pem", "picketd.toml"],
        ),
        (
            "certificate",
            "key.pem",
            vec!["certificate.pem", "picketd.toml"],
        ),
    ] {
        let fleet = Provisioned::new(with);
        let login = fleet.pi(PI, &[]);
        let folder = login.file("");
        assert_eq!(mode(&login.file(secret)), 0o600, "{with}");
        assert_eq!(mode(&folder), 0o700, "{with}");
        let words = fs::read_to_string(login.file(secret)).unwrap();
        for name in public {
            let text = fs::read_to_string(login.file(name)).unwrap();
            assert!(
                !text.contains(words.trim_end()),
                "{with}: {name} has the secret"
            );
        }
        let checked = check(&login);
        assert!(checked.status.success(), "{checked:?}");
        let said = String::from_utf8(checked.stdout).unwrap();
        assert!(
            said.contains("allowed_signers") && said.contains("(not set)"),
            "{said}"
        );
        // What the kernel command line says is what the file says.
        let line = fs::read_to_string(login.file("cmdline.txt")).unwrap();
        assert!(line.contains(&format!("picket.id={PI} ")), "{line}");
        assert!(
            line.contains("picket.tls.ca=/") && !line.contains('"'),
            "{line}"
        );
    }
}

#[test]
fn a_tarball_has_the_same_and_root_owns_it() {
    let fleet = Provisioned::new("password");
    fleet.picket(&["provision", PI, "--tar"]);
    let out = fleet.path("provisioned");
    let listed = Command::new("tar")
        .args(["--numeric-owner", "-tvf"])
        .arg(out.join(format!("{PI}.tar")))
        .output()
        .unwrap();
    assert!(listed.status.success(), "{listed:?}");
    let listed = String::from_utf8(listed.stdout).unwrap();
    for (mode, name) in [
        ("drwx------", "picket/"),
        ("-rw-------", "picket/password"),
        ("-rw-r--r--", "picket/picketd.toml"),
    ] {
        let line = listed.lines().find(|line| line.ends_with(name)).unwrap();
        assert!(line.starts_with(&format!("{mode} 0/0 ")), "{line}");
    }
    assert!(!out.join(PI).exists(), "the secret lies beside its tarball");
}

#[test]
fn what_is_wrong_is_said_before_anything_is_written() {
    let fleet = Provisioned::new("password");
    let nobody = fleet.path("nobody");
    fs::write(&nobody, "# nobody\n").unwrap();
    let nobody = nobody.to_str().unwrap();
    for (arguments, said) in [
        (vec!["provision"], "which Pis?"),
        (vec!["provision", "shelf-3"], "shelf-3"),
        (
            vec!["provision", PI, "--signers", nobody],
            "lets nobody sign",
        ),
        (vec!["provision", PI, "--ack", "puback"], "collector's name"),
        (
            vec!["authority", "admit", PI, "--role", "operator"],
            "can't be a user name",
        ),
        (vec!["authority", "revoke", "bert"], "nobody called bert"),
        (
            vec!["broker", "mosquitto", "--name", "b", "--at", "/a b"],
            "no path with a blank",
        ),
    ] {
        let output = fleet.try_picket(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let words = String::from_utf8(output.stderr).unwrap();
        assert!(words.contains(said), "{arguments:?}: {words}");
    }
    assert!(!fleet.path("provisioned").join(PI).join("password").exists());
    let again = fleet.try_picket(&["authority", "new"]);
    assert_eq!(again.status.code(), Some(11), "{again:?}");
}

#[test]
fn a_pi_with_new_credentials_goes_on_and_the_old_ones_are_worth_nothing() {
    for with in ["password", "certificate"] {
        let mut scene = Scene::new(with);
        let old = scene.pi.copy(&scene.fleet.path("old"));
        scene.provision();
        scene.fleet.reload(&[]);
        scene.agent.process().signal(Signal::HUP);
        scene.goes_on(2);
        assert!(
            !old.publish(&format!("picket/1/event/{PI}"), "old", &[]),
            "{with}"
        );
        scene.nothing_was_lost();
    }
}

#[test]
fn an_operator_who_is_revoked_hears_and_says_nothing_any_more() {
    let mut scene = Scene::new("password");
    let anna = scene.fleet.person("anna", "operator");
    let bert = scene.fleet.person("bert", "operator");
    scene.fleet.reload(&[]);
    let ping = format!("picket/1/ping/{PI}");
    eventually("both are let in", DEADLINE, || {
        (anna.publish(&ping, "x", &[]) && bert.publish(&ping, "x", &[])).then_some(())
    });
    scene.fleet.picket(&["authority", "revoke", "anna"]);
    scene.fleet.reload(&[]);
    eventually("one isn't", DEADLINE, || {
        (!anna.publish(&ping, "x", &[])).then_some(())
    });
    assert!(bert.publish(&ping, "x", &[]));
    scene.nothing_was_lost();
}

/// The procedure of docs/BROKERS.md, step by step.
#[test]
fn the_authority_gets_a_new_key_and_no_tick_is_lost() {
    for with in ["password", "certificate"] {
        let mut scene = Scene::new(with);
        let stolen = scene.pi.copy(&scene.fleet.path("before"));
        let fleet = &scene.fleet;
        fleet.picket(&["authority", "renew"]);
        assert_eq!(authorities(&scene.pi), 1);
        scene.provision();
        assert_eq!(authorities(&scene.pi), 2);
        scene.fleet.reload(&["--renew"]);
        // It reads whom it trusts at its start only.
        scene.fleet.restart();
        scene.agent.process().signal(Signal::HUP);
        scene.goes_on(2);
        scene.fleet.picket(&["authority", "retire"]);
        scene.provision();
        assert_eq!(authorities(&scene.pi), 1);
        scene.fleet.reload(&[]);
        scene.fleet.restart();
        scene.agent.process().signal(Signal::HUP);
        scene.goes_on(3);
        // What trusts only the old key doesn't take the broker for the right one.
        assert!(!stolen.publish(&format!("picket/1/event/{PI}"), "x", &[]));
        scene.watch_again();
        scene.nothing_was_lost();
    }
}

/// A broker, a Pi with an agent, and a collector that acks.
struct Scene {
    fleet: Provisioned,
    pi: Login,
    agent: Agent,
    watchers: Vec<Watcher>,
    _tree: Tree,
}

impl Scene {
    fn new(with: &str) -> Self {
        let mut fleet = Provisioned::new(with);
        let pi = fleet.pi(PI, &["--ack", "nightwatch"]);
        let collector = fleet.person("nightwatch", "collector");
        fleet.reload(&[]);
        let watcher = watch(&fleet, &collector);
        let text = fs::read_to_string(pi.file("picketd.toml")).unwrap();
        let fast = "connect_spread = \"0s\"\nsample_every = \"200ms\"\nwindow = \"1s\"\nnfs_probe = \"off\"\n";
        let at = text.find("[tls]").unwrap();
        let text = format!("{}{fast}{}", &text[..at], &text[at..]);
        let tree = Tree::of("pi3-nfs3");
        let agent = Agent::start_configured(&tree, &text);
        let scene = Self {
            fleet,
            pi,
            agent,
            watchers: vec![watcher],
            _tree: tree,
        };
        eventually("ticks arrive", DEADLINE, || {
            (scene.ticks().len() > 5).then_some(())
        });
        scene
    }

    fn provision(&mut self) {
        self.pi = self.fleet.pi(PI, &["--ack", "nightwatch"]);
    }

    /// A collector with new credentials.
    fn watch_again(&mut self) {
        let collector = self.fleet.person("nightwatch", "collector");
        self.fleet.reload(&[]);
        self.watchers.push(watch(&self.fleet, &collector));
    }

    /// The agent has connected that often, and not lost heart.
    fn goes_on(&mut self, connections: usize) {
        eventually("the agent has a new connection", DEADLINE, || {
            let log = self.agent.process().stderr();
            let count = log.matches("connected to the broker").count();
            (count >= connections).then_some(())
        });
    }

    fn ticks(&self) -> Vec<u64> {
        let ticks = self.watchers.iter().flat_map(Watcher::ticks);
        ticks.map(|tick| tick["tick"].as_u64().unwrap()).collect()
    }

    /// All ticks up to now and some more arrive.
    fn nothing_was_lost(&mut self) {
        let now = self.ticks().into_iter().max().unwrap_or(0);
        eventually("every tick arrives, and more", DEADLINE, || {
            let ticks = self.ticks();
            (0..now + 10).all(|n| ticks.contains(&n)).then_some(())
        });
        assert!(self.watchers.iter().all(|watcher| watcher.lost() == 0));
        assert!(self.agent.process().terminate().success());
    }
}

fn watch(fleet: &Provisioned, collector: &Login) -> Watcher {
    Watcher::start_with(
        &collector.options(),
        Some("nightwatch"),
        fleet.broker_folder(),
    )
}

fn authorities(login: &Login) -> usize {
    let text = fs::read_to_string(login.file("ca.pem")).unwrap();
    text.matches("BEGIN CERTIFICATE").count()
}

fn check(login: &Login) -> Output {
    Command::new(binaries::picketd())
        .args(["check", "--config"])
        .arg(login.file("picketd.toml"))
        .output()
        .unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}
