//! The files by which the C library finds hosts, kept aboard, because it looks for them at the root: resolv.conf and hosts. It
//! resolves nothing.
use std::{
    fs::{self, File},
    io::{self, Read},
    path::PathBuf,
};

use crate::world::World;

/// The files, in `/etc`.
const FILES: [&str; 2] = ["resolv.conf", "hosts"];
/// Longer ones are nobody's.
const MOST: u64 = 64 * 1024;

/// The lifeboat's own `/etc`.
#[derive(Debug, Clone)]
pub struct Names {
    etc: PathBuf,
    world: World,
}

impl Names {
    /// Those in that directory.
    pub(super) fn new(etc: PathBuf, world: &World) -> Self {
        let world = world.clone();
        Self { etc, world }
    }

    /// Those of this process, if it is aboard.
    #[must_use]
    pub fn aboard(world: &World) -> Option<Self> {
        world.is_aboard().then(|| Self::new("/etc".into(), world))
    }

    /// Makes them what they are on the disk now. It waits as long as the disk does.
    ///
    /// # Errors
    /// One can't be read or written; the others are as they should be.
    pub fn renew(&self) -> io::Result<()> {
        fs::create_dir_all(&self.etc)?;
        let renewed = FILES.map(|name| self.renew_one(name));
        renewed.into_iter().collect()
    }

    fn renew_one(&self, name: &str) -> io::Result<()> {
        let from = self.world.on_disk(PathBuf::from("/etc").join(name));
        let mut text = Vec::new();
        File::open(&from)?.take(MOST).read_to_end(&mut text)?;
        let next = self.etc.join(format!("{name}.next"));
        fs::write(&next, text)?;
        fs::rename(next, self.etc.join(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_is_renewed_and_what_cant_stays() {
        let etc = tempfile::tempdir().unwrap();
        let world = World::new("/");
        let names = Names::new(etc.path().join("etc"), &world);
        let _ = names.renew();
        for name in FILES {
            let ours = fs::read(etc.path().join("etc").join(name)).ok();
            assert_eq!(
                ours,
                fs::read(PathBuf::from("/etc").join(name)).ok(),
                "{name}"
            );
        }
        assert!(Names::aboard(&world).is_none());
    }
}
