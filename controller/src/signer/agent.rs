//! The ssh-agent: two questions of its protocol (draft-ietf-sshm-ssh-agent, which was draft-miller-ssh-agent), over its socket. It
//! decides nothing about keys.
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use ssh_encoding::{Decode, Encode};
use ssh_key::{PublicKey, Signature};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use super::{choose::Held, file};

/// Section 6.1 of the draft: the numbers of messages.
const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
/// OpenSSH's agent takes and gives no longer message.
const MAX_MESSAGE: u32 = 256 * 1024;
/// How long the agent may take to list its keys.
const TO_LIST: Duration = Duration::from_secs(10);
/// How long it may take to sign: somebody may have to touch a token or to confirm.
const TO_SIGN: Duration = Duration::from_secs(120);

/// Where the agent listens.
#[derive(Debug)]
pub(super) struct Agent {
    socket: PathBuf,
}

impl Agent {
    /// The agent at that socket, without having asked it anything.
    pub(super) fn at(socket: Option<&Path>) -> Result<Self> {
        let socket = socket.ok_or_else(|| {
            anyhow!(
                "there is no ssh-agent (SSH_AUTH_SOCK is not set): start one with `eval $(ssh-agent)` and add a key with \
                 `ssh-add`, or give --key FILE with the file of a private key"
            )
        })?;
        Ok(Self {
            socket: socket.to_owned(),
        })
    }

    /// The keys that it holds. An agent that is locked says none.
    pub(super) async fn held(&self) -> Result<Vec<Held>> {
        let answer = self.ask(&[REQUEST_IDENTITIES], TO_LIST).await?;
        identities(&answer).context("the ssh-agent's list of keys can't be read")
    }

    /// Its signature of the data with that key.
    pub(super) async fn sign(&self, key: &PublicKey, data: &[u8]) -> Result<Signature> {
        let mut question = vec![SIGN_REQUEST];
        key.to_bytes()?.encode(&mut question)?;
        data.encode(&mut question)?;
        0u32.encode(&mut question)?; // no flags: they are RSA's
        let answer = self.ask(&question, TO_SIGN).await?;
        match answer.split_first() {
            Some((&SIGN_RESPONSE, mut body)) => {
                let blob = Vec::<u8>::decode(&mut body)?;
                Ok(Signature::try_from(blob.as_slice())
                    .context("the ssh-agent's signature can't be read")?)
            }
            Some((&FAILURE, _)) => bail!(
                "the ssh-agent refused to sign: it was locked, the key was taken from it, or nobody touched the token or \
                 confirmed"
            ),
            _ => bail!("the ssh-agent gave another answer than a signature"),
        }
    }

    async fn ask(&self, question: &[u8], patience: Duration) -> Result<Vec<u8>> {
        let name = self.socket.display();
        let asked = timeout(patience, exchange(&self.socket, question)).await;
        asked
            .map_err(|_| anyhow!("the ssh-agent at {name} did not answer in {patience:?}"))?
            .with_context(|| format!("the ssh-agent at {name} (SSH_AUTH_SOCK) can't be asked"))
    }
}

async fn exchange(socket: &Path, question: &[u8]) -> Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket).await?;
    let length = u32::try_from(question.len()).context("a question that long")?;
    stream
        .write_all(&[&length.to_be_bytes(), question].concat())
        .await?;
    let length = stream.read_u32().await?;
    ensure!(length <= MAX_MESSAGE, "an answer of {length} bytes");
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

fn identities(answer: &[u8]) -> Result<Vec<Held>> {
    let mut rest = match answer.split_first() {
        Some((&IDENTITIES_ANSWER, rest)) => rest,
        Some((&FAILURE, _)) => bail!("it refuses to list them"),
        _ => bail!("it is no list"),
    };
    let count = u32::decode(&mut rest)?;
    let mut held = Vec::new();
    // Invariant: each round takes at least eight bytes of the answer or ends the loop.
    for _ in 0..count {
        let blob = Vec::<u8>::decode(&mut rest)?;
        let comment = String::from_utf8_lossy(&Vec::<u8>::decode(&mut rest)?).into_owned();
        held.push(one(&blob, comment)?);
    }
    Ok(held)
}

fn one(mut blob: &[u8], comment: String) -> Result<Held> {
    let mut usable = PublicKey::from_bytes(blob).ok().filter(file::is_usable);
    if let Some(key) = &mut usable {
        key.set_comment(comment.as_str());
    }
    Ok(Held {
        algorithm: String::from_utf8_lossy(&Vec::<u8>::decode(&mut blob)?).into_owned(),
        comment,
        usable,
    })
}
