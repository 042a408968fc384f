//! Counts the boots of a tree without asking the agent: each is a boot id that takes the place of the one before.
use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use crate::{
    inotify::{ReadFlags, Watch, WatchFlags},
    tree::Tree,
};

const FOLDER: &str = "proc/sys/kernel/random";

/// Watches until it is dropped.
pub struct Boots {
    seen: Arc<Mutex<Vec<String>>>,
    _watch: Watch,
}

impl Boots {
    /// Begins to watch. Start it before the agent.
    pub fn of(tree: &Tree) -> Self {
        let folder = tree.path(FOLDER);
        let path = folder.join("boot_id");
        let seen = Arc::new(Mutex::new(vec![read(&path)]));
        let told = seen.clone();
        let ways = WatchFlags::MOVED_TO | WatchFlags::CLOSE_WRITE;
        let watch = Watch::begin(&folder, ways, move |what, name| {
            if name.is_none_or(|name| name != c"boot_id") {
                return;
            }
            // Each replacement counts, also one by the same id; a file that is closed after it took the place, not again.
            let replaced = what.contains(ReadFlags::MOVED_TO);
            let (now, mut seen) = (read(&path), told.lock().expect("no holder panics"));
            if replaced || seen.last() != Some(&now) {
                seen.push(now);
            }
        });
        Self {
            seen,
            _watch: watch,
        }
    }

    /// The boot ids in their order, the one of the beginning first.
    pub fn ids(&self) -> Vec<String> {
        self.seen.lock().expect("no holder panics").clone()
    }

    /// How often the machine was rebooted.
    pub fn reboots(&self) -> usize {
        self.ids().len() - 1
    }
}

fn read(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("the tree has a boot id");
    text.trim().to_owned()
}
