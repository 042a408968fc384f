//! SIGHUP: what a restart would change. It changes nothing itself.
use std::path::PathBuf;

use crate::{
    config::{self, Effective},
    world::World,
};

/// Where the configuration came from, for a reload.
#[derive(Debug)]
pub struct Source {
    /// Its file.
    pub path: PathBuf,
    /// The machine, for the kernel command line.
    pub world: World,
    /// What is in force.
    pub effective: Vec<Effective>,
    /// Where it says who may sign commands.
    pub allowed_signers: Option<PathBuf>,
}

impl Source {
    /// Reads the configuration again and says what a restart would change. Nothing changes while running: one way to
    /// come up is easier to trust than two.
    pub(super) fn reload(&self) {
        let loaded = match config::load(&self.path, &self.world) {
            Ok(loaded) => loaded,
            Err(error) => {
                return tracing::error!(
                    "the configuration is not valid now, a restart would fail: {error}"
                );
            }
        };
        let changed: Vec<&str> = loaded
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
