//! A tree that stands for a Pi, with a real journal in it and the host that goes with a tree. Its agent dies when a test wants it: after any
//! action, and before any answer. Time is simulated. It doesn't know who orders what.
use std::{collections::VecDeque, fs, path::PathBuf, time::Duration};

use picket_proto::{BootId, Channel, Quality, WallClock};
use picketd::{
    command::{Action, CommandSettings, Commands, Input, Now, Slots},
    config::Periods,
    host::{self, AnyHost, Host, HostEvent},
    journal::{self, Journal, Record},
    telemetry::DeliveryId,
    trust::{AllowedSigners, Unjudged},
    world::World,
};
use tokio::runtime::Runtime;

use super::orders::{self, DEVICE};

const BOOT_ID: &str = "proc/sys/kernel/random/boot_id";
/// Of a block of the journal, in bytes.
const HALF: usize = 2_048;

/// What a death leaves of the write that was under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    Nothing,
    FirstHalf,
    SecondHalf,
    All,
}

pub(super) struct Pi {
    tree: tempfile::TempDir,
    runtime: Runtime,
    process: Option<Process>,
    now_ms: u64,
    nonces: u8,
    /// Actions done and answers given, by all processes.
    pub(super) steps: usize,
    /// Steps after which the agent dies.
    pub(super) dies_at: VecDeque<usize>,
    pub(super) write: Write,
    /// The host's answers are held back while that is set.
    pub(super) host_waits: bool,
    /// What the broker got.
    pub(super) published: VecDeque<(DeliveryId, Channel, Vec<u8>)>,
    /// Periods that the shell was told, and how often the host blinked.
    pub(super) configured: Vec<Periods>,
    pub(super) blinks: usize,
    /// Boots that the tree was in.
    pub(super) boots: Vec<BootId>,
    pub(super) deaths: usize,
    /// The journal before the write that is under way.
    before: Option<Vec<u8>>,
}

struct Process {
    core: Commands,
    journal: Journal,
    host: AnyHost,
    /// Answers of the shell.
    answers: VecDeque<Input>,
    writing: bool,
    host_owes: usize,
}

impl Pi {
    pub(super) fn new() -> Self {
        let tree = tree();
        for directory in ["state", "run/picket"] {
            fs::create_dir_all(tree.path().join(directory)).unwrap();
        }
        for (path, text) in [
            (BOOT_ID, orders::boot(1).to_string().as_str()),
            ("sys/class/leds/ACT/trigger", "none [mmc0] timer"),
            ("sys/class/leds/ACT/brightness", "0"),
            ("sys/class/leds/ACT/max_brightness", "255"),
        ] {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self {
            tree,
            runtime: runtime.unwrap(),
            process: None,
            now_ms: 60_000,
            nonces: 0,
            steps: 0,
            dies_at: VecDeque::new(),
            write: Write::Nothing,
            host_waits: false,
            published: VecDeque::new(),
            configured: Vec::new(),
            blinks: 0,
            boots: vec![orders::boot(1)],
            deaths: 0,
            before: None,
        }
    }

    /// The boot that the tree is in.
    pub(super) fn boot(&self) -> BootId {
        let text = fs::read_to_string(self.tree.path().join(BOOT_ID)).unwrap();
        text.trim().parse().unwrap()
    }

    /// Starts the agent, unless it runs.
    pub(super) fn start(&mut self) {
        if self.process.is_some() {
            return;
        }
        if self.boots.last() != Some(&self.boot()) {
            self.boots.push(self.boot());
            self.now_ms = 20_000;
        }
        let opened = journal::open(&self.state(), DEVICE);
        assert_eq!(opened.problem, None);
        self.configured
            .extend(opened.record.as_ref().and_then(|record| record.periods));
        let _guard = self.runtime.enter();
        self.process = Some(Process {
            core: commands(self.boot(), opened.record, self.nonces),
            journal: opened.journal,
            host: host::open(&World::new(self.tree.path())),
            answers: VecDeque::new(),
            writing: false,
            host_owes: 0,
        });
        self.nonces = self.nonces.wrapping_add(32);
        self.input(Input::Connected);
    }

    /// What the journal holds now; the agent must not run.
    pub(super) fn recorded(&self) -> Record {
        assert!(self.process.is_none());
        journal::open(&self.state(), DEVICE)
            .record
            .unwrap_or_default()
    }

    /// The agent ends, in the middle of whatever it does.
    pub(super) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        self.deaths += 1;
        if process.writing {
            self.runtime.block_on(process.journal.outcome());
            self.tear();
        }
        self.published.clear();
    }

    pub(super) fn input(&mut self, input: Input) {
        if !self.step() {
            return;
        }
        let now = self.now();
        let Some(process) = &mut self.process else {
            return;
        };
        for action in process.core.handle(input, &now) {
            if !self.perform(action) {
                return;
            }
        }
    }

