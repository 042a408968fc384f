//! A fleet as `picket authority`, `picket provision` and `picket broker mosquitto` make it: a real Mosquitto with the generated
//! configuration, and credentials of Pis and people.
use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{binaries, eventually, mosquitto, process::Process};

/// The broker and what belongs to it.
pub struct Provisioned {
    folder: TempDir,
    broker: Option<Process>,
    /// The port for Pis.
    pub pis: u16,
    /// The port for operators and collectors.
    pub operators: u16,
    weaken: fn(String) -> String,
    weak_acl: bool,
    allowed: &'static str,
}

/// Credentials that somebody has, or copied.
#[derive(Clone)]
pub struct Login {
    /// The user name.
    pub name: String,
    folder: PathBuf,
    port: u16,
}

impl Provisioned {
    /// With `password` or `certificate` as credentials.
    pub fn new(with: &str) -> Self {
        let fleet = Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            broker: None,
            pis: mosquitto::free_port(),
            operators: mosquitto::free_port(),
            weaken: |text| text,
            weak_acl: false,
            allowed: "",
        };
        fleet.picket(&["authority", "new", "--with", with]);
        fleet
    }

    /// Spoils the generated configuration: so that a test sees what it says when that is weak.
    #[must_use]
    pub fn weakened(mut self, weaken: fn(String) -> String) -> Self {
        self.weaken = weaken;
        self
    }

    /// Lets everybody do everything.
    #[must_use]
    pub fn without_acl(mut self) -> Self {
        self.weak_acl = true;
        self
    }

    /// Gives operators more rights than `picket` does, by these lines of an ACL.
    #[must_use]
    pub fn also_allowing(mut self, lines: &'static str) -> Self {
        self.allowed = lines;
        self
    }

    /// Where everything lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the broker's processes and clients leave what they say.
    pub fn broker_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs picket with this authority; it must succeed.
    pub fn picket(&self, arguments: &[&str]) -> String {
        let output = self.try_picket(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).expect("picket prints text")
    }

    /// Runs picket with this authority.
    pub fn try_picket(&self, arguments: &[&str]) -> Output {
        Command::new(binaries::picket())
            .args(arguments)
            .args(["--broker", &format!("mqtts://localhost:{}", self.pis)])
            .env("PICKET_AUTHORITY", self.path("authority"))
            .current_dir(self.folder.path())
            .output()
            .expect("picket starts")
    }

    /// Provisions a Pi.
    pub fn pi(&self, id: &str, more: &[&str]) -> Login {
        let at = self.path("provisioned").join(id);
        let words = ["provision", id, "--at"];
        let at = at.to_str().expect("temporary folders have plain names");
        self.picket(&[&words, &[at][..], more].concat());
        self.login(id, Path::new(at), self.pis)
    }

    /// Admits a person or a collector.
    pub fn person(&self, name: &str, role: &str) -> Login {
        self.picket(&["authority", "admit", name, "--role", role]);
        self.login(name, &self.path(name), self.operators)
    }

    fn login(&self, name: &str, folder: &Path, port: u16) -> Login {
        Login {
            name: name.to_owned(),
            folder: folder.to_owned(),
            port,
        }
    }

    /// Writes the broker's configuration anew, and starts the broker with it or has it read it.
    pub fn reload(&mut self, more: &[&str]) {
        let (pis, operators) = (self.pis.to_string(), self.operators.to_string());
        let words = ["broker", "mosquitto", "--name", "localhost", "--port", &pis];
        let words = [&words[..], &["--operators-port", &operators], more].concat();
        self.picket(&words);
        let folder = self.path("mosquitto");
        let conf = folder.join("mosquitto.conf");
        let text = fs::read_to_string(&conf).expect("picket wrote it");
        // Else it would give up root, whose files these are.
        let text = format!("user root\n{}", (self.weaken)(text));
        fs::write(&conf, text).expect("the folder is writable");
        if self.weak_acl {
            self.allow_all();
        }
        if !self.allowed.is_empty() {
            let path = folder.join("operators.acl");
            let text = fs::read_to_string(&path).expect("picket wrote it");
            fs::write(&path, text + self.allowed).expect("the folder is writable");
        }
        if let Some(broker) = &self.broker {
            return broker.signal(Signal::HUP);
        }
        self.start();
    }

    /// Ends the broker and starts it again.
    pub fn restart(&mut self) {
        self.broker.take().expect("the broker runs").terminate();
        self.start();
    }

    /// The broker's process.
    pub fn broker(&self) -> &Process {
        self.broker.as_ref().expect("the broker runs")
    }

    fn start(&mut self) {
        let mut command = Command::new("/usr/sbin/mosquitto");
        command.arg("-c").arg(self.path("mosquitto/mosquitto.conf"));
        self.broker = Some(Process::start("mosquitto", self.folder.path(), command));
        for port in [self.pis, self.operators] {
            eventually("mosquitto listens", Duration::from_secs(20), || {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
            });
        }
    }

    fn allow_all(&self) {
        for name in ["pis.acl", "operators.acl"] {
            let path = self.path("mosquitto").join(name);
            let text = fs::read_to_string(&path).expect("picket wrote it");
            let users = text.lines().filter(|line| line.starts_with("user "));
            let text = users
                .map(|user| format!("{user}\ntopic readwrite #\ntopic read $SYS/#\n"))
                .collect::<Vec<_>>()
                .concat();
            fs::write(&path, text).expect("the folder is writable");
        }
    }
}

