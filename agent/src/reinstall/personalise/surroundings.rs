//! What an image needs of the machine that it is for, beside what was ordered: its network, its kernel's modules, the operator's overlay,
//! the agent. On a file server there is no such machine, and nothing of the export's old slots takes part.
use std::path::Path;

use crate::{
    install::Program,
    tree::{self, Tree},
    world::World,
};

use super::{Kernel, Network, network::now};

/// What is around an image.
#[derive(Debug)]
pub struct Surroundings {
    /// The network to keep.
    pub network: Option<Network>,
    /// The kernel that will run it.
    pub kernel: Option<Kernel>,
    /// The operator's files, which beat the image's.
    pub overlay: Option<Tree>,
    /// The agent's configuration, for an image without one.
    pub configuration: Option<Tree>,
    /// The agent.
    pub program: Program,
    /// What to tell the operator.
    pub warnings: Vec<String>,
}

/// The names of the export's folder for the agent.
const PICKET: &str = "picket";
const OVERLAY: &str = "picket/overlay";
const CONFIG: &str = "picketd.toml";

impl Surroundings {
    /// None but the agent.
    #[must_use]
    pub fn only(program: Program) -> Self {
        Self {
            network: None,
            kernel: None,
            overlay: None,
            configuration: None,
            program,
            warnings: Vec::new(),
        }
    }

    /// Those of the Pi that runs this, whose export that is.
    ///
    /// # Errors
    /// The program or a folder is there and can't be read.
    pub fn here(world: &World, export: &Path) -> Result<Self, super::Error> {
        let mounted = export;
        let export = Tree::open(export)?;
        let mut around = Self::only(Program::this()?);
        let mut network = now::network(world, world.root_mount());
        if network.storage.is_none() {
            // The rescue system's root is in memory.
            network = now::network(world, &mounted.to_string_lossy());
        }
        if network.storage.is_none() {
            around.warnings.push(
                "the interface to the file server can't be told, so no network manager of the image is kept off it".to_owned(),
            );
        }
        around.network = Some(network);
        let release = rustix::system::uname();
        let release = release.release().to_string_lossy().into_owned();
        around.kernel = Some(Kernel {
            modules: folder(world, &format!("lib/modules/{release}"))?,
            release,
        });
        around.overlay = export.below(OVERLAY)?;
        if !export.has_file(&format!("{PICKET}/{CONFIG}"))? {
            around.configuration = folder(world, "etc/picket")?;
        }
        Ok(around)
    }
}

/// A folder of the running system, if it is there.
fn folder(world: &World, path: &str) -> Result<Option<Tree>, tree::Error> {
    match world.resolve(path) {
        Ok(found) if found.is_dir() => Tree::open(&found).map(Some),
        _ => Ok(None),
    }
}
