//! Brokers that aren't Mosquitto, each as its packager ships it: RabbitMQ with its MQTT plugin and nats-server out of Debian, and
//! rumqttd in this process. They let anybody in, on loopback ports of their own.
use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{binaries, eventually, mosquitto::free_port, process::Process};

/// RabbitMQ takes half a minute on a busy machine.
const BOOT: Duration = Duration::from_secs(180);

/// A running broker.
pub struct OtherBroker {
    // None: it ends with this process.
    _process: Option<Process>,
    url: String,
}

impl OtherBroker {
    /// rumqttd.
    pub fn rumqttd() -> Self {
        let address = picket::demo::broker::start().expect("it comes up");
        Self {
            _process: None,
            url: format!("mqtt://{address}"),
        }
    }

    /// nats-server, with its files in `folder`.
    pub fn nats(folder: &Path) -> Self {
        let port = free_port();
        let config = folder.join("nats.conf");
        let text = format!(
            "server_name: picket\nlisten: \"127.0.0.1:{}\"\njetstream {{ store_dir: {:?} }}\nmqtt {{ listen: \"127.0.0.1:{port}\" }}\n",
            free_port(),
            folder.join("jetstream")
        );
        fs::write(&config, text).expect("the folder is writable");
        let mut command = Command::new(root().join("usr/sbin/nats-server"));
        command.arg("-c").arg(config);
        Self::listening(Process::start("nats-server", folder, command), port)
    }

    /// RabbitMQ, with its files in `folder`.
    pub fn rabbitmq(folder: &Path) -> Self {
        let port = free_port();
        let files = folder.join("rabbitmq");
        fs::create_dir(&files).expect("the folder is writable");
        let config = format!(
            "listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{port}\nmqtt.allow_anonymous = true\nlog.console.level = error\nlog.file = false\n"
        );
        for (file, text) in [
            ("rabbitmq.conf", &*config),
            ("enabled_plugins", "[rabbitmq_mqtt].\n"),
        ] {
            fs::write(files.join(file), text).expect("the folder is writable");
        }
        Self::listening(Process::start("rabbitmq", folder, rabbitmq(&files)), port)
    }

    /// Its URL for `picketd` and `picket`.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn listening(process: Process, port: u16) -> Self {
        eventually("the broker listens", BOOT, || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            _process: Some(process),
            url: format!("mqtt://127.0.0.1:{port}"),
        }
    }
}

/// In a container for its files and its processes alone: it wants a name service of its own among the latter. If this test dies, so
/// does all of it.
fn rabbitmq(files: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .args([
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            "--console=pipe",
        ])
        .args(["--volatile=overlay", "--as-pid2", "--directory"])
        .arg(root())
        .arg(format!("--bind={}:/broker", files.display()));
    for (name, value) in [
        ("CONFIG_FILE", "/broker/rabbitmq.conf".to_owned()),
        ("ENABLED_PLUGINS_FILE", "/broker/enabled_plugins".to_owned()),
        ("MNESIA_BASE", "/broker/data".to_owned()),
        ("NODENAME", "picket@localhost".to_owned()),
        ("DIST_PORT", free_port().to_string()),
        (
            "SERVER_ADDITIONAL_ERL_ARGS",
            "-kernel inet_dist_use_interface {127,0,0,1}".to_owned(),
        ),
    ] {
        command.arg(format!("--setenv=RABBITMQ_{name}={value}"));
    }
    command
        .args([
            "--setenv=HOME=/broker",
            "--setenv=ERL_EPMD_ADDRESS=127.0.0.1",
        ])
        .arg(format!("--setenv=ERL_EPMD_PORT={}", free_port()))
        .arg("/usr/lib/rabbitmq/bin/rabbitmq-server");
    command
}

fn root() -> PathBuf {
    binaries::folder_from_environment("PICKET_BROKERS", "scripts/tier brokers")
}
