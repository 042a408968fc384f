//! The keys by which the Pi's sshd proves itself: those of the image go, as everybody has them, and a new Ed25519 one comes. Every sshd
//! and every client since 2014 knows that kind, so no other is needed.
use ring::{
    digest,
    signature::{Ed25519KeyPair, KeyPair},
};
use ssh_key::{
    LineEnding, PrivateKey,
    private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData},
    public::Ed25519PublicKey,
};

use crate::tree::Tree;

use super::{Error, base64, machine_id::random};

const FOLDER: &str = "etc/ssh";
pub(super) const OWN: &str = "ssh_host_ed25519_key";
const MAX_PUBLIC: u64 = 64 * 1024;

/// # Errors
/// Something can't be written, or there is no randomness.
pub(super) fn renew(tree: &Tree, hostname: Option<&str>) -> Result<(), Error> {
    for name in tree.names(FOLDER)? {
        if name.starts_with("ssh_host_") && name.contains("_key") {
            tree.remove(&format!("{FOLDER}/{name}"))?;
        }
    }
    let comment = format!("root@{}", hostname.unwrap_or("localhost"));
    let key = new(&comment)?;
    let no_key = |_| Error::NoRandomness;
    let private = key.to_openssh(LineEnding::LF).map_err(no_key)?;
    let public = key.public_key().to_openssh().map_err(no_key)?;
    tree.write(&format!("{FOLDER}/{OWN}"), private.as_bytes(), 0o600)?;
    Ok(tree.write(&format!("{FOLDER}/{OWN}.pub"), public + "\n", 0o644)?)
}

fn new(comment: &str) -> Result<PrivateKey, Error> {
    let seed: [u8; 32] = random()?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| Error::NoRandomness)?;
    let point = pair.public_key().as_ref().try_into();
    let pair = Ed25519Keypair {
        public: Ed25519PublicKey(point.expect("a point has 32 bytes")),
        private: Ed25519PrivateKey::from_bytes(&seed),
    };
    PrivateKey::new(KeypairData::Ed25519(pair), comment).map_err(|_| Error::NoRandomness)
}

/// What `ssh-keygen -l` shows of each key in the tree, which the overlay may have brought, by their names.
///
/// # Errors
/// One can't be read.
pub(super) fn fingerprints(tree: &Tree) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for name in tree.names(FOLDER)? {
        if name.starts_with("ssh_host_") && name.ends_with("_key.pub") {
            let text = tree.text(&format!("{FOLDER}/{name}"), MAX_PUBLIC)?;
            found.extend(text.as_deref().and_then(fingerprint));
        }
    }
    Ok(found)
}

fn fingerprint(public: &str) -> Option<String> {
    let blob = base64::decode(public.split_ascii_whitespace().nth(1)?)?;
    let hash = digest::digest(&digest::SHA256, &blob);
    Some(format!("SHA256:{}", base64::unpadded(hash.as_ref())))
}
