//! Signatures, made by a task of their own, one after the other: a key may wait for its owner's finger, and the order goes on
//! meanwhile.
use anyhow::{Context, Result};
use picket_proto::Command;
use tokio::{sync::mpsc, task::JoinHandle};

use crate::{audit::Signed, signer::Signer};

/// The task that signs. Dropping it ends it.
#[derive(Debug)]
pub(super) struct SigningTask {
    requests: mpsc::UnboundedSender<(u64, Command)>,
    answers: mpsc::UnboundedReceiver<Answer>,
    task: JoinHandle<()>,
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Answer {
    /// Which request.
    pub(super) number: u64,
    /// The signed bytes, for the audit log and for the Pi.
    pub(super) signed: Result<Signed>,
}

impl SigningTask {
    pub(super) fn start(signer: Signer) -> Self {
        let (requests, mut todo) = mpsc::unbounded_channel();
        let (done, answers) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Some((number, command)) = todo.recv().await {
                let signed = sign(&signer, &command).await;
                if done.send(Answer { number, signed }).is_err() {
                    return;
                }
            }
        });
        Self {
            requests,
            answers,
            task,
        }
    }

    pub(super) fn ask(&self, number: u64, command: Command) -> Result<()> {
        let sent = self.requests.send((number, command));
        sent.ok().context("the task that signs has ended")
    }

    /// The next answer. Cancel-safe: it is taken or stays.
    pub(super) async fn answer(&mut self) -> Result<Answer> {
        let answer = self.answers.recv().await;
        answer.context("the task that signs has ended")
    }
}

impl Drop for SigningTask {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn sign(signer: &Signer, command: &Command) -> Result<Signed> {
    let privilege = command.action.privilege();
    let privilege = privilege.context("nobody can sign for an unknown action")?;
    let signature = signer.sign(privilege, &command.payload()).await?;
    let fingerprint = signer.fingerprint();
    Ok(Signed::new(command, privilege, signature, fingerprint))
}
