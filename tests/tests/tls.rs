//! The link over TLS with a real Mosquitto: what lets an agent in, what keeps it out, and what the log says then.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

use std::{fs, path::Path, process::Command, time::Duration};

use picket_tests::{
    agent::{Agent, Setup},
    binaries,
    certificates::{Authority, Certificate},
    eventually,
    mosquitto::{Mosquitto, free_port},
    tree::Tree,
    watcher::Watcher,
};

const FAST: &str = "sample_every = \"200ms\"\nwindow = \"1s\"";
const DEADLINE: Duration = Duration::from_secs(60);

/// A broker with a plain listener for the collector and a TLS listener for the agent.
struct Bed {
    folder: tempfile::TempDir,
    authority: Authority,
    broker: Mosquitto,
    tls_port: u16,
    tree: Tree,
}

#[test]
fn an_agent_that_trusts_the_brokers_authority_gets_its_ticks_through() {
    let bed = Bed::start("localhost", "allow_anonymous true");
    let watcher = Watcher::start(&bed.broker.url(), None, bed.folder.path());
    let _agent = bed.agent(&bed.url(), &bed.trust());
    arrives(&watcher);
}

#[test]
fn what_keeps_an_agent_out_is_in_its_log_and_it_tries_again() {
    let bed = Bed::start("localhost", "allow_anonymous true");
    let elsewhere = Bed::start("elsewhere", "allow_anonymous true");
    let stranger = Authority::new(bed.folder.path(), "stranger");
    let plain = format!("mqtts://localhost:{}", bed.broker.address().port());
    let to_tls = format!("mqtt://localhost:{}", bed.tls_port);
    for (case, broker, trust, said) in [
        (
            "another name",
            elsewhere.url(),
            elsewhere.trust(),
            "not valid for name",
        ),
        (
            "another authority",
            bed.url(),
            ca(&stranger),
            "UnknownIssuer",
        ),
        ("TLS to a plain port", plain, bed.trust(), "speak TLS"),
        ("plain to a TLS port", to_tls, String::new(), "want TLS"),
    ] {
        let mut agent = bed.agent(&broker, &trust);
        eventually(
            &format!("{case}: two attempts with {said:?} in the log"),
            DEADLINE,
            || {
                let log = agent.process().stderr();
                let attempts = log
                    .lines()
                    .filter(|line| line.contains("no connection to the broker"));
                (attempts.filter(|line| line.contains(said)).count() >= 2).then_some(())
            },
        );
        assert!(agent.process().terminate().success(), "{case}");
    }
}

#[test]
fn ticks_from_before_the_right_certificate_arrive_after_it() {
    let bed = Bed::start("localhost", "allow_anonymous true");
    let watcher = Watcher::start(&bed.broker.url(), Some("nightwatch"), bed.folder.path());
    let trusted = bed.folder.path().join("trusted.pem");
    let stranger = Authority::new(bed.folder.path(), "stranger");
    fs::copy(stranger.certificate(), &trusted).unwrap();
    let extra = format!("{FAST}\n[tls]\nca = {trusted:?}");
    let setup = Setup {
        broker: &bed.url(),
        ack: "nightwatch",
        extra: &extra,
    };
    let mut agent = Agent::start(&bed.tree, &setup);
    eventually("an attempt fails", DEADLINE, || {
        agent
            .process()
            .stderr()
            .contains("UnknownIssuer")
            .then_some(())
    });
    assert!(agent.process().terminate().success());
    fs::copy(bed.authority.certificate(), &trusted).unwrap();
    agent.restart();
    eventually("the ticks from before arrive", DEADLINE, || {
        let counts = watcher.tick_counts();
        (0..10)
            .all(|n| counts.keys().any(|(_, tick)| *tick == n))
            .then_some(())
    });
    assert_eq!(watcher.lost(), 0);
}

#[test]
fn a_broker_that_wants_a_certificate_lets_in_who_has_one() {
    let bed = Bed::start(
        "localhost",
        "allow_anonymous true\nrequire_certificate true\nuse_identity_as_username true",
    );
    let watcher = Watcher::start(&bed.broker.url(), None, bed.folder.path());
    let mut without = bed.agent(&bed.url(), &bed.trust());
    eventually("the log names the certificate", DEADLINE, || {
        let log = without.process().stderr();
        log.contains("CertificateRequired").then_some(())
    });
    assert!(without.process().terminate().success());
    assert!(watcher.ticks().is_empty());
    let Certificate { certificate, key } = bed.authority.vouch("00000000a1b2c3d4");
    let extra = format!(
        "{}\ncertificate = {certificate:?}\nkey = {key:?}",
        bed.trust()
    );
    let _agent = bed.agent(&bed.url(), &extra);
    arrives(&watcher);
}

