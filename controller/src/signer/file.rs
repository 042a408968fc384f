//! Key files, in OpenSSH's format. It knows no agent.
use std::{
    fs::{self, File},
    io,
    path::Path,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use ssh_key::{Algorithm, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::{passphrase, private};
use crate::claim;

/// The way out when a key is of another kind.
const MAKE_ONE: &str = "make a key that Pis accept with `ssh-keygen -t ed25519`";

/// What a private key file gave.
pub(super) enum Opened {
    /// A key that signs.
    Private(Box<PrivateKey>),
    /// A key that lies on a token; this is its public half.
    Token(PublicKey),
}

/// The private key in that file, decrypted.
pub(super) fn open(path: &Path, passphrase_file: Option<&Path>) -> Result<Opened> {
    let key = read(path)?;
    let name = path.display();
    if key.algorithm() == Algorithm::SkEd25519 {
        return Ok(Opened::Token(key.public_key().clone()));
    }
    if !key.is_encrypted() {
        return Ok(Opened::Private(Box::new(key)));
    }
    let passphrase = passphrase::get(passphrase_file, path)?;
    let key = key.decrypt(passphrase.as_bytes());
    let key = key.map_err(|why| match why {
        ssh_key::Error::Crypto => anyhow!("the passphrase does not open {name}"),
        why => anyhow!("{name} can't be decrypted: {why}"),
    })?;
    Ok(Opened::Private(Box::new(key)))
}

/// The public half of the private key in that file. The comment of an encrypted one is a secret too: it is taken from the
/// `.pub` file beside it.
pub(super) fn look(path: &Path) -> Result<PublicKey> {
    let key = read(path)?;
    let own = key.public_key().clone();
    if !key.is_encrypted() {
        return Ok(own);
    }
    let beside = public(Path::new(&format!("{}.pub", path.display())));
    let is_same = |beside: &PublicKey| beside.key_data() == own.key_data();
    Ok(beside.ok().filter(is_same).unwrap_or(own))
}

/// The private key in that file, as it lies there; of a kind that Pis accept.
fn read(path: &Path) -> Result<PrivateKey> {
    let text = read_private(path)?;
    let key = PrivateKey::from_openssh(&text).map_err(|why| foreign(path, &text, why))?;
    let kind = key.algorithm();
    ensure!(
        is_usable(key.public_key()),
        "{} is of kind {}; {MAKE_ONE}",
        path.display(),
        kind.as_str()
    );
    Ok(key)
}

/// The public key in that file.
pub(super) fn public(path: &Path) -> Result<PublicKey> {
    let name = path.display();
    let text = File::open(path)
        .and_then(|mut file| private::bounded(&mut file))
        .with_context(|| format!("the public key file {name} can't be read"))?;
    let kind = text.split_ascii_whitespace().next().unwrap_or_default();
    let is_kind = ["ssh-", "ecdsa-", "sk-"]
        .iter()
        .any(|word| kind.starts_with(word));
    match PublicKey::from_openssh(&text) {
        Ok(key) if is_usable(&key) => Ok(key),
        _ if kind.contains("-cert-v01@") => {
            bail!("{name} is a certificate; name the public key that it was made of")
        }
        Err(why) if !is_kind || kind == "ssh-ed25519" => {
            bail!("{name} holds no public key of OpenSSH's form: {why}")
        }
        _ => bail!("{name} is of kind {}; {MAKE_ONE}", claim::escape(kind)),
    }
}

/// Whether Pis accept signatures of that key.
pub(super) fn is_usable(key: &PublicKey) -> bool {
    matches!(key.algorithm(), Algorithm::Ed25519 | Algorithm::SkEd25519)
}

fn read_private(path: &Path) -> Result<Zeroizing<String>> {
    let file = File::open(path).map_err(|why| absent(path, why))?;
    private::read(file, "key file", path)
}

fn absent(path: &Path, why: io::Error) -> anyhow::Error {
    let name = path.display();
    if why.kind() != io::ErrorKind::NotFound {
        return anyhow!("the key file {name} can't be read: {why}");
    }
    let half = format!("{name}.pub");
    match fs::exists(&half) {
        Ok(true) => anyhow!(
            "there is no key file {name}, only its public half: with the private one in the ssh-agent, give --key {half}"
        ),
        _ => anyhow!(
            "there is no key file {name}: make one with `ssh-keygen -t ed25519 -f {name}`, or name yours with --key FILE, \
             --key agent or PICKET_KEY"
        ),
    }
}

/// Why a text is no private key of OpenSSH's.
fn foreign(path: &Path, text: &str, why: ssh_key::Error) -> anyhow::Error {
    let name = path.display();
    let starts = |word: &str| text.trim_start().starts_with(word);
    if PublicKey::from_openssh(text).is_ok() {
        return anyhow!(
            "{name} holds a public key: name the file of the private one, or let the ssh-agent sign with --key agent"
        );
    }
    if starts("PuTTY-User-Key-File") {
        return anyhow!(
            "{name} is a key of PuTTY's; `puttygen {name} -O private-openssh-new -o FILE` writes it as OpenSSH does"
        );
    }
    if starts("-----BEGIN ") && !starts("-----BEGIN OPENSSH PRIVATE KEY") {
        return anyhow!("{name} is no key of OpenSSH's form; {MAKE_ONE}");
    }
    match why {
        ssh_key::Error::AlgorithmUnknown | ssh_key::Error::AlgorithmUnsupported { .. } => {
            anyhow!("{name} is a key of another kind than ed25519 and sk-ssh-ed25519; {MAKE_ONE}")
        }
        why => anyhow!("{name} holds no private key that can be read: {why}"),
    }
}
