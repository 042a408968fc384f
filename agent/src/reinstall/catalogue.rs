//! The catalogue of images: from two files that anybody may have written to the one manifest that an order names.
//!
//! Safety-order: the signature first, over the bytes as they came; only then are they parsed; only then does the catalogue's
//! version count. A catalogue that is older than one that was taken before is refused: whoever can put files between the operator
//! and the Pi could otherwise bring back an image that was retired for its holes.
//!
//! Pure: it gets bytes and the time. Where they come from, and where the highest version is kept, others know.
use picket_proto::{
    Reason, WallClock,
    image::{Catalogue, Digest, MAX_CATALOGUE, Manifest, NAMESPACE, NoImage},
};

use crate::trust::{AllowedSigners, Refusal, SignedFile, Unjudged, verify_file};

/// Whom to trust for images, and since when.
#[derive(Debug, Clone, Copy)]
pub struct Trust<'a> {
    /// Who may sign catalogues: the lines for [`NAMESPACE`].
    pub signers: &'a AllowedSigners,
    /// The wall clock, for lines with times.
    pub wall: WallClock,
    /// CLOCK_BOOTTIME, in ms.
    pub boottime_ms: u64,
    /// What becomes of such lines while the clock is unknown.
    pub unjudged: Unjudged,
    /// The lowest version that is taken: the highest that was taken before, or what the configuration asks for; 0 takes any.
    pub at_least: u64,
}

/// A catalogue that somebody vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// What it says.
    pub catalogue: Catalogue,
    /// The fingerprint of the key that signed, as `ssh-keygen -l` shows it.
    pub key: String,
}

/// Why there is no image to install.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// It is longer than any.
    #[error("the catalogue is longer than {} KiB; retire images", MAX_CATALOGUE / 1024)]
    TooLarge,
    /// Nobody who may do so vouches for it.
    #[error("the catalogue isn't trusted: {0}")]
    Untrusted(Refusal),
    /// It is no catalogue. Whoever may sign has signed it so.
    #[error("the catalogue is signed and can't be read: {0}")]
    Unreadable(String),
    /// It is older than one that was taken before.
    #[error(
        "the catalogue has version {has}, and this Pi takes none below {at_least}; publish the newest one, with its signature"
    )]
    Older {
        /// Its version.
        has: u64,
        /// The lowest that is taken.
        at_least: u64,
    },
    /// It doesn't have the image.
    #[error(transparent)]
    NoImage(#[from] NoImage),
}

impl Trust<'_> {
    /// The catalogue in `bytes`, for which the armoured `signature` vouches.
    ///
    /// # Errors
    /// It is too long, nobody vouches for it, it can't be read, or is older than what was taken before: in this order.
    pub fn open(&self, bytes: &[u8], signature: &[u8]) -> Result<Trusted, CatalogueError> {
        if bytes.len() > MAX_CATALOGUE {
            return Err(CatalogueError::TooLarge);
        }
        let file = SignedFile {
            namespace: NAMESPACE,
            bytes,
            signature,
        };
        let verified = verify_file(
            self.signers,
            file,
            self.wall,
            self.boottime_ms,
            self.unjudged,
        );
        let key = verified.map_err(CatalogueError::Untrusted)?;
        let catalogue = parse(bytes)?;
        match catalogue.version < self.at_least {
            true => Err(CatalogueError::Older {
                has: catalogue.version,
                at_least: self.at_least,
            }),
            false => Ok(Trusted { catalogue, key }),
        }
    }
}

impl Trusted {
    /// The manifest of the image that an order names.
    ///
    /// # Errors
    /// The catalogue has no image of that name, or another one.
    pub fn image(&self, name: &str, digest: Digest) -> Result<&Manifest, CatalogueError> {
        Ok(self.catalogue.image(name, digest)?)
    }
}

/// The catalogue of a text, whoever wrote it.
///
/// # Errors
/// It is none, and where it ceases to be one.
pub fn parse(bytes: &[u8]) -> Result<Catalogue, CatalogueError> {
    let unreadable = |why: &dyn std::fmt::Display| CatalogueError::Unreadable(why.to_string());
    if bytes.len() > MAX_CATALOGUE {
        return Err(CatalogueError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(&error))?;
    toml::from_str(text).map_err(|error| unreadable(&error))
}

impl CatalogueError {
    /// Why, for machines.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLarge | Self::Untrusted(_) | Self::Unreadable(_) => Reason::Catalogue,
            Self::Older { .. } => Reason::CatalogueOld,
            Self::NoImage(_) => Reason::UnknownImage,
        }
    }
}

#[cfg(test)]
mod tests;
