//! A shelf of small machines with one broker between them, and the inventory that names them.
use std::{fmt::Write, path::PathBuf};

use picket_proto::DeviceId;
use tempfile::TempDir;

use crate::{agent::Setup, binaries, init::Init, mosquitto::Mosquitto, tree::Tree};

/// Machines that are on.
pub struct Shelf {
    /// The machines, in the order of their places.
    pub machines: Vec<(DeviceId, Init)>,
    /// Their broker.
    pub broker: Mosquitto,
    /// Where the broker, and whoever else wants, has files.
    pub folder: TempDir,
}

/// What the machines of a shelf have in common.
#[derive(Debug, Clone)]
pub struct Make {
    /// `picketd` and its leading arguments.
    pub command: Vec<PathBuf>,
    /// The text of their `allowed_signers`; none at all makes them observers.
    pub signers: Option<String>,
    /// Where they find the broker, if not at its own address.
    pub broker: Option<String>,
    /// `puback` or a collector's name.
    pub ack: &'static str,
    /// `sample_every`, as TOML has it.
    pub sample_every: &'static str,
    /// `window`, as TOML has it.
    pub window: &'static str,
}

impl Default for Make {
    /// `picketd` of this build, observing. Fast enough for a test, slow enough for twenty of them on two processors.
    fn default() -> Self {
        Self {
            command: binaries::agent(),
            signers: None,
            broker: None,
            ack: "puback",
            sample_every: "2s",
            window: "10s",
        }
    }
}

impl Make {
    /// Machines that obey these lines of `allowed_signers`.
    #[must_use]
    pub fn obeying(signers: impl Into<String>) -> Self {
        Self {
            signers: Some(signers.into()),
            ..Self::default()
        }
    }

    /// Ticks five times a second, and batches every second.
    #[must_use]
    pub fn fast(self) -> Self {
        Self {
            sample_every: "200ms",
            window: "1s",
            ..self
        }
    }
}

impl Shelf {
    /// Switches on so many machines.
    pub fn start(size: u8, make: &Make) -> Self {
        let mut shelf = Self::empty();
        for place in 1..=size {
            shelf.switch_on(place, make);
        }
        shelf
    }

    /// A broker, and no machine yet.
    pub fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self {
            machines: Vec::new(),
            broker: Mosquitto::start(folder.path()),
            folder,
        }
    }

    /// Switches on one more machine, at that place.
    pub fn switch_on(&mut self, place: u8, make: &Make) -> &Init {
        let device = device(place);
        let extra = self.config(make);
        let setup = Setup {
            broker: &make.broker.clone().unwrap_or_else(|| self.broker.url()),
            ack: make.ack,
            extra: &extra,
        };
        let init = Init::start_with(make.command.clone(), Tree::small(device), &setup);
        self.machines.push((device, init));
        &self.machines.last().expect("it was just pushed").1
    }

    /// The machine that was switched on first.
    pub fn first(&self) -> (DeviceId, &Init) {
        let (device, init) = self.machines.first().expect("one is on");
        (*device, init)
    }

    /// The inventory: shelf `3`, a place each, named `pi-PLACE`.
    pub fn inventory(&self) -> String {
        let mut text = String::new();
        for (place, (device, _)) in (1..).zip(&self.machines) {
            let pi = format!("id = \"{device}\"\nname = \"pi-{place:02}\"");
            writeln!(text, "[[pi]]\n{pi}\nshelf = \"3\"\nposition = {place}\n")
                .expect("memory can be written");
        }
        text
    }

    /// How often each machine was rebooted.
    pub fn reboots(&self) -> Vec<usize> {
        let machines = self.machines.iter();
        machines.map(|(_, init)| init.boots().reboots()).collect()
    }

    fn config(&self, make: &Make) -> String {
        let periods = format!(
            "sample_every = \"{}\"\nwindow = \"{}\"\n",
            make.sample_every, make.window
        );
        let Some(signers) = &make.signers else {
            return periods;
        };
        let file = self.folder.path().join("allowed_signers");
        // Not again under the eyes of those that are on.
        if !file.exists() {
            std::fs::write(&file, signers).expect("the folder is writable");
        }
        format!("allowed_signers = {file:?}\n{periods}")
    }
}

/// The id of the machine at that place.
pub fn device(place: u8) -> DeviceId {
    DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, place])
}
