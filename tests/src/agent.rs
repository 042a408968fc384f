//! `picketd run` on a machine tree, with a configuration of its own.
use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use crate::{binaries, process::Process, tree::Tree};

/// How the agent is to be set up: TOML lines over the test bed's defaults.
pub struct Setup<'a> {
    /// The broker's URL.
    pub broker: &'a str,
    /// `puback` or a collector's name.
    pub ack: &'a str,
    /// Further lines of TOML.
    pub extra: &'a str,
}

/// A running agent, its configuration and state directory.
pub struct Agent {
    process: Process,
    folder: TempDir,
    command: Vec<PathBuf>,
    root: PathBuf,
}

impl Agent {
    /// Starts `picketd` of this build on `tree`.
    pub fn start(tree: &Tree, setup: &Setup<'_>) -> Self {
        Self::start_with(binaries::agent(), tree, setup)
    }

    /// Starts another `picketd`: a command and its leading arguments.
    pub fn start_with(command: Vec<PathBuf>, tree: &Tree, setup: &Setup<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let config = folder.path().join("picketd.toml");
        std::fs::write(&config, toml(setup, folder.path())).expect("the folder is writable");
        let process = launch(&command, folder.path(), tree.root());
        Self {
            process,
            folder,
            command,
            root: tree.root().to_owned(),
        }
    }

    /// Starts `picketd` of this build on `tree` with that configuration as it is.
    pub fn start_configured(tree: &Tree, toml: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let config = folder.path().join("picketd.toml");
        std::fs::write(&config, toml).expect("the folder is writable");
        let command = binaries::agent();
        let process = launch(&command, folder.path(), tree.root());
        Self {
            process,
            folder,
            command,
            root: tree.root().to_owned(),
        }
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Starts it again after it ended, with the same configuration and state.
    pub fn restart(&mut self) {
        self.process = launch(&self.command, self.folder.path(), &self.root);
    }

    /// Its state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.folder.path().join("state")
    }
}

fn toml(setup: &Setup<'_>, folder: &Path) -> String {
    let state = folder.join("state");
    std::fs::create_dir_all(&state).expect("the folder is writable");
    format!(
        "broker = {:?}\nack = {:?}\nstate_dir = {:?}\nconnect_spread = \"0s\"\nnfs_probe = \"off\"\n{}\n",
        setup.broker, setup.ack, state, setup.extra
    )
}

fn launch(command: &[PathBuf], folder: &Path, root: &Path) -> Process {
    let mut run = Command::new(&command[0]);
    run.args(&command[1..])
        .arg("run")
        .arg("--config")
        .arg(folder.join("picketd.toml"))
        .arg("--root")
        .arg(root);
    Process::start("picketd", folder, run)
}
