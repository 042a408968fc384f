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

/// A kind of key that this doesn't know is shown by its digest alone.
fn fingerprint(public: &str) -> Option<String> {
    let mut fields = public.split_ascii_whitespace();
    let kind = fields.next()?;
    let blob = base64::decode(fields.next()?)?;
    let comment: Vec<_> = fields.collect();
    let comment = match comment.is_empty() {
        true => "no comment".to_owned(),
        false => comment.join(" "),
    };
    let hash = digest::digest(&digest::SHA256, &blob);
    let hash = format!("SHA256:{}", base64::unpadded(hash.as_ref()));
    let (bits, kind) = match kind {
        "ssh-ed25519" => (256, "ED25519"),
        "ecdsa-sha2-nistp256" => (256, "ECDSA"),
        "ecdsa-sha2-nistp384" => (384, "ECDSA"),
        "ecdsa-sha2-nistp521" => (521, "ECDSA"),
        "ssh-rsa" => (rsa_bits(&blob)?, "RSA"),
        _ => return Some(hash),
    };
    Some(format!("{bits} {hash} {comment} ({kind})"))
}

/// Bits of the modulus: the last of the three strings of the blob (RFC 4253, section 6.6).
fn rsa_bits(blob: &[u8]) -> Option<u32> {
    let mut rest = blob;
    let mut last = blob;
    for _ in 0..3 {
        let (length, after) = rest.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        (last, rest) = after.split_at_checked(length)?;
    }
    let zeros = last.iter().take_while(|byte| **byte == 0).count();
    let (first, below) = last[zeros..].split_first()?;
    let below = u32::try_from(below.len()).ok()?;
    below.checked_mul(8)?.checked_add(8 - first.leading_zeros())
}

#[cfg(test)]
mod tests {
    use std::{fs, process::Command};

    use super::*;

    #[test]
    fn a_fingerprint_is_what_ssh_keygen_shows() {
        let place = tempfile::tempdir().unwrap();
        for (kind, bits, comment) in [
            ("ed25519", "256", "root@pi 12"),
            ("ecdsa", "521", "me"),
            ("ecdsa", "256", "root@pi"),
            ("rsa", "1024", "root@pi"),
            ("rsa", "2047", "root@pi"),
        ] {
            let path = place.path().join(format!("{kind}{bits}"));
            let ran = |command: &mut Command| {
                let output = command.output().unwrap();
                assert!(output.status.success(), "{output:?}");
                String::from_utf8(output.stdout).unwrap()
            };
            let mut make = Command::new("ssh-keygen");
            make.args(["-q", "-t", kind, "-b", bits, "-N", "", "-C", comment, "-f"]);
            ran(make.arg(&path));
            let public = fs::read_to_string(path.with_extension("pub")).unwrap();
            let shown = ran(Command::new("ssh-keygen").arg("-lf").arg(&path));
            assert_eq!(fingerprint(&public).as_deref(), Some(shown.trim()));
        }
        for bad in [
            "",
            "ssh-ed25519",
            "ssh-ed25519 ?",
            "ssh-rsa AAAA",
            "ssh-rsa AAAAB3Nz",
        ] {
            assert_eq!(fingerprint(bad), None, "{bad}");
        }
        let unknown = fingerprint("ssh-new AAAA me").unwrap();
        assert!(unknown.starts_with("SHA256:"), "{unknown}");
    }
}
