//! Which init a root filesystem has, by the files that it would start from. It starts nothing.
use std::fmt;

use crate::tree::{Error, Tree};

/// What starts services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Init {
    /// systemd.
    Systemd {
        /// Where units of packages are, as in `usr/lib/systemd/system`.
        units: String,
    },
    /// An init with System V's inittab.
    SysV,
    /// busybox's init, whose inittab has no run levels.
    Busybox,
}

const INIT: &str = "sbin/init";
pub(super) const INITTAB: &str = "etc/inittab";
const MAX_INITTAB: u64 = 64 * 1024;

impl Init {
    /// The init of a tree; none if there is none that is known.
    ///
    /// # Errors
    /// The tree can't be read.
    pub fn of(tree: &Tree) -> Result<Option<Self>, Error> {
        for library in ["usr/lib", "lib"] {
            if tree.has_file(&format!("{library}/systemd/systemd"))? {
                let units = format!("{library}/systemd/system");
                return Ok(Some(Self::Systemd { units }));
            }
        }
        let Some(inittab) = tree.text(INITTAB, MAX_INITTAB)? else {
            return Ok(None);
        };
        let busybox = tree.target(INIT)?.is_some_and(|to| to.ends_with("busybox"));
        Ok(match busybox || !has_run_levels(&inittab) {
            _ if !tree.has_file(INIT)? => None,
            true => Some(Self::Busybox),
            false => Some(Self::SysV),
        })
    }
}

impl fmt::Display for Init {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Systemd { .. } => "systemd",
            Self::SysV => "System V's init",
            Self::Busybox => "busybox's init",
        })
    }
}

/// System V's inittab names a run level to begin with (inittab(5)); busybox knows no such action.
fn has_run_levels(inittab: &str) -> bool {
    let mut actions = inittab
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(':').nth(2));
    actions.any(|action| action == "initdefault")
}
