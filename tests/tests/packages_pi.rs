//! The four commands of docs/INSTALL.md, as they stand there, on an emulated Pi: from a Debian without picketd on its NFS root, in which
//! it runs, to the agent of the package, provisioned, and heard over TLS by a real Mosquitto with the generated configuration; and
//! after a power cut it comes up by itself. Minutes of emulated dpkg: for `scripts/soak`, which sets PICKET_BED too.
use std::{collections::BTreeSet, fs, time::Instant};

use picket_test_keys::TestKey;
use picket_tests::{
    documented::{BROKER, Commands, PI},
    eventually,
    package::Debs,
    pi::{Machine, Pi, Root},
    provisioned::Provisioned,
    say,
    watcher::Watcher,
};

#[test]
fn four_documented_commands_lead_from_a_debian_on_an_emulated_pi_to_a_provisioned_agent() {
    let commands = Commands::read();
    let debs = Debs::of_this_build();
    let key = TestKey::new(1);
    let mut fleet = Provisioned::new("password");
    let roof = fleet.person("roof", "collector");
    fleet.reload(&["--name", BROKER]);
    fs::write(fleet.path("allowed_signers"), key.line("anna")).unwrap();
    let begin = Instant::now();
    let pi = Pi::builder(Machine::Virt).root(Root::Debian).switch_on();
    let id = pi.id().to_string();

    let at = format!("{BROKER}:{}", fleet.pis);
    fleet.shell(&commands.provision.replace(BROKER, &at).replace(PI, &id));
    let out = format!(
        "--name localhost --name {BROKER} --out mosquitto --port {} --operators-port {}",
        fleet.pis, fleet.operators
    );
    let documented = format!("--name {BROKER} --out /etc/mosquitto/picket");
    assert!(commands.admit.contains(&documented), "{}", commands.admit);
    let admit = commands.admit.replace(&documented, &out);
    fleet.shell(&admit.replace("systemctl reload mosquitto", "true"));
    fleet.broker().signal(rustix::process::Signal::HUP);

    // As a Pi's name server would say it.
    let hosts = format!("127.0.0.1 localhost\n10.0.2.2 {BROKER}\n");
    fs::write(pi.export().join("/etc/hosts"), hosts).unwrap();
    debs.copy_to(pi.export().path());
    let tarball = format!("{id}.tar");
    fs::copy(
        fleet.path("provisioned").join(&tarball),
        pi.export().join("/packages").join(&tarball),
    )
    .unwrap();
    pi.console().wait_for("# ", pi.patience());
    took("power to a shell", begin);
    assert!(!pi.export().join("/usr/bin/picketd").exists());
    there(&pi, &commands.install);
    there(&pi, &commands.unpack.replace(PI, &id));

    let watcher = Watcher::start_with(&roof.options(), None, fleet.broker_folder());
    let boots = || {
        let ticks = watcher.ticks().into_iter();
        let ours = ticks.filter(|tick| tick["device"] == id.as_str());
        let boots = ours.filter_map(|tick| tick["boot_id"].as_str().map(str::to_owned));
        boots.collect::<BTreeSet<_>>()
    };
    let heard = |number: usize, what: &str| {
        let begin = Instant::now();
        eventually(what, pi.patience(), || {
            (boots().len() == number).then_some(())
        });
        took(what, begin);
    };
    heard(1, "the Pi is heard");
    let owner = there(&pi, "dpkg --search /usr/bin/picketd");
    assert!(owner.contains("picketd: /usr/bin/picketd"), "{owner}");
    let checked = there(&pi, "picketd check");
    for expected in ["/etc/picket/allowed_signers", &at] {
        assert!(checked.contains(expected), "{expected}: {checked}");
    }
    pi.qmp().system_reset();
    heard(2, "the Pi is heard after a power cut");
}

/// As root on the Pi, where package and tarball lie; it must succeed. What it said.
fn there(pi: &Pi, command: &str) -> String {
    let begin = Instant::now();
    let said = pi.script(&format!(
        "cd /packages && (set -eu; {command}) && echo 'it has succeeded'"
    ));
    assert!(said.contains("it has succeeded"), "{command}: {said}");
    took(command, begin);
    said
}

fn took(what: &str, since: Instant) {
    say(&format!("Debian on virt: {:?} for {what}", since.elapsed()));
}
