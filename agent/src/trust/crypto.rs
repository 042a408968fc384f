//! The arithmetic of signatures, by the library that TLS has in the agent anyway: hashes, fingerprints, Ed25519. It knows neither
//! SSH's formats nor who may sign.
use ring::{digest, signature};
use ssh_key::{Fingerprint, PublicKey, public::KeyData};

/// A hash that a message may be signed through (PROTOCOL.sshsig, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    pub(super) const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    /// As SSH writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    pub(super) fn of(self, bytes: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, bytes)
    }
}

/// Whether `signature` is one of `message` by the key with that public point (RFC 8032, without the cofactor, as OpenSSH checks).
pub(super) fn verifies(point: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    signature::UnparsedPublicKey::new(&signature::ED25519, point)
        .verify(message, signature)
        .is_ok()
}

/// The key's fingerprint, as `ssh-keygen -l` shows it.
pub(super) fn fingerprint(key: &KeyData) -> Fingerprint {
    let blob = PublicKey::from(key.clone()).to_bytes();
    let blob = blob.expect("a key is shorter than 4 GiB");
    let hash = Hash::Sha256.of(&blob);
    Fingerprint::Sha256(hash.as_ref().try_into().expect("SHA-256 has 32 bytes"))
}
