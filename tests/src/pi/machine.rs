//! The machines that are emulated, and what QEMU is told of each. It knows neither roots nor tests.
use std::{path::Path, process::Command, time::Duration};

use super::files::Files;

/// What is emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// QEMU's own board: no Pi, but quick, with the kernel and the NFS client of one.
    Virt,
    /// A Raspberry Pi 3 Model B: its device tree, its thermal zone, its USB network. Four times slower.
    Raspi3b,
}

/// The files by which a machine is reached and begins, and the time at which it does.
pub(super) struct Paths<'a> {
    pub(super) qmp: &'a Path,
    pub(super) console: &'a Path,
    /// What the guest prints to its console is appended here.
    pub(super) log: &'a Path,
    /// What the firmware loads beside the kernel.
    pub(super) initramfs: &'a Path,
    /// The port of this machine's loopback that leads to the guest's sshd.
    pub(super) ssh: Option<u16>,
    /// What its clock says when it is switched on, if not what this machine's says.
    pub(super) clock: Option<&'a str>,
}

impl Machine {
    /// Four times what a boot of the small root takes, from power to the agent's first tick at the collector, with both processors busy.
    pub fn patience(self) -> Duration {
        Duration::from_secs(match self {
            Self::Virt => 120,
            Self::Raspi3b => 240,
        })
    }

    /// What `scripts/bed` calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Virt => "virt",
            Self::Raspi3b => "raspi3b",
        }
    }

    /// The console as its kernel calls it.
    pub(super) fn console(self) -> &'static str {
        match self {
            Self::Virt => "ttyAMA0",
            Self::Raspi3b => "ttyS1,115200",
        }
    }

    /// QEMU with this machine. A reset of the guest ends it.
    pub(super) fn command(
        self,
        files: &Files,
        paths: &Paths<'_>,
        cmdline: &str,
        mac: &str,
    ) -> Command {
        let mut command = files.qemu();
        command.args(["-no-reboot", "-display", "none", "-nodefaults"]);
        let forward = paths.ssh.map_or_else(String::new, |port| {
            format!(",hostfwd=tcp:127.0.0.1:{port}-:22")
        });
        command.args([
            "-netdev",
            &format!("user,id=n0,ipv6=off,restrict=off{forward}"),
        ]);
        let network = match self {
            Self::Virt => {
                command.args(["-M", "virt", "-cpu", "cortex-a53", "-smp", "1", "-m", "512"]);
                format!("virtio-net-pci,netdev=n0,romfile=,mac={mac}")
            }
            Self::Raspi3b => {
                let board = files.of(self.name(), "board.dtb");
                command.args(["-M", "raspi3b", "-dtb"]).arg(board);
                command.args(["-serial", "null"]); // the first UART is the Bluetooth's
                format!("usb-net,netdev=n0,mac={mac}")
            }
        };
        let console = format!(
            "socket,id=console,server=on,wait=off,path={},logfile={},logappend=on",
            paths.console.display(),
            paths.log.display()
        );
        if let Some(clock) = paths.clock {
            command.args(["-rtc", &format!("base={clock}")]);
        }
        let qmp = format!("unix:{},server=on,wait=off", paths.qmp.display());
        command
            .args(["-device", &network, "-chardev", &console])
            .args(["-serial", "chardev:console", "-qmp", &qmp])
            .arg("-kernel")
            .arg(files.of(self.name(), "Image"))
            .arg("-initrd")
            .arg(paths.initramfs)
            .args(["-append", cmdline]);
        command
    }
}
