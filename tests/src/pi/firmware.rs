//! What is below an operating system: power, and a firmware that reads `cmdline.txt` from the boot folder at each start of
//! the machine. A guest that resets is started again, one that powers off stays off.
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use rustix::process::Signal;

use super::{
    files::Files,
    machine::{Machine, Paths},
    qmp::Qmp,
};
use crate::process::Process;

/// QEMU is gone within this when it is told to.
const END: Duration = Duration::from_secs(20);

/// What the firmware needs of its board.
#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) machine: Machine,
    pub(super) files: Files,
    /// `cmdline.txt` lies here.
    pub(super) boot: PathBuf,
    pub(super) initramfs: PathBuf,
    pub(super) mac: String,
    /// See [`Paths::ssh`].
    pub(super) ssh: Option<u16>,
    /// See [`Paths::clock`].
    pub(super) clock: Option<String>,
    /// For sockets and logs.
    pub(super) folder: PathBuf,
}

impl Board {
    /// Where the console can be typed at.
    pub(super) fn console_socket(&self) -> PathBuf {
        self.folder.join("console.socket")
    }

    /// What the guest printed.
    pub(super) fn console_log(&self) -> PathBuf {
        self.folder.join("console.log")
    }
}

/// A board with its power supply. It is switched off with its handle.
pub struct Firmware {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    board: Board,
    qmp: Qmp,
    qemu: Mutex<Option<Process>>,
    /// The firmware may start the machine.
    power: AtomicBool,
    /// The board is gone.
    over: AtomicBool,
    boots: AtomicUsize,
}

impl Firmware {
    /// Switches the board on.
    pub(super) fn start(board: Board) -> Self {
        let shared = Arc::new(Shared {
            board,
            qmp: Qmp::default(),
            qemu: Mutex::new(None),
            power: AtomicBool::new(true),
            over: AtomicBool::new(false),
            boots: AtomicUsize::new(0),
        });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || shared.serve()
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// QEMU's monitor.
    pub fn qmp(&self) -> &Qmp {
        &self.shared.qmp
    }

    /// How often the machine was started.
    pub fn boots(&self) -> usize {
        self.shared.boots.load(Ordering::SeqCst)
    }

    /// How long the machine's threads were ready to run so far and had no processor of this one, added up (schedstat, second number,
    /// in ns). A kernel that doesn't count that has 0.
    pub fn starved(&self) -> Duration {
        let qemu = self.shared.qemu.lock().expect("no holder panics");
        let tasks = qemu
            .as_ref()
            .map(|qemu| format!("/proc/{}/task", qemu.id()));
        let tasks = tasks.into_iter().flat_map(fs::read_dir).flatten().flatten();
        let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
        let waited = texts.filter_map(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
        Duration::from_nanos(waited.sum())
    }

    /// From the next reset on the machine stays dark, like a Pi whose boot ROM finds no DHCP.
    pub fn hold(&self) {
        self.shared.power.store(false, Ordering::SeqCst);
    }

    /// Starts a machine that is dark.
    pub fn release(&self) {
        self.shared.power.store(true, Ordering::SeqCst);
    }

    /// Whether no machine runs.
    pub fn is_dark(&self) -> bool {
        self.shared.qemu.lock().expect("no holder panics").is_none()
    }

    /// Takes the power away.
    pub fn power_off(&self) {
        self.hold();
        self.shared.kill();
    }
}

impl Drop for Firmware {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        self.power_off();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn serve(&self) {
        while !self.over.load(Ordering::SeqCst) {
            match self.switch_on() {
                Some(socket) => self.one_life(&socket),
                None => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Starts the machine if it may be; its monitor's socket. Whoever takes the power away finds it either running or not to be started.
    fn switch_on(&self) -> Option<PathBuf> {
        if !self.power.load(Ordering::SeqCst) {
            return None;
        }
        let socket = self.board.folder.join("qmp.socket");
        let _ = fs::remove_file(&socket); // of the life before
        let command = self.command(&socket);
        let mut qemu = self.qemu.lock().expect("no holder panics");
        if !self.power.load(Ordering::SeqCst) {
            return None; // taken away meanwhile
        }
        *qemu = Some(Process::start("qemu", &self.board.folder, command));
        self.boots.fetch_add(1, Ordering::SeqCst);
        Some(socket)
    }

    fn command(&self, qmp: &Path) -> Command {
        let board = &self.board;
        let cmdline = board.boot.join("cmdline.txt");
        let cmdline = fs::read_to_string(&cmdline)
            .unwrap_or_else(|error| panic!("{}: {error}", cmdline.display()));
        let paths = Paths {
            qmp,
            console: &board.console_socket(),
            log: &board.console_log(),
            initramfs: &board.initramfs,
            ssh: board.ssh,
            clock: board.clock.as_deref(),
        };
        board
            .machine
            .command(&board.files, &paths, cmdline.trim(), &board.mac)
    }

    /// Follows the machine until it resets, is off, or its power is cut.
    fn one_life(&self, monitor: &Path) {
        let is_cut = || self.qemu.lock().expect("no holder panics").is_none();
        let reason = self.qmp.session(monitor, is_cut);
        let mut qemu = self.qemu.lock().expect("no holder panics");
        let Some(mut ended) = qemu.take() else {
            return; // whoever cut it says when it comes back
        };
        if !reason.is_some_and(|reason| is_reset(&reason)) {
            self.power.store(false, Ordering::SeqCst);
        }
        ended.wait(END);
    }

    fn kill(&self) {
        if let Some(mut qemu) = self.qemu.lock().expect("no holder panics").take() {
            qemu.signal(Signal::KILL);
            qemu.wait(END);
        }
    }
}

/// The reasons of QEMU's `ShutdownCause` (qapi/run-state.json) that are a reset.
fn is_reset(reason: &str) -> bool {
    matches!(
        reason,
        "guest-reset" | "host-qmp-system-reset" | "guest-panic"
    )
}
