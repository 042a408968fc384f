//! Who may boot now. A boot takes a whole processor; more of them at once than there are processors would make each of them
//! slow, over all test programs that run side by side.
use std::{env, fs::File, thread, time::Duration};

use rustix::fs::{FlockOperation, flock};

/// The right to boot, given back with its handle, and by the kernel when its process ends.
pub(super) struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits for one.
    pub(super) fn take() -> Self {
        let turns = thread::available_parallelism().map_or(1, usize::from);
        let locks: Vec<File> = (0..turns).map(lock_file).collect();
        loop {
            for lock in &locks {
                if flock(lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
                    let lock = lock.try_clone().expect("a descriptor can be had");
                    return Self { _lock: lock };
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

fn lock_file(number: usize) -> File {
    let path = env::temp_dir().join(format!("picket-bed-turn-{number}"));
    let file = File::options().create(true).append(true).open(&path);
    file.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
