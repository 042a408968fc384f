//! The link over TLS with a real Mosquitto: what lets an agent in, what keeps it out, and what the log says then.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

use std::{fs, net::Ipv4Addr, path::Path, process::Command, time::Duration};

use picket_tests::{
    agent::{Agent, Setup},
    binaries,
    certificates::{Authority, Certificate},
    eventually,
    mosquitto::{Mosquitto, free_port},
    proxy::Proxy,
    say,
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

/// Each says what is wrong and the way out, and the waits between the attempts grow: a proxy before the broker counts them.
#[test]
fn what_keeps_an_agent_out_is_in_its_log_and_it_tries_again_but_not_at_once() {
    let bed = Bed::start("localhost", "allow_anonymous true");
    let elsewhere = Bed::start("elsewhere", "allow_anonymous true");
    let expired = Bed::start_with("localhost", "allow_anonymous true", Authority::vouched);
    let wants = Bed::start(
        "localhost",
        "allow_anonymous true\nrequire_certificate true",
    );
    let stranger = Authority::new(bed.folder.path(), "stranger");
    let foreign = stranger.vouch("00000000a1b2c3d4");
    let with_foreign = format!(
        "{}\ncertificate = {:?}\nkey = {:?}",
        wants.trust(),
        foreign.certificate,
        foreign.key
    );
    let plain_port = bed.broker.address().port();
    std::thread::scope(|scope| {
        for (case, (scheme, port), trust, said) in [
            (
                "another name",
                ("mqtts", elsewhere.tls_port),
                elsewhere.trust(),
                "is for another name (",
            ),
            (
                "another authority",
                ("mqtts", bed.tls_port),
                ca(&stranger),
                "an authority that this agent doesn't trust; look",
            ),
            (
                "an expired certificate",
                ("mqtts", expired.tls_port),
                expired.trust(),
                "the broker's certificate has expired",
            ),
            (
                "no certificate of ours",
                ("mqtts", wants.tls_port),
                wants.trust(),
                "the broker refuses this agent's certificate, or that it shows none",
            ),
            (
                "a certificate that the broker doesn't trust",
                ("mqtts", wants.tls_port),
                with_foreign,
                "the broker refuses this agent's certificate, or that it shows none",
            ),
            (
                "TLS to a plain port",
                ("mqtts", plain_port),
                bed.trust(),
                "speak TLS",
            ),
            (
                "plain to a TLS port",
                ("mqtt", bed.tls_port),
                String::new(),
                "want TLS",
            ),
        ] {
            let bed = &bed;
            scope.spawn(move || stays_out(bed, case, (scheme, port), &trust, said));
        }
    });
}

#[test]
fn a_broker_is_known_by_its_address_where_its_certificate_has_one() {
    for (host, url) in [("::1", "[::1]"), ("127.0.0.1", "127.0.0.1")] {
        let bed = Bed::start(host, "allow_anonymous true");
        let watcher = Watcher::start(&bed.broker.url(), None, bed.folder.path());
        let url = format!("mqtts://{url}:{}", bed.tls_port);
        let _agent = bed.agent(&url, &bed.trust());
        arrives(&watcher);
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
            .contains("that this agent doesn't trust")
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
        Self::start_with(host, rules, Authority::vouch)
    }

    /// The same, with a certificate that is made so.
    fn start_with(
        host: &str,
        rules: &str,
        vouch: impl Fn(&Authority, &str) -> Certificate,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path(), "authority");
        let own = vouch(&authority, host);
        let tls_port = free_port();
        let address = match host {
            "::1" => "::1",
            _ => "127.0.0.1",
        };
        let listener = format!(
            "listener {tls_port} {address}\ncafile {}\ncertfile {}\nkeyfile {}\n{rules}\n",
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
        self.agent_on(&self.tree, broker, extra)
    }

    fn agent_on(&self, tree: &Tree, broker: &str, extra: &str) -> Agent {
        let extra = format!("{FAST}\n{extra}");
        let setup = Setup {
            broker,
            ack: "puback",
            extra: &extra,
        };
        Agent::start(tree, &setup)
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

/// An agent doesn't get in, says `said` at each attempt, and waits longer and longer between them.
fn stays_out(bed: &Bed, case: &str, (scheme, port): (&str, u16), trust: &str, said: &str) {
    let proxy = Proxy::to((Ipv4Addr::LOCALHOST, port).into());
    let broker = format!("{scheme}://localhost:{}", proxy.address().port());
    // A machine of its own: two agents on one don't go together.
    let tree = Tree::of("pi3-nfs3");
    let mut agent = bed.agent_on(&tree, &broker, trust);
    let what = format!("{case}: two attempts with {said:?} in the log");
    eventually(&what, DEADLINE, || {
        let log = agent.process().stderr();
        let attempts = log
            .lines()
            .filter(|line| line.contains("no connection to the broker"));
        (attempts.filter(|line| line.contains(said)).count() >= 2).then_some(())
    });
    assert!(agent.process().terminate().success(), "{case}");
    let arrivals = proxy.arrivals();
    let waited = arrivals[arrivals.len() - 1] - arrivals[0];
    let log = agent.process().stderr();
    say(&format!(
        "{case}: {} connects in {waited:?}",
        arrivals.len()
    ));
    // The waits double, each by chance: so many in so short a time are no backoff.
    let most = 10 + waited.as_secs() as usize / 4;
    assert!(arrivals.len() <= most, "{case}: {arrivals:?}\n{log}");
}
