//! What an attacker with a Pi's credentials tries, and whether it is done: each is judged by those whom it would concern.
use std::{fs, process::Stdio, time::Duration};

use picket_tests::{eventually, process::Process, provisioned::Login};

use super::scene::{ATTACKER, BYSTANDER, DOWN, SPEAKER, Scene, UP, VICTIM, read, topic};

const DEADLINE: Duration = Duration::from_secs(60);

/// All attempts, with whether they were done.
pub(crate) fn all(scene: &Scene) -> Vec<(String, bool)> {
    let mut results = Vec::new();
    let mut note = |attempt: String, done: bool| results.push((attempt, done));
    for channel in UP {
        note(
            format!("publish {channel} as another Pi"),
            speaks_as_another(scene, channel),
        );
    }
    for channel in DOWN {
        note(
            format!("publish {channel} to another Pi"),
            commands(scene, channel),
        );
    }
    note(
        "publish a command to itself".to_owned(),
        commands_itself(scene),
    );
    for channel in DOWN {
        let words = topic(channel, BYSTANDER);
        note(
            format!("read {channel} of another Pi"),
            reads(scene, &words),
        );
    }
    note(
        "read telemetry of another Pi".to_owned(),
        reads(scene, &topic("telemetry", SPEAKER)),
    );
    for wildcard in ["#", "picket/#", "+/+/+/+", "picket/1/command/+"] {
        note(format!("subscribe to {wildcard}"), reads(scene, wildcard));
    }
    note("read the broker's own $SYS".to_owned(), reads_sys(scene));
    note("set another Pi's will".to_owned(), wills(scene));
    note("take another Pi's client id".to_owned(), takes_over(scene));
    for (attempt, login) in [
        ("come in as another Pi", scene.attacker.as_user(VICTIM)),
        (
            "come in where operators do",
            scene.attacker.at(scene.fleet.operators),
        ),
        (
            "come in as an operator",
            scene
                .attacker
                .at(scene.fleet.operators)
                .as_user(&scene.operator.name),
        ),
    ] {
        note(attempt.to_owned(), comes_in(scene, &login));
    }
    note(
        "come in without credentials".to_owned(),
        comes_in_bare(scene),
    );
    results
}

fn speaks_as_another(scene: &Scene, channel: &str) -> bool {
    let words = format!("forged {channel}");
    scene.attacker.publish(&topic(channel, VICTIM), &words, &[]);
    heard(scene, &words)
}

fn commands(scene: &Scene, channel: &str) -> bool {
    let words = format!("forged {channel}");
    scene
        .attacker
        .publish(&topic(channel, BYSTANDER), &words, &[]);
    told(scene, &words)
}

fn commands_itself(scene: &Scene) -> bool {
    let command = topic("command", ATTACKER);
    let mut own = listens(
        scene,
        &scene.attacker,
        &[&command, &topic("ack", ATTACKER)],
        "itself",
    );
    // Through another connection, which takes the first one's place where client ids are bound: then it comes back.
    let heard = |words: &str| own_words(scene, "itself").contains(words);
    eventually("the attacker hears the collector", DEADLINE, || {
        scene
            .collector
            .publish(&topic("ack", ATTACKER), "first", &[]);
        heard("first").then_some(())
    });
    let mut other = scene.attacker.client_as("mosquitto_pub", "other");
    let _ = other
        .args(["-q", "1", "-t", &command, "-m", "own command"])
        .status();
    eventually("the attacker hears the collector", DEADLINE, || {
        scene
            .collector
            .publish(&topic("ack", ATTACKER), "second", &[]);
        heard("second").then_some(())
    });
    own.kill();
    heard("own command")
}

/// Whether a subscription brings something that isn't the attacker's.
fn reads(scene: &Scene, filter: &str) -> bool {
    let name = filter.replace(['/', '#', '+'], "-");
    let mark = topic("ack", ATTACKER);
    let mut client = listens(scene, &scene.attacker, &[filter, &mark], &name);
    for round in 0..2 {
        let seen = format!("mark {round}");
        eventually("the attacker hears what is its own", DEADLINE, || {
            for channel in ["command", "ping"] {
                scene
                    .operator
                    .publish(&topic(channel, BYSTANDER), "secret", &[]);
            }
            scene
                .collector
                .publish(&topic("ack", BYSTANDER), "secret", &[]);
            scene.speak("secret");
            scene.collector.publish(&mark, &seen, &[]);
            own_words(scene, &name).contains(&seen).then_some(())
        });
    }
    client.kill();
    own_words(scene, &name).contains("secret")
}

