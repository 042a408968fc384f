//! A machine with slots, as a tree: its export, what its initramfs does, and who orders reinstalls of it. Nothing is really booted, and the
//! tree's root isn't one of the slots; everything else is as on a Pi, with the programs of this build.
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use picket_proto::{BootId, DeviceId};
use picket_test_keys::TestKey;
use picketd::slots::{
    Slot,
    boot_record::{self, BootRecord, Read},
    layout::Export,
};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    binaries, eventually, fleet,
    image_server::ImageServer,
    images::{self, Images},
    init::Init,
    mosquitto::Mosquitto,
    mounted::Mounted,
    operator::Operator,
    raw_operator::RawOperator,
    tree::Tree,
};

const EXPORT: &str = "run/picket/export";
/// What a test doesn't fill on purpose never fills.
const ROOMY: &str = "size=256m";
const PATIENCE: Duration = Duration::from_secs(60);

/// A machine with slots that runs slot a, whose agent obeys.
pub struct Slotted {
    /// The machine.
    pub init: Init,
    /// What its disk is.
    pub export: Mounted,
    /// Where it takes images from.
    pub server: ImageServer,
    /// Its images. `debian` is one.
    pub images: Images,
    /// Who may do everything, with a key of ssh-keygen's; and with bare hands.
    pub operator: Operator,
    /// See there. Its key is good for all but images.
    pub raw: RawOperator,
    /// The broker.
    pub broker: Mosquitto,
    /// Files of all of them.
    pub folder: TempDir,
}

/// Content and attributes of everything beneath a folder.
pub type Snapshot = BTreeMap<PathBuf, (u32, i64, Vec<u8>)>;

impl Slotted {
    /// A machine that is on, with an image of some 120 entries and 1 MB.
    pub fn start() -> Self {
        Self::start_with(ROOMY)
    }

    /// The same, with those options of its disk, which is a tmpfs.
    pub fn start_with(disk: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let images = Images::new(folder.path());
        let root = folder.path().join("debian");
        images::small_root(&root, 100);
        images.add("debian", &root);
        let broker = Mosquitto::start(folder.path());
        let server = ImageServer::start(images.folder());
        let key = TestKey::new(1);
        let anna = images::ssh_keygen(folder.path(), "anna");
        let operate = "picket-operate@1,picket-reinstall@1";
        let signers = images::line("anna", operate, &anna)
            + &images::line("clerk", "picket-operate@1", &anna)
            + &format!("raw namespaces=\"{operate}\" {}\n", key.public())
            + &images.line();
        fs::write(folder.path().join("allowed_signers"), signers).expect("the folder is writable");
        let tree = Tree::small(fleet::device(1));
        let export = tree.path(EXPORT);
        fs::create_dir_all(&export).expect("the tree is writable");
        let export = Mounted::in_memory(&export, disk);
        images::small_root(&tree.path(EXPORT).join("slots/a"), 5);
        let slots = Export::open(&tree.path(EXPORT)).expect("it was just made");
        boot_record::write(&slots, &BootRecord::of(Slot::A)).expect("the disk is empty");
        let raw = RawOperator::connect(broker.address(), &key, "raw");
        let init = Init::boot(tree, &toml(&broker, &server, folder.path()), initramfs);
        let inventory = format!("[[pi]]\nid = \"{}\"\nname = \"pi-01\"\n", fleet::device(1));
        let operator = Operator::with_key_file("anna", &anna, &broker.url(), folder.path());
        Self {
            operator: operator.with_fleet(&inventory),
            init,
            export,
            server,
            images,
            raw,
            broker,
            folder,
        }
    }

    /// The machine's id.
    pub fn device(&self) -> DeviceId {
        fleet::device(1)
    }

    /// A path of the export.
    pub fn path(&self, path: &str) -> PathBuf {
        self.init.tree().path(EXPORT).join(path)
    }

