//! A fleet on a real Mosquitto with the configuration that `picket broker mosquitto` writes: a Pi can do all it must, and with its
//! credentials, which its tenant has, nothing else. What is tried is printed with what became of it.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

mod attempts;
mod flood;
mod flooder;
mod scene;

use std::time::Duration;

use picket_tests::{eventually, operator::Operator, provisioned::Provisioned, say};
use rustix::process::Signal;
use scene::{ATTACKER, Scene, VICTIM};

const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_pi_can_do_all_it_must() {
    for with in ["password", "certificate"] {
        let scene = Scene::new(Provisioned::new(with));
        let watcher = scene.watch();
        let mut agent = scene.agent(VICTIM);
        eventually("ticks and the collector's ack arrive", DEADLINE, || {
            (watcher.ticks().len() > 20).then_some(())
        });
        // The collector heard it; what an operator orders comes back as reports.
        let broker = format!("mqtts://localhost:{}", scene.fleet.operators);
        let operator = Operator::new("alice", &scene.key, &broker, scene.folder());
        let order = ["identify", VICTIM, "--for", "1s", "--json"].map(str::to_owned);
        let order = [&order[..], &scene.operator.options()[2..]].concat();
        let order: Vec<&str> = order.iter().map(String::as_str).collect();
        let outcome = operator.run(&order);
        // This machine tree has no LED, and the Pi says so.
        let said = outcome.lines.iter().any(|line| line["by"] == "pi");
        assert!(said, "{outcome:?}");
        for topic in ["telemetry", "event", "pong", "report", "status", "presence"] {
            scene.hears(&scene::topic(topic, VICTIM), DEADLINE);
        }
        assert_eq!(watcher.lost(), 0);
        // A connection that dies leaves its will.
        let presences = || scene.heard().matches("/presence/").count();
        let before = presences();
        agent.process().signal(Signal::KILL);
        eventually("the will is heard", DEADLINE, || {
            (presences() > before).then_some(())
        });
        say(&format!("{with}: a Pi can do all it must"));
    }
}

#[test]
fn with_a_pis_credentials_nothing_else_can_be_done() {
    let scene = Scene::new(Provisioned::new("password"));
    let results = attempts::all(&scene);
    for (attempt, done) in &results {
        say(&format!(
            "{attempt}: {}",
            if *done { "DONE" } else { "refused" }
        ));
    }
    assert!(results.iter().all(|(_, done)| !done), "{results:?}");
}

#[test]
fn with_a_pis_certificate_nothing_else_can_be_done() {
    let scene = Scene::new(Provisioned::new("certificate"));
    let results = attempts::all(&scene);
    assert!(results.iter().all(|(_, done)| !done), "{results:?}");
}

/// Every attempt is seen to succeed at a broker that lets it: else its failure would say nothing.
#[test]
fn at_a_weak_broker_each_attempt_is_seen_to_succeed() {
    let weak = |text: String| {
        text.replace("use_username_as_clientid true\n", "")
            .replace("allow_anonymous false", "allow_anonymous true")
            .replace("\npassword_file", "\n#password_file")
    };
    let fleet = Provisioned::new("password").weakened(weak).without_acl();
    let scene = Scene::new(fleet);
    let results = attempts::all(&scene);
    let not: Vec<_> = results.iter().filter(|(_, done)| !done).collect();
    assert!(not.is_empty(), "these can't be seen to succeed: {not:?}");
}

#[test]
fn copied_credentials_are_dead_at_once_after_their_revocation() {
    for with in ["password", "certificate"] {
        let mut scene = Scene::new(Provisioned::new(with));
        let thief = scene.attacker.copy(&scene.folder().join("copied"));
        let topic = format!("picket/1/telemetry/{ATTACKER}");
        assert!(thief.publish(&topic, "before", &[]));
        scene.hears("before", DEADLINE);
        let mut open = scene.keep_publishing(&thief, &topic, "open");
        scene.hears("open", DEADLINE);
        scene.fleet.picket(&["authority", "revoke", ATTACKER]);
        scene.fleet.reload(&[]);
        let after = eventually("the open connection is worth nothing", DEADLINE, || {
            let heard = scene.heard().matches("open").count();
            std::thread::sleep(Duration::from_secs(2));
            (scene.heard().matches("open").count() == heard).then_some(heard)
        });
        let came_in = thief.publish(&topic, "again", &[]);
        assert!(!came_in, "{with}: the broker lets revoked credentials in");
        let ended = open.ended().is_some();
        assert!(ended || with == "certificate", "its connection is open");
        // The others are where they were.
        scene.speak("still here");
        scene.hears("still here", DEADLINE);
        assert_eq!(scene.heard().matches("open").count(), after);
        assert!(!scene.heard().contains("again"));
        say(&format!(
            "{with}: dead after revocation, its connection ended: {ended}"
        ));
    }
}
