//! Reinstall: which image becomes a Pi's next root and what makes it his, and how far that has come. Knows no slots and no catalogue.
use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{DecodeError, State, json, named::named, wire};

/// The name of an image is at most this long, in bytes.
pub const MAX_IMAGE: usize = 64;
/// A hostname is at most this long, in bytes: Linux's HOST_NAME_MAX (gethostname(2)).
pub const MAX_HOSTNAME: usize = 64;
/// A reinstall brings at most this many ssh keys.
pub const MAX_SSH_KEYS: usize = 16;
/// A line of `authorized_keys` is at most this long, in bytes; one of Ed25519 has about 100, of RSA with 4096 bits about 750.
pub const MAX_SSH_KEY: usize = 1024;

const PART: &str = "body of the action";

/// Which image, and what makes it this Pi's. There is no address and no path in it: where images come from is the agent's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reinstall {
    /// Its name in the catalogue that the agent believes: 1 to [`MAX_IMAGE`] bytes.
    pub image: String,
    /// SHA-256 of its file, as the operator's catalogue has it: another file of that name is refused.
    #[serde(with = "json::array")]
    pub digest: [u8; 32],
    /// What the Pi is called from then on; `None`: as now.
    pub hostname: Option<String>,
    /// Who may log in: lines as in `authorized_keys` (sshd(8)), at most [`MAX_SSH_KEYS`] of [`MAX_SSH_KEY`] bytes.
    pub ssh_keys: Vec<String>,
    /// Stop when the image is staged, until it is activated.
    pub hold: bool,
    /// Remove what is in the idle slot before the image is unpacked: for an export that can't hold both.
    pub discard_old: bool,
    /// For so many days what runs now is kept beside the image after that was committed; 0: it is removed at once.
    pub keep_old_days: u8,
}

/// How much of an image has passed a stage. What is to come is 0 where nobody knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which stage: a state that an operation can be in.
    pub stage: State,
    /// Bytes that have passed: of the image's file while it is fetched, else of what lies in it.
    pub bytes: u64,
    /// Of so many.
    pub of_bytes: u64,
    /// Files, directories and the like that have passed.
    pub entries: u64,
    /// Of so many.
    pub of_entries: u64,
}

named! {
    /// Which root file system an agent runs from, where an export holds two.
    RootSlot, u8,
    /// `slots/a`.
    1 "a" A,
    /// `slots/b`.
    2 "b" B,
    /// None of them: the rescue system, from memory.
    3 "rescue" Rescue,
}

pub(crate) fn write(reinstall: &Reinstall, out: &mut Vec<u8>) {
    wire::put(&reinstall.image, out);
    wire::put(&reinstall.digest, out);
    wire::put(&reinstall.hostname, out);
    wire::put(&reinstall.ssh_keys, out);
    wire::put(&(reinstall.hold, reinstall.discard_old), out);
    wire::put(&reinstall.keep_old_days, out);
}

pub(crate) fn read(body: &[u8]) -> Result<Reinstall, DecodeError> {
    let (image, rest): (&str, _) = wire::take(body, PART)?;
    bounded(image, MAX_IMAGE, "image of the reinstall")?;
    let (digest, rest) = wire::take(rest, PART)?;
    let (hostname, rest): (Option<&str>, _) = wire::take(rest, PART)?;
    bounded(
        hostname.unwrap_or_default(),
        MAX_HOSTNAME,
        "hostname of the reinstall",
    )?;
    let keys = "list of ssh keys";
    let (ssh_keys, rest) = wire::take_list(rest, MAX_SSH_KEYS, keys, ssh_key)?;
    let ((hold, discard_old), rest) = wire::take(rest, PART)?;
    Ok(Reinstall {
        image: image.into(),
        digest,
        hostname: hostname.map(Into::into),
        ssh_keys,
        hold,
        discard_old,
        keep_old_days: wire::whole(rest, PART)?,
    })
}

fn ssh_key(bytes: &[u8]) -> Result<(String, &[u8]), DecodeError> {
    let (key, rest): (&str, _) = wire::take(bytes, PART)?;
    bounded(key, MAX_SSH_KEY, "ssh key")?;
    Ok((key.into(), rest))
}

fn bounded(text: &str, limit: usize, part: &'static str) -> Result<(), DecodeError> {
    match text.len() > limit {
        true => Err(DecodeError::TooLarge(part)),
        false => Ok(()),
    }
}
