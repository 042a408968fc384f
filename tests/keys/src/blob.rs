//! The blob of an SSHSIG signature in its parts, right or wrong, and the bytes that are signed (PROTOCOL.sshsig).
use ssh_key::HashAlg;

/// The parts of a blob. Each can be replaced by something worse before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// `SSHSIG`.
    pub magic: Vec<u8>,
    /// 1.
    pub version: u32,
    /// The public key: its kind, and what that kind has.
    pub key: Vec<u8>,
    /// What the signature is good for.
    pub namespace: Vec<u8>,
    /// Empty.
    pub reserved: Vec<u8>,
    /// Which hash of the message was signed.
    pub hash: Vec<u8>,
    /// The signature: its kind, and what that kind has.
    pub signature: Vec<u8>,
}

impl Default for Blob {
    /// A blob without key, namespace and signature.
    fn default() -> Self {
        Self {
            magic: b"SSHSIG".to_vec(),
            version: 1,
            key: Vec::new(),
            namespace: Vec::new(),
            reserved: Vec::new(),
            hash: b"sha512".to_vec(),
            signature: Vec::new(),
        }
    }
}

impl Blob {
    /// The bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.magic.clone();
        out.extend(self.version.to_be_bytes());
        for part in [
            &self.key,
            &self.namespace,
            &self.reserved,
            &self.hash,
            &self.signature,
        ] {
            out.extend(string(part));
        }
        out
    }

    /// What is signed for `message`. A hash that no one knows is taken for SHA-512.
    #[must_use]
    pub fn signed_data(&self, message: &[u8]) -> Vec<u8> {
        let hash = match self.hash.as_slice() {
            b"sha256" => HashAlg::Sha256,
            _ => HashAlg::Sha512,
        };
        let mut out = b"SSHSIG".to_vec();
        for part in [&self.namespace, &self.reserved, &self.hash] {
            out.extend(string(part));
        }
        out.extend(string(&hash.digest(message)));
        out
    }
}

/// A string as SSH writes it: its length in four bytes, then itself (RFC 4251, section 5).
///
/// # Panics
/// For more than 4 GiB.
#[must_use]
pub fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("shorter than 4 GiB");
    let mut out = length.to_be_bytes().to_vec();
    out.extend_from_slice(bytes);
    out
}
