//! An emulated Pi: a real kernel in QEMU on an NFS root that a real NFS-Ganesha serves through a proxy, with picketd as a
//! service of its init and a real Mosquitto of its own. Everything of it ends with its handle; when a test panics, the guest's
//! console is printed.
//!
//! ```no_run
//! use picket_test_keys::TestKey;
//! use picket_tests::pi::{Machine, Pi};
//!
//! let key = TestKey::new(1);
//! let pi = Pi::builder(Machine::Virt).obeying(&key).start(); // back with the first tick at the collector
//! pi.nfs().hang(); // the proxy: delay, hang, cut, reset, refuse, heal
//! pi.ganesha().stop(); // SIGSTOP; cont; and with &mut: ganesha_mut().kill(), restart()
//! pi.export().make_full(); // the tmpfs: read_only, heal, join("/etc/rc")
//! pi.firmware().qmp().system_reset(); // power: hold, release, power_off, boots
//! pi.script("ls -l /proc/1"); // the guest's shell, through the export; more in console(): run, text, wait_for
//! pi.watcher().ticks(); // what the collector has
//! // with .images(&images).reached_by_ssh(): pi.ssh_port(), a Pi that can be reinstalled
//! pi.operator(&key).run(&["reboot", &pi.id().to_string(), "--json"]);
//! ```
//!
//! `scripts/bed` puts what it needs into the cache, `PICKET_BED` names the folder that it prints, `PICKETD_AARCH64` the
//! static agent; `scripts/tier pi` sets both. It needs root. The guest sees the host as 10.0.2.2 and is reached by its console,
//! and by ssh if it was to be. Guests are named by their MAC. One costs 0.1 s of its own, 4 s of one processor a boot, and then little.
use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use picket_proto::DeviceId;
use picket_test_keys::TestKey;
use serde_json::Value;
use tempfile::TempDir;

use crate::{eventually, mosquitto::Mosquitto, operator::Operator, proxy::Proxy, watcher::Watcher};

mod builder;
mod child;
mod console;
mod export;
mod files;
mod firmware;
mod ganesha;
mod hang;
mod images;
mod initramfs;
mod login;
mod machine;
mod qmp;
mod reinstall;
mod root;
mod slots;
mod turn;

pub use builder::Builder;
pub use child::{EXPORT, Run};
pub use console::Console;
pub use export::Export;
pub use firmware::Firmware;
pub use ganesha::Ganesha;
pub use hang::{Hang, ticks};
pub use images::{Content, Images};
pub use login::Login;
pub use machine::Machine;
pub use qmp::Qmp;
pub use reinstall::Wish;
pub use root::Root;
pub use slots::Fate;

/// An emulated Pi that is on. Its parts end from the top down: first the machine, last the folder with the logs.
pub struct Pi {
    firmware: Firmware,
    console: Console,
    patience: Duration,
    id: DeviceId,
    ssh: Option<u16>,
    nfs: Proxy,
    ganesha: Ganesha,
    watcher: Watcher,
    broker: Mosquitto,
    export: Export,
    folder: TempDir,
}

impl Pi {
    /// A Pi to be switched on.
    pub fn builder(machine: Machine) -> Builder {
        Builder::new(machine)
    }

    /// The id by which its agent speaks.
    pub fn id(&self) -> DeviceId {
        self.id
    }

    /// Four times what a boot takes, to the first tick at the collector.
    pub fn patience(&self) -> Duration {
        self.patience
    }

    /// Its power and firmware.
    pub fn firmware(&self) -> &Firmware {
        &self.firmware
    }

    /// QEMU's monitor.
    pub fn qmp(&self) -> &Qmp {
        self.firmware.qmp()
    }

    /// How often it was started.
    pub fn boots(&self) -> usize {
        self.firmware.boots()
    }

    /// Its console.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Lets the guest's shell run a script, and waits for its end; what it printed. Script and output go through the export,
    /// so it needs the NFS server, before and afterwards; the output itself is kept in the guest's memory.
    pub fn script(&self, script: &str) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("/tmp/script-{}", NUMBER.fetch_add(1, Ordering::SeqCst));
        let of_host = self.export.join(&name);
        let whole = format!(
            "exec >/run/output 2>&1\n{script}\ncp /run/output {name}.output\nmv {name}.output {name}.end\n"
        );
        std::fs::write(&of_host, whole).expect("the export is writable");
        self.console.type_line(&format!("sh {name}"));
        let end = of_host.with_extension("end");
        eventually("the guest has run a script", self.patience(), || {
            std::fs::read_to_string(&end).ok()
        })
    }

    /// The line between it and its NFS server.
    pub fn nfs(&self) -> &Proxy {
        &self.nfs
    }

    /// Its NFS server.
    pub fn ganesha(&self) -> &Ganesha {
        &self.ganesha
    }

    /// Its NFS server, to be killed and started again.
    pub fn ganesha_mut(&mut self) -> &mut Ganesha {
        &mut self.ganesha
    }

    /// Its root filesystem, on this machine.
    pub fn export(&self) -> &Export {
        &self.export
    }

    /// Its broker.
    pub fn broker(&self) -> &Mosquitto {
        &self.broker
    }

    /// A collector that has heard its broker from the beginning; it acks nothing.
    pub fn watcher(&self) -> &Watcher {
        &self.watcher
    }

    /// The port of this machine's loopback that leads to its sshd, if it was to be reached so.
    pub fn ssh_port(&self) -> Option<u16> {
        self.ssh
    }

    /// For whoever else has files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The operator `anna` at its broker; it obeys the one of [`Builder::obeying`].
    pub fn operator(&self, key: &TestKey) -> Operator {
        Operator::new("anna", key, &self.broker.url(), self.folder.path())
    }

    /// The boots of which ticks have arrived, in their order.
    pub fn boot_ids(&self) -> Vec<String> {
        let mut boots = Vec::new();
        for tick in self.watcher.ticks() {
            let boot = tick["boot_id"].as_str().expect("a tick has a boot id");
            if !boots.iter().any(|known| known == boot) {
                boots.push(boot.to_owned());
            }
        }
        boots
    }

    /// Waits for a tick of its `number`th boot that has spoken, counted from 1.
    pub fn wait_for_tick_of_boot(&self, number: usize) -> Value {
        let what = format!("a tick of boot {number} is at the collector");
        eventually(&what, self.patience(), || {
            let boot = self.boot_ids().into_iter().nth(number - 1)?;
            let mut ticks = self.watcher.ticks().into_iter();
            ticks.find(|tick| tick["boot_id"] == boot.as_str())
        })
    }
}

impl Drop for Pi {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- console of {}\n{}", self.id, self.console.text());
        }
    }
}
