//! One entry of the spool: an encoded batch and where it stands. Knows no other entry.
use picket_proto::{Channel, Packed};

use super::super::interface::DeliveryId;

/// A batch that is kept until it is confirmed.
#[derive(Debug)]
pub(in super::super) struct Entry {
    pub(in super::super) batch: Packed,
    pub(super) state: State,
    /// The last publish that carried exactly this batch.
    pub(super) delivery: Option<DeliveryId>,
    /// Every tick in it has been published at least once: only then can a collector have it.
    pub(super) offered: bool,
}

/// Where an entry stands; see the diagram in `spool.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum State {
    /// Live, and not yet published.
    Fresh,
    /// Backlog, and not published on this connection.
    Waiting,
    /// Published; the broker has not confirmed it.
    InFlight { lane: Lane, since_ms: u64 },
    /// The broker has it; the collector has not confirmed it.
    Awaiting { lane: Lane, since_ms: u64 },
}

/// Which topic an entry goes out on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Lane {
    /// `telemetry`
    Live,
    /// `backlog`
    Backlog,
}

impl Lane {
    /// The channel of that topic.
    pub(in super::super) fn channel(self) -> Channel {
        match self {
            Self::Live => Channel::Telemetry,
            Self::Backlog => Channel::Backlog,
        }
    }
}

impl State {
    /// The lane that an entry is out on.
    pub(super) fn lane(self) -> Option<Lane> {
        match self {
            Self::Fresh | Self::Waiting => None,
            Self::InFlight { lane, .. } | Self::Awaiting { lane, .. } => Some(lane),
        }
    }

    /// Since when an entry is out.
    pub(super) fn since_ms(self) -> Option<u64> {
        match self {
            Self::Fresh | Self::Waiting => None,
            Self::InFlight { since_ms, .. } | Self::Awaiting { since_ms, .. } => Some(since_ms),
        }
    }
}

impl Entry {
    pub(super) fn new(batch: Packed, state: State) -> Self {
        Self {
            batch,
            state,
            delivery: None,
            offered: false,
        }
    }

    /// Replaces the batch by a part of it.
    pub(super) fn replace(&mut self, batch: Packed) {
        self.batch = batch;
        self.delivery = None;
    }

    /// Bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        super::super::allocation(self.batch.size())
    }
}
