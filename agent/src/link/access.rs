//! What lets the agent in: password and TLS keys, read from their files once, because the files lie on NFS and a
//! reconnect must not wait for NFS. Secrets are never printed.
use std::{fmt, io, path::PathBuf, sync::Arc};

use rustls::ClientConfig;

use super::tls;
use crate::{
    config::LinkSettings,
    lifeboat::Names,
    world::{OnDisk, World},
};

/// Longest password file, in bytes.
const MAX_PASSWORD: u64 = 4096;

/// User, password and TLS set-up, and by which files the broker is found.
#[derive(Clone, Default)]
pub struct Access {
    pub(super) login: Option<(String, String)>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// To be renewed before a name is resolved; `None` where the C library reads the machine's own.
    pub(super) names: Option<Names>,
}

/// Why a secret or certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A file can't be read.
    #[error("can't read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file doesn't hold what it should.
    #[error("{} holds no {wanted} in PEM form", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        wanted: &'static str,
    },
    /// Certificate, key or name don't fit.
    #[error("TLS can't be set up with these files")]
    Tls(#[from] rustls::Error),
    /// The authorities can't vouch for anything.
    #[error("{} holds no authority that can vouch for a broker", path.display())]
    NoAuthority {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::server::VerifierBuilderError,
    },
    /// The broker's host can't stand in a certificate.
    #[error("the broker's host {0:?} can't stand in a certificate")]
    Name(String),
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("user", &self.login.as_ref().map(|(user, _)| user))
            .field("tls", &self.tls.is_some())
            .finish()
    }
}

impl Access {
    /// Reads the files that the settings name.
    ///
    /// # Errors
    /// A file that can't be read or doesn't hold what it should.
    pub fn load(settings: &LinkSettings, world: &World) -> Result<Self, AccessError> {
        let password = settings
            .password_file
            .as_deref()
            .map(|path| password(&world.on_disk(path)))
            .transpose()?;
        let login = settings
            .user
            .clone()
            .map(|user| (user, password.unwrap_or_default()));
        let tls = match settings.broker.tls {
            true => Some(tls::config(&settings.tls, &settings.broker.host, world)?),
            false => None,
        };
        Ok(Self {
            login,
            tls,
            names: Names::aboard(world),
        })
    }
}

/// The first line.
fn password(path: &OnDisk) -> Result<String, AccessError> {
    let read = || {
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        io::Read::read_to_string(&mut io::Read::take(file, MAX_PASSWORD), &mut text)?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    };
    read().map_err(|source| AccessError::Read {
        path: path.named().to_owned(),
        source,
    })
}
