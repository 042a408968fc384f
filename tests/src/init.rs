//! What starts an agent and starts it again, as a machine and its service manager do: when the agent has written a new boot id
//! and ended with 0, the machine went down and comes up again; when it was killed, it is started again in the same boot.
use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::{
    agent::{Agent, Setup},
    binaries,
    boots::Boots,
    eventually,
    tree::Tree,
};

const LOOK: Duration = Duration::from_millis(10);
/// What is restarted more often than this does not come up at all.
const MOST_STARTS: usize = 40;

/// A machine that is on.
pub struct Init {
    shared: Arc<Mutex<Shared>>,
    boots: Boots,
    tree: Arc<Tree>,
    thread: Option<JoinHandle<()>>,
}

/// What a boot does before the agent is started: the tree is that of a machine that is off.
pub type Initramfs = fn(&Tree);

struct Shared {
    agent: Agent,
    initramfs: Initramfs,
    orders: Orders,
    starts: usize,
    crashes: usize,
}

/// What becomes of a machine that goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Orders {
    /// It comes up after that time.
    ComeUp(Duration),
    /// It hangs until it is switched off and on.
    StayDown,
    /// The test is over.
    End,
}

impl Init {
    /// Switches on a machine with `picketd` of this build.
    pub fn start(tree: Tree, setup: &Setup<'_>) -> Self {
        Self::start_with(binaries::agent(), tree, setup)
    }

    /// The same with another `picketd`: a command and its leading arguments.
    pub fn start_with(command: Vec<PathBuf>, tree: Tree, setup: &Setup<'_>) -> Self {
        let boots = Boots::of(&tree);
        let agent = Agent::start_with(command, &tree, setup);
        Self::with(tree, boots, agent, lose_memory)
    }

    /// Switches on a machine that boots so, with that configuration of its agent as it is.
    pub fn boot(tree: Tree, toml: &str, initramfs: Initramfs) -> Self {
        initramfs(&tree);
        let boots = Boots::of(&tree);
        let agent = Agent::start_configured(&tree, toml);
        Self::with(tree, boots, agent, initramfs)
    }

    fn with(tree: Tree, boots: Boots, agent: Agent, initramfs: Initramfs) -> Self {
        let shared = Arc::new(Mutex::new(Shared {
            agent,
            initramfs,
            orders: Orders::ComeUp(Duration::ZERO),
            starts: 1,
            crashes: 0,
        }));
        let tree = Arc::new(tree);
        let thread = thread::spawn({
            let (shared, tree) = (shared.clone(), tree.clone());
            move || run(&shared, &tree)
        });
        Self {
            shared,
            boots,
            tree,
            thread: Some(thread),
        }
    }

    /// The boots so far.
    pub fn boots(&self) -> &Boots {
        &self.boots
    }

    /// Its tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How often the agent ended otherwise than by its own will.
    pub fn crashes(&self) -> usize {
        self.lock().crashes
    }

    /// How often the agent was started.
    pub fn starts(&self) -> usize {
        self.lock().starts
    }

    /// From now on a machine that goes down comes up after that time.
    pub fn come_up_after(&self, time: Duration) {
        self.lock().orders = Orders::ComeUp(time);
    }

    /// From now on a machine that goes down stays there.
    pub fn stay_down(&self) {
        self.lock().orders = Orders::StayDown;
    }

    /// Does something with the agent while nobody restarts it.
    pub fn with_agent<T>(&self, act: impl FnOnce(&mut Agent) -> T) -> T {
        act(&mut self.lock().agent)
    }

    /// What the agent logged, in all its lives.
    pub fn log(&self) -> String {
        self.with_agent(|agent| agent.process().stderr())
    }

    /// Waits until the machine has been rebooted so often.
    pub fn wait_for_reboots(&self, count: usize) {
        let what = format!("{count} reboots");
        eventually(&what, Duration::from_secs(60), || {
            (self.boots.reboots() >= count).then_some(())
        });
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A test that failed while it held the agent has said so; what is left is to clear up.
        self.shared.lock().unwrap_or_else(|held| held.into_inner())
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.lock().orders = Orders::End;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Mutex<Shared>, tree: &Tree) {
    let mut booted = boot_id(tree);
    loop {
        thread::sleep(LOOK);
        let Ok(mut held) = shared.lock() else { return };
        if held.orders == Orders::End {
            return;
        }
        let Some(status) = held.agent.process().ended() else {
            continue;
        };
        let now = boot_id(tree);
        let went_down = now != booted;
        match (went_down, held.orders) {
            (false, _) => held.crashes += usize::from(!status.success()),
            (true, Orders::ComeUp(time)) => {
                drop(held);
                thread::sleep(time);
                let Ok(again) = shared.lock() else { return };
                held = again;
                (held.initramfs)(tree);
                booted = now;
            }
            (true, _) => continue,
        }
        assert!(
            held.starts < MOST_STARTS,
            "the agent does not stay up; it ended with {status}"
        );
        held.starts += 1;
        held.agent.restart();
    }
}

/// What lies in memory doesn't survive a boot, also of a machine whose agent was killed just before it went down.
fn lose_memory(tree: &Tree) {
    let _ = fs::remove_dir_all(tree.path("run"));
}

fn boot_id(tree: &Tree) -> String {
    fs::read_to_string(tree.path("proc/sys/kernel/random/boot_id")).unwrap_or_default()
}
