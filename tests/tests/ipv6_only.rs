//! Brokers that are reached by IPv6: alone, in a network namespace without IPv4, and beside an IPv4 address when the IPv6 one
//! swallows everything. Names are resolved by a hosts file of that namespace.
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use picket_tests::{binaries, eventually, process::Process, say, tree::Tree};

const DEADLINE: Duration = Duration::from_secs(60);
/// Addresses of documentation (RFC 3849, RFC 5737): the broker's, and one that swallows everything.
const SIX: &str = "2001:db8::1";
const BLACK_HOLE: &str = "2001:db8:dead::1";
const FOUR: &str = "192.0.2.1";

#[test]
fn a_broker_with_an_aaaa_alone_is_reached_without_any_ipv4() {
    let net = format!(
        "ip addr flush dev lo scope host && ip addr add ::1/128 dev lo 2>/dev/null; \
         ip addr add {SIX}/64 dev picket0 nodad && ! ip -4 -o addr | grep -q inet"
    );
    for url in ["mqtt://broker.test:1883", &format!("mqtt://[{SIX}]:1883")] {
        let bed = Bed::start(SIX, url, &net, &format!("{SIX} broker.test\n"));
        bed.speaks();
        assert!(bed.log().contains(&format!("from {SIX}")), "{}", bed.log());
    }
}

#[test]
fn an_aaaa_that_swallows_everything_hides_no_good_a_for_longer_than_10_s() {
    let net = format!(
        "ip addr add {FOUR}/24 dev picket0 && ip addr add 2001:db8:dead::2/64 dev picket0 nodad && \
         ip -6 neigh add {BLACK_HOLE} lladdr 02:00:00:00:00:01 dev picket0"
    );
    let hosts = format!("{BLACK_HOLE} broker.test\n{FOUR} broker.test\n");
    let bed = Bed::start(FOUR, "mqtt://broker.test:1883", &net, &hosts);
    let log = || bed.process.stderr();
    // From the moment that the agent is up: how long that takes, the machine decides.
    eventually("the agent is up", DEADLINE, || {
        log().contains("picketd").then_some(())
    });
    let up = Instant::now();
    eventually("it connects", DEADLINE, || {
        log().contains("connected to the broker").then_some(())
    });
    let took = up.elapsed();
    assert!(
        log().contains(&format!("[{BLACK_HOLE}]:1883")),
        "the address that swallows everything was not tried: {}",
        log()
    );
    assert!(took < Duration::from_secs(10), "{took:?}");
    say(&format!(
        "beside an AAAA that swallows everything: connected after {took:?}"
    ));
    bed.speaks();
}

/// A namespace with a broker and an agent; all of it ends with the handle.
struct Bed {
    process: Process,
    folder: tempfile::TempDir,
    _tree: Tree,
}

impl Bed {
    /// The broker listens at `address`; the agent is told `url`; `net` sets the namespace up, and `hosts` is its hosts file.
    fn start(address: &str, url: &str, net: &str, hosts: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let tree = Tree::of("pi3-nfs3");
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| {
            fs::write(at(name), text).expect("the folder is writable");
        };
        write("hosts", hosts);
        write(
            "mosquitto.conf",
            &format!("user root\nlog_type all\nlistener 1883 {address}\nallow_anonymous true\n"),
        );
        fs::create_dir(at("state")).expect("the folder is writable");
        write(
            "picketd.toml",
            &format!(
                "broker = {url:?}\nstate_dir = {:?}\nconnect_spread = \"0s\"\nnfs_probe = \"off\"\nsample_every = \"200ms\"\nwindow = \"1s\"\n",
                at("state")
            ),
        );
        write("run", &script(folder.path(), tree.root(), net));
        let mut command = Command::new("unshare");
        command.args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "sh",
            "-e",
        ]);
        command.arg(at("run"));
        Self {
            process: Process::start("namespace", folder.path(), command),
            folder,
            _tree: tree,
        }
    }

    /// What the broker logged.
    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("mosquitto.log")).unwrap_or_default()
    }

    fn speaks(&self) {
        eventually("telemetry arrives", DEADLINE, || {
            let log = self.log();
            let mut lines = log.lines();
            lines
                .any(|line| line.contains("Received PUBLISH") && line.contains("/telemetry/"))
                .then_some(())
        });
    }
}

fn script(folder: &Path, root: &Path, net: &str) -> String {
    let agent: Vec<String> = binaries::agent()
        .iter()
        .map(|word| word.display().to_string())
        .collect();
    let folder = folder.display();
    format!(
        "ip link set lo up\nip link add picket0 type veth peer name picket1\nip link set picket0 up\nip link set picket1 up\n{net}\n\
         mount --bind {folder}/hosts /etc/hosts\n\
         /usr/sbin/mosquitto -c {folder}/mosquitto.conf >{folder}/mosquitto.log 2>&1 &\n\
         exec {} run --config {folder}/picketd.toml --root {}\n",
        agent.join(" "),
        root.display()
    )
}
