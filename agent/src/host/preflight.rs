//! Whether anything speaks against a reboot: a user's wish, and what could keep the machine from coming up again. It decides
//! nothing.
use std::{io::Read, time::Duration};

use picket_proto::Gap;

use super::Preflight;
use crate::{
    errand::{Errand, News},
    world::World,
};

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
    /// The look at the boot folder.
    look: Errand<Vec<String>>,
    wanted: Option<Wanted>,
}

/// A preflight that has not ended.
#[derive(Debug)]
struct Wanted {
    inhibited: Option<String>,
    /// The boot folder is known not to answer: a look before this one hangs.
    hangs: bool,
}

impl Preflights {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            look: Errand::new("preflight", STACK),
            wanted: None,
        }
    }

    /// Begins to look. A look that is under way counts for this one, too.
    pub(super) fn begin(&mut self) {
        let world = self.world.clone();
        self.begin_with(move || boot_warnings(&world));
    }

    fn begin_with(&mut self, look: impl FnOnce() -> Vec<String> + Send + 'static) {
        let under_way = self.wanted.take().is_some_and(|wanted| !wanted.hangs);
        let looks = under_way || self.look.begin(PATIENCE, look).is_ok();
        self.wanted = Some(Wanted {
            inhibited: inhibited(&self.world),
            hangs: !looks,
        });
    }

    /// The end of the look that is under way, or never. Cancel-safe: what was looked at stays until it is taken.
    pub(super) async fn ended(&mut self) -> Preflight {
        loop {
            let hangs = self.wanted.as_ref().is_some_and(|wanted| wanted.hangs);
            let news = match hangs {
                true => News::Overdue,
                // Cancel-safe: it says so.
                false => self.look.news().await,
            };
            // What comes back late was looked at for one that has ended.
            let Some(wanted) = self.wanted.take() else {
                continue;
            };
            return Preflight {
                inhibited: wanted.inhibited,
                warnings: match news {
                    News::Back(warnings) => warnings,
                    News::Overdue => vec![format!(
                        "the boot folder does not answer within {} s, so nobody looked at it",
                        PATIENCE.as_secs()
                    )],
                },
            };
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