impl Login {
    /// The same person at another listener, or with another name.
    #[must_use]
    pub fn at(&self, port: u16) -> Self {
        Self {
            port,
            ..self.clone()
        }
    }

    /// These credentials under that name.
    #[must_use]
    pub fn as_user(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self.clone()
        }
    }

    /// A copy, as a thief has it.
    #[must_use]
    pub fn copy(&self, to: &Path) -> Self {
        fs::create_dir_all(to).expect("the folder is writable");
        for name in ["ca.pem", "password", "certificate.pem", "key.pem"] {
            let from = self.folder.join(name);
            if from.exists() {
                fs::copy(from, to.join(name)).expect("the folder is writable");
            }
        }
        Self {
            folder: to.to_owned(),
            ..self.clone()
        }
    }

    /// The port at which it comes in.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `mosquitto_pub` or `mosquitto_sub` with these credentials; its client id is the user name.
    pub fn client(&self, program: &str) -> Command {
        let mut command = self.client_as(program, &self.name);
        command.arg("-q").arg("1");
        command
    }

    /// The same with another client id.
    pub fn client_as(&self, program: &str, id: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-h", "localhost", "-i", id, "-p"]);
        command.arg(self.port.to_string());
        command.arg("--cafile").arg(self.file("ca.pem"));
        match fs::read_to_string(self.file("password")) {
            Ok(password) => {
                command.args(["-u", &self.name, "-P", password.trim_end()]);
            }
            Err(_) => {
                command.arg("--cert").arg(self.file("certificate.pem"));
                command.arg("--key").arg(self.file("key.pem"));
            }
        }
        command
    }

    /// Publishes; whether the broker took it, or said so.
    pub fn publish(&self, topic: &str, payload: &str, more: &[&str]) -> bool {
        let output = self
            .client("mosquitto_pub")
            .args(["-t", topic, "-m", payload])
            .args(more)
            .output();
        output.expect("mosquitto_pub starts").status.success()
    }

    /// What `picket` needs to come in.
    pub fn options(&self) -> Vec<String> {
        let file = |name: &str| self.file(name).display().to_string();
        let mut options = vec![
            "--broker".to_owned(),
            format!("mqtts://localhost:{}", self.port),
            "--ca".to_owned(),
            file("ca.pem"),
        ];
        match self.file("password").exists() {
            true => options.extend([
                "--user".to_owned(),
                self.name.clone(),
                "--password-file".to_owned(),
                file("password"),
            ]),
            false => options.extend([
                "--cert".to_owned(),
                file("certificate.pem"),
                "--cert-key".to_owned(),
                file("key.pem"),
            ]),
        }
        options
    }
}