#[test]
fn an_operator_shows_a_certificate_with_its_own_key() {
    let bed = Bed::start(
        "localhost",
        "allow_anonymous true\nrequire_certificate true",
    );
    let plain = bed.broker.url();
    let _agent = bed.agent(&plain, "");
    let Certificate { certificate, key } = bed.authority.vouch("operator");
    let watch = |identity: &[&Path]| {
        let options = ["--cert", "--cert-key"].map(Path::new).into_iter();
        let identity = options.zip(identity.iter().copied());
        Command::new(binaries::picket())
            .args([
                "watch",
                "--json",
                "--for",
                "8s",
                "--broker",
                &bed.url(),
                "--ca",
            ])
            .arg(bed.authority.certificate())
            .args(identity.flat_map(|(option, path)| [option, path]))
            .output()
            .unwrap()
    };
    let without = watch(&[]);
    assert_eq!(without.status.code(), Some(13), "{without:?}");
    let with = watch(&[&certificate, &key]);
    assert_eq!(with.status.code(), Some(0), "{with:?}");
    assert!(!with.stdout.is_empty());
    let half = watch(&[&certificate]);
    assert_eq!(half.status.code(), Some(2), "{half:?}");
    assert!(
        String::from_utf8(half.stderr)
            .unwrap()
            .contains("--cert-key")
    );
}

#[test]
fn user_and_password_let_in_and_no_log_line_holds_the_password() {
    const PASSWORD: &str = "correct-horse-battery";
    let folder = tempfile::tempdir().unwrap();
    let passwords = folder.path().join("passwords");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .args([passwords.as_path(), Path::new("pi"), Path::new(PASSWORD)])
        .status();
    assert!(made.unwrap().success());
    let bed = Bed::start(
        "localhost",
        &format!(
            "allow_anonymous false\npassword_file {}",
            passwords.display()
        ),
    );
    let watcher = Watcher::start(&bed.broker.url(), None, bed.folder.path());
    let secret = folder.path().join("secret");
    let login = format!("user = \"pi\"\npassword_file = {secret:?}\nlog = \"trace\"\n");
    for (password, said) in [
        (format!("{PASSWORD}-not"), "refused the connection"),
        (PASSWORD.to_owned(), "connected to the broker"),
    ] {
        fs::write(&secret, format!("{password}\n")).unwrap();
        let mut agent = bed.agent(&bed.url(), &format!("{login}{}", bed.trust()));
        eventually(said, DEADLINE, || {
            agent.process().stderr().contains(said).then_some(())
        });
        if password == PASSWORD {
            arrives(&watcher);
        }
        assert!(agent.process().terminate().success());
        let log = agent.process().stderr();
        assert!(!log.contains("horse"), "{log}");
    }
}

impl Bed {
    /// The broker's certificate is for `host`.
    fn start(host: &str, rules: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let own = authority.vouch(host);
        let tls_port = free_port();
        let listener = format!(
            "listener {tls_port} 127.0.0.1\ncafile {}\ncertfile {}\nkeyfile {}\n{rules}\n",
            authority.certificate().display(),
            own.certificate.display(),
            own.key.display()
        );
        Self {
            broker: Mosquitto::start_with(folder.path(), &listener),
            folder,
            authority,
            tls_port,
            tree: Tree::of("pi3-nfs3"),
        }
    }

    fn url(&self) -> String {
        format!("mqtts://localhost:{}", self.tls_port)
    }

    fn trust(&self) -> String {
        ca(&self.authority)
    }

    fn agent(&self, broker: &str, extra: &str) -> Agent {
        let extra = format!("{FAST}\n{extra}");
        let setup = Setup {
            broker,
            ack: "puback",
            extra: &extra,
        };
        Agent::start(&self.tree, &setup)
    }
}

fn ca(authority: &Authority) -> String {
    format!("[tls]\nca = {:?}", authority.certificate())
}

fn arrives(watcher: &Watcher) {
    eventually("a tick arrives", DEADLINE, || {
        (!watcher.ticks().is_empty()).then_some(())
    });
}
