//! Reports: how an operation stands on one Pi. Numbered, length-prefixed fields, as in [`crate::status`].
use alloc::{string::String, vec::Vec};

use serde::Serialize;

use crate::{
    BootId, DecodeError, OperationId, Progress,
    fields::{self, UnknownField, fields},
    frame::Body,
    frame::Kind,
    json,
    named::named,
    wire,
};

/// One transition of an operation, or the answer to a query. A field that is `None` was not said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Which operation; absent when a command could not be read so far, and when it is of none.
    pub operation: Option<OperationId>,
    /// How it stands.
    pub state: Option<State>,
    /// Why, when it was refused or failed.
    pub reason: Option<Reason>,
    /// The same in words, with the way out.
    pub detail: Option<String>,
    /// The boot that speaks.
    pub boot: Option<BootId>,
    /// CLOCK_BOOTTIME of the transition, in ms.
    pub boottime_ms: Option<u64>,
    /// Number of the action, as in [`crate::command::ACTIONS`].
    #[serde(serialize_with = "json::action")]
    pub action: Option<u16>,
    /// Who ordered it: the principal whose key was verified.
    pub actor: Option<String>,
    /// Which transition of the operation this is, from 1 in each life of the agent: reports may overtake one another.
    pub transition: Option<u32>,
    /// What the agent saw that speaks against it, and did it nevertheless.
    pub warnings: Option<Vec<String>>,
    /// How much of its stage is done. A report with it is no transition: of several the one with the latest boottime counts.
    pub progress: Option<Progress>,
    /// Fingerprints of the host keys that a reinstalled Pi will show, as `ssh-keygen -l` writes them.
    pub host_keys: Option<Vec<String>>,
    /// Fields that a newer agent knows.
    pub unknown: Vec<UnknownField>,
}

fields! { Report, "report",
    1 => operation by wire::whole,
    2 => state by wire::whole,
    3 => reason by wire::whole,
    4 => detail by wire::whole,
    5 => boot by wire::whole,
    6 => boottime_ms by wire::whole,
    7 => action by wire::whole,
    8 => actor by wire::whole,
    9 => transition by wire::whole,
    10 => warnings by fields::list,
    11 => progress by wire::whole,
    12 => host_keys by fields::list,
}

impl Body for Report {
    const KIND: Kind = Kind::Report;

    fn write(&self, out: &mut Vec<u8>) {
        fields::write(self.fields(), out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut report = Self::default();
        for (id, body) in fields::read(bytes)? {
            report.set(id, body)?;
        }
        Ok(report)
    }
}

named! {
    /// How an operation stands.
    State, u8,
    /// The command is good, and the agent has taken it on.
    1 "accepted" Accepted,
    /// The agent looks whether anything speaks against it.
    2 "preflight" Preflight,
    /// The machine is about to go down.
    3 "rebooting" Rebooting,
    /// The image is being fetched.
    4 "fetching" Fetching,
    /// The image is being unpacked.
    5 "unpacking" Unpacking,
    /// The image is whole and durable.
    6 "sealed" Sealed,
    /// The image has what makes it this Pi's.
    7 "personalised" Personalised,
    /// The image waits for its activation.
    8 "staged" Staged,
    /// The next boot is into the image.
    9 "armed" Armed,
    /// The image runs, on trial.
    10 "trial" Trial,
    /// The image stays.
    11 "committed" Committed,
    /// The old image is being removed.
    12 "cleaning" Cleaning,
    /// Done. Final.
    16 "succeeded" Succeeded,
    /// Not done. Final.
    17 "failed" Failed,
    /// Not even begun. Final.
    18 "refused" Refused,
    /// Given up because an operator wished it. Final.
    19 "cancelled" Cancelled,
    /// Done, found bad, and undone. Final.
    20 "rolled_back" RolledBack,
    /// Whether it was recorded isn't known: the disk doesn't answer.
    21 "unknown" Unknown,
}

impl State {
    /// Whether nothing follows it.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Refused | Self::Cancelled | Self::RolledBack
        )
    }
}

