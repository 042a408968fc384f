//! Finding kernel files whose path holds a number (`thermal_zone0`), and when to look for them anew.
use picket_proto::Gap;

use crate::world::World;

/// On the machine, directories are listed at most this often: it costs more than all other reads of a tick together.
const EVERY_MS: u64 = 60_000;
/// A name or a type in sysfs is far shorter than this.
const MAX_NAME: usize = 64;

/// Says when to search. In a tree that is at every tick, because there files are replaced.
#[derive(Debug)]
pub(crate) struct Search {
    every_tick: bool,
    next_ms: u64,
}

impl Search {
    /// A search that is due at once.
    pub(crate) fn new(world: &World) -> Self {
        Self {
            every_tick: !world.is_machine(),
            next_ms: 0,
        }
    }

    /// As on the machine: a search a minute.
    #[cfg(test)]
    pub(crate) fn each_minute() -> Self {
        Self {
            every_tick: false,
            next_ms: 0,
        }
    }

    /// True if files are found anew at every tick.
    pub(crate) fn is_every_tick(&self) -> bool {
        self.every_tick
    }

    /// True if it is time to search; the caller does it then.
    pub(crate) fn is_due(&mut self, boottime_ms: u64) -> bool {
        if !self.every_tick && boottime_ms < self.next_ms {
            return false;
        }
        self.next_ms = boottime_ms.saturating_add(EVERY_MS);
        true
    }
}

/// Finds the directory in `class` whose file `key` holds one of `wanted`; an earlier one of these is preferred.
///
/// # Errors
/// [`Gap::Absent`] if there is none, or what kept it from being found.
pub(crate) fn find(world: &World, class: &str, key: &str, wanted: &[&str]) -> Result<String, Gap> {
    let mut best = None;
    let mut obstacle = Gap::Absent;
    for name in world.list(class)? {
        let directory = format!("{class}/{name}");
        match world.read(&format!("{directory}/{key}"), MAX_NAME) {
            Ok(text) => {
                let rank = wanted
                    .iter()
                    .position(|w| w.as_bytes() == text.trim_ascii());
                if let Some(rank) = rank.filter(|rank| best.as_ref().is_none_or(|(r, _)| rank < r))
                {
                    best = Some((rank, directory));
                }
            }
            Err(Gap::Absent) => {}
            Err(gap) => obstacle = gap,
        }
    }
    best.map(|(_, directory)| directory).ok_or(obstacle)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_search_is_due_at_once_then_once_a_minute_and_always_in_a_tree() {
        let due = |root: &str| {
            let mut search = Search::new(&World::new(root));
            [5_000, 15_000, 64_999, 65_000, 65_001].map(|now| search.is_due(now))
        };
        assert_eq!(due("/"), [true, false, false, true, false]);
        assert_eq!(due("/tmp"), [true; 5]);
    }

    #[test]
    fn the_preferred_name_is_found_whatever_its_number() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        let look = || find(&world, "class", "name", &["good", "fair"]);
        assert_eq!(look(), Err(Gap::Absent));
        for (at, name, found) in [
            ("0", "other\n", Err(Gap::Absent)),
            ("1", "fair\n", Ok("class/1".to_owned())),
            ("2", "good\n", Ok("class/2".to_owned())),
            ("3", "fair\n", Ok("class/2".to_owned())),
        ] {
            let directory = tree.path().join("class").join(at);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("name"), name).unwrap();
            assert_eq!(look(), found, "after {at}");
        }
    }

    #[test]
    fn a_name_that_cannot_be_read_is_told_from_no_such_name() {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("class/0/name")).unwrap();
        let world = World::new(tree.path());
        assert_eq!(find(&world, "class", "name", &["good"]), Err(Gap::Garbled));
    }
}
