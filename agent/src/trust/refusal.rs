//! Why a command isn't trusted: a reason for machines and words with the way out for people. What a stranger wrote is shown
//! escaped and cut.
use std::fmt;

use picket_proto::{DecodeError, OperationId, Privilege, Reason, command};
use ssh_key::Fingerprint;

use super::time::UnixTime;

/// This many characters of what a stranger wrote are shown.
const SHOWN: usize = 64;

/// A command that isn't carried out. `Display` shows the detail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, for machines.
    pub reason: Reason,
    /// Why, for people, with the way out.
    pub detail: String,
    /// Which operation, when the command can be read so far. Nobody has vouched for it.
    pub operation: Option<OperationId>,
}

impl Refusal {
    /// The refusal of every command by an agent without `allowed_signers`.
    #[must_use]
    pub fn no_signers(operation: Option<OperationId>) -> Self {
        Self::new(&Distrust::NoSigners, operation)
    }

    pub(super) fn new(distrust: &Distrust, operation: Option<OperationId>) -> Self {
        Self {
            reason: distrust.reason(),
            detail: distrust.to_string(),
            operation,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// What speaks against a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Distrust {
    #[error(
        "this agent has no allowed_signers and only observes; set allowed_signers in its picketd.toml"
    )]
    NoSigners,
    #[error("the command can't be read: {0}; send it with a picket of this agent's version")]
    Undecodable(DecodeError),
    #[error("the signature ends inside its {0}; sign again, and send the whole blob")]
    Torn(&'static str),
    #[error(
        "{0} bytes follow where the signature's {1} should end; sign again, and send the blob alone"
    )]
    Trailing(usize, &'static str),
    #[error(
        "the signature is no SSHSIG blob; sign with picket, or with `ssh-keygen -Y sign` and send what stands between its BEGIN and END lines, decoded"
    )]
    NoSshsig,
    #[error(
        "the signature is of SSHSIG version {0}, and version 1 is known here; sign with an OpenSSH that writes version 1"
    )]
    Version(u32),
    #[error(
        "the reserved field of the signature is set; sign with an OpenSSH that leaves it empty, as PROTOCOL.sshsig has it"
    )]
    Reserved,
    #[error("the signature is over hash {0}; sign with sha512 or sha256")]
    Hash(Shown),
    #[error(
        "the signature is by a key of kind {0}; sign with a key of kind ssh-ed25519 or sk-ssh-ed25519@openssh.com"
    )]
    KeyKind(Shown),
    #[error("the signature is of kind {0}, and its key of another; sign again")]
    MixedKinds(Shown),
    #[error(
        "the signature is by a certificate ({0}), which can't be withdrawn here; sign with the key alone, and list that key in allowed_signers"
    )]
    Certificate(Shown),
    #[error(
        "the signature's namespace is {0}; sign in the one that the action needs: picket-operate@1, picket-configure@1 or picket-reinstall@1"
    )]
    StrangeNamespace(Shown),
    #[error(
        "no line of this agent's allowed_signers has the key {0}; add a line with it, or sign with a key that is there"
    )]
    UnknownSigner(Fingerprint),
    #[error(
        "the signature by key {0} isn't one of this command: the command was changed, or signed in another namespace; sign again"
    )]
    BadSignature(Fingerprint),
    #[error(
        "nobody touched the token when it signed with key {0}; sign again with a key that wants the touch, one made without -O no-touch-required"
    )]
    NoTouch(Fingerprint),
    #[error(
        "line {line} of allowed_signers has the key {key}, and not for actor {actor}; order it as who the line names (--actor), or add the actor to the line"
    )]
    WrongActor {
        line: usize,
        key: Fingerprint,
        actor: Shown,
    },
    #[error("line {line} of allowed_signers has the key {key}, and not for {}; sign with another key, or add that to the line's namespaces", .privilege.namespace())]
    WrongNamespace {
        line: usize,
        key: Fingerprint,
        privilege: Privilege,
    },
    #[error(
        "by line {line} of allowed_signers the key is valid from {from}, and here it is {now}; wait, or sign with another key"
    )]
    NotYet {
        line: usize,
        from: UnixTime,
        now: UnixTime,
    },
    #[error(
        "by line {line} of allowed_signers the key was valid until {until}, and here it is {now}; sign with another key"
    )]
    Expired {
        line: usize,
        until: UnixTime,
        now: UnixTime,
    },
    #[error(
        "line {line} of allowed_signers has times, and this Pi's clock isn't synchronised, so they can't be judged; wait until it is, sign with a key without times, or set signers_without_clock = \"accept\""
    )]
    ClockUnknown { line: usize },
    #[error(
        "what should be a signature isn't one in its text form; sign with picket, or with `ssh-keygen -Y sign`"
    )]
    NoArmour,
    #[error("the signature's namespace is {has}; sign in {wanted}")]
    FileNamespace { wanted: &'static str, has: Shown },
    #[error(
        "no line of allowed_signers has the key {0}, which signed; add a line with it, or sign with a key that is there"
    )]
    UnknownFileSigner(Fingerprint),
    #[error(
        "the signature by key {0} isn't one of this file: the file was changed since, or the two don't belong together; publish both again, as they were signed"
    )]
    BadFileSignature(Fingerprint),
    #[error(
        "line {line} of allowed_signers has the key {key}, and not for {namespace}; sign with another key, or add that to the line's namespaces"
    )]
    NotForFile {
        line: usize,
        key: Fingerprint,
        namespace: &'static str,
    },
    #[error("the action {} needs a signature in {}, and this one is in {}; sign again in the other", name(*.action), .needs.namespace(), .has.namespace())]
    WrongPrivilege {
        action: u16,
        needs: Privilege,
        has: Privilege,
    },
}