named! {
    /// Why an operation was refused or failed.
    Reason, u16,
    /// The message is no command, or ends too early, or goes on after its end.
    1 "malformed" Malformed,
    /// The payload is of a format that this agent doesn't know.
    2 "format" Format,
    /// The command has no target, too many, or one twice.
    3 "targets" Targets,
    /// The agent has no `allowed_signers`: it only observes.
    4 "no_signers" NoSigners,
    /// The signature is none of a kind that is taken here.
    5 "signature_kind" SignatureKind,
    /// The signature isn't one of this payload by this key.
    6 "bad_signature" BadSignature,
    /// The signature was made with a certificate.
    7 "certificate" Certificate,
    /// No line of `allowed_signers` has the key.
    8 "unknown_signer" UnknownSigner,
    /// The key is there, and not for that actor.
    9 "wrong_actor" WrongActor,
    /// The key is there, and not for that namespace.
    10 "wrong_namespace" WrongNamespace,
    /// The action needs another privilege than the signature's namespace.
    11 "wrong_privilege" WrongPrivilege,
    /// The key isn't valid yet, or no more.
    12 "key_expired" KeyExpired,
    /// Whether the key is valid now can't be judged, because the clock is unknown.
    13 "clock_unknown" ClockUnknown,
    /// The signature of a hardware key lacks the proof that somebody touched it.
    14 "no_touch" NoTouch,
    /// The command is for another Pi.
    15 "wrong_target" WrongTarget,
    /// The command was kept by the broker, so it may be old.
    16 "retained" Retained,
    /// The nonce is not, or no more, the agent's.
    17 "stale_nonce" StaleNonce,
    /// The command came after its time.
    18 "expired" Expired,
    /// The command was made for another boot.
    19 "wrong_boot" WrongBoot,
    /// The agent doesn't know the action.
    20 "unsupported" Unsupported,
    /// Another operation is under way.
    21 "busy" Busy,
    /// A user of the Pi asked not to be rebooted.
    22 "inhibited" Inhibited,
    /// The operation can't be cancelled any more.
    23 "too_late" TooLate,
    /// The agent doesn't know the operation.
    24 "unknown_operation" UnknownOperation,
    /// What must survive can't be recorded.
    25 "journal" Journal,
    /// The journal was damaged or forged, or is another device's or a newer agent's. What can't be used is kept aside.
    26 "journal_corrupt" JournalCorrupt,
    /// A value is out of its range.
    27 "out_of_range" OutOfRange,
    /// The machine did not do it.
    28 "host" Host,
    /// It took more steps or boots than it may.
    29 "cap" Cap,
    /// It did not end in its time.
    30 "timed_out" TimedOut,
    /// Nothing is there to blink.
    31 "no_led" NoLed,
    /// Too many commands came; this one was not looked at.
    32 "rate_limited" RateLimited,
    /// The operation was ordered with other bytes before.
    33 "operation_reused" OperationReused,
    /// The Pi's export holds no slots, or nothing says which one the Pi runs from.
    34 "no_slots" NoSlots,
    /// The slot that isn't running is in use nevertheless.
    35 "slot_in_use" SlotInUse,
    /// The configuration doesn't say where images come from, or who signs them.
    36 "no_images" NoImages,
    /// The catalogue can't be read, or isn't signed by somebody who may.
    37 "catalogue" Catalogue,
    /// The catalogue is older than one that was believed before.
    38 "catalogue_old" CatalogueOld,
    /// The catalogue has no such image, or one with another digest.
    39 "unknown_image" UnknownImage,
    /// The image is for another architecture.
    40 "architecture" Architecture,
    /// There is not enough room, memory or quota.
    41 "no_room" NoRoom,
    /// The image can't be fetched.
    42 "fetch" Fetch,
    /// What was fetched isn't what the catalogue names.
    43 "digest" Digest,
    /// The image is malformed, would leave its slot, or needs what the export can't hold.
    44 "archive" Archive,
    /// The disk failed, or what was read back isn't what was written.
    45 "disk" Disk,
    /// The image can't be made this Pi's.
    46 "personalise" Personalise,
    /// What did the work ended without a word.
    47 "worker" Worker,
    /// The boot record can't be read or written.
    48 "boot_record" BootRecord,
    /// The image ran, and was not found good in time.
    49 "trial" Trial,
    /// The operation was given up.
    50 "given_up" GivenUp,
}