    /// Answers whatever waits for an answer: journal, shell and host. Whether there was any.
    pub(super) fn answer(&mut self) -> bool {
        let Some(process) = &mut self.process else {
            return false;
        };
        let input = if let Some(answer) = process.answers.pop_front() {
            answer
        } else if process.writing {
            let outcome = self.runtime.block_on(process.journal.outcome());
            process.writing = false;
            Input::Journal(outcome)
        } else if process.host_owes > 0 && !self.host_waits {
            let event = process.host.event();
            let event = async { tokio::time::timeout(Duration::from_secs(10), event).await };
            let event = self.runtime.block_on(event).unwrap();
            process.host_owes -= usize::from(!matches!(event, HostEvent::Rung(_)));
            if event == HostEvent::Down {
                self.process = None;
                self.published.clear();
                return true;
            }
            Input::Host(event)
        } else {
            return false;
        };
        self.input(input);
        true
    }

    /// Time passes, and the agent is woken when it wants to be, and gets its answers.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(due) = self
            .process
            .as_ref()
            .and_then(|process| process.core.deadline())
        {
            if due > end {
                break;
            }
            self.now_ms = due.max(self.now_ms);
            self.input(Input::Deadline);
            if self.answer() && self.process.is_none() {
                return;
            }
        }
        self.now_ms = end.max(self.now_ms);
    }

    /// Does it; whether the agent lives on.
    fn perform(&mut self, action: Action) -> bool {
        let Some(process) = &mut self.process else {
            return false;
        };
        match action {
            Action::Publish {
                delivery,
                channel,
                payload,
            } => self.published.push_back((delivery, channel, payload)),
            Action::Preflight => {
                process.host_owes += 1;
                process.host.preflight();
            }
            Action::Reboot => {
                process.host_owes += 1;
                process.host.reboot();
            }
            Action::Identify { seconds } => {
                process.host_owes += 1;
                self.blinks += 1;
                process.host.identify(seconds);
            }
            Action::Record(record) => {
                self.before = fs::read(self.tree.path().join("state/journal")).ok();
                process.writing = true;
                process.journal.write(record).unwrap();
            }
            Action::Configure(periods) => {
                self.configured.push(periods);
                process
                    .answers
                    .push_back(Input::Configured { result: Ok(()) });
            }
            Action::Install(_)
            | Action::Remove(_)
            | Action::GiveUp
            | Action::Arm { .. }
            | Action::Commit
            | Action::LookAt(_) => panic!("there are no slots: {action:?}"),
            Action::Note(_) | Action::Warn(_) | Action::Flush | Action::Status(_) => {}
        }
        self.step()
    }

    fn step(&mut self) -> bool {
        if self.process.is_none() {
            return false;
        }
        self.steps += 1;
        if self.dies_at.front() == Some(&self.steps) {
            self.dies_at.pop_front();
            self.kill();
        }
        self.process.is_some()
    }

    /// Leaves of the write what the test wants.
    fn tear(&mut self) {
        let path = self.tree.path().join("state/journal");
        let after = fs::read(&path).unwrap();
        let Some(before) = self
            .before
            .take()
            .filter(|before| before.len() == after.len())
        else {
            return;
        };
        let halves = before.chunks(HALF).zip(after.chunks(HALF));
        let torn = halves.enumerate().flat_map(|(at, (before, after))| {
            let is_new = match self.write {
                Write::Nothing => false,
                Write::FirstHalf => at % 2 == 0,
                Write::SecondHalf => at % 2 == 1,
                Write::All => true,
            };
            if is_new { after } else { before }
        });
        let torn: Vec<u8> = torn.copied().collect();
        fs::write(path, torn).unwrap();
    }

    fn now(&self) -> Now {
        Now {
            boottime_ms: self.now_ms,
            wall: WallClock {
                offset_ms: 0,
                quality: Quality::Unset,
            },
        }
    }

    fn state(&self) -> PathBuf {
        self.tree.path().join("state")
    }
}

/// In memory, if there is such a place: what a disk makes of a crash is up to the test, and thousands of Pis are made.
fn tree() -> tempfile::TempDir {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.or_else(|_| tempfile::tempdir()).unwrap()
}

fn commands(boot: BootId, record: Option<Record>, nonces: u8) -> Commands {
    let (signers, _) = AllowedSigners::parse(&orders::key().line("ops@noc"));
    let settings = CommandSettings {
        device: DEVICE,
        boot,
        signers: Some(signers),
        unjudged: Unjudged::Refuse,
        slots: Slots::Missing("this tree has no slots".to_owned()),
        periods: Periods::default(),
    };
    let mut nonce = nonces;
    let entropy = move || {
        nonce = nonce.wrapping_add(1);
        Some([nonce; 16])
    };
    Commands::new(settings, record, Box::new(entropy))
}
