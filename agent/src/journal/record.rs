//! What the journal holds. It doesn't know how that is written down.
use picket_proto::{
    BootId, OperationId, Reason, RootSlot, State, UnknownField, reinstall::MAX_IMAGE,
};

use crate::config::Periods;

/// A record holds at most this many operations.
pub const MOST_OPERATIONS: usize = 48;
/// So many were recorded by agents before.
pub(super) const MOST_READ: usize = 64;

/// What must survive. Two records that are equal are the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The periods that an operator set; `None` as long as the configuration's hold.
    pub periods: Option<Periods>,
    /// The operations that were recorded, each once, the newest last. Of more than [`MOST_OPERATIONS`] the newest are kept.
    pub operations: Vec<Recorded>,
    /// The last reinstall, under way or over.
    pub reinstall: Option<Box<Reinstalled>>,
    /// What ran before a reinstall and is kept, [`MOST_KEPT`] at most: one since the last, and one that the reinstall under way will leave.
    pub kept: Vec<Kept>,
    /// What a newer agent recorded; it is kept as it is.
    pub unknown: Vec<UnknownField>,
}

/// An operation, as far as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Which.
    pub operation: OperationId,
    /// Number of the action, as in [`picket_proto::command::ACTIONS`].
    pub action: u16,
    /// How it stands.
    pub state: State,
    /// Why, when it was refused or failed.
    pub reason: Option<Reason>,
    /// Tells two orders with the same operation id apart: a hash of what defines the operation.
    pub fingerprint: u64,
    /// The boot in which it was recorded.
    pub boot: BootId,
    /// How many boots it has lasted, this one not counted.
    pub boots: u8,
}

/// A record holds at most so many slots that are kept.
pub const MOST_KEPT: usize = 2;

/// A slot that stays for so many days after what runs instead was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The reinstall before which it ran.
    pub operation: OperationId,
    /// Which.
    pub slot: RootSlot,
    /// For how many days.
    pub days: u8,
    /// From when on they count; `None`: nothing is committed, or the file server's time isn't known yet.
    pub since: Option<Since>,
}

/// When a slot began to be kept, and which tree it was then: one that is filled anew is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Since {
    /// Unix time in s, by the file server's clock.
    pub time_s: u64,
    /// The inode number of its root.
    pub tree: u64,
}

/// So many fingerprints are kept, each of at most so many bytes: what ssh-keygen makes without being asked, with long comments.
const MOST_KEYS: usize = 4;
const LONGEST_KEY: usize = 120;

/// What a reinstall needs beyond the boot that it brings about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reinstalled {
    /// Which operation it is.
    pub operation: OperationId,
    /// The slot that the image is for.
    pub slot: RootSlot,
    /// What ran before is kept.
    pub keep_old: bool,
    /// SHA-256 of the image's file.
    pub digest: [u8; 32],
    /// The image's name.
    pub image: String,
    /// Fingerprints of its host keys.
    pub host_keys: Vec<String>,
}

impl Reinstalled {
    /// Cuts what is longer than can be kept.
    pub fn bound(&mut self) {
        cut(&mut self.image, MAX_IMAGE);
        self.host_keys.truncate(MOST_KEYS);
        self.host_keys
            .iter_mut()
            .for_each(|key| cut(key, LONGEST_KEY));
    }
}

fn cut(text: &mut String, most: usize) {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at));
    text.truncate(end.unwrap_or(0));
}
