//! What an operator orders, how fast it goes from Pi to Pi, and how it ends on each of them. Knows no states in between.
use picket_proto::{Action, BootId, DeviceId, OperationId};

/// What is ordered, of whichever Pis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Names it, once and for all, on all Pis.
    pub operation: OperationId,
    /// What.
    pub action: Action,
    /// Who signs.
    pub actor: String,
    /// For whom; may be empty.
    pub on_behalf_of: String,
    /// Why; may be empty.
    pub reason: String,
}

/// How an order goes from Pi to Pi.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// At most this many Pis at a time; 0 counts as 1.
    pub max_in_flight: usize,
    /// At least this long between two beginnings, in ms.
    pub stagger_ms: u64,
    /// How long each Pi may take, in ms.
    pub timeout_ms: u64,
    /// A Pi's power is only cut when it was silent for this long while we were connected, in ms, and never with a timeout that
    /// is shorter than twice this. [`super::SILENCE_MS`], except in tests.
    pub silence_ms: u64,
    /// What a failure does to the Pis that were not begun.
    pub at_failure: AtFailure,
    /// What is waited for.
    pub wait: Wait,
    /// How signatures are made.
    pub signing: Signing,
}

/// What a failure does to the Pis that were not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtFailure {
    /// They are left alone.
    Halt,
    /// They get their turn.
    GoOn,
}

/// What is waited for on each Pi.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// The end of the operation.
    End,
    /// An image that is staged and held, which is activated by an order of its own.
    Staged,
    /// The Pi's first word about it; [`super::WORD_PATIENCE_MS`] after the broker confirmed the command, not even that.
    FirstWord,
}

/// How signatures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signing {
    /// One for each Pi, as soon as its nonce is known.
    Each,
    /// One for all Pis that are begun together: for keys that want to be touched each time.
    Together,
}

/// A Pi that the order is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aim {
    /// Which.
    pub device: DeviceId,
    /// Whether the operator can cut its power.
    pub power: Power,
    /// What an earlier run did there.
    pub before: Before,
}

/// Whether the operator can cut a Pi's power, with a command of his inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// There is a command for it.
    Switched,
    /// There is none.
    Fixed,
}

/// What an earlier run of the same order did on a Pi.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing was signed.
    Nothing,
    /// A command for that boot was signed, and may have been published.
    Signed(BootId),
    /// Nothing was signed, and its power was cut so long before the order's clock began at 0, in ms.
    PowerCycled(u64),
    /// It ended so.
    Ended(Ending),
}

/// How an order ended on a Pi.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// Done.
    Succeeded,
    /// The Pi took it on; the rest was not waited for.
    Accepted,
    /// The broker has the command; the Pi said nothing yet, and it was not waited for.
    Offered,
    /// Not even begun there.
    Refused,
    /// Not done.
    Failed,
    /// Done, found bad, and undone.
    RolledBack,
    /// Given up because an operator wished it.
    Cancelled,
    /// No end was heard of in time.
    TimedOut,
    /// The order was halted before its turn came.
    NotStarted,
    /// It may still be under way: nobody waited for its end.
    Left,
}

impl Ending {
    /// Whether it is what was wanted.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::Accepted | Self::Offered)
    }

    /// Whether a later run of the same order has nothing to do there. What timed out may have happened, and what was refused
    /// was not even begun: both are offered again, under the same operation id.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::RolledBack | Self::Cancelled
        )
    }
}
