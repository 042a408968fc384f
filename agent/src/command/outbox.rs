//! Reports until the broker has them: what is not confirmed is offered again after each connect. Knows no operation's rules.
use std::collections::VecDeque;

use picket_proto::{Channel, OperationId, Report, State, frame};

use super::Action;
use crate::telemetry::DeliveryId;

/// At most this many reports wait.
pub(super) const MOST: usize = 64;
/// When a report that the link did not take is offered again.
const RETRY_MS: u64 = 1_000;
/// What tells the outbox's deliveries from telemetry's.
const OURS: u64 = 1 << 63;

/// What a report said, once the broker has it.
pub(super) type Told = (Option<OperationId>, Option<State>);

/// The reports that wait for their PUBACK.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    connected: bool,
    waiting: VecDeque<Waiting>,
    retry_ms: Option<u64>,
    deliveries: u64,
}

#[derive(Debug)]
struct Waiting {
    told: Told,
    worth: Worth,
    payload: Vec<u8>,
    /// The publish that is under way.
    delivery: Option<DeliveryId>,
}

/// What is lost with a report, from the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// How far a state is.
    Progress,
    /// A message was refused. Anybody can cause as many as he likes.
    OfMessage,
    /// How an operation goes on.
    Passing,
    /// How it went.
    Final,
}

impl Worth {
    fn of(report: &Report) -> Self {
        match report.state {
            Some(State::Refused) if report.transition.is_none() => Self::OfMessage,
            Some(state) if state.is_final() => Self::Final,
            _ => Self::Passing,
        }
    }
}

impl Outbox {
    /// Takes a report and offers it, if there is a connection. When too many wait, one of the least worth gives way, the oldest.
    pub(super) fn push(&mut self, report: &Report) -> Vec<Action> {
        self.push_as(report, Worth::of(report))
    }

    fn push_as(&mut self, report: &Report, worth: Worth) -> Vec<Action> {
        self.waiting.push_back(Waiting {
            told: (report.operation, report.state),
            worth,
            payload: frame::encode(report),
            delivery: None,
        });
        if self.waiting.len() > MOST {
            let worths = self.waiting.iter().map(|waiting| waiting.worth);
            // Of equals the first.
            let least = worths.enumerate().min_by_key(|(_, worth)| *worth);
            self.waiting.remove(least.map_or(0, |(at, _)| at));
        }
        self.offer()
    }

    /// Takes a report that only counts until there is a newer one. One is under way at most, and one waits behind it.
    pub(super) fn progress(&mut self, report: &Report) -> Vec<Action> {
        let waits = |one: &Waiting| one.worth == Worth::Progress && one.delivery.is_none();
        self.waiting.retain(|one| !waits(one));
        self.push_as(report, Worth::Progress)
    }

    /// A message that is of no use later: it goes out now or never.
    pub(super) fn once(&mut self, channel: Channel, payload: Vec<u8>) -> Option<Action> {
        let delivery = delivery(&mut self.deliveries);
        self.connected.then_some(Action::Publish {
            delivery,
            channel,
            payload,
        })
    }

    pub(super) fn connected(&mut self) -> Vec<Action> {
        self.disconnected();
        self.connected = true;
        self.offer()
    }

    pub(super) fn disconnected(&mut self) {
        self.connected = false;
        self.retry_ms = None;
        for waiting in &mut self.waiting {
            waiting.delivery = None;
        }
    }

    /// What the broker has now; `None` when the delivery is none of a report that waits.
    pub(super) fn delivered(&mut self, delivery: DeliveryId) -> Option<Told> {
        let at = self.position(delivery)?;
        self.waiting
            .remove(at)
            .filter(|waiting| waiting.worth != Worth::Progress)
            .map(|waiting| waiting.told)
    }

    /// The link did not take it. What it would have told; it is offered again.
    pub(super) fn refused(&mut self, delivery: DeliveryId, now_ms: u64) -> Option<Told> {
        let at = self.position(delivery)?;
        self.waiting[at].delivery = None;
        self.retry_ms = Some(now_ms.saturating_add(RETRY_MS));
        Some(self.waiting[at].told)
    }

    /// When [`Outbox::pass_time`] is wanted.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.retry_ms
    }

    pub(super) fn pass_time(&mut self, now_ms: u64) -> Vec<Action> {
        if self.retry_ms.is_none_or(|at| at > now_ms) {
            return Vec::new();
        }
        self.retry_ms = None;
        self.offer()
    }

    /// Bytes that the reports take.
    pub(super) fn memory(&self) -> usize {
        let payloads = self
            .waiting
            .iter()
            .map(|waiting| waiting.payload.capacity());
        self.waiting.capacity() * size_of::<Waiting>() + payloads.sum::<usize>()
    }

    fn position(&self, delivery: DeliveryId) -> Option<usize> {
        let mut waiting = self.waiting.iter();
        waiting.position(|waiting| waiting.delivery == Some(delivery))
    }

    /// Offers what is not under way and need not wait, oldest first; nothing while the link takes nothing.
    pub(super) fn offer(&mut self) -> Vec<Action> {
        if !self.connected || self.retry_ms.is_some() {
            return Vec::new();
        }
        let Self {
            waiting,
            deliveries,
            ..
        } = self;
        let is_progress = |one: &Waiting| one.worth == Worth::Progress;
        let busy = waiting
            .iter()
            .any(|one| is_progress(one) && one.delivery.is_some());
        let idle = waiting
            .iter_mut()
            .filter(|one| one.delivery.is_none() && !(busy && is_progress(one)));
        idle.map(|one| Action::Publish {
            delivery: *one.delivery.insert(delivery(deliveries)),
            channel: Channel::Report,
            payload: one.payload.clone(),
        })
        .collect()
    }
}

fn delivery(last: &mut u64) -> DeliveryId {
    *last += 1;
    DeliveryId(OURS | *last)
}