fn reads_sys(scene: &Scene) -> bool {
    let mark = topic("ack", ATTACKER);
    let mut client = listens(
        scene,
        &scene.attacker,
        &["$SYS/broker/version", &mark],
        "sys",
    );
    eventually("the attacker hears what is its own", DEADLINE, || {
        scene.collector.publish(&mark, "mark", &[]);
        own_words(scene, "sys").contains("mark").then_some(())
    });
    client.kill();
    own_words(scene, "sys").contains("$SYS")
}

fn wills(scene: &Scene) -> bool {
    let mark = topic("ack", ATTACKER);
    let name = "with-a-will";
    let mut command = scene.attacker.client("mosquitto_sub");
    command.args(["-v", "-t", &mark, "--will-qos", "1"]);
    command.args([
        "--will-topic",
        &topic("presence", VICTIM),
        "--will-payload",
        "forged will",
    ]);
    command.stdout(Stdio::from(
        fs::File::create(scene.fleet.path(name)).unwrap(),
    ));
    let mut client = Process::start(name, scene.folder(), command);
    // A broker may refuse the connection because of the will.
    let came_in = std::iter::repeat_with(|| {
        scene.collector.publish(&mark, "mark", &[]);
        (
            own_words(scene, name).contains("mark"),
            client.ended().is_some(),
        )
    })
    .take(100)
    .inspect(|_| std::thread::sleep(Duration::from_millis(100)))
    .find(|(heard, ended)| *heard || *ended);
    assert!(came_in.is_some(), "the client neither came in nor ended");
    if client.ended().is_none() {
        client.kill();
    }
    heard(scene, "forged will")
}

/// Whether the bystander's connection is thrown out by one with its client id.
fn takes_over(scene: &Scene) -> bool {
    let log = || scene.fleet.broker().stderr();
    // Mosquitto's words for a session that another one took over.
    let taken = |log: &str| {
        let mine = format!("Client {}-own already connected", BYSTANDER);
        let bound = format!("Client {BYSTANDER} already connected");
        log.matches(&mine).count() + log.matches(&bound).count()
    };
    let before = taken(&log());
    let elsewhere = scene.attacker.at(scene.fleet.operators);
    let (bare, own) = (BYSTANDER.to_owned(), format!("{BYSTANDER}-own"));
    for (login, id) in [
        (&scene.attacker, &bare),
        (&scene.attacker, &own),
        (&elsewhere, &bare),
        (&elsewhere, &own),
    ] {
        let mut client = login.client_as("mosquitto_pub", id);
        let _ = client
            .args(["-t", &topic("telemetry", ATTACKER), "-m", "x"])
            .status();
    }
    // What the broker does before this is in its log.
    assert!(!heard(scene, "never said"));
    taken(&log()) > before
}

fn comes_in(scene: &Scene, login: &Login) -> bool {
    let done = login.publish(&topic("telemetry", ATTACKER), "came in", &[]);
    // With a certificate the name is that of the certificate, so at the same listener this is nobody else.
    let same =
        login.file("key.pem").exists() && login.file("key.pem") == scene.attacker.file("key.pem");
    let elsewhere = !login.publish(&topic("telemetry", VICTIM), "came in as another", &[])
        || heard(scene, "came in as another");
    match same {
        true => elsewhere && heard(scene, "came in as another"),
        false => done,
    }
}

fn comes_in_bare(scene: &Scene) -> bool {
    let mut client = std::process::Command::new("mosquitto_pub");
    client.args([
        "-h",
        "localhost",
        "-t",
        "x",
        "-m",
        "x",
        "-i",
        "nobody",
        "-p",
    ]);
    client.arg(scene.fleet.pis.to_string());
    client.arg("--cafile").arg(scene.attacker.file("ca.pem"));
    client.status().unwrap().success()
}

/// Whether the operator heard it, once something that was said later is there.
fn heard(scene: &Scene, words: &str) -> bool {
    let mark = format!("after {words:?}");
    scene.speak(&mark);
    scene.hears(&mark, DEADLINE);
    scene.heard().replace(&mark, "").contains(words)
}

/// Whether the bystander heard it, once something that was said later is there.
fn told(scene: &Scene, words: &str) -> bool {
    let mark = format!("after {words:?}");
    eventually("the bystander hears the operator", DEADLINE, || {
        scene
            .operator
            .publish(&topic("ping", BYSTANDER), &mark, &[]);
        scene.told().contains(&mark).then_some(())
    });
    scene.told().replace(&mark, "").contains(words)
}

fn listens(scene: &Scene, login: &Login, filters: &[&str], name: &str) -> Process {
    let mut command = login.client("mosquitto_sub");
    command.arg("-v");
    for filter in filters {
        command.args(["-t", filter]);
    }
    let file = fs::File::create(scene.fleet.path(name)).unwrap();
    command.stdout(Stdio::from(file));
    Process::start(name, scene.folder(), command)
}

fn own_words(scene: &Scene, name: &str) -> String {
    read(&scene.fleet.path(name))
}
