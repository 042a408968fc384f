//! Commands: who wants what of which Pis, as the bytes that are signed.
//!
//! The signature is over the payload's bytes as they are received, never over a re-encoding: varints have more than one form. The
//! payload is no frame: it has a format byte of its own, and what it may be used for is in the signature's namespace.
use alloc::{string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::{
    BootId, DecodeError, DeviceId, Nonce, OperationId, Reinstall, frame::Body, frame::Kind, json,
    reinstall, wire,
};

/// The version of the payload's format that this crate writes.
pub const PAYLOAD_FORMAT: u8 = 1;
/// A command names at most this many targets: a shelf and a few.
pub const MAX_TARGETS: usize = 128;
/// `actor` and `on_behalf_of` are at most this long, in bytes.
pub const MAX_NAME: usize = 128;
/// `reason` is at most this long, in bytes.
pub const MAX_REASON: usize = 512;
/// A signature is at most this long, in bytes; one of Ed25519 has 150 to 300.
pub const MAX_SIGNATURE: usize = 1024;

/// A command as it comes over the wire: bytes, and a signature of them. Hostile until verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignedCommand {
    /// A [`Command`], encoded.
    #[serde(serialize_with = "json::hex")]
    pub payload: Vec<u8>,
    /// The signature, as OpenSSH's PROTOCOL.sshsig defines the blob (what stands base64-encoded between its BEGIN and END lines).
    #[serde(serialize_with = "json::hex")]
    pub signature: Vec<u8>,
}

impl Body for SignedCommand {
    const KIND: Kind = Kind::Command;

    fn write(&self, out: &mut Vec<u8>) {
        wire::put(&self.payload, out);
        wire::put(&self.signature, out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (payload, rest): (&[u8], _) = wire::take(bytes, "payload of the command")?;
        let (signature, rest): (&[u8], _) = wire::take(rest, "signature of the command")?;
        wire::end(rest)?;
        if signature.len() > MAX_SIGNATURE {
            return Err(DecodeError::TooLarge("signature of the command"));
        }
        Ok(Self {
            payload: payload.into(),
            signature: signature.into(),
        })
    }
}

/// What an operator wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Command {
    /// Names what is wanted, once and for all, on all targets.
    pub operation: OperationId,
    /// Of which Pis: 1 to [`MAX_TARGETS`], each at most once.
    pub targets: Vec<Target>,
    /// Who signs: a principal of the agent's `allowed_signers`.
    pub actor: String,
    /// For whom, when the signer is a control panel; may be empty.
    pub on_behalf_of: String,
    /// Why, for the people who read it later; may be empty.
    pub reason: String,
    /// What.
    pub action: Action,
}

/// One Pi, and what makes the command fresh there. Boots and boottimes differ from Pi to Pi, so they stand here and not in the
/// action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Which Pi.
    pub device: DeviceId,
    /// The boot that its operator saw. A reboot is a wish for another one.
    pub boot: BootId,
    /// The Pi's nonce.
    pub nonce: Nonce,
    /// Until when the command may be accepted, on CLOCK_BOOTTIME of that boot, in ms.
    pub not_after_ms: u64,
}

/// What is to be done. The list is closed: an action that an agent doesn't know is answered and not done.
/// In JSON `action` is its name, beside its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Be in another boot than the target's.
    Reboot {
        /// Also when a user of the Pi asked for none, with an inhibit file.
        force: bool,
    },
    /// Have another root file system, and be in a boot of it.
    Reinstall(Reinstall),
    /// Go on with a reinstall that holds.
    Activate {
        /// Which.
        operation: OperationId,
    },
    /// Give up that operation, if it isn't too late.
    Cancel {
        /// Which.
        operation: OperationId,
    },
    /// Say how an operation stands.
    Query {
        /// Which; the last one when there is none.
        operation: Option<OperationId>,
    },
    /// Blink, so that a person finds the Pi.
    Identify {
        /// For how long; 0 ends it.
        seconds: u16,
    },
    /// Sample and speak at other times.
    Configure {
        /// Time between ticks, in ms; `None`: as the agent's configuration says.
        sample_every_ms: Option<u32>,
        /// Time between batches, in ms; `None`: as the agent's configuration says.
        window_ms: Option<u32>,
    },
    /// An action of a newer operator.
    Unknown {
        /// Its number.
        id: u16,
        /// Its body.
        #[serde(with = "json::bytes")]
        body: Vec<u8>,
    },
}

/// What a signature entitles to: its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// Reboot, cancel, query, identify.
    Operate,
    /// Configure.
    Configure,
    /// Reinstall and activate.
    Reinstall,
}

impl Privilege {
    /// Every privilege.
    pub const ALL: [Self; 3] = [Self::Operate, Self::Configure, Self::Reinstall];

    /// The namespace of signatures with this privilege (PROTOCOL.sshsig, section 2).
    #[must_use]
    pub fn namespace(self) -> &'static str {
        match self {
            Self::Operate => "picket-operate@1",
            Self::Configure => "picket-configure@1",
            Self::Reinstall => "picket-reinstall@1",
        }
    }

    /// The privilege of signatures in that namespace.
    #[must_use]
    pub fn of_namespace(namespace: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|privilege| privilege.namespace() == namespace)
    }
}

/// Number and name of every action, also of those that this version only knows by name.
pub const ACTIONS: &[(u16, &str)] = &[
    (1, "reboot"),
    (2, "reinstall"),
    (3, "activate"),
    (4, "cancel"),
    (5, "query"),
    (6, "identify"),
    (7, "configure"),
];

