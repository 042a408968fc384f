//! What stands in a line of the audit log. A field that has nothing to say is left out.
use jiff::Timestamp;
use picket_proto::{Action, Command, DeviceId, OperationId, Privilege, Target};
use serde::{Deserialize, Serialize};

use super::{
    armour, digits,
    outcome::{PowerCycled, PowerCycling, Settled, Transition},
};

/// The version of the lines that are written here; it grows only when a field changes its meaning.
const VERSION: u8 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The version of the line.
    pub v: u8,
    /// When, by this machine's clock.
    pub time: Timestamp,
    /// Of which operation.
    pub operation: OperationId,
    /// What.
    #[serde(flatten)]
    pub entry: Entry,
}

impl Line {
    /// A line of this version.
    #[must_use]
    pub fn new(time: Timestamp, operation: OperationId, entry: impl Into<Entry>) -> Self {
        Self {
            v: VERSION,
            time,
            operation,
            entry: entry.into(),
        }
    }

    /// Whether this version knows what its fields mean.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.v == VERSION
    }
}

/// What a line tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A person ordered something. The first entry of an operation, before any Pi was asked.
    Ordered(Ordered),
    /// A command was signed; what is published afterwards are these bytes.
    Signed(Signed),
    /// A Pi reported how it stands there.
    Transition(Transition),
    /// What the controller concluded for one target.
    Settled(Settled),
    /// The operator's own command is going to switch a Pi off and on.
    PowerCycling(PowerCycling),
    /// It has ended.
    PowerCycled(PowerCycled),
    /// No more targets are begun.
    Halted(Halted),
    /// Somebody went on with it.
    Resumed(Resumed),
    /// This run of picket is done with it.
    Ended(Ended),
    /// An entry of a newer picket.
    #[serde(other)]
    Unknown,
}

/// What was ordered, by whom and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// What.
    pub action: Action,
    /// Of which Pis, in the order in which they are begun.
    pub targets: Vec<DeviceId>,
    /// Who signs.
    pub actor: String,
    /// For whom.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub on_behalf_of: String,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// USER@HOST that ran picket, as the system says; `actor` is what he wrote.
    pub by: String,
    /// How the targets take turns.
    pub roll: Roll,
}

/// How an order over many Pis goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roll {
    /// So many targets at once, at least 1.
    pub max_in_flight: u32,
    /// Time between the beginnings of two targets, in ms.
    pub stagger_ms: u64,
    /// How long one target may take, in ms.
    pub timeout_ms: u64,
    /// What a failure means for those that were not begun.
    pub on_failure: OnFailure,
}

/// What the failure of one target means for those that were not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// They stay as they are.
    Stop,
    /// Nothing.
    KeepGoing,
}

/// A signature, with the bytes that it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// For whom, as in the payload; for people, what counts is the payload.
    pub targets: Vec<Target>,
    /// The signature's namespace, and so what it entitles to.
    pub namespace: String,
    /// The bytes that were signed, as hex digits.
    #[serde(with = "digits")]
    pub payload: Vec<u8>,
    /// The signature's blob; in the file as text, as ssh-keygen writes it.
    #[serde(with = "armour")]
    pub signature: Vec<u8>,
    /// The key that signed, as `SHA256:…`.
    pub fingerprint: String,
}

impl Signed {
    /// That command, its payload signed.
    #[must_use]
    pub fn new(
        command: &Command,
        privilege: Privilege,
        signature: Vec<u8>,
        fingerprint: String,
    ) -> Self {
        Self {
            targets: command.targets.clone(),
            namespace: privilege.namespace().to_owned(),
            payload: command.payload(),
            signature,
            fingerprint,
        }
    }

    /// The command that was signed; `None` when the payload can't be read.
    #[must_use]
    pub fn command(&self) -> Option<Command> {
        Command::parse(&self.payload).ok()
    }
}

/// No more targets are begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// Why.
    pub why: String,
}

/// Somebody went on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// USER@HOST that ran picket.
    pub by: String,
    /// Who signs from here on.
    pub actor: String,
}

/// This run of picket is done with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit code.
    pub exit: u8,
}

/// Makes each kind an [`Entry`].
macro_rules! entries {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Entry {
            fn from(entry: $kind) -> Self {
                Self::$kind(entry)
            }
        })*
    };
}

entries!(
    Ordered,
    Signed,
    Transition,
    Settled,
    PowerCycling,
    PowerCycled,
    Halted,
    Resumed,
    Ended
);
