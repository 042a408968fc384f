//! What goes out, and when: windows, urgent flushes, what was not confirmed in time, and the three lanes (events, live,
//! backlog). Knows nothing of samples.
use std::mem;

use picket_proto::{Batch, Channel, EventKind, Packed};

use super::{
    Action, DeliveryId, Telemetry,
    spool::{Lane, State},
};

/// Two events about lost ticks are at least this far apart.
const LOSS_NOTICE_MS: u64 = 600_000;

impl Telemetry {
    /// Ends the open batch; it and the events may go out.
    pub(super) fn flush(&mut self) {
        self.flush_ms = None;
        self.events_due = true;
        if let Some(batch) = self.batcher.seal() {
            self.keep(&batch);
        }
    }

    /// Takes a batch into the spool.
    pub(super) fn keep(&mut self, batch: &Batch) {
        let state = match self.connected {
            true => State::Fresh,
            false => State::Waiting,
        };
        self.spool.push(Packed::new(batch), state);
        self.spool.join_similar();
    }

    /// What is due by now.
    pub(super) fn pass_time(&mut self, now_ms: u64) {
        if self.untold_losses > 0 && self.may_tell_losses(now_ms) {
            let count = mem::take(&mut self.untold_losses);
            self.losses_told_ms = Some(now_ms);
            self.event(EventKind::TicksLost { count }, now_ms);
        }
        let late = self
            .spool
            .expire(now_ms.checked_sub(self.pace.patience_ms()));
        let events_late = self
            .events
            .expire(now_ms.checked_sub(self.pace.backoff_ms()));
        self.events_due |= events_late;
        if late || events_late {
            self.pace.silent(now_ms);
        }
        if self.flush_ms.is_some_and(|at| at <= now_ms) {
            self.flush();
        }
        if self.urgent && self.connected && self.bucket.take(now_ms) {
            self.urgent = false;
            self.flush();
        }
    }

    fn may_tell_losses(&self, now_ms: u64) -> bool {
        let told = self.losses_told_ms;
        told.is_none_or(|told| now_ms.saturating_sub(told) >= LOSS_NOTICE_MS)
    }

    pub(super) fn publish(&mut self, now_ms: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        if !self.connected {
            return actions;
        }
        if self.events_due && self.events.is_ready() {
            let delivery = self.delivery();
            let payload = self.events.offer(delivery, now_ms, &mut self.books);
            actions.extend(payload.map(|payload| Action::Publish {
                delivery,
                channel: Channel::Event,
                payload,
            }));
            self.events_due = self.events.waits();
        }
        while let Some(at) = self.spool.candidate(Lane::Live, self.pace.confidence()) {
            actions.push(self.offer(at, Lane::Live, now_ms));
        }
        if now_ms >= self.pace.next_ms() {
            let at = self.spool.candidate(Lane::Backlog, self.pace.confidence());
            if let Some(at) = at {
                actions.push(self.offer(at, Lane::Backlog, now_ms));
                self.pace.sent(now_ms);
            }
        }
        actions
    }

    fn offer(&mut self, at: usize, lane: Lane, now_ms: u64) -> Action {
        let delivery = self.delivery();
        let boot = self.spool.entries()[at].batch.header.boot;
        let book = self.books.of(boot).copied();
        Action::Publish {
            delivery,
            channel: lane.channel(),
            payload: self
                .spool
                .offer(at, (delivery, lane, now_ms), book.as_ref()),
        }
    }

    fn delivery(&mut self) -> DeliveryId {
        self.next_delivery += 1;
        DeliveryId(self.next_delivery)
    }
}
