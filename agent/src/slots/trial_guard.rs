//! The guard of a trial: resets a machine whose new system has not committed in its time, since one that hangs can't. It is started in
//! the initramfs and lives on in memory when that is gone: it holds what it needs by descriptor, and needs no path. It knows neither
//! boot record nor slots: what it leaves behind is an attempt less.
use std::{
    fs,
    io::{self, Write},
    path::Path,
    time::Duration,
};

use picket_proto::BootId;

use super::beneath::Dir;

/// How long a trial has, unless the kernel command line says otherwise.
pub const PATIENCE: Duration = Duration::from_secs(300);

const NAME: &str = "trial-committed";
/// A boot id and a newline.
const MOST: usize = 64;

/// What a guard looks at.
#[derive(Debug)]
pub struct TrialGuard {
    run_dir: Dir,
    boot: BootId,
}

impl TrialGuard {
    /// Of that boot. The run directory is held from now on, wherever its mount is moved to.
    ///
    /// # Errors
    /// It can't be opened.
    pub fn new(run_dir: &Path, boot: BootId) -> io::Result<Self> {
        let run_dir = Dir::open_root(run_dir)?;
        Ok(Self { run_dir, boot })
    }

    /// Whether the trial is committed in this boot. What can't be read is no commit.
    #[must_use]
    pub fn is_committed(&self) -> bool {
        let said = self.run_dir.read_file(NAME, MOST);
        said.is_ok_and(|text| text == line(self.boot).as_bytes())
    }

    /// Waits for the commit for so long; whether it came. `wait` sleeps.
    #[must_use]
    pub fn watch(&self, patience: Duration, mut wait: impl FnMut(Duration)) -> bool {
        const STEP: Duration = Duration::from_secs(1);
        let mut left = patience;
        while !self.is_committed() {
            if left.is_zero() {
                return false;
            }
            let step = left.min(STEP);
            wait(step);
            left -= step;
        }
        true
    }
}

/// Tells the guard that the trial is committed: after the boot record says so, since it is at peace from then on.
///
/// # Errors
/// The run directory can't be written: then the guard resets the machine, into the committed slot.
pub fn tell_committed(run_dir: &Path, boot: BootId) -> io::Result<()> {
    let new = run_dir.join(format!("{NAME}.new"));
    let mut file = fs::File::create(&new)?;
    file.write_all(line(boot).as_bytes())?;
    // The guard sees a whole one or none.
    fs::rename(new, run_dir.join(NAME))
}

fn line(boot: BootId) -> String {
    format!("{boot}\n")
}

/// How long a trial has by that kernel command line: `picket.trial=SECONDS`, from 10 to 3600. Of several the last counts, and what
/// can't be is left out: a guard that isn't there for a typo would be worse.
#[must_use]
pub fn patience(command_line: &str) -> Duration {
    let given = command_line
        .split_ascii_whitespace()
        .filter_map(|word| word.strip_prefix("picket.trial="))
        .filter_map(|seconds| seconds.parse().ok())
        .filter(|seconds| (10..=3600).contains(seconds));
    given.last().map_or(PATIENCE, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootId = BootId([7; 16]);

    #[test]
    fn only_a_commit_of_this_boot_ends_the_watch_before_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let guard = TrialGuard::new(folder.path(), BOOT).unwrap();
        let told = |boot| tell_committed(folder.path(), boot).unwrap();
        let mut waited = Duration::ZERO;
        let patience = Duration::from_millis(2_500);
        assert!(!guard.watch(patience, |time| waited += time));
        assert_eq!(waited, patience);
        told(BootId([8; 16]));
        assert!(!guard.watch(patience, |_| ()));
        for forged in ["", "yes\n", &BOOT.to_string()] {
            fs::write(folder.path().join(NAME), forged).unwrap();
            assert!(!guard.is_committed(), "{forged:?}");
        }
        let mut waits = 0;
        let committed = guard.watch(patience, |_| {
            waits += 1;
            told(BOOT);
        });
        assert!(committed && waits == 1);
    }

    #[test]
    fn the_run_directory_is_held_when_its_name_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (before, after) = (folder.path().join("before"), folder.path().join("after"));
        fs::create_dir(&before).unwrap();
        let guard = TrialGuard::new(&before, BOOT).unwrap();
        fs::rename(&before, &after).unwrap();
        tell_committed(&after, BOOT).unwrap();
        assert!(guard.is_committed());
    }

    #[test]
    fn the_command_line_may_give_a_trial_another_time() {
        for (line, seconds) in [
            ("", 300),
            ("picket.trial=45 quiet", 45),
            ("picket.trial=45 picket.trial=60", 60),
            ("picket.trial=45 picket.trial=x", 45),
            ("picket.trial=0", 300),
            ("picket.trial=9999", 300),
        ] {
            assert_eq!(patience(line), Duration::from_secs(seconds), "{line}");
        }
    }
}
