//! What is wrong with a manifest, a catalogue, or an order's idea of it, in words with the way out.
use alloc::string::String;
use core::fmt;

use super::{
    Digest, MAX_ENTRIES, MAX_FILE, MAX_IMAGES, MAX_INSTALLED, MAX_NAME, MAX_SIZE, MAX_VERSION,
};

/// A value that is out of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The name of an image.
    Name,
    /// The version of an image.
    Version,
    /// The file of an image.
    File,
    /// The length of an archive.
    Size,
    /// What an archive unpacks to.
    InstalledSize,
    /// The number of its entries.
    Entries,
    /// The version of the catalogue.
    CatalogueVersion,
    /// The number of images: this many.
    TooMany(usize),
    /// Two images have this name.
    Twice(String),
}

/// Why a catalogue doesn't have an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoImage {
    /// No image has the name in the catalogue of this version.
    Unknown(u64),
    /// The image of that name is another one.
    Another {
        /// Version of the catalogue.
        catalogue: u64,
        /// The digest of the image that has the name there.
        has: Digest,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const WORD: &str =
            "letters, digits or any of ._+~-, and begin with neither a dot nor a hyphen";
        match self {
            Self::Name => write!(f, "an image's name must be 1 to {MAX_NAME} {WORD}"),
            Self::Version => write!(f, "an image's version must be 1 to {MAX_NAME} {WORD}"),
            Self::File => write!(
                f,
                "an image's file must lie beside the catalogue, and its name be 1 to {MAX_FILE} {WORD}"
            ),
            Self::Size => write!(f, "an image's size must be 1 to {MAX_SIZE} bytes"),
            Self::InstalledSize => write!(
                f,
                "an image's installed_size must be at most {MAX_INSTALLED} bytes"
            ),
            Self::Entries => write!(f, "an image must have 1 to {MAX_ENTRIES} entries"),
            Self::CatalogueVersion => {
                write!(f, "the catalogue's version must be 1 to {MAX_VERSION}")
            }
            Self::TooMany(count) => write!(
                f,
                "the catalogue has {count} images, and {MAX_IMAGES} is the most: retire some"
            ),
            Self::Twice(name) => write!(f, "two images of the catalogue are called {name}"),
        }
    }
}

impl fmt::Display for NoImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(version) => write!(
                f,
                "catalogue version {version} has no image of that name: publish the catalogue that the order was made from, or order one that is there"
            ),
            Self::Another { catalogue, has } => write!(
                f,
                "in catalogue version {catalogue} the image of that name has the digest {has}: order it again by the catalogue that the Pi sees"
            ),
        }
    }
}

impl core::error::Error for Flaw {}
impl core::error::Error for NoImage {}
