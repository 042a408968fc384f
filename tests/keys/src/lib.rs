//! Keys and signatures of tests: made from a number, without ssh-keygen, equal in every run. Nobody else may trust them.
//!
//! The bytes are put together here, after OpenSSH's PROTOCOL.sshsig and PROTOCOL.u2f, so that a test can also make wrong
//! ones; only the curve's arithmetic is a library's. It must not know how an agent judges.
#![forbid(unsafe_code)]

mod armour;
mod blob;

use picket_proto::{Command, Privilege, SignedCommand, frame};
use ssh_key::{
    HashAlg, LineEnding, PrivateKey, PublicKey, SigningKey,
    private::{Ed25519Keypair, KeypairData},
    public::{KeyData, SkEd25519},
};

pub use armour::{armoured, dearmoured};
pub use blob::{Blob, string};

/// Bit of a token's flags: a person touched it (PROTOCOL.u2f).
pub const TOUCHED: u8 = 1;
/// What a token's key is for (PROTOCOL.u2f).
const APPLICATION: &str = "ssh:";

/// A key of a test.
#[derive(Debug, Clone)]
pub struct TestKey {
    pair: Ed25519Keypair,
    /// The flags that the token puts under its signatures; `None` means that the key lies in a file.
    token: Option<u8>,
}

impl TestKey {
    /// The key of a file, `ssh-ed25519`. Equal seeds make equal keys.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        Self {
            pair: Ed25519Keypair::from_seed(&[seed; 32]),
            token: None,
        }
    }

    /// The key of a hardware token, `sk-ssh-ed25519@openssh.com`, whose flags are [`TOUCHED`] or something worse.
    #[must_use]
    pub fn of_token(seed: u8, flags: u8) -> Self {
        Self {
            token: Some(flags),
            ..Self::new(seed)
        }
    }

    /// The public key as `ssh-keygen` writes it, without a comment: what a line of `allowed_signers` ends with.
    #[must_use]
    pub fn public(&self) -> String {
        let key = match self.token {
            None => KeyData::from(self.pair.public),
            Some(_) => SkEd25519::new(self.pair.public, APPLICATION).into(),
        };
        let key = PublicKey::from(key);
        key.to_openssh().expect("a public key can be written")
    }

    /// A line of `allowed_signers` by which `actor` may do everything.
    #[must_use]
    pub fn line(&self, actor: &str) -> String {
        format!("{actor} {}\n", self.public())
    }

    /// The file of the private key, as `ssh-keygen` writes it, not encrypted.
    ///
    /// # Panics
    /// For a token, whose key lies in no file.
    #[must_use]
    pub fn private_file(&self) -> String {
        assert!(self.token.is_none(), "the key of a token lies in no file");
        let text = self.private().to_openssh(LineEnding::LF);
        text.expect("a private key can be written").to_string()
    }

    /// The command, signed with the privilege that its action needs. One that this version doesn't know is signed with
    /// [`Privilege::Operate`].
    #[must_use]
    pub fn command(&self, command: &Command) -> SignedCommand {
        let privilege = command.action.privilege().unwrap_or(Privilege::Operate);
        let payload = command.payload();
        SignedCommand {
            signature: self.sign(privilege.namespace(), &payload),
            payload,
        }
    }

    /// The same as the bytes to publish.
    #[must_use]
    pub fn frame(&self, command: &Command) -> Vec<u8> {
        frame::encode(&self.command(command))
    }

    /// The signature of `payload` in that namespace, as it stands in a [`SignedCommand`].
    #[must_use]
    pub fn sign(&self, namespace: &str, payload: &[u8]) -> Vec<u8> {
        self.blob(namespace, payload).encode()
    }

    /// The same in its parts.
    #[must_use]
    pub fn blob(&self, namespace: &str, payload: &[u8]) -> Blob {
        let mut blob = Blob {
            key: self.key(),
            namespace: namespace.into(),
            ..Blob::default()
        };
        blob.signature = self.sign_data(&blob.signed_data(payload));
        blob
    }

    /// The public key as a blob has it.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        let mut key = string(self.kind().as_bytes());
        key.extend(string(&self.pair.public.0));
        if self.token.is_some() {
            key.extend(string(APPLICATION.as_bytes()));
        }
        key
    }

    /// The signature of `data`, with its kind, as a blob has it.
    #[must_use]
    pub fn sign_data(&self, data: &[u8]) -> Vec<u8> {
        let mut signature = string(self.kind().as_bytes());
        let Some(flags) = self.token else {
            signature.extend(string(&sign(&self.private(), data)));
            return signature;
        };
        let counter = 7_u32.to_be_bytes();
        let mut shown = HashAlg::Sha256.digest(APPLICATION.as_bytes());
        shown.push(flags);
        shown.extend(counter);
        shown.extend(HashAlg::Sha256.digest(data));
        signature.extend(string(&sign(&self.private(), &shown)));
        signature.push(flags);
        signature.extend(counter);
        signature
    }

    fn private(&self) -> PrivateKey {
        PrivateKey::new(KeypairData::Ed25519(self.pair.clone()), "test")
            .expect("the key has a public half")
    }

    fn kind(&self) -> &'static str {
        match self.token {
            None => "ssh-ed25519",
            Some(_) => "sk-ssh-ed25519@openssh.com",
        }
    }
}

fn sign<K: SigningKey>(key: &K, data: &[u8]) -> Vec<u8> {
    let signature = key.try_sign(data).expect("a key in memory signs");
    signature.as_bytes().to_vec()
}
