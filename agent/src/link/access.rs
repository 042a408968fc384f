//! What lets the agent in: password and TLS keys, read from their files at the start and at SIGHUP, because the files lie on
//! NFS and a reconnect must not wait for NFS. Secrets are never printed.
use std::{
    fmt, fs,
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use ring::digest::{Context, SHA256};
use rustix::fs::OFlags;
use rustls::ClientConfig;

use super::tls;
use crate::{
    clock::certificates::last_good,
    config::LinkSettings,
    lifeboat::Names,
    world::{OnDisk, World},
};

/// Longest file that is read, in bytes: a bundle of all the authorities of a system has less than half of it.
const MAX_FILE: u64 = 1024 * 1024;
/// How long the disk may take at the start.
const MOST: Duration = Duration::from_secs(5);
/// Reading and parsing PEM takes little, setting TLS up some more.
const STACK: usize = 256 * 1024;

/// Which files the credentials come from.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The settings that name them.
    pub settings: LinkSettings,
    /// Where the last good time is kept.
    pub state_dir: PathBuf,
}

/// User, password and TLS set-up, and by which files the broker is found.
#[derive(Clone, Default)]
pub struct Access {
    pub(super) login: Option<(String, String)>,
    pub(super) tls: Option<Arc<ClientConfig>>,
    /// SHA-256 of all that was read.
    digest: Option<[u8; 32]>,
    /// Nothing could be read yet, so nothing must be tried.
    unknown: bool,
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
    /// A file is none, or larger than any that makes sense.
    #[error("{} is no file of at most {MAX_FILE} bytes; name another one", path.display())]
    NoFile {
        /// The file.
        path: PathBuf,
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
            .field("unknown", &self.unknown)
            .finish()
    }
}

impl PartialEq for Access {
    /// Whether the files said the same.
    fn eq(&self, other: &Self) -> bool {
        (self.digest, self.unknown) == (other.digest, other.unknown)
    }
}

impl Access {
    /// Reads the files that the settings name, which takes as long as the disk takes.
    ///
    /// # Errors
    /// A file that can't be read or doesn't hold what it should.
    pub fn load(from: &Credentials, world: &World) -> Result<Self, AccessError> {
        let settings = &from.settings;
        let mut reading = Reading::default();
        let password = settings
            .password_file
            .as_deref()
            .map(|path| reading.password(&world.on_disk(path)))
            .transpose()?;
        let login = settings
            .user
            .clone()
            .map(|user| (user, password.unwrap_or_default()));
        let tls = match settings.broker.tls {
            true => {
                let last_good = last_good(&world.on_disk(&from.state_dir));
                Some(tls::config(settings, world, last_good, &mut reading)?)
            }
            false => None,
        };
        Ok(Self {
            login,
            tls,
            digest: reading.finish(),
            unknown: false,
            names: Names::aboard(world),
        })
    }

    /// The same, but it waits 5 s at most: then they are unknown, and the link waits until it hears of others.
    ///
    /// # Errors
    /// As with [`Access::load`].
    pub fn load_in_time(from: &Credentials, world: &World) -> Result<Self, AccessError> {
        let (answer, back) = mpsc::channel();
        let (of_thread, there) = (from.clone(), world.clone());
        let thread = thread::Builder::new()
            .name("credentials".to_owned())
            .stack_size(STACK);
        // A machine that has no thread to give may still have a disk that answers.
        if thread
            .spawn(move || answer.send(Self::load(&of_thread, &there)))
            .is_err()
        {
            return Self::load(from, world);
        }
        back.recv_timeout(MOST)
            .unwrap_or_else(|_| Ok(Self::unknown(world)))
    }

    /// Whether the files could be read.
    #[must_use]
    pub fn is_known(&self) -> bool {
        !self.unknown
    }

    fn unknown(world: &World) -> Self {
        Self {
            unknown: true,
            names: Names::aboard(world),
            ..Self::default()
        }
    }
}

/// Reads files and remembers what they said altogether.
#[derive(Default)]
pub(super) struct Reading {
    all: Option<Context>,
}

impl Reading {
    /// What is in the file.
    pub(super) fn bytes(&mut self, path: &OnDisk) -> Result<Vec<u8>, AccessError> {
        let named = || path.named().to_owned();
        let read = || {
            let file = fs::File::options()
                .read(true)
                // Opening a pipe would wait for its other end.
                .custom_flags(OFlags::NONBLOCK.bits() as i32)
                .open(path)?;
            let (mut bytes, is_file) = (Vec::new(), file.metadata()?.is_file());
            if is_file {
                file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
            }
            Ok((bytes, is_file))
        };
        let (bytes, is_file) = read().map_err(|source| AccessError::Read {
            path: named(),
            source,
        })?;
        if !is_file || bytes.len() as u64 > MAX_FILE {
            return Err(AccessError::NoFile { path: named() });
        }
        let all = self.all.get_or_insert_with(|| Context::new(&SHA256));
        all.update(&(bytes.len() as u64).to_le_bytes());
        all.update(&bytes);
        Ok(bytes)
    }

    /// The first line.
    fn password(&mut self, path: &OnDisk) -> Result<String, AccessError> {
        let bytes = self.bytes(path)?;
        let text = std::str::from_utf8(&bytes).map_err(|error| AccessError::Read {
            path: path.named().to_owned(),
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    fn finish(self) -> Option<[u8; 32]> {
        let digest = self.all?.finish();
        Some(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }
}
