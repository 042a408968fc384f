//! The order that the guard waits for: a file in the run directory, which a boot takes away. Root alone may write there.
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use picket_proto::BootId;

use crate::clock::boottime_ms;

const NAME: &str = "going-down";
/// More than an order has.
const MOST: u64 = 128;

/// A machine shall go down, and systemd was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The boot that shall end.
    pub boot: BootId,
    /// When that was, CLOCK_BOOTTIME in ms.
    pub asked_ms: u64,
    /// How long systemd may take from then on, in ms.
    pub patience_ms: u64,
}

impl Order {
    /// The order in that run directory. What is no order is none.
    #[must_use]
    pub fn read(run_dir: &Path) -> Option<Self> {
        let mut text = String::new();
        let file = fs::File::open(run_dir.join(NAME)).ok()?;
        file.take(MOST).read_to_string(&mut text).ok()?;
        parse(&text)
    }
}

/// Where the agent puts orders.
#[derive(Debug, Clone)]
pub struct Post {
    run_dir: PathBuf,
    boot: Option<BootId>,
}

impl Post {
    /// In that run directory, for that boot. A machine that doesn't know its boot has no guard.
    #[must_use]
    pub fn new(run_dir: &Path, boot: Option<BootId>) -> Self {
        Self {
            run_dir: run_dir.to_owned(),
            boot,
        }
    }

    /// Gives the order: systemd may take so long from now on. A second one replaces the first.
    ///
    /// # Errors
    /// The run directory can't be written.
    pub fn give(&self, patience: Duration) -> io::Result<()> {
        let Some(boot) = self.boot else {
            return Ok(());
        };
        let new = self.run_dir.join(format!("{NAME}.new"));
        let (asked_ms, patience_ms) = (boottime_ms(), patience.as_millis());
        fs::write(&new, format!("{boot} {asked_ms} {patience_ms}\n"))?;
        // The guard sees a whole one or none.
        fs::rename(new, self.run_dir.join(NAME))
    }

    /// Takes it back.
    pub fn take_back(&self) {
        // None is what is wanted.
        let _ = fs::remove_file(self.run_dir.join(NAME));
    }
}

fn parse(text: &str) -> Option<Order> {
    let (boot, times) = text.strip_suffix('\n')?.split_once(' ')?;
    let (asked, patience) = times.split_once(' ')?;
    Some(Order {
        boot: boot.parse().ok()?,
        asked_ms: asked.parse().ok()?,
        patience_ms: patience.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_given_and_anything_else_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let boot = BootId([7; 16]);
        let before = boottime_ms();
        let post = Post::new(folder.path(), Some(boot));
        post.give(Duration::from_secs(95)).unwrap();
        post.give(Duration::from_secs(15)).unwrap();
        let order = Order::read(folder.path()).unwrap();
        assert_eq!((order.boot, order.patience_ms), (boot, 15_000));
        assert!((before..=boottime_ms()).contains(&order.asked_ms));
        let text = fs::read_to_string(folder.path().join(NAME)).unwrap();
        for length in 0..text.len() {
            assert_eq!(parse(&text[..length]), None, "cut at {length}");
        }
        let old = format!("{boot} 1\n");
        for bad in ["", "\n", "x 1 1\n", "1\n", &old, &text.replace(' ', " -")] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn without_a_boot_or_a_run_directory_no_order_is_given() {
        let folder = tempfile::tempdir().unwrap();
        let patience = Duration::from_secs(95);
        Post::new(folder.path(), None).give(patience).unwrap();
        assert_eq!(Order::read(folder.path()), None);
        let missing = folder.path().join("missing");
        let post = Post::new(&missing, Some(BootId([7; 16])));
        post.give(patience).unwrap_err();
        post.take_back();
        assert_eq!(Order::read(&missing), None);
    }
}
