//! The digest of an image: SHA-256, written as 64 lower-case hex digits. Whoever has the bytes computes it elsewhere.
use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::{ParseIdError, parse_hex};

/// SHA-256 of an archive's bytes (FIPS 180-4): 64 hex digits for people, 32 bytes on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl FromStr for Digest {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        parse_hex(text.as_bytes()).map(Self).ok_or(ParseIdError {
            wanted: "a SHA-256 digest of 64 hex digits",
        })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

crate::id::id_traits!(Digest, 32);
