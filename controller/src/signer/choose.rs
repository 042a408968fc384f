//! Which of the keys that the ssh-agent holds is meant. Pure: keys in, one key or the reason out.
use std::path::Path;

use anyhow::{Result, anyhow, bail};
use ssh_key::{HashAlg, PublicKey};

use crate::claim;

/// A key that the agent holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    /// Its algorithm, as OpenSSH names it.
    pub(super) algorithm: String,
    /// As the agent says.
    pub(super) comment: String,
    /// The key, when it is of a kind that can sign for us.
    pub(super) usable: Option<PublicKey>,
}

/// The only usable one.
pub(super) fn only(held: &[Held]) -> Result<PublicKey> {
    let usable: Vec<_> = usable(held).collect();
    match usable.as_slice() {
        [key] => Ok((*key).clone()),
        [] if held.is_empty() => bail!(
            "the ssh-agent holds no key, or is locked: add one with `ssh-add FILE`, or unlock it with `ssh-add -X`"
        ),
        [] => bail!(
            "the ssh-agent holds no key that Pis accept, which are ed25519 and sk-ssh-ed25519, only {}",
            others(held)
        ),
        several => bail!(
            "the ssh-agent holds several keys; say which with --key agent:FINGERPRINT or agent:COMMENT:{}",
            list(several)
        ),
    }
}

/// The one with that fingerprint or comment.
pub(super) fn named(held: &[Held], which: &str) -> Result<PublicKey> {
    let is_named = |key: &&PublicKey| key.comment() == which || fingerprint(key) == which;
    let found: Vec<_> = usable(held).filter(is_named).collect();
    match found.as_slice() {
        [key] => return Ok((*key).clone()),
        [] => {}
        several => bail!(
            "the ssh-agent holds several keys with the comment {which:?}; name one by its fingerprint:{}",
            list(several)
        ),
    }
    if let Some(other) = held.iter().find(|held| held.comment == which) {
        bail!(
            "the ssh-agent's key {which:?} is of kind {}, and Pis accept ed25519 and sk-ssh-ed25519",
            claim::escape(&other.algorithm)
        );
    }
    Err(missing(held, &format!("no key {which:?}")))
}

/// The one with that public half, which was read from `path`.
pub(super) fn public(held: &[Held], wanted: &PublicKey, path: &Path) -> Result<PublicKey> {
    let found = usable(held).find(|key| key.key_data() == wanted.key_data());
    let private = path.to_string_lossy();
    let private = private.strip_suffix(".pub").unwrap_or(&private);
    found.cloned().ok_or_else(|| {
        let words = format!("no private half of {}", path.display());
        missing(held, &words).context(format!("add it with `ssh-add {private}`"))
    })
}

fn missing(held: &[Held], what: &str) -> anyhow::Error {
    let usable: Vec<_> = usable(held).collect();
    match usable.as_slice() {
        [] if held.is_empty() => anyhow!(
            "the ssh-agent holds {what}, and no key at all unless it is locked (`ssh-add -X` unlocks it)"
        ),
        [] => anyhow!("the ssh-agent holds {what}, only {}", others(held)),
        usable => anyhow!("the ssh-agent holds {what}; it has{}", list(usable)),
    }
}

fn usable(held: &[Held]) -> impl Iterator<Item = &PublicKey> {
    held.iter().filter_map(|held| held.usable.as_ref())
}

fn others(held: &[Held]) -> String {
    let kinds = held.iter().map(|held| {
        let (algorithm, comment) = (&held.algorithm, &held.comment);
        claim::escape(&format!("{algorithm} ({comment})"))
    });
    kinds.collect::<Vec<_>>().join(", ")
}

fn list(keys: &[&PublicKey]) -> String {
    let line = |key: &&PublicKey| {
        let comment = claim::escape(key.comment());
        format!("\n  {}  {comment}", fingerprint(key))
    };
    keys.iter().map(line).collect()
}

fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(HashAlg::Sha256).to_string()
}
