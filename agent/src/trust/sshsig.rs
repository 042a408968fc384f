//! The signature as it comes over the wire: the blob of PROTOCOL.sshsig, by a key of PROTOCOL.u2f or RFC 8709. Every byte is
//! accounted for, and nothing is allocated for a length that a stranger names. It doesn't know who may sign.
use ssh_key::{
    Algorithm, HashAlg, PublicKey, Signature, SshSig,
    public::{Ed25519PublicKey, KeyData, SkEd25519},
};

use super::{
    line::{CERTIFICATE, KINDS},
    refusal::Distrust,
};

const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;
/// Bit of a token's flags: a person touched it.
const TOUCHED: u8 = 1;
const NAMESPACE: &str = "namespace";
const KEY: &str = "public key";
const SIGNATURE: &str = "signature";

/// A signature of a kind that is taken here; nobody has looked yet what it is of.
#[derive(Debug)]
pub(super) struct Sshsig {
    parts: SshSig,
    touched: bool,
}

impl Sshsig {
    /// Reads a blob.
    pub(super) fn parse(blob: &[u8]) -> Result<Self, Distrust> {
        let mut rest = blob.strip_prefix(MAGIC).ok_or(Distrust::NoSshsig)?;
        let version = u32::from_be_bytes(*array(&mut rest, "version")?);
        if version != VERSION {
            return Err(Distrust::Version(version));
        }
        let key = string(&mut rest, KEY)?;
        let namespace = string(&mut rest, NAMESPACE)?;
        let reserved = string(&mut rest, "reserved field")?;
        let hash = string(&mut rest, "hash")?;
        let signature = string(&mut rest, SIGNATURE)?;
        end(rest, "end")?;
        let key = key_data(key)?;
        if !reserved.is_empty() {
            return Err(Distrust::Reserved);
        }
        let hash = hash_algorithm(hash)?;
        let (signature, touched) = signature_of(signature, &key)?;
        let strange = || Distrust::StrangeNamespace(namespace.into());
        let name = std::str::from_utf8(namespace).map_err(|_| strange())?;
        // Of what is left only an empty namespace is refused here.
        let parts = SshSig::new(key, name, hash, signature).map_err(|_| strange())?;
        Ok(Self { parts, touched })
    }

    pub(super) fn key(&self) -> &KeyData {
        self.parts.public_key()
    }

    pub(super) fn namespace(&self) -> &str {
        self.parts.namespace()
    }

    /// Whether a person was there: always for a key in a file, whose passphrase nobody sees from here.
    pub(super) fn touched(&self) -> bool {
        self.touched
    }

    /// Whether it is the signature of exactly these bytes, by its key, in its namespace.
    pub(super) fn is_of(&self, message: &[u8]) -> bool {
        PublicKey::from(self.key().clone())
            .verify(self.namespace(), message, &self.parts)
            .is_ok()
    }
}

fn key_data(mut rest: &[u8]) -> Result<KeyData, Distrust> {
    let kind = string(&mut rest, KEY)?;
    let shown = String::from_utf8_lossy(kind);
    if shown.contains(CERTIFICATE) {
        return Err(Distrust::Certificate(kind.into()));
    }
    if !KINDS.contains(&shown.as_ref()) {
        return Err(Distrust::KeyKind(kind.into()));
    }
    let mut point = string(&mut rest, KEY)?;
    let public = Ed25519PublicKey(*array(&mut point, KEY)?);
    end(point, KEY)?;
    let key = match kind == KINDS[0].as_bytes() {
        true => public.into(),
        false => {
            let application = string(&mut rest, KEY)?;
            // A key whose application is no text equals none of allowed_signers.
            SkEd25519::new(public, String::from_utf8_lossy(application)).into()
        }
    };
    end(rest, KEY)?;
    Ok(key)
}

fn hash_algorithm(name: &[u8]) -> Result<HashAlg, Distrust> {
    match name {
        b"sha256" => Ok(HashAlg::Sha256),
        b"sha512" => Ok(HashAlg::Sha512),
        other => Err(Distrust::Hash(other.into())),
    }
}

/// The signature by that key, and whether a person was there.
fn signature_of(mut rest: &[u8], key: &KeyData) -> Result<(Signature, bool), Distrust> {
    let kind = string(&mut rest, SIGNATURE)?;
    if kind != key.algorithm().as_str().as_bytes() {
        return Err(Distrust::MixedKinds(kind.into()));
    }
    let mut raw = string(&mut rest, SIGNATURE)?;
    let mut data = array::<64>(&mut raw, SIGNATURE)?.to_vec();
    end(raw, SIGNATURE)?;
    let mut touched = true;
    if key.algorithm() == Algorithm::SkEd25519 {
        let [flags, counter @ ..] = array::<5>(&mut rest, "token's flags and counter")?;
        touched = flags & TOUCHED != 0;
        data.push(*flags);
        data.extend_from_slice(counter);
    }
    end(rest, SIGNATURE)?;
    let signature = Signature::new(key.algorithm(), data).expect("the length is that of the kind");
    Ok((signature, touched))
}

/// Takes a string as SSH writes it (RFC 4251, section 5) from the front of `rest`.
fn string<'a>(rest: &mut &'a [u8], part: &'static str) -> Result<&'a [u8], Distrust> {
    let length = u32::from_be_bytes(*array(rest, part)?);
    let (string, after) = usize::try_from(length)
        .ok()
        .and_then(|length| rest.split_at_checked(length))
        .ok_or(Distrust::Torn(part))?;
    *rest = after;
    Ok(string)
}

fn array<'a, const N: usize>(
    rest: &mut &'a [u8],
    part: &'static str,
) -> Result<&'a [u8; N], Distrust> {
    let (array, after) = rest.split_first_chunk().ok_or(Distrust::Torn(part))?;
    *rest = after;
    Ok(array)
}

fn end(rest: &[u8], part: &'static str) -> Result<(), Distrust> {
    match rest.len() {
        0 => Ok(()),
        more => Err(Distrust::Trailing(more, part)),
    }
}
