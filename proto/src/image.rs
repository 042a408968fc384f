//! Images of operating systems: the manifest of each, and the catalogue that an operator signs. The catalogue is a text of TOML,
//! so that a person can read what was signed; here is its shape and what may be in it. This knows neither TOML nor signatures.
//!
//! Whoever deserializes or serializes one of these has checked it: what is out of its range is an error there.
mod digest;
mod flaw;

use alloc::{string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

pub use digest::Digest;
pub use flaw::{Flaw, NoImage};

/// The namespace of a catalogue's signature (PROTOCOL.sshsig, section 2).
pub const NAMESPACE: &str = "picket-image@1";
/// The file of a catalogue.
pub const CATALOGUE_FILE: &str = "catalogue.toml";
/// The file of its signature, beside it: armoured, as `ssh-keygen -Y sign` writes it.
pub const SIGNATURE_FILE: &str = "catalogue.toml.sig";
/// A catalogue's text is at most this long, in bytes.
pub const MAX_CATALOGUE: usize = 1024 * 1024;
/// A catalogue has at most this many images.
pub const MAX_IMAGES: usize = 256;
/// A name or a version is at most this long, in bytes.
pub const MAX_NAME: usize = 64;
/// The name of a file is at most this long, in bytes.
pub const MAX_FILE: usize = 128;
/// An archive is at most this long, in bytes: 64 GiB.
pub const MAX_SIZE: u64 = 64 << 30;
/// What an archive unpacks to is at most this long, in bytes: 1 TiB.
pub const MAX_INSTALLED: u64 = 1 << 40;
/// An archive has at most this many entries.
pub const MAX_ENTRIES: u64 = 10_000_000;
/// The largest version of a catalogue: TOML has no larger number.
pub const MAX_VERSION: u64 = i64::MAX as u64;
/// A window of zstd in an image is at most two to the power of this: 8 MiB, which the decompressor needs on the Pi (RFC 8878,
/// section 3.1.1.1.2).
pub const ZSTD_WINDOW_LOG: u32 = 23;

/// One image: an archive of a whole root file system, and what there is to know of it before it is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Manifest {
    /// What operators call it: unique in a catalogue, 1 to [`MAX_NAME`] of letters, digits and `._+~-`, as `debian-13-arm64`.
    pub name: String,
    /// Its version, as its maker counts; of the same characters.
    pub version: String,
    /// For which machines.
    pub architecture: Architecture,
    /// The archive, beside the catalogue: one path component, 1 to [`MAX_FILE`] of the same characters, not beginning with a dot
    /// or a hyphen.
    pub file: String,
    /// How it is packed.
    pub format: Format,
    /// The digest of the archive's bytes, as they lie in the file.
    pub sha256: Digest,
    /// Length of the archive, in bytes; 1 to [`MAX_SIZE`].
    pub size: u64,
    /// Content of all regular files, in bytes, holes included; a second name of a file (a hard link) adds nothing. At most
    /// [`MAX_INSTALLED`].
    pub installed_size: u64,
    /// Entries of the archive: files of all kinds, folders and hard links, without the root folder itself; headers that only
    /// lengthen a name aren't entries. 1 to [`MAX_ENTRIES`].
    pub entries: u64,
}

/// What there is to install, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields)]
pub struct Catalogue {
    /// Counts the changes: an agent that took a catalogue takes none with a lower number. 1 to [`MAX_VERSION`].
    pub version: u64,
    /// The images, at most [`MAX_IMAGES`], each name once.
    #[serde(rename = "image", default)]
    pub images: Vec<Manifest>,
}

/// For which machines an image's programs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Architecture {
    /// 32-bit ARM without floating point registers in calls (EABI).
    Armel,
    /// 32-bit ARM with them (EABI, hard float): Debian's and Raspberry Pi OS's armhf, also that for ARMv6.
    Armhf,
    /// 64-bit ARM.
    Arm64,
    /// 64-bit x86, for those who try Picket out on a PC.
    Amd64,
}

/// How an image is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Format {
    /// tar through zstd, with a window of at most 8 MiB.
    #[serde(rename = "tar.zst")]
    TarZst,
    /// tar through xz.
    #[serde(rename = "tar.xz")]
    TarXz,
    /// tar through gzip.
    #[serde(rename = "tar.gz")]
    TarGz,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 4] = [Self::Armel, Self::Armhf, Self::Arm64, Self::Amd64];

    /// Its name in a catalogue, which is Debian's.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Armel => "armel",
            Self::Armhf => "armhf",
            Self::Arm64 => "arm64",
            Self::Amd64 => "amd64",
        }
    }

    /// The one with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::TarZst, Self::TarXz, Self::TarGz];

    /// Its name in a catalogue, and how the names of such files end.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TarZst => "tar.zst",
            Self::TarXz => "tar.xz",
            Self::TarGz => "tar.gz",
        }
    }

    /// The one with that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Manifest {
    /// Whether everything is in its range.
    ///
    /// # Errors
    /// What isn't, first.
    pub fn check(&self) -> Result<(), Flaw> {
        let within = |number, least, most| (least..=most).contains(&number);
        for (fine, flaw) in [
            (is_word(&self.name, MAX_NAME), Flaw::Name),
            (is_word(&self.version, MAX_NAME), Flaw::Version),
            (is_word(&self.file, MAX_FILE), Flaw::File),
            (within(self.size, 1, MAX_SIZE), Flaw::Size),
            (
                within(self.installed_size, 0, MAX_INSTALLED),
                Flaw::InstalledSize,
            ),
            (within(self.entries, 1, MAX_ENTRIES), Flaw::Entries),
        ] {
            if !fine {
                return Err(flaw);
            }
        }
        Ok(())
    }
}

impl Catalogue {
    /// Whether everything is in its range. That its images are in theirs has been seen when they were made.
    ///
    /// # Errors
    /// What isn't, first.
    pub fn check(&self) -> Result<(), Flaw> {
        if !(1..=MAX_VERSION).contains(&self.version) {
            return Err(Flaw::CatalogueVersion);
        }
        if self.images.len() > MAX_IMAGES {
            return Err(Flaw::TooMany(self.images.len()));
        }
        let mut names: Vec<&str> = self.images.iter().map(|image| &*image.name).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(twice) => Err(Flaw::Twice(twice[0].into())),
            None => Ok(()),
        }
    }

    /// The image of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Manifest> {
        self.images.iter().find(|image| image.name == name)
    }

    /// The image of that name, if it has that digest: what an order names.
    ///
    /// # Errors
    /// There is no such name, or it has become another image since.
    pub fn image(&self, name: &str, digest: Digest) -> Result<&Manifest, NoImage> {
        let image = self.named(name).ok_or(NoImage::Unknown(self.version))?;
        match image.sha256 == digest {
            true => Ok(image),
            false => Err(NoImage::Another {
                catalogue: self.version,
                has: image.sha256,
            }),
        }
    }
}

/// Whether it is one path component that needs no quotation marks anywhere and is no option of any program.
fn is_word(text: &str, most: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
    (1..=most).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with(['.', '-'])
}

/// Checked on the way in and out: the derived half is under the same name on the type itself.
macro_rules! checked {
    ($type:ident) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.check().map_err(ser::Error::custom)?;
                Self::serialize(self, to)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let value = Self::deserialize(from)?;
                value.check().map_err(de::Error::custom)?;
                Ok(value)
            }
        }
    };
}

checked!(Manifest);
checked!(Catalogue);

#[cfg(test)]
mod tests;
