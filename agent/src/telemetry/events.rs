//! The event queue: bounded, each event kept until it is confirmed, losses counted. Knows no spool and no clock.
use std::collections::VecDeque;

use picket_proto::{BootId, Event, EventKind, EventReport, TickRange, frame};

use super::{
    books::{Book, Books},
    interface::{AckMode, DeliveryId},
};

/// At most this many events wait; the oldest is given up first.
const MAX_QUEUED: usize = 64;
/// One report carries at most this many.
const MAX_REPORTED: usize = 32;
/// Bytes that an event's text may take.
const MAX_TEXT: usize = 64;

/// Events that are not confirmed, oldest first.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    queued: VecDeque<Queued>,
}

#[derive(Debug)]
struct Queued {
    boot: BootId,
    event: Event,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    InFlight(DeliveryId, u64),
    Awaiting(u64),
}

impl EventQueue {
    /// Takes an event. A full queue gives up its oldest one.
    pub(super) fn push(&mut self, boot: BootId, event: Event, books: &mut Books) {
        if self.queued.len() >= MAX_QUEUED {
            if let Some(book) = self.queued.pop_front().and_then(|old| books.of(old.boot)) {
                book.events_lost += 1;
            }
        }
        if self.queued.len() == self.queued.capacity() {
            self.queued.reserve_exact(8);
        }
        self.queued.push_back(Queued {
            boot,
            event,
            state: State::Waiting,
        });
    }

    /// Whether an event waits and no report is in flight.
    pub(super) fn is_ready(&self) -> bool {
        let flying = |queued: &Queued| matches!(queued.state, State::InFlight(..));
        self.waits() && !self.queued.iter().any(flying)
    }

    /// Whether an event waits to be published.
    pub(super) fn waits(&self) -> bool {
        self.queued
            .iter()
            .any(|queued| queued.state == State::Waiting)
    }

    /// The frame of the next report: the waiting events of the oldest boot that has any. They are in flight then.
    pub(super) fn offer(
        &mut self,
        delivery: DeliveryId,
        now_ms: u64,
        books: &mut Books,
    ) -> Option<Vec<u8>> {
        let boot = self.queued.iter().find(|q| q.state == State::Waiting)?.boot;
        let waiting = self
            .queued
            .iter_mut()
            .filter(|q| q.state == State::Waiting && q.boot == boot);
        let mut events = Vec::new();
        for queued in waiting.take(MAX_REPORTED) {
            queued.state = State::InFlight(delivery, now_ms);
            events.push(queued.event.clone());
        }
        events.sort_by_key(|event| event.sequence);
        let current = *books.now();
        let book = books.of(boot).map_or(current, |book| *book);
        Some(frame::encode(&report(&book, boot, events)))
    }

    /// The broker has that report.
    pub(super) fn delivered(
        &mut self,
        delivery: DeliveryId,
        now_ms: u64,
        ack: &AckMode,
        books: &mut Books,
    ) {
        let ours = |state: State| matches!(state, State::InFlight(id, _) if id == delivery);
        if *ack == AckMode::Puback {
            self.settle(books, |queued| ours(queued.state));
        }
        for queued in self.queued.iter_mut().filter(|queued| ours(queued.state)) {
            queued.state = State::Awaiting(now_ms);
        }
    }

    /// The collector has those events of that boot.
    pub(super) fn acked(&mut self, boot: BootId, sequences: &[TickRange], books: &mut Books) {
        self.settle(books, |queued| {
            queued.boot == boot
                && queued.state != State::Waiting
                && sequences
                    .iter()
                    .any(|range| range.contains(queued.event.sequence))
        });
    }

    fn settle(&mut self, books: &mut Books, done: impl Fn(&Queued) -> bool) {
        self.queued.retain(|queued| {
            let done = done(queued);
            if let Some(book) = done.then(|| books.of(queued.boot)).flatten() {
                book.events_delivered += 1;
            }
            !done
        });
    }

    /// The link did not take that report.
    pub(super) fn refused(&mut self, delivery: DeliveryId) {
        for queued in &mut self.queued {
            if matches!(queued.state, State::InFlight(id, _) if id == delivery) {
                queued.state = State::Waiting;
            }
        }
    }

    /// Everything that is not confirmed waits again.
    pub(super) fn disconnected(&mut self) {
        for queued in &mut self.queued {
            queued.state = State::Waiting;
        }
    }

    /// What has been out since before `before_ms` waits again. Returns whether there was any.
    pub(super) fn expire(&mut self, before_ms: Option<u64>) -> bool {
        let Some(before_ms) = before_ms else {
            return false;
        };
        let mut any = false;
        for queued in &mut self.queued {
            if queued
                .state
                .since_ms()
                .is_some_and(|since| since <= before_ms)
            {
                queued.state = State::Waiting;
                any = true;
            }
        }
        any
    }

    /// When the first event that is out went out.
    pub(super) fn oldest_out_ms(&self) -> Option<u64> {
        self.queued
            .iter()
            .filter_map(|queued| queued.state.since_ms())
            .min()
    }

    /// Every event that is not confirmed, as one report per boot, for the image.
    pub(super) fn reports(&self, books: &mut Books) -> Vec<EventReport> {
        let mut reports: Vec<EventReport> = Vec::new();
        for queued in &self.queued {
            let event = queued.event.clone();
            match reports.iter_mut().find(|report| report.boot == queued.boot) {
                Some(known) => known.events.push(event),
                None => {
                    let current = *books.now();
                    let book = books.of(queued.boot).map_or(current, |book| *book);
                    reports.push(report(&book, queued.boot, vec![event]));
                }
            }
        }
        reports
    }

    /// Whether an event is kept of another boot than `boot`, or numbered below `sequence`.
    pub(super) fn holds_older(&self, boot: BootId, sequence: u64) -> bool {
        self.queued
            .iter()
            .any(|queued| queued.boot != boot || queued.event.sequence < sequence)
    }

    /// Events of that boot that are kept.
    pub(super) fn count(&self, boot: BootId) -> u64 {
        self.queued
            .iter()
            .filter(|queued| queued.boot == boot)
            .count() as u64
    }

    /// Events of all boots that are kept.
    pub(super) fn len(&self) -> usize {
        self.queued.len()
    }

    /// Bytes that the queue takes.
    pub(super) fn memory(&self) -> usize {
        let texts = self.queued.iter().map(|queued| match &queued.event.what {
            EventKind::AgentStarted { version } => super::allocation(version.capacity()),
            EventKind::Unknown { body, .. } => super::allocation(body.capacity()),
            _ => 0,
        });
        super::allocation(self.queued.capacity() * size_of::<Queued>()) + texts.sum::<usize>()
    }
}

impl State {
    fn since_ms(self) -> Option<u64> {
        match self {
            Self::Waiting => None,
            Self::InFlight(_, since) | Self::Awaiting(since) => Some(since),
        }
    }
}

/// Whether an event of an image is small enough to be kept.
pub(super) fn is_small(event: &Event) -> bool {
    match &event.what {
        EventKind::AgentStarted { version } => version.len() <= MAX_TEXT,
        EventKind::Unknown { body, .. } => body.len() <= MAX_TEXT,
        _ => true,
    }
}

fn report(book: &Book, boot: BootId, events: Vec<Event>) -> EventReport {
    EventReport {
        boot,
        wall: book.wall,
        lost: book.events_lost,
        events,
    }
}