    /// Names in `slots`.
    pub fn slots(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("slots")).expect("the export has slots");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            let name = entry.expect("the folder can be read").file_name();
            name.into_string().expect("our names are text")
        };
        let mut names: Vec<_> = entries.map(name).collect();
        names.sort();
        names
    }

    /// What is in that slot.
    pub fn snapshot(&self, slot: &str) -> Snapshot {
        let mut found = Snapshot::new();
        walk(&self.path("slots").join(slot), &mut found);
        found
    }

    /// The boot record.
    pub fn boot_record(&self) -> BootRecord {
        let export = Export::open(&self.path("")).expect("the export is there");
        match boot_record::read(&export) {
            Read::Record(record) => record,
            other => panic!("{other:?}"),
        }
    }

    /// The boot as the tree tells it.
    pub fn boot(&self) -> BootId {
        let ids = self.init.boots().ids();
        let last = ids.last().expect("it was booted");
        last.parse().expect("a boot id")
    }

    /// The agent is killed, and started again.
    pub fn crash(&self) {
        let starts = self.init.starts();
        self.init.with_agent(|agent| agent.process().kill());
        self.wait_for_start_after(starts);
    }

    fn wait_for_start_after(&self, starts: usize) {
        eventually("the agent is started", PATIENCE, || {
            (self.init.starts() > starts).then_some(())
        });
    }

    /// A machine that stayed down comes up.
    pub fn come_up(&self) {
        let starts = self.init.starts();
        self.init.come_up_after(Duration::ZERO);
        self.wait_for_start_after(starts);
    }

    /// The power fails, and comes back.
    pub fn cut_power(&self) {
        let starts = self.init.starts();
        let child = self.child();
        self.init.with_agent(|agent| {
            let id = crate::raw_operator::operation().to_string();
            let uuid = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
            let tree = self.init.tree();
            tree.write("proc/sys/kernel/random/boot_id", &(uuid + "\n"));
            agent.process().kill();
            // It may end by itself just then.
            let child = child.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
            let _ = child.map(|child| kill_process(child, Signal::KILL));
        });
        self.wait_for_start_after(starts);
    }

    /// The child that the agent has at work, if it has one.
    pub fn child(&self) -> Option<u32> {
        let agent = self.init.with_agent(|agent| agent.process().id());
        let tasks = fs::read_dir(format!("/proc/{agent}/task")).ok()?;
        let mut children = tasks.filter_map(|task| {
            let children = fs::read_to_string(task.ok()?.path().join("children")).ok()?;
            children.split_whitespace().next()?.parse().ok()
        });
        children.next()
    }
}

/// What the initramfs does at each boot: memory is empty, the export is mounted, and `picketd slot choose` says what runs.
fn initramfs(tree: &Tree) {
    let run = tree.path("run/picket");
    for entry in fs::read_dir(&run).expect("the tree has it").flatten() {
        if entry.file_name() != "export" {
            fs::remove_file(entry.path()).expect("only files lie there");
        }
    }
    let mut choose = Command::new(binaries::picketd());
    choose.args(["slot", "choose", "--export"]);
    let chosen = choose.arg(tree.path(EXPORT)).output();
    let chosen = chosen.expect("picketd can be started");
    assert!(chosen.status.success(), "{chosen:?}");
    fs::write(run.join("slot"), chosen.stdout).expect("the tree is writable");
}

fn toml(broker: &Mosquitto, server: &ImageServer, folder: &Path) -> String {
    format!(
        "broker = {:?}\nack = \"puback\"\nconnect_spread = \"0s\"\nnfs_probe = \"off\"\nsample_every = \"1s\"\nwindow = \"5s\"\n\
         allowed_signers = {:?}\n[reinstall]\nimages = {:?}\n",
        broker.url(),
        folder.join("allowed_signers"),
        server.url(),
    )
}

fn walk(path: &Path, found: &mut Snapshot) {
    let about = fs::symlink_metadata(path).expect("it is there");
    let content = match about.is_file() {
        true => fs::read(path).expect("it can be read"),
        false => Vec::new(),
    };
    let seen = (about.mode(), about.mtime(), content);
    found.insert(path.to_owned(), seen);
    if about.is_dir() {
        for entry in fs::read_dir(path).expect("it can be read").flatten() {
            walk(&entry.path(), found);
        }
    }
}
