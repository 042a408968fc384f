//! The four commands of docs/INSTALL.md, as they stand there: from a Debian without picketd to one that is installed from its package,
//! provisioned, and heard over TLS; and what it obeys. Only names of this test take the places of the documented ones.
use std::{fs, net::Ipv4Addr, time::Duration};

use picket_test_keys::TestKey;
use picket_tests::{
    debian::{self, Architecture},
    documented::{BROKER, Commands, PACKAGE, PI},
    eventually,
    nspawn::{Container, keep_safe},
    package::Debs,
    provisioned::Provisioned,
    watcher::Watcher,
};
use rustix::process::Signal;

/// What an agent expects an `mqtts` broker on.
const MQTTS: u16 = 8883;
const DEADLINE: Duration = Duration::from_secs(90);

#[test]
fn four_documented_commands_lead_from_a_debian_to_a_provisioned_agent() {
    let commands = Commands::read();
    let debs = Debs::of_this_build();
    let key = TestKey::new(1);
    let mut fleet = Provisioned::new("password");
    let roof = fleet.person("roof", "collector");
    fleet.reload(&[]);
    fs::write(fleet.path("allowed_signers"), key.line("anna")).unwrap();

    fleet.shell(&commands.provision.replace(BROKER, "localhost"));
    let out = format!(
        "--out mosquitto --port {} --operators-port {}",
        fleet.pis, fleet.operators
    );
    let admit = commands
        .admit
        .replace(BROKER, "localhost")
        .replace("--out /etc/mosquitto/picket", &out)
        .replace("systemctl reload mosquitto", "true");
    fleet.shell(&admit);
    fleet.broker().signal(Signal::HUP);

    let container = Container::boot_root(|root| {
        debian::copy(Architecture::Installed, root);
        fs::write(root.join("etc/hosts"), "127.0.0.1 localhost\n").unwrap();
        keep_safe(root, DEADLINE);
        debs.copy_to(root);
    });
    let _line = container.lead(MQTTS, (Ipv4Addr::LOCALHOST, fleet.pis).into());
    let deb = debs.path("picketd", "amd64");
    let tarball = container.path("packages").join(format!("{PI}.tar"));
    fs::copy(fleet.path("provisioned").join(format!("{PI}.tar")), tarball).unwrap();
    there(&container, &commands.install.replace(PACKAGE, &deb));
    there(&container, &format!("cd /packages && {}", commands.unpack));
    container.wait_for_picketd();

    let watcher = Watcher::start_with(&roof.options(), None, fleet.broker_folder());
    eventually("the Pi is heard", DEADLINE, || {
        let ticks = watcher.ticks();
        ticks.iter().any(|tick| tick["device"] == PI).then_some(())
    });
    let log = container.log();
    for word in ["Read-only file system", "/host/", "observes"] {
        assert!(!log.contains(word), "{log}");
    }
    let checked = container.run("picketd", &["check"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("/etc/picket/allowed_signers"), "{said}");
}

/// As root on the Pi.
fn there(container: &Container, command: &str) {
    let output = container.run("sh", &["-euc", command]);
    assert!(output.status.success(), "{command}: {output:?}");
}
