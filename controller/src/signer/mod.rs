//! The operator's signing key: from a file or from the ssh-agent, and the signatures made with it. It knows nothing of what a
//! payload means.
mod agent;
mod choose;
mod file;
mod passphrase;
mod private;
mod source;

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::{Context, Result, ensure};
use picket_proto::Privilege;
use signature::Signer as _;
use ssh_encoding::Encode;
use ssh_key::{HashAlg, PrivateKey, PublicKey, Signature, SshSig};

use agent::Agent;
pub use source::{Choice, KeySource};

/// What `ssh-keygen -Y sign` hashes with.
const HASH: HashAlg = HashAlg::Sha512;
/// In the flags of a token's signature: somebody touched it (FIDO's user presence; OpenSSH's PROTOCOL.u2f).
const TOUCHED: u8 = 1;

/// A key that is ready to sign. Nothing of a private key is in its `Debug`.
#[derive(Debug)]
pub struct Signer {
    public: PublicKey,
    key: Key,
}

enum Key {
    Private(Box<PrivateKey>),
    Agent(Agent),
}

/// What of this process's surroundings a signer uses.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The ssh-agent's socket, as SSH_AUTH_SOCK names it.
    pub agent: Option<PathBuf>,
    /// The file whose first line opens an encrypted key, as PICKET_KEY_PASSPHRASE_FILE names it; else the terminal is asked.
    pub passphrase_file: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        let named = |name| env::var_os(name).filter(|text| !text.is_empty());
        Self {
            agent: named("SSH_AUTH_SOCK").map(PathBuf::from),
            passphrase_file: named("PICKET_KEY_PASSPHRASE_FILE").map(PathBuf::from),
        }
    }
}

impl Signer {
    /// Finds the key. A passphrase is asked for here, so that nobody is asked in the middle of a roll.
    ///
    /// # Errors
    /// There is no such key, it is of a kind that agents refuse, it can't be opened, or more than one is meant. The message names
    /// the file or the keys, and the way out.
    pub async fn open(source: &KeySource, around: &Surroundings) -> Result<Self> {
        let path = match source {
            KeySource::Agent(choice) => return Self::of_agent(choice, around).await,
            KeySource::File(path) => path,
        };
        match file::open(path, around.passphrase_file.as_deref())? {
            file::Opened::Private(private) => Ok(Self {
                public: private.public_key().clone(),
                key: Key::Private(private),
            }),
            // The file of a token's key only says where on the token it is; the agent talks to the token.
            file::Opened::Token(public) => {
                let agent = Agent::at(around.agent.as_deref())?;
                let held = choose::public(&agent.held().await?, &public, path)?;
                Ok(Self::held(agent, held))
            }
        }
    }

    /// The public half of the key that would sign. Nothing is decrypted and nobody is asked; of an encrypted file the comment is
    /// taken from its `.pub` file.
    ///
    /// # Errors
    /// As [`Signer::open`], as far as the key is looked at.
    pub async fn look(source: &KeySource, around: &Surroundings) -> Result<PublicKey> {
        match source {
            KeySource::Agent(choice) => Ok(Self::of_agent(choice, around).await?.public),
            KeySource::File(path) => file::look(path),
        }
    }

    async fn of_agent(choice: &Choice, around: &Surroundings) -> Result<Self> {
        let wanted = match choice {
            Choice::Public(path) => Some((path, file::public(path)?)),
            _ => None,
        };
        let agent = Agent::at(around.agent.as_deref())?;
        let held = agent.held().await?;
        let held = match (choice, wanted) {
            (_, Some((path, public))) => choose::public(&held, &public, path),
            (Choice::Named(which), _) => choose::named(&held, which),
            _ => choose::only(&held),
        }?;
        Ok(Self::held(agent, held))
    }

    fn held(agent: Agent, public: PublicKey) -> Self {
        Self {
            public,
            key: Key::Agent(agent),
        }
    }

    /// The public half, with the comment that it has in its file or in the agent.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The fingerprint as OpenSSH writes it, `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.public.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Whether each signature waits until somebody touches a token.
    #[must_use]
    pub fn needs_touch(&self) -> bool {
        self.public.key_data().is_sk_ed25519()
    }

    /// The signature of the payload with that privilege.
    ///
    /// # Errors
    /// As [`Signer::sign_in`].
    pub async fn sign(&self, privilege: Privilege, payload: &[u8]) -> Result<Vec<u8>> {
        self.sign_in(privilege.namespace(), payload).await
    }

    /// The signature of the payload in that namespace: the blob of OpenSSH's PROTOCOL.sshsig. Says on stderr when a token waits to
    /// be touched.
    ///
    /// # Errors
    /// The agent doesn't sign, or not as it should: such a signature is never returned.
    pub async fn sign_in(&self, namespace: &str, payload: &[u8]) -> Result<Vec<u8>> {
        let data = SshSig::signed_data(namespace, HASH, payload)?;
        let signature = match &self.key {
            Key::Private(private) => private.try_sign(&data)?,
            Key::Agent(agent) => {
                if self.needs_touch() {
                    let key = self.fingerprint();
                    // Whoever holds the token sees it blink, too.
                    let _ = writeln!(io::stderr(), "picket: touch the token now ({key})");
                }
                agent.sign(&self.public, &data).await?
            }
        };
        if self.needs_touch() {
            ensure!(
                is_touched(&signature),
                "the token signed without being touched, and agents refuse that: its key was made with -O no-touch-required"
            );
        }
        let signature = SshSig::new(self.public.key_data().clone(), namespace, HASH, signature)?;
        self.public.verify(namespace, payload, &signature).context(
            "the ssh-agent gave a signature that is not one of this payload by this key",
        )?;
        let mut blob = Vec::new();
        signature.encode(&mut blob)?;
        Ok(blob)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Private(_) => "Private",
            Self::Agent(_) => "Agent",
        })
    }
}

/// The flags stand before the last four bytes, which count.
fn is_touched(signature: &Signature) -> bool {
    let flags = signature.as_bytes().iter().rev().nth(4);
    flags.is_some_and(|flags| flags & TOUCHED != 0)
}
