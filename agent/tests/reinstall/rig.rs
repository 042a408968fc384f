//! An export with a running system in slot a, images with a signed catalogue, and children.
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use picket_proto::{
    DeviceId, OperationId,
    image::{Architecture, Catalogue, Digest, Format, Manifest, NAMESPACE},
};
use picket_test_keys::{TestKey, armoured};
use picketd::{
    reinstall::wire::{Event, Images, Install, Order, Personal, WRITERS},
    slots::{
        Slot,
        boot_record::{self, BootRecord},
        layout::Export,
    },
};
use tempfile::TempDir;

use crate::{image::Image, mounted::Mounted};

/// An export and images.
pub(crate) struct Rig {
    /// Goes before the folder in which it is.
    _export: Mounted,
    folder: TempDir,
    digest: Digest,
    file: String,
}

impl Rig {
    pub(crate) fn new(image: &Image, format: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = format!("image.{format}");
        for path in ["images", "export"] {
            fs::create_dir_all(folder.path().join(path)).unwrap();
        }
        let export = Mounted::over(folder.path().join("export"), "size=512m");
        fs::create_dir_all(folder.path().join("export/slots/a/etc")).unwrap();
        fs::write(
            folder.path().join("export/slots/a/etc/os-release"),
            "as it was",
        )
        .unwrap();
        let archive = folder.path().join("images").join(&file);
        let (entries, installed_size) = image.pack(&archive, format);
        let bytes = fs::read(&archive).unwrap();
        let sha256 = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let manifest = Manifest {
            name: "good".to_owned(),
            version: "1".to_owned(),
            architecture: here(),
            file: file.clone(),
            format: Format::from_name(format).unwrap(),
            sha256: Digest(sha256.as_ref().try_into().unwrap()),
            size: bytes.len() as u64,
            installed_size,
            entries,
        };
        let rig = Self {
            _export: export,
            folder,
            digest: manifest.sha256,
            file,
        };
        rig.publish(manifest);
        rig.mark_active();
        rig
    }

    /// Slot a is the active one, by the boot record.
    pub(crate) fn mark_active(&self) {
        let export = Export::open(&self.export()).unwrap();
        boot_record::write(&export, &BootRecord::of(Slot::A)).unwrap();
    }

