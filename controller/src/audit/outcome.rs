//! The entries that tell how an operation went on one Pi: what it reported, what the controller concluded, and whether its power
//! was switched.
use picket_proto::{BootId, DeviceId, Reason, Report, State};
use serde::{Deserialize, Serialize};

/// What a Pi reported. Its texts are claims: escape them before a person sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// Which Pi.
    pub device: DeviceId,
    /// How it stands.
    pub state: State,
    /// Why, when it was refused or failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The same in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The boot that spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<BootId>,
    /// CLOCK_BOOTTIME of the transition, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boottime_ms: Option<u64>,
    /// Which transition it is, from 1 in each life of the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transition: Option<u32>,
    /// What spoke against it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Transition {
    /// What that Pi's report tells; `None` when it names no state.
    #[must_use]
    pub fn of(device: DeviceId, report: &Report) -> Option<Self> {
        Some(Self {
            device,
            state: report.state?,
            reason: report.reason,
            detail: report.detail.clone(),
            boot_id: report.boot,
            boottime_ms: report.boottime_ms,
            transition: report.transition,
            warnings: report.warnings.clone().unwrap_or_default(),
        })
    }
}

/// How it ended for one target, as the controller sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Which Pi.
    pub device: DeviceId,
    /// How.
    pub outcome: Outcome,
    /// More words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// How it ended for one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is done.
    Succeeded,
    /// The Pi refused it.
    Refused,
    /// The Pi could not do it.
    Failed,
    /// The Pi did it, found it bad and undid it.
    RolledBack,
    /// Nothing final was heard in time.
    TimedOut,
    /// Somebody cancelled it.
    Cancelled,
}

impl Outcome {
    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }

    /// What a final state means; `None` for one that isn't.
    #[must_use]
    pub fn of(state: State) -> Option<Self> {
        match state {
            State::Succeeded => Some(Self::Succeeded),
            State::Refused => Some(Self::Refused),
            State::Failed => Some(Self::Failed),
            State::RolledBack => Some(Self::RolledBack),
            State::Cancelled => Some(Self::Cancelled),
            _ => None,
        }
    }
}

/// The operator's power_cycle command begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerCycling {
    /// Which Pi.
    pub device: DeviceId,
    /// The command with its arguments.
    pub argv: Vec<String>,
}

/// A run of the operator's power_cycle command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerCycled {
    /// Which Pi.
    pub device: DeviceId,
    /// The command with its arguments.
    pub argv: Vec<String>,
    /// How it ended, in words such as `exit status: 0`.
    pub result: String,
    /// What it said, bounded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}