impl Distrust {
    fn reason(&self) -> Reason {
        match self {
            Self::NoSigners => Reason::NoSigners,
            Self::Undecodable(error) => reason_of(error),
            Self::Torn(_) | Self::Trailing(..) => Reason::Malformed,
            Self::NoArmour
            | Self::NoSshsig
            | Self::Version(_)
            | Self::Reserved
            | Self::Hash(_)
            | Self::KeyKind(_)
            | Self::MixedKinds(_) => Reason::SignatureKind,
            Self::Certificate(_) => Reason::Certificate,
            Self::UnknownSigner(_) | Self::UnknownFileSigner(_) => Reason::UnknownSigner,
            Self::BadSignature(_) | Self::BadFileSignature(_) => Reason::BadSignature,
            Self::NoTouch(_) => Reason::NoTouch,
            Self::WrongActor { .. } => Reason::WrongActor,
            Self::StrangeNamespace(_)
            | Self::WrongNamespace { .. }
            | Self::FileNamespace { .. }
            | Self::NotForFile { .. } => Reason::WrongNamespace,
            Self::NotYet { .. } | Self::Expired { .. } => Reason::KeyExpired,
            Self::ClockUnknown { .. } => Reason::ClockUnknown,
            Self::WrongPrivilege { .. } => Reason::WrongPrivilege,
        }
    }
}

fn reason_of(error: &DecodeError) -> Reason {
    match error {
        DecodeError::Format(_) => Reason::Format,
        DecodeError::Invalid(part) | DecodeError::TooLarge(part) if part.contains("targets") => {
            Reason::Targets
        }
        _ => Reason::Malformed,
    }
}

fn name(action: u16) -> &'static str {
    command::action_name(action).unwrap_or("of a newer version")
}

/// Some of what a stranger wrote, escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown(String);

impl From<&[u8]> for Shown {
    fn from(bytes: &[u8]) -> Self {
        // A character has at most four bytes, so no more of them are needed.
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]);
        let mut shown: String = text.chars().take(SHOWN).collect();
        if shown.len() < bytes.len() {
            shown.push('…');
        }
        Self(shown)
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
