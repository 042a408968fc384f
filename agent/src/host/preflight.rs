//! Whether anything speaks against a reboot: a user's wish, and what could keep the machine from coming up again. It decides
//! nothing.
use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use picket_proto::Gap;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::Preflight;
use crate::world::World;

/// Where a user of the machine says that, and why, it must not be rebooted: in the first line.
pub(super) const INHIBIT: &str = "run/picket/inhibit";
/// A reason has at most this many bytes.
const MOST_REASON: usize = 256;
/// Where a boot folder is mounted; the first of them counts (Raspberry Pi OS since 2023 and Ubuntu; before).
pub(super) const BOOT_FOLDERS: [&str; 2] = ["boot/firmware", "boot"];
/// As much of the mount table as is read, in bytes.
const MOST_MOUNTS: usize = 1024 * 1024;
/// How long the boot folder may take, which can be on a server that doesn't answer.
const PATIENCE: Duration = Duration::from_secs(2);
const STACK: usize = 64 * 1024;

/// Looks, one look at a time.
#[derive(Debug)]
pub(super) struct Preflights {
    world: World,
    /// A thread that looks has not come back.
    hangs: Arc<AtomicBool>,
    looking: Option<Looking>,
}

#[derive(Debug)]
struct Looking {
    inhibited: Option<String>,
    warnings: oneshot::Receiver<Vec<String>>,
    deadline: Instant,
}

impl Preflights {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            hangs: Arc::default(),
            looking: None,
        }
    }

    /// Begins to look. A look that is under way is begun anew.
    pub(super) fn begin(&mut self) {
        let world = self.world.clone();
        self.begin_with(move || boot_warnings(&world));
    }

    fn begin_with(&mut self, look: impl FnOnce() -> Vec<String> + Send + 'static) {
        let (answer, warnings) = oneshot::channel();
        if !self.hangs.swap(true, Ordering::AcqRel) {
            let hangs = self.hangs.clone();
            let thread = thread::Builder::new()
                .name("preflight".to_owned())
                .stack_size(STACK);
            let spawned = thread.spawn(move || {
                let warnings = look();
                hangs.store(false, Ordering::Release);
                // Nobody waits any more if the deadline has passed.
                let _ = answer.send(warnings);
            });
            if spawned.is_err() {
                self.hangs.store(false, Ordering::Release);
            }
        }
        self.looking = Some(Looking {
            inhibited: inhibited(&self.world),
            warnings,
            deadline: Instant::now() + PATIENCE,
        });
    }

    /// The end of the look that is under way, or never. Cancel-safe: what was looked at stays until it is taken.
    pub(super) async fn ended(&mut self) -> Preflight {
        let Some(looking) = &mut self.looking else {
            return std::future::pending().await;
        };
        // Cancel-safe: the receiver is only lent.
        let warnings = match timeout_at(looking.deadline, &mut looking.warnings).await {
            Ok(Ok(warnings)) => warnings,
            // Also when no thread looks, because one before still hangs.
            _ => vec![format!(
                "the boot folder does not answer within {} s, so nobody looked at it",
                PATIENCE.as_secs()
            )],
        };
        let inhibited = looking.inhibited.take();
        self.looking = None;
        Preflight {
            inhibited,
            warnings,
        }
    }
}

/// Why a user doesn't want a reboot. Whatever lies there counts, readable or not: its maker meant it. It is on a tmpfs, so
/// reading it waits for nobody; a symlink, which may lead to a server that doesn't answer, is not followed.
fn inhibited(world: &World) -> Option<String> {
    if is_symlink(world) {
        return Some(format!("/{INHIBIT} is a symlink, and gives no reason"));
    }
    let mut bytes = Vec::with_capacity(MOST_REASON);
    let read = world.open(INHIBIT).and_then(|file| {
        let head = file.take(MOST_REASON as u64).read_to_end(&mut bytes);
        head.map_err(|_| Gap::Failed)
    });
    match read {
        Err(Gap::Absent) => None,
        Err(gap) => Some(format!("/{INHIBIT} is there and can't be read: {gap}")),
        Ok(_) => Some(reason(&bytes)),
    }
}

fn is_symlink(world: &World) -> bool {
    let (directory, name) = INHIBIT.rsplit_once('/').expect("it lies in a directory");
    let directory = world.resolve(directory);
    directory.is_ok_and(|directory| directory.join(name).is_symlink())
}

/// The first line, harmless and bounded.
fn reason(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().next().unwrap_or_default().trim();
    if line.is_empty() {
        return format!("/{INHIBIT} gives no reason");
    }
    let mut reason = String::new();
    for char in line.chars() {
        let shown = match char.is_control() {
            true => char.escape_default().to_string(),
            false => char.to_string(),
        };
        if reason.len() + shown.len() > MOST_REASON {
            break;
        }
        reason.push_str(&shown);
    }
    reason
}

/// What the boot folder lacks, where one is mounted. A folder that isn't mounted says nothing: the server has its own.
fn boot_warnings(world: &World) -> Vec<String> {
    let Ok(table) = world.read("proc/self/mountinfo", MOST_MOUNTS) else {
        return Vec::new();
    };
    let table = String::from_utf8_lossy(&table);
    let is_mounted = |folder: &&&str| {
        let at = world.mount_point(folder);
        // The fifth field is the mount point (proc_pid_mountinfo(5)).
        table
            .lines()
            .any(|line| line.split(' ').nth(4) == Some(&at))
    };
    let Some(folder) = BOOT_FOLDERS.iter().find(is_mounted) else {
        return Vec::new();
    };
    match world.list(folder) {
        Ok(names) => lacks(folder, &names),
        Err(gap) => vec![format!("the boot folder /{folder} can't be read: {gap}")],
    }
}

fn lacks(folder: &str, names: &[String]) -> Vec<String> {
    let is_kernel = |name: &String| {
        (name.starts_with("kernel") && name.ends_with(".img")) || name.starts_with("vmlinuz")
    };
    let mut lacks = Vec::new();
    if !names.iter().any(|name| name == "cmdline.txt") {
        lacks.push(format!("the boot folder /{folder} has no cmdline.txt"));
    }
    if !names.iter().any(is_kernel) {
        lacks.push(format!(
            "the boot folder /{folder} has no kernel: neither kernel*.img nor vmlinuz*"
        ));
    }
    lacks
}

#[cfg(test)]
mod tests;
