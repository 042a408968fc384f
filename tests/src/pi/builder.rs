//! How an emulated Pi is to be: machine, root, configuration. It puts the parts together and switches them on.
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use picket_proto::DeviceId;
use picket_test_keys::TestKey;
use picketd::slots::{Slot, change, layout};

use super::{
    Pi,
    console::Console,
    export::Export,
    files::Files,
    firmware::{Board, Firmware},
    ganesha::Ganesha,
    images::Images,
    initramfs::Over,
    machine::Machine,
    root::{self, Root},
    slots::Fate,
    turn::Turn,
};
use crate::{
    binaries, debian,
    mosquitto::{Mosquitto, free_port},
    proxy::Proxy,
    watcher::Watcher,
};

/// The agent's folder of an export, in the guest.
const ON_THE_EXPORT: &str = "/run/picket/export/picket";
/// What an agent keeps there and not in its slot.
const STATE: &str = "state_dir = \"/run/picket/export/picket\"\n";

/// A Pi that isn't on yet.
#[must_use]
pub struct Builder {
    machine: Machine,
    root: Root,
    sample_every: String,
    window: String,
    config: String,
    mount: String,
    signers: Option<String>,
    log: Option<String>,
    units: Vec<(String, String)>,
    amendments: Vec<(String, String)>,
    slots: Vec<(Slot, Fate)>,
    trial_seconds: u32,
    initramfs_tools: Option<PathBuf>,
    export_wait: Option<u32>,
    images: Option<Source>,
    ssh: Option<u16>,
    clock: Option<String>,
}

/// Where its images come from.
struct Source {
    /// Lines of picketd.toml.
    toml: String,
    /// A line of `allowed_signers`.
    signer: String,
}

impl Builder {
    pub(super) fn new(machine: Machine) -> Self {
        Self {
            machine,
            root: Root::Busybox,
            sample_every: "1s".to_owned(),
            window: "1s".to_owned(),
            config: String::new(),
            mount: String::new(),
            signers: None,
            log: None,
            units: Vec::new(),
            amendments: Vec::new(),
            slots: Vec::new(),
            trial_seconds: 300,
            initramfs_tools: None,
            export_wait: None,
            images: None,
            ssh: None,
            clock: None,
        }
    }

    /// Its root filesystem, by default busybox's.
    pub fn root(mut self, root: Root) -> Self {
        self.root = root;
        self
    }

    /// `sample_every` and `window`, as TOML has them; by default a second each.
    pub fn periods(mut self, sample_every: &str, window: &str) -> Self {
        (self.sample_every, self.window) = (sample_every.to_owned(), window.to_owned());
        self
    }

    /// Further lines of its picketd.toml.
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// Further options of the mount of its root, such as `timeo=50`.
    pub fn mount_options(mut self, options: &str) -> Self {
        self.mount = format!(",{options}");
        self
    }

    /// Its agent's stderr goes to that file of the small root.
    pub fn log(mut self, path: &str) -> Self {
        self.log = Some(path.to_owned());
        self
    }

