//! Where images come from: a folder, or an HTTP server. Names are one path component each, and come from the signed catalogue or from
//! this program. It knows no catalogue and no archive.
mod folder;
mod http;

use std::{io::Read, path::Path, time::Duration};

use super::{cancel::Cancel, fault::Fault, wire::Images};

/// How long a server may do nothing, and how often it is asked again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Time without a byte after which a connection counts as dead.
    pub(crate) silence: Duration,
    /// The first pause before it is asked again; each next one is twice as long, up to 30 s.
    pub(crate) pause: Duration,
    /// So often in a row without a byte, and it is given up.
    pub(crate) tries: u32,
}

impl Default for Patience {
    /// About five minutes: a file server may reboot meanwhile.
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(30),
            pause: Duration::from_secs(1),
            tries: 12,
        }
    }
}

/// A place where images are.
pub(crate) enum Source {
    Folder(folder::Folder),
    Http(http::Server),
}

impl Source {
    /// The place that an order names; `ca` as there.
    ///
    /// # Errors
    /// [`Fault::Fetch`]: it is no folder, no URL, or the authorities can't be read.
    pub(crate) fn open(
        images: &Images,
        ca: Option<&Path>,
        patience: Patience,
        cancel: &Cancel,
    ) -> Result<Self, Fault> {
        Ok(match images {
            Images::Folder(path) => Self::Folder(folder::Folder::open(path)?),
            Images::Url(url) => Self::Http(http::Server::new(url, ca, patience, cancel.clone())?),
        })
    }

    /// A small file, whole.
    ///
    /// # Errors
    /// [`Fault::Fetch`]: it can't be had, or is longer than that.
    pub(crate) fn small(&self, name: &str, most: usize) -> Result<Vec<u8>, Fault> {
        let reader = self.stream(name, None)?;
        let mut bytes = Vec::new();
        reader
            .take(most as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(Fault::back)?;
        match bytes.len() > most {
            true => Err(Fault::Fetch(format!("{name} is longer than {most} bytes"))),
            false => Ok(bytes),
        }
    }

    /// A file of that length, as it comes; `None`: of any.
    ///
    /// # Errors
    /// [`Fault::Fetch`]: it can't be had.
    pub(crate) fn stream(
        &self,
        name: &str,
        size: Option<u64>,
    ) -> Result<Box<dyn Read + Send>, Fault> {
        Ok(match self {
            Self::Folder(folder) => Box::new(folder.stream(name, size)?),
            Self::Http(server) => Box::new(server.stream(name, size)?),
        })
    }
}

#[cfg(test)]
mod tests;
