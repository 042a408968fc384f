//! What an order tells of its way: each line says whose word it is, the Pi's or ours. Knows no format of output.
use std::fmt;

use picket_proto::{BootId, DeviceId, OperationId, Progress, Reason, Report, State};

use crate::claim;

/// Texts of a Pi are cut to this many characters.
const MAX_TEXT: usize = 500;
/// So many warnings of a Pi are told.
const MAX_WARNINGS: usize = 16;
/// So many host keys of a Pi are told.
const MAX_HOST_KEYS: usize = 8;

/// One thing that happened to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// On which Pi; `None` when it is about the whole order.
    pub device: Option<DeviceId>,
    /// What.
    pub word: Word,
    /// Why it was refused or failed.
    pub reason: Option<Reason>,
    /// The same in words, with the way out. Words of a Pi are a claim of its tenant.
    pub detail: Option<String>,
    /// The boot that speaks, or that is spoken of.
    pub boot: Option<BootId>,
    /// CLOCK_BOOTTIME of the transition, in ms.
    pub boottime_ms: Option<u64>,
    /// What the Pi saw that speaks against it, and did it nevertheless.
    pub warnings: Vec<String>,
    /// Which transition of the operation in that boot, as the Pi counts.
    pub transition: Option<u32>,
    /// The operation that a Pi was asked about, when it isn't the order's own.
    pub about: Option<OperationId>,
    /// How much of a stage is done.
    pub progress: Option<Progress>,
    /// Fingerprints of the host keys that the Pi will show; what a person compares at the first login.
    pub host_keys: Vec<String>,
    /// How long it took on that Pi from its turn to its end, in ms; told of what takes long.
    pub took_ms: Option<u64>,
    /// Whether nothing follows it on that Pi.
    pub is_final: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// The Pi says that the operation stands so.
    Pi(State),
    /// The Pi does not answer yet.
    Waiting,
    /// The signed command goes out for the first time.
    Offered,
    /// The broker has it.
    Confirmed,
    /// The Pi says how much of its stage is done.
    Progress,
    /// The Pi said something that changes nothing.
    Note,
    /// The Pi claims a success that its boot id contradicts.
    Disbelieved,
    /// The command that cuts its power begins.
    PowerCycling,
    /// The command that cuts its power has ended.
    PowerCycled,
    /// It is up again, with its power cut in between.
    BackAfterPowerCycle,
    /// It could not be signed.
    NotSigned,
    /// No end was heard of in time.
    TimedOut,
    /// The order was halted before its turn came.
    NotStarted,
    /// Its end isn't waited for any more.
    Left,
    /// No further Pi is begun.
    Halted,
}

impl Word {
    /// Whether it is the Pi's own word.
    #[must_use]
    pub fn is_of_pi(self) -> bool {
        matches!(
            self,
            Self::Pi(_) | Self::Progress | Self::Note | Self::Disbelieved
        )
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pi(state) => return state.fmt(f),
            Self::Waiting => "waiting",
            Self::Offered => "offered",
            Self::Confirmed => "confirmed",
            Self::Progress => "progress",
            Self::Note => "note",
            Self::Disbelieved => "disbelieved",
            Self::PowerCycling => "power_cycling",
            Self::PowerCycled => "power_cycled",
            Self::BackAfterPowerCycle => "succeeded",
            Self::NotSigned => "failed",
            Self::TimedOut => "timed_out",
            Self::NotStarted => "not_started",
            Self::Left => "left",
            Self::Halted => "halted",
        })
    }
}

impl News {
    /// Our own word about a Pi, or about the whole order.
    #[must_use]
    pub fn ours(device: Option<DeviceId>, word: Word) -> Self {
        Self {
            device,
            word,
            reason: None,
            detail: None,
            boot: None,
            boottime_ms: None,
            warnings: Vec::new(),
            transition: None,
            about: None,
            progress: None,
            host_keys: Vec::new(),
            took_ms: None,
            is_final: false,
        }
    }

    /// With that detail.
    #[must_use]
    pub fn because(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// What a Pi's report says.
    pub(super) fn of(device: DeviceId, word: Word, report: &Report) -> Self {
        Self {
            reason: report.reason,
            detail: report
                .detail
                .as_ref()
                .filter(|text| !text.is_empty())
                .map(|text| short(text)),
            boot: report.boot,
            boottime_ms: report.boottime_ms,
            warnings: report
                .warnings
                .iter()
                .flatten()
                .take(MAX_WARNINGS)
                .map(|text| short(text))
                .collect(),
            transition: report.transition,
            host_keys: report
                .host_keys
                .iter()
                .flatten()
                .take(MAX_HOST_KEYS)
                .map(|text| short(text))
                .collect(),
            ..Self::ours(Some(device), word)
        }
    }
}

/// A Pi's words, so short that a line of the audit log has room for them.
fn short(text: &str) -> String {
    let mut text = text.to_owned();
    claim::cut(&mut text, MAX_TEXT);
    text
}
