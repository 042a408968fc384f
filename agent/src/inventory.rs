//! What kind of machine this is: read once, at start, for `status`. Nothing here changes while the machine is up.
//!
//! On the machine, kernel, architecture and memory come from sysinfo. It opens absolute paths, so a tree is read here.
use picket_proto::Status;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::{sources::memory, world::World};

/// None of the files read here is longer.
const MAX_FILE: usize = 64 * 1024;

/// What is known of the machine; what can't be read is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    /// The board: `model` of the device tree, else the product name of the firmware (DMI).
    pub model: Option<String>,
    /// Release of the kernel, as `uname -r` says it.
    pub kernel: Option<String>,
    /// `PRETTY_NAME` of os-release(5).
    pub os: Option<String>,
    /// Architecture of the kernel, as `uname -m` says it. A tree has it since Linux 6.1 only.
    pub architecture: Option<String>,
    /// All memory that the kernel has, in KiB.
    pub memory_kib: Option<u64>,
}

impl Inventory {
    /// Reads what the machine is. It takes as long as the disk takes that the OS is on.
    #[must_use]
    pub fn read(world: &World) -> Self {
        let os_release = ["etc/os-release", "usr/lib/os-release"]
            .iter()
            .find_map(|path| world.read(path, MAX_FILE).ok());
        Self {
            os: os_release.and_then(|text| pretty_name(&text)),
            ..Self::of_kernel(world)
        }
    }

    /// The same without the OS, and so without a disk.
    #[must_use]
    pub fn of_kernel(world: &World) -> Self {
        let mut inventory = Self::of_tree(world);
        if world.is_machine() {
            inventory.ask_sysinfo();
        }
        inventory
    }

    /// Writes it into a status.
    pub fn fill(self, status: &mut Status) {
        status.model = self.model;
        status.kernel = self.kernel;
        status.os = self.os;
        status.architecture = self.architecture;
        status.memory_kib = self.memory_kib;
    }

    fn of_tree(world: &World) -> Self {
        let line = |path: &str| text(&world.read(path, MAX_FILE).ok()?);
        let memory = world.read("proc/meminfo", MAX_FILE).ok();
        Self {
            model: line("proc/device-tree/model").or_else(|| line("sys/class/dmi/id/product_name")),
            kernel: line("proc/sys/kernel/osrelease"),
            os: None,
            architecture: line("proc/sys/kernel/arch"),
            memory_kib: memory
                .and_then(|text| memory::total(&text))
                .and_then(|kib| u64::try_from(kib).ok()),
        }
    }

    fn ask_sysinfo(&mut self) {
        let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let bytes = System::new_with_specifics(memory).total_memory();
        self.kernel = System::kernel_version().or_else(|| self.kernel.take());
        self.architecture = Some(System::cpu_arch());
        if bytes > 0 {
            self.memory_kib = Some(bytes / 1024);
        }
    }
}

/// The text up to the first NUL, without blanks around it.
fn text(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.split(|&byte| byte == 0).next()?.trim_ascii();
    let text = std::str::from_utf8(bytes).ok()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// `PRETTY_NAME` of os-release(5): the value may stand in quotes, with a backslash before special characters.
fn pretty_name(os_release: &[u8]) -> Option<String> {
    let value = os_release
        .split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(b"PRETTY_NAME="))?;
    let value = text(value)?;
    let bare = ['"', '\'']
        .iter()
        .find_map(|&quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(&value);
    let mut escaped = false;
    let name: String = bare
        .chars()
        .filter(|&c| {
            escaped = c == '\\' && !escaped;
            !escaped
        })
        .collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{
        kernel_file::{Extent, KernelFile},
        sources::load,
    };

    #[test]
    fn a_pretty_name_is_unquoted() {
        for (text, name) in [
            ("", None),
            ("NAME=x\n", None),
            ("PRETTY_NAME=\n", None),
            ("PRETTY_NAME=\"\"\n", None),
            ("NOT_PRETTY_NAME=x\nPRETTY_NAME=Plain\n", Some("Plain")),
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
                Some("Debian GNU/Linux 12 (bookworm)"),
            ),
            ("PRETTY_NAME='Single'", Some("Single")),
            (
                "PRETTY_NAME=\"An \\\"odd\\\" \\\\ name\"",
                Some("An \"odd\" \\ name"),
            ),
        ] {
            assert_eq!(pretty_name(text.as_bytes()).as_deref(), name, "{text:?}");
        }
    }

    #[test]
    fn an_empty_tree_has_an_empty_inventory_and_a_full_one_a_full() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        assert_eq!(Inventory::read(&world), Inventory::default());
        for (path, text) in [
            ("proc/device-tree/model", "Raspberry Pi 3 Model B Rev 1.2\0"),
            ("proc/sys/kernel/osrelease", "6.6.51+rpt-rpi-v8\n"),
            ("proc/sys/kernel/arch", "aarch64\n"),
            ("proc/meminfo", "MemTotal:         931928 kB\n"),
            (
                "usr/lib/os-release",
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
            ),
        ] {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let inventory = Inventory::read(&world);
        assert_eq!(
            inventory.model.as_deref(),
            Some("Raspberry Pi 3 Model B Rev 1.2")
        );
        assert_eq!(inventory.kernel.as_deref(), Some("6.6.51+rpt-rpi-v8"));
        assert_eq!(
            inventory.os.as_deref(),
            Some("Debian GNU/Linux 12 (bookworm)")
        );
        assert_eq!(inventory.architecture.as_deref(), Some("aarch64"));
        assert_eq!(inventory.memory_kib, Some(931_928));
    }

    /// sysinfo is the oracle: it reads the same kernel by its own means.
    #[test]
    fn on_this_machine_our_reading_agrees_with_sysinfo() {
        let world = World::new("/");
        let ours = Inventory {
            os: Inventory::read(&world).os,
            ..Inventory::of_tree(&world)
        };
        assert_eq!(ours.kernel, System::kernel_version());
        assert_eq!(
            ours.memory_kib,
            Some(System::new_all().total_memory() / 1024)
        );
        // Under an emulator the kernel's file names the host's architecture, and uname(2) the guest's.
        let emulated = std::env::var_os("PICKET_RUNNER").is_some();
        if let (Some(architecture), false) = (&ours.architecture, emulated) {
            assert_eq!(*architecture, System::cpu_arch());
        }
        if let (Some(os), Some(name)) = (&ours.os, System::name()) {
            assert!(os.contains(&name), "{os} is not {name}");
        }
        assert_eq!(Inventory::read(&world).memory_kib, ours.memory_kib);
    }

    #[test]
    fn on_this_machine_load_and_available_memory_agree_with_sysinfo() {
        let mut buffer = Vec::new();
        let mut loadavg = KernelFile::new(&World::new("/"), "proc/loadavg", Extent::Record);
        let mut meminfo = KernelFile::new(&World::new("/"), "proc/meminfo", Extent::Record);
        // The kernel computes new averages every five seconds: one of two tries lies within such a period.
        let load_agrees = (0..2).any(|_| {
            let ours = load::parse(loadavg.read(&mut buffer).unwrap()).unwrap();
            let oracle = System::load_average();
            [oracle.one, oracle.five, oracle.fifteen].map(|load| (load * 100.0).round() as i64)
                == ours
        });
        assert!(load_agrees);
        let ours = memory::parse(meminfo.read(&mut buffer).unwrap()).unwrap();
        let oracle = (System::new_all().available_memory() / 1024) as i64;
        assert!(
            (ours - oracle).abs() < oracle / 5,
            "{ours} and {oracle} KiB"
        );
    }
}
