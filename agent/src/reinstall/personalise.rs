//! What makes an unpacked image this Pi's: names, keys, network, modules, the agent. Files are written beneath the image's tree, and
//! nothing is started; its symlinks lead nowhere outside ([`crate::tree`]). No key and no file's text is in an error or a warning.
mod accounts;
mod authorized_keys;
mod base64;
mod first_boot;
mod fstab;
mod host_keys;
mod hostname;
mod key_line;
mod machine_id;
mod modules;
pub mod network;
mod sshd;
mod surroundings;

use crate::{
    install::{self, Init, Replace},
    tree::{self, Tree},
};

use super::wire::Personal;

pub use hostname::NotAName;
pub use key_line::KeyFlaw;
pub use modules::Kernel;
pub use network::Network;
pub use surroundings::Surroundings;

const AGENTS_CONFIG: &str = "etc/picket/picketd.toml";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Personalised {
    /// Fingerprints of the ssh host keys, as `ssh-keygen -l` writes them.
    pub host_keys: Vec<String>,
    /// What an operator should know, in words.
    pub warnings: Vec<String>,
}

/// Why an image could not be made this Pi's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The hostname is none.
    #[error("the hostname {name:?} is not valid: {flaw}")]
    Hostname {
        /// The name.
        name: String,
        /// What is wrong with it.
        flaw: NotAName,
    },
    /// A line for `authorized_keys` is wrong.
    #[error("line {line} of the ssh keys is not valid: {flaw}")]
    Key {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        flaw: KeyFlaw,
    },
    /// The kernel has no random numbers, or they make no key.
    #[error("no ssh host key can be made: the kernel gives no random bytes")]
    NoRandomness,
    /// The agent can't be put into it.
    #[error("can't put picketd into the image")]
    Agent(#[from] install::Error),
    /// Something in the tree can't be read or written.
    #[error(transparent)]
    Tree(#[from] tree::Error),
}

impl Personal {
    /// Looks whether its lines and names are valid, without a tree: what fails here would fail after an image was fetched.
    ///
    /// # Errors
    /// [`Error::Hostname`] and [`Error::Key`].
    pub fn check(&self) -> Result<(), Error> {
        if let Some(name) = &self.hostname {
            hostname::check(name)?;
        }
        authorized_keys::check(&self.ssh_keys)
    }
}

/// Makes the tree this Pi's. What it has of everybody's (host keys, machine-id) goes. Doing it again gives new host keys.
///
/// # Errors
/// [`Error`]; then the tree is of no use.
pub fn personalise(
    tree: &Tree,
    personal: &Personal,
    around: &Surroundings,
) -> Result<Personalised, Error> {
    personal.check()?;
    let mut warnings = around.warnings.clone();
    if let Some(name) = &personal.hostname {
        hostname::set(tree, name)?;
    }
    machine_id::renew(tree)?;
    host_keys::renew(tree, personal.hostname.as_deref())?;
    authorized_keys::write(tree, &personal.ssh_keys)?;
    fstab::rewrite(tree)?;
    first_boot::turn_off(tree)?;
    if let Some(network) = &around.network {
        warnings.extend(network::write(tree, network)?);
    }
    if let Some(kernel) = &around.kernel {
        warnings.extend(modules::copy(tree, kernel)?);
    }
    if let Some(overlay) = &around.overlay {
        tree.copy(overlay, "")?;
    }
    warnings.extend(add_agent(tree, around)?);
    warnings.extend(sshd::look(tree)?);
    Ok(Personalised {
        host_keys: host_keys::fingerprints(tree)?,
        warnings,
    })
}

/// After the overlay, which may bring a configuration and an agent.
fn add_agent(tree: &Tree, around: &Surroundings) -> Result<Option<String>, Error> {
    if let Some(configuration) = &around.configuration {
        if tree.kind(AGENTS_CONFIG)?.is_none() {
            tree.copy(configuration, "etc/picket")?;
        }
    }
    let installed = install::install(tree, &around.program, Replace::Older)?;
    if matches!(installed.init, Init::Systemd { .. }) {
        sshd::enable_under_systemd(tree)?;
    }
    Ok(installed.kept.map(|kept| kept.to_string()))
}
