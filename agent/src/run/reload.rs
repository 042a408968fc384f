//! SIGHUP: the files that are read again, who may sign from then on, and what a restart would change. It waits for no disk.
use std::path::PathBuf;

use super::{
    Agent, Outside, disk,
    signers::{self, Signers},
};
use crate::{
    config::{self, Effective, Invalid},
    host::Host,
    link::{Access, AccessError, Credentials, Link},
    log::chain,
    trust,
    world::World,
};

/// What is read again.
#[derive(Debug, Clone)]
pub struct Files {
    /// The configuration's file.
    pub path: PathBuf,
    /// The machine, for the kernel command line.
    pub world: World,
    /// Where the configuration in force says who may sign commands.
    pub allowed_signers: Option<PathBuf>,
    /// Where the configuration in force says who the agent is at the broker.
    pub credentials: Credentials,
}

/// What was read.
#[derive(Debug)]
pub struct Reread {
    /// The configuration.
    pub config: Result<config::Loaded, Invalid>,
    /// Who may sign commands, if that is set.
    pub signers: Option<Result<trust::Loaded, trust::LoadError>>,
    /// Who the agent is at the broker.
    pub access: Result<Access, AccessError>,
}

/// The configuration in force and where it came from.
#[derive(Debug)]
pub struct Source {
    /// Its files.
    pub files: Files,
    /// What is in force.
    pub effective: Vec<Effective>,
}

impl Agent {
    /// Before the first event: what could not be read at the start is read as soon as the disk answers.
    pub(super) fn begin<L: Link, H: Host>(&mut self, outside: &mut Outside<L, H>) {
        if !self.parts.signers_known || !self.parts.access_known {
            self.reload(outside);
        }
    }

    /// What is in force stays so until the files are read.
    pub(super) fn reload<L: Link, H: Host>(&mut self, outside: &mut Outside<L, H>) {
        if let Err(error) = outside.disk.read_again(&self.parts.config.files) {
            tracing::error!(
                "can't read the configuration and allowed_signers again: {error}; {}",
                self.in_force()
            );
        }
    }

    pub(super) fn reread<L: Link, H: Host>(&mut self, now: Reread, outside: &mut Outside<L, H>) {
        self.parts.config.compare(now.config);
        self.renew(now.access, outside);
        let path = self.parts.config.files.allowed_signers.as_deref();
        let Signers::Are(signers) = signers::judge(path, now.signers) else {
            return tracing::error!(
                "send SIGHUP again when the disk answers; {}",
                self.in_force()
            );
        };
        signers::tell(signers.as_ref(), &mut self.parts.status);
        self.parts.signers_known = true;
        self.parts.commands.set_signers(signers);
        self.announce(outside);
    }

    /// Files that were read halfway through their renewal don't fit; who sees that sends SIGHUP again.
    fn renew<L: Link, H: Host>(
        &mut self,
        access: Result<Access, AccessError>,
        outside: &mut Outside<L, H>,
    ) {
        match access {
            Ok(access) => {
                self.parts.access_known = true;
                outside.link.renew(access);
            }
            Err(error) => tracing::error!(
                "{}; the password and the certificates that were read before stay in force",
                chain(&error)
            ),
        }
    }

    pub(super) fn reread_hangs(&self) {
        tracing::error!(
            "the disk has not answered for {} s, so {} and allowed_signers are read again when it does; {}",
            disk::MOST.as_secs(),
            self.parts.config.files.path.display(),
            self.in_force()
        );
    }

    fn in_force(&self) -> &'static str {
        match self.parts.signers_known {
            true => "until then those may sign who may sign now",
            false => "until then this agent only observes",
        }
    }
}

impl Files {
    /// Reads them, which takes as long as the disk takes.
    pub(super) fn read(&self) -> Reread {
        Reread {
            config: config::load(&self.path, &self.world),
            signers: self.signers(),
            access: Access::load(&self.credentials, &self.world),
        }
    }

    fn signers(&self) -> Option<Result<trust::Loaded, trust::LoadError>> {
        let path = self.allowed_signers.as_deref()?;
        Some(trust::load(self.world.on_disk(path)))
    }
}

impl Source {
    /// Says what a restart with that configuration would change. Nothing changes while running: one way to come up is
    /// easier to trust than two.
    pub(super) fn compare(&self, now: Result<config::Loaded, Invalid>) {
        let now = match now {
            Ok(now) => now,
            Err(error) => {
                return tracing::error!(
                    "the configuration is not valid now, a restart would fail: {error}"
                );
            }
        };
        let changed: Vec<&str> = now
            .effective
            .iter()
            .filter(|now| {
                !self
                    .effective
                    .iter()
                    .any(|before| (&before.key, &before.value) == (&now.key, &now.value))
            })
            .map(|now| now.key.as_str())
            .collect();
        match changed.is_empty() {
            true => tracing::info!("the configuration was read again: nothing changed"),
            false => tracing::warn!(
                "these settings changed and need a restart: {}",
                changed.join(", ")
            ),
        }
    }
}