impl Action {
    /// The number that names this action on the wire.
    #[must_use]
    pub fn id(&self) -> u16 {
        match self {
            Self::Reboot { .. } => 1,
            Self::Reinstall(_) => 2,
            Self::Activate { .. } => 3,
            Self::Cancel { .. } => 4,
            Self::Query { .. } => 5,
            Self::Identify { .. } => 6,
            Self::Configure { .. } => 7,
            Self::Unknown { id, .. } => *id,
        }
    }

    /// Which privilege a signer needs for it; `None` when this version doesn't know the action.
    #[must_use]
    pub fn privilege(&self) -> Option<Privilege> {
        match self {
            Self::Reboot { .. }
            | Self::Cancel { .. }
            | Self::Query { .. }
            | Self::Identify { .. } => Some(Privilege::Operate),
            Self::Configure { .. } => Some(Privilege::Configure),
            Self::Reinstall(_) | Self::Activate { .. } => Some(Privilege::Reinstall),
            Self::Unknown { .. } => None,
        }
    }

    fn body(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Reboot { force } => wire::put(force, &mut out),
            Self::Reinstall(reinstall) => reinstall::write(reinstall, &mut out),
            Self::Activate { operation } | Self::Cancel { operation } => {
                wire::put(operation, &mut out);
            }
            Self::Query { operation } => wire::put(operation, &mut out),
            Self::Identify { seconds } => wire::put(seconds, &mut out),
            Self::Configure {
                sample_every_ms,
                window_ms,
            } => wire::put(&(sample_every_ms, window_ms), &mut out),
            Self::Unknown { body, .. } => out.extend_from_slice(body),
        }
        out
    }

    fn read(id: u16, body: &[u8]) -> Result<Self, DecodeError> {
        const PART: &str = "body of the action";
        Ok(match id {
            1 => Self::Reboot {
                force: wire::whole(body, PART)?,
            },
            2 => Self::Reinstall(reinstall::read(body)?),
            3 => Self::Activate {
                operation: wire::whole(body, PART)?,
            },
            4 => Self::Cancel {
                operation: wire::whole(body, PART)?,
            },
            5 => Self::Query {
                operation: wire::whole(body, PART)?,
            },
            6 => Self::Identify {
                seconds: wire::whole(body, PART)?,
            },
            7 => {
                let (sample_every_ms, window_ms) = wire::whole(body, PART)?;
                Self::Configure {
                    sample_every_ms,
                    window_ms,
                }
            }
            id => Self::Unknown {
                id,
                body: body.into(),
            },
        })
    }
}

/// The name of the action with that number, if this version knows it.
#[must_use]
pub fn action_name(id: u16) -> Option<&'static str> {
    ACTIONS
        .iter()
        .find(|(known, _)| *known == id)
        .map(|(_, name)| *name)
}

impl Command {
    /// The bytes to sign.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let mut out = Vec::from([PAYLOAD_FORMAT]);
        wire::put(&self.operation, &mut out);
        wire::put(&self.targets, &mut out);
        wire::put(&self.actor, &mut out);
        wire::put(&self.on_behalf_of, &mut out);
        wire::put(&self.reason, &mut out);
        wire::put(&(self.action.id(), self.action.body()), &mut out);
        out
    }

    /// The command of a payload that fills `bytes`.
    ///
    /// # Errors
    /// Another format, no target or too many, a target twice, a text that is too long, or a part that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (operation, rest) = identified(bytes)?;
        let target = |bytes| wire::take::<Target>(bytes, "target of the command");
        let (targets, rest) = wire::take_list(rest, MAX_TARGETS, "targets of the command", target)?;
        if targets.is_empty() {
            return Err(DecodeError::Invalid("empty list of targets"));
        }
        if repeats(&targets) {
            return Err(DecodeError::Invalid(
                "list of targets, which names one twice,",
            ));
        }
        let (actor, rest) = text(rest, MAX_NAME, "actor of the command")?;
        let (on_behalf_of, rest) = text(rest, MAX_NAME, "on_behalf_of of the command")?;
        let (reason, rest) = text(rest, MAX_REASON, "reason of the command")?;
        let (id, body): (u16, &[u8]) = wire::whole(rest, "action of the command")?;
        Ok(Self {
            operation,
            targets,
            actor,
            on_behalf_of,
            reason,
            action: Action::read(id, body)?,
        })
    }

    /// The operation that a payload names, also when the rest of it can't be read: so that a refusal can say which.
    #[must_use]
    pub fn operation_of(payload: &[u8]) -> Option<OperationId> {
        identified(payload).ok().map(|(operation, _)| operation)
    }

    /// The target with that id.
    #[must_use]
    pub fn target(&self, device: DeviceId) -> Option<&Target> {
        self.targets.iter().find(|target| target.device == device)
    }
}

fn identified(bytes: &[u8]) -> Result<(OperationId, &[u8]), DecodeError> {
    match bytes {
        [] => Err(DecodeError::Truncated("format of the command")),
        [PAYLOAD_FORMAT, rest @ ..] => wire::take(rest, "operation id of the command"),
        [format, ..] => Err(DecodeError::Format(*format)),
    }
}

fn repeats(targets: &[Target]) -> bool {
    let mut ids: Vec<DeviceId> = targets.iter().map(|target| target.device).collect();
    ids.sort_unstable();
    ids.windows(2).any(|pair| pair[0] == pair[1])
}

fn text<'a>(
    bytes: &'a [u8],
    limit: usize,
    part: &'static str,
) -> Result<(String, &'a [u8]), DecodeError> {
    let (text, rest): (&str, _) = wire::take(bytes, part)?;
    match text.len() > limit {
        true => Err(DecodeError::TooLarge(part)),
        false => Ok((text.into(), rest)),
    }
}
