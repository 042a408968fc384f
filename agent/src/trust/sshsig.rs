//! The signature as it comes over the wire: the blob of PROTOCOL.sshsig, by a key of PROTOCOL.u2f or RFC 8709. Every byte is
//! accounted for, and nothing is allocated for a length that a stranger names. It doesn't know who may sign.
use ssh_key::public::{Ed25519PublicKey, KeyData, SkEd25519};

use super::{
    crypto::{self, Hash},
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
    key: KeyData,
    namespace: String,
    hash: Hash,
    signature: [u8; 64],
    /// What a token signed besides: its flags and counter.
    token: Option<[u8; 5]>,
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
        let hash = hash_named(hash)?;
        let (signature, token) = signature_of(signature, &key)?;
        Ok(Self {
            key,
            namespace: namespace_of(namespace)?,
            hash,
            signature,
            token,
        })
    }

    pub(super) fn key(&self) -> &KeyData {
        &self.key
    }

    pub(super) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether a person was there: always for a key in a file, whose passphrase nobody sees from here.
    pub(super) fn touched(&self) -> bool {
        self.token.is_none_or(|[flags, ..]| flags & TOUCHED != 0)
    }

    /// Whether it is the signature of exactly these bytes, by its key, in its namespace.
    pub(super) fn is_of(&self, message: &[u8]) -> bool {
        let signed = self.signed_data(message);
        match (&self.key, &self.token) {
            (KeyData::Ed25519(key), None) => crypto::verifies(&key.0, &signed, &self.signature),
            (KeyData::SkEd25519(key), Some(token)) => {
                let signed = signed_by_token(key.application(), token, &signed);
                crypto::verifies(&key.public_key().0, &signed, &self.signature)
            }
            _ => false,
        }
    }

    /// What is signed in place of a message (PROTOCOL.sshsig, section 3).
    fn signed_data(&self, message: &[u8]) -> Vec<u8> {
        let mut data = MAGIC.to_vec();
        let hashed = self.hash.of(message);
        for string in [
            self.namespace.as_bytes(),
            b"",
            self.hash.name().as_bytes(),
            hashed.as_ref(),
        ] {
            let length = u32::try_from(string.len()).expect("a message is bounded");
            data.extend_from_slice(&length.to_be_bytes());
            data.extend_from_slice(string);
        }
        data
    }
}

/// What a token signs in place of that data (PROTOCOL.u2f, "SSH U2F Signatures").
fn signed_by_token(application: &str, token: &[u8; 5], data: &[u8]) -> Vec<u8> {
    let mut signed = Hash::Sha256.of(application.as_bytes()).as_ref().to_vec();
    signed.extend_from_slice(token);
    signed.extend_from_slice(Hash::Sha256.of(data).as_ref());
    signed
}

fn namespace_of(bytes: &[u8]) -> Result<String, Distrust> {
    match std::str::from_utf8(bytes) {
        Ok(name) if !name.is_empty() => Ok(name.to_owned()),
        Ok(_) | Err(_) => Err(Distrust::StrangeNamespace(bytes.into())),
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

fn hash_named(name: &[u8]) -> Result<Hash, Distrust> {
    Hash::ALL
        .into_iter()
        .find(|hash| hash.name().as_bytes() == name)
        .ok_or_else(|| Distrust::Hash(name.into()))
}

/// The signature by that key, and what a token adds.
fn signature_of(mut rest: &[u8], key: &KeyData) -> Result<([u8; 64], Option<[u8; 5]>), Distrust> {
    let kind = string(&mut rest, SIGNATURE)?;
    if kind != key.algorithm().as_str().as_bytes() {
        return Err(Distrust::MixedKinds(kind.into()));
    }
    let mut raw = string(&mut rest, SIGNATURE)?;
    let signature = *array(&mut raw, SIGNATURE)?;
    end(raw, SIGNATURE)?;
    let token = match key.is_sk_ed25519() {
        true => Some(*array(&mut rest, "token's flags and counter")?),
        false => None,
    };
    end(rest, SIGNATURE)?;
    Ok((signature, token))
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