    fn publish(&self, good: Manifest) {
        let foreign = Manifest {
            name: "foreign".to_owned(),
            architecture: if here() == Architecture::Amd64 {
                Architecture::Arm64
            } else {
                Architecture::Amd64
            },
            ..good.clone()
        };
        let miscounted = Manifest {
            name: "miscounted".to_owned(),
            entries: good.entries + 1,
            ..good.clone()
        };
        let huge = Manifest {
            name: "huge".to_owned(),
            installed_size: 1 << 40,
            ..good.clone()
        };
        let catalogue = Catalogue {
            version: 7,
            images: vec![miscounted, good, foreign, huge],
        };
        // JSON's strings and numbers are TOML's, too.
        let mut text = format!("version = {}\n", catalogue.version);
        for image in &catalogue.images {
            text += "[[image]]\n";
            let serde_json::Value::Object(fields) = serde_json::to_value(image).unwrap() else {
                panic!("a manifest is a table");
            };
            for (key, value) in fields {
                text += &format!("{key} = {value}\n");
            }
        }
        let key = TestKey::new(3);
        fs::write(self.path("images/catalogue.toml"), &text).unwrap();
        fs::write(
            self.path("images/catalogue.toml.sig"),
            armoured(&key.sign(NAMESPACE, text.as_bytes())),
        )
        .unwrap();
        let line = format!(
            "anna@example.org namespaces=\"{NAMESPACE}\" {}\n",
            key.public()
        );
        fs::write(self.path("signers"), line).unwrap();
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn export(&self) -> PathBuf {
        self.path("export")
    }

    pub(crate) fn slot(&self, name: &str) -> PathBuf {
        self.path("export/slots").join(name)
    }

    pub(crate) fn archive(&self) -> PathBuf {
        self.path("images").join(&self.file)
    }

    pub(crate) fn spoil(&self, change: &dyn Fn(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.archive()).unwrap();
        change(&mut bytes);
        fs::write(self.archive(), bytes).unwrap();
    }

    /// For slot b.
    pub(crate) fn order(&self) -> Install {
        Install {
            export: self.export(),
            slot: Slot::B,
            images: Images::Folder(self.path("images")),
            ca: None,
            signers: self.path("signers"),
            catalogue_at_least: 7,
            image: "good".to_owned(),
            digest: self.digest,
            personal: Personal {
                hostname: Some("shelf-3".to_owned()),
                ssh_keys: Vec::new(),
                device_id: DeviceId([7; 8]),
            },
            discard_old: false,
            writers: WRITERS,
            read_back: false,
            operation: OperationId([9; 16]),
            lock: Some(self.path("lock")),
        }
    }

    /// Everything in the active slot.
    pub(crate) fn active(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        walk(&self.slot("a"), &mut found);
        found
    }

    /// Names in `slots`.
    pub(crate) fn slots(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("export/slots")).unwrap();
        let mut names: Vec<_> = names
            .map(|name| name.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn run(&self, order: &Install) -> Vec<Event> {
        self.give(&Order::Install(Box::new(order.clone())))
    }

    pub(crate) fn give(&self, order: &Order) -> Vec<Event> {
        let mut running = Running::start(order);
        let events = running.events().collect();
        running.end();
        events
    }

    /// With its peak memory, in bytes.
    pub(crate) fn run_and_weigh(&self, order: &Install) -> (Vec<Event>, u64) {
        let mut running = Running::install(order);
        let status = PathBuf::from(format!("/proc/{}/status", running.child.id()));
        // The kernel keeps the peak as long as the process lives.
        let weigher = thread::spawn(move || {
            let mut peak = 0;
            while let Some(now) = peak_of(&status) {
                peak = now;
                thread::sleep(Duration::from_millis(2));
            }
            peak
        });
        let events = running.events().collect();
        running.end();
        (events, weigher.join().unwrap())
    }
}

/// A child at work.
pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Option<std::io::Lines<BufReader<std::process::ChildStdout>>>,
}

impl Running {
    pub(crate) fn start(order: &Order) -> Self {
        let mut child = command().spawn().unwrap();
        child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(order.line().as_bytes())
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines: Some(lines),
        }
    }

    pub(crate) fn install(order: &Install) -> Self {
        Self::start(&Order::Install(Box::new(order.clone())))
    }

    /// Those that come until it ends.
    pub(crate) fn events(&mut self) -> impl Iterator<Item = Event> + use<> {
        let lines = self.lines.take().unwrap();
        lines
            .map(|line| Event::parse(&line.unwrap()).unwrap())
            .filter(|event| *event != Event::Alive)
    }

    /// Those up to the one that says this.
    pub(crate) fn until(&mut self, wanted: impl Fn(&Event) -> bool) {
        let lines = self.lines.as_mut().unwrap();
        let found = lines
            .map(|line| Event::parse(&line.unwrap()).unwrap())
            .find(|event| wanted(event) || event.is_last());
        assert!(found.as_ref().is_some_and(wanted), "{found:?}");
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn last(events: &[Event]) -> &Event {
    events
        .last()
        .expect("the last event says what became of it")
}

/// What becomes of that on standard input.
pub(crate) fn raw(line: &str) -> ExitStatus {
    let mut child = command().spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(line.as_bytes())
        .unwrap();
    child.wait().unwrap()
}

fn command() -> Command {
    let program = env!("CARGO_BIN_EXE_picketd");
    let mut command = match std::env::var_os("PICKET_RUNNER") {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command
        .arg("reinstall-child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

fn peak_of(status: &Path) -> Option<u64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: Option<u64> = line.trim().strip_suffix(" kB")?.parse().ok();
    kib.map(|kib| kib * 1024)
}

fn walk(path: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    if path.is_dir() {
        found.insert(path.to_owned(), Vec::new());
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), found);
        }
    } else {
        found.insert(path.to_owned(), fs::read(path).unwrap());
    }
}

fn here() -> Architecture {
    match std::env::consts::ARCH {
        "x86_64" => Architecture::Amd64,
        "aarch64" => Architecture::Arm64,
        _ => Architecture::Armhf,
    }
}