    /// A further unit of a root with systemd.
    pub fn unit(mut self, name: &str, text: &str) -> Self {
        self.units.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Further lines of one of its units.
    pub fn amend(mut self, unit: &str, lines: &str) -> Self {
        self.amendments.push((unit.to_owned(), lines.to_owned()));
        self
    }

    /// It obeys the actor `anna` with that key; see [`Pi::operator`].
    pub fn obeying(mut self, key: &TestKey) -> Self {
        self.signers = Some(key.line("anna"));
        self
    }

    /// Its export has these slots, each with its root, and no root of its own; the first is the active one. It boots by the reference
    /// initramfs.
    pub fn slots(mut self, slots: &[(Slot, Fate)]) -> Self {
        self.slots = slots.to_vec();
        self
    }

    /// How long a slot on trial has, by default 300 s.
    pub fn trial_seconds(mut self, seconds: u32) -> Self {
        self.trial_seconds = seconds;
        self
    }

    /// It boots its slots by that initramfs, which Debian's initramfs-tools made with the hook of boot/.
    pub fn initramfs_tools(mut self, path: &Path) -> Self {
        self.initramfs_tools = Some(path.to_owned());
        self
    }

    /// How long its initramfs waits for the NFS server before the rescue system is there, by default 120 s.
    pub fn export_wait(mut self, seconds: u32) -> Self {
        self.export_wait = Some(seconds);
        self
    }

    /// It takes those images. Its agents' configuration and signers then lie on the export, beside the slots, and in the rescue system.
    pub fn images(mut self, images: &Images) -> Self {
        self.images = Some(Source {
            toml: images.toml(),
            signer: images.signer(),
        });
        self
    }

    /// Its sshd is reached from this machine; see [`Pi::ssh_port`].
    pub fn reached_by_ssh(mut self) -> Self {
        self.ssh = Some(free_port());
        self
    }

    /// At each start its real-time clock says that, as QEMU's `-rtc base=` takes it, and not what this machine's says.
    pub fn clock(mut self, base: &str) -> Self {
        self.clock = Some(base.to_owned());
        self
    }

    /// Switches it on when it is its turn, and waits for its first tick.
    pub fn start(self) -> Pi {
        let _turn = Turn::take();
        let pi = self.switch_on();
        pi.wait_for_tick_of_boot(1);
        pi
    }

    /// Switches it on at once.
    pub fn switch_on(self) -> Pi {
        let files = Files::find();
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let broker = Mosquitto::start(folder.path());
        let watcher = Watcher::start(&broker.url(), None, folder.path());
        let export = Export::mount(&folder.path().join("export"));
        self.fill(&files, &export, broker.address().port());
        let ganesha = Ganesha::start(&files, &export, folder.path());
        let nfs = Proxy::to(ganesha.address());
        let board = Board {
            machine: self.machine,
            files: files.clone(),
            boot: export.join("boot"),
            initramfs: self.initramfs(&files, broker.address().port(), folder.path()),
            mac: mac(),
            ssh: self.ssh,
            clock: self.clock.clone(),
            folder: folder.path().to_owned(),
        };
        let cmdline = self.cmdline(&board.mac, nfs.address().port());
        fs::write(board.boot.join("cmdline.txt"), cmdline).expect("the export is writable");
        Pi {
            ssh: self.ssh,
            console: Console::new(board.console_log(), board.console_socket()),
            patience: self.patience(),
            id: id(&board.mac),
            firmware: Firmware::start(board),
            nfs,
            ganesha,
            watcher,
            broker,
            export,
            folder,
        }
    }

    /// Debian's own initramfs is as slow as a Debian.
    fn patience(&self) -> Duration {
        let weight = match self.initramfs_tools {
            Some(_) => Root::Systemd.weight(),
            None => self.root.weight(),
        };
        self.machine.patience() * weight
    }

    fn fill(&self, files: &Files, export: &Export, broker_port: u16) {
        if self.slots.is_empty() {
            self.install_root(files, export.path(), broker_port);
            return;
        }
        fs::create_dir(export.join("boot")).expect("the export is writable");
        for (slot, fate) in &self.slots {
            let root = export.join(&format!("slots/{slot}"));
            self.install_root(files, &root, broker_port);
            fate.befall(&root);
        }
        let layout = layout::Export::open(export.path()).expect("the export is there");
        change::activate(&layout, self.slots[0].0).expect("the export is writable");
        if self.images.is_some() {
            self.configure_export(export, broker_port);
        }
    }

    fn install_root(&self, files: &Files, root: &Path, broker_port: u16) {
        self.root.install(files, root);
        if let Some(log) = &self.log {
            redirect(&root.join("etc/inittab"), log);
        }
        for (unit, text) in &self.units {
            debian::add(root, unit, text);
        }
        for (unit, lines) in &self.amendments {
            debian::amend(root, unit, lines);
        }
        if self.root != Root::Debian {
            self.install_picketd(root, broker_port);
        }
    }

    fn install_picketd(&self, root: &Path, broker_port: u16) {
        root::copy(&picketd(), &root.join("usr/bin/picketd"));
        if self.images.is_some() {
            return; // it lies on the export
        }
        let folder = root.join("etc/picket");
        fs::create_dir_all(&folder).expect("the export is writable");
        if let Some(signers) = self.signers() {
            fs::write(folder.join("allowed_signers"), signers).expect("the export is writable");
        }
        let toml = self.toml("/etc/picket", broker_port);
        fs::write(folder.join("picketd.toml"), toml).expect("the export is writable");
    }

    /// What outlives every image.
    fn configure_export(&self, export: &Export, broker_port: u16) {
        let toml = format!("{STATE}{}", self.toml(ON_THE_EXPORT, broker_port));
        fs::write(export.join("picket/picketd.toml"), toml).expect("the export is writable");
        let signers = self.signers().unwrap_or_default();
        fs::write(export.join("picket/allowed_signers"), signers).expect("the export is writable");
    }

    /// Those of commands and those of images.
    fn signers(&self) -> Option<String> {
        let images = self.images.as_ref().map(|images| images.signer.clone());
        match (&self.signers, images) {
            (None, None) => None,
            (commands, images) => {
                Some(commands.clone().unwrap_or_default() + &images.unwrap_or_default())
            }
        }
    }

    /// With slots, the reference one and in it the rescue system, which keeps its state on the export.
    fn initramfs(&self, files: &Files, broker_port: u16, folder: &Path) -> PathBuf {
        let bare = files.of(self.machine.name(), "initramfs");
        if self.slots.is_empty() {
            return bare;
        }
        let toml = format!("{STATE}{}", self.toml("/etc/picket", broker_port));
        let whole = folder.join("initramfs");
        let signers = self.signers();
        let signers = signers.as_deref();
        match &self.initramfs_tools {
            Some(first) => Over::configuration(&toml, signers).write(first, &whole),
            None => Over::reference(&picketd(), &toml, signers).write(&bare, &whole),
        }
        whole
    }

    /// With the signers in that folder of the guest.
    fn toml(&self, folder: &str, broker_port: u16) -> String {
        let signers = match self.signers() {
            Some(_) => format!("allowed_signers = \"{folder}/allowed_signers\"\n"),
            None => String::new(),
        };
        let images = self.images.as_ref().map_or("", |images| &images.toml);
        format!(
            "broker = \"mqtt://10.0.2.2:{broker_port}\"\nconnect_spread = \"0s\"\nsample_every = {:?}\nwindow = {:?}\n{signers}{}{images}",
            self.sample_every, self.window, self.config
        )
    }

    fn cmdline(&self, mac: &str, nfs_port: u16) -> String {
        let console = self.machine.console();
        if !self.slots.is_empty() {
            let wait = self.export_wait.unwrap_or(120);
            let network = match self.initramfs_tools {
                Some(_) => {
                    "boot=picket net.ifnames=0 ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off"
                }
                None => "picket.boot=10.0.2.15/24,10.0.2.2",
            };
            return format!(
                "console={console} loglevel=6 panic=1 {network} picket.wait={wait} picket.trial={} \
                 picket.export=nfs4:10.0.2.2:/,port={nfs_port}{}\n",
                self.trial_seconds, self.mount
            );
        }
        format!(
            "console={console} loglevel=6 panic=5 bed.mac={mac} \
             bed.nfs=vers=4.1,proto=tcp,addr=10.0.2.2,clientaddr=10.0.2.15,port={nfs_port}{}\n",
            self.mount
        )
    }
}

/// Lets init start picketd with its stderr in that file.
fn redirect(inittab: &Path, log: &str) {
    let text = fs::read_to_string(inittab).expect("the small root has an inittab");
    let plain = "::respawn:/usr/bin/picketd run\n";
    assert!(text.contains(plain), "{text}");
    let other = format!("::respawn:/bin/sh -c 'exec /usr/bin/picketd run 2>>{log}'\n");
    fs::write(inittab, text.replace(plain, &other)).expect("the export is writable");
}

fn picketd() -> PathBuf {
    binaries::from_environment("PICKETD_AARCH64")
}

/// A MAC that no other guest on this machine has. QEMU's USB network has 40 for its first byte, whatever it is told.
fn mac() -> String {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let number = NEXT.fetch_add(1, Ordering::SeqCst);
    format!("40:50:{a:02x}:{b:02x}:{c:02x}:{number:02x}")
}

/// Neither machine has a serial in its device tree, so a guest is named after its MAC.
fn id(mac: &str) -> DeviceId {
    format!("0000{}", mac.replace(':', ""))
        .parse()
        .expect("a MAC has 12 hex digits")
}
