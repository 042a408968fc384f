//! The telemetry core: samples in, publishes out, and in between everything is kept until it is confirmed.
//!
//! Pure: it gets samples, what the link says, and the time (`now_ms`, CLOCK_BOOTTIME), and returns what to publish. It
//! reads no clock, does no I/O and knows no MQTT client. `run` drives it: it calls [`Telemetry::handle`] for whatever
//! happens, obeys the [`Action`]s, and comes back with [`Input::Deadline`] at [`Telemetry::deadline`].
//!
//! The account always closes: every tick that was numbered is confirmed, kept, or lost, and [`BatchHeader::lost`] tells
//! the collector how many are lost.
//!
//! [`BatchHeader::lost`]: picket_proto::BatchHeader::lost
use picket_proto::{Ack, Event, EventKind, WallClock};

use crate::{bucket::Bucket, config::Periods, sampler::Sample};

mod account;
mod batcher;
mod books;
mod edges;
mod events;
mod image;
mod interface;
mod outgoing;
mod pace;
mod restore;
mod slot;
mod spool;

pub use image::ImageError;
pub use interface::{
    AckMode, Action, DEFAULT_HYSTERESIS, DEFAULT_SPOOL_BYTES, DEFAULT_TEMPERATURE_LIMITS,
    DeliveryId, Input, MAX_TEMPERATURE_LIMITS, MIN_SPOOL_BYTES, Resume, TelemetrySettings,
};
pub use restore::most_saved;

use batcher::Batcher;
use books::Books;
use edges::Edges;
use events::EventQueue;
use pace::Pace;
use slot::FlushSlot;
use spool::{Block, Lane, Spool};

/// An edge may flush at once, five in a row, then one in ten seconds.
const EDGE_FLUSHES: Bucket = Bucket::new(5, 10_000);

/// Everything between the sampler and the link.
#[derive(Debug)]
pub struct Telemetry {
    settings: TelemetrySettings,
    slot: FlushSlot,
    batcher: Batcher,
    /// When the open batch goes out.
    flush_ms: Option<u64>,
    spool: Spool,
    books: Books,
    edges: Edges,
    events: EventQueue,
    /// The waiting events may go out.
    events_due: bool,
    /// An edge wants everything out at once.
    urgent: bool,
    bucket: Bucket,
    pace: Pace,
    connected: bool,
    /// What the first call tells.
    first_event: Option<EventKind>,
    next_tick: u64,
    next_event: u64,
    next_delivery: u64,
    /// Lost ticks of this boot that no event has told, and when the last one did.
    untold_losses: u64,
    losses_told_ms: Option<u64>,
    image_error: Option<ImageError>,
    /// The first tick and the first event of this process.
    began: (u64, u64),
}

impl Telemetry {
    /// Telemetry of this boot, going on where `resume` says. `saved` is what [`Telemetry::save`] returned at the last
    /// orderly stop, of this boot or an earlier one; a stale or damaged image does no harm, see
    /// [`Telemetry::image_error`]. Ticks of this boot that neither `resume` nor `saved` accounts for are lost.
    #[must_use]
    pub fn new(settings: TelemetrySettings, resume: Resume, saved: Option<&[u8]>) -> Self {
        let bytes = settings.spool_bytes.max(MIN_SPOOL_BYTES);
        let mut telemetry = Self {
            slot: FlushSlot::new(settings.device, settings.window_ms),
            batcher: Batcher::new(settings.boot, bytes / 8),
            flush_ms: None,
            spool: Spool::new(Block::of_spool(bytes)),
            books: Books::new(settings.boot),
            edges: Edges::new(&settings),
            events: EventQueue::default(),
            events_due: false,
            urgent: false,
            bucket: EDGE_FLUSHES,
            pace: Pace::new(settings.window_ms),
            connected: false,
            first_event: Some(EventKind::AgentStarted {
                version: env!("CARGO_PKG_VERSION").to_owned(),
            }),
            next_tick: 0,
            next_event: 0,
            next_delivery: 0,
            untold_losses: 0,
            losses_told_ms: None,
            image_error: None,
            began: (0, 0),
            settings,
        };
        telemetry.restore(resume, saved);
        telemetry
    }

    /// Takes what happened at `now_ms` (CLOCK_BOOTTIME) and returns what to publish.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Action> {
        if let Some(event) = self.first_event.take() {
            self.event(event, now_ms);
        }
        match input {
            Input::Tick {
                boottime_ms,
                missed,
                wall,
                sample,
            } => {
                self.skip(missed);
                self.tick((boottime_ms, now_ms), wall, sample);
            }
            Input::Connected => self.connect(now_ms),
            Input::Disconnected => self.disconnect(),
            Input::Delivered(delivery) => self.delivered(delivery, now_ms),
            Input::Refused(delivery) => self.refused(delivery),
            Input::Acked(ack) => self.acked(&ack, now_ms),
            Input::OversizedPacket { active } => {
                self.event(EventKind::OversizedPacket { active }, now_ms);
                self.urgent = true;
            }
            Input::Edge(what) => {
                self.event(what, now_ms);
                self.urgent = true;
            }
            Input::Configure(periods) => self.configure(periods),
            Input::Deadline => {}
            Input::Flush => self.flush(),
            Input::Stop => {
                self.event(EventKind::AgentStopping, now_ms);
                self.flush();
            }
        }
        self.pass_time(now_ms);
        self.make_room();
        self.publish(now_ms)
    }

    /// When [`Input::Deadline`] is wanted, on the clock of `now_ms`. It may lie in the past when `handle` was not called
    /// for long; after `handle` it lies ahead.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        let out = self.spool.oldest_out_ms();
        let events_out = self.events.oldest_out_ms();
        let backlog = self.spool.candidate(Lane::Backlog, self.pace.confidence());
        let times = [
            self.flush_ms,
            out.map(|since| since.saturating_add(self.pace.patience_ms())),
            events_out.map(|since| since.saturating_add(self.pace.backoff_ms())),
            backlog
                .filter(|_| self.connected)
                .map(|_| self.pace.next_ms()),
            (self.connected && self.urgent).then(|| self.bucket.next_ms()),
        ];
        times.into_iter().flatten().min()
    }

    /// The spool as bytes for the state directory, at an orderly stop.
    #[must_use]
    pub fn save(&self) -> Vec<u8> {
        self.image().write()
    }

    /// How many ticks and events nobody has confirmed yet, of every boot.
    #[must_use]
    pub fn unconfirmed(&self) -> (u64, usize) {
        let entries = self.spool.entries().iter();
        let kept: u64 = entries
            .map(|entry| u64::from(entry.batch.header.count))
            .sum();
        let open = self.batcher.open().map_or(0, |batch| batch.header.count);
        (kept + u64::from(open), self.events.len())
    }

    /// What to write into the run directory after each tick.
    #[must_use]
    pub fn progress(&self) -> Resume {
        let book = self.books.now();
        Resume {
            next_tick: self.next_tick,
            settled: book.delivered.saturating_add(book.lost),
            lost: book.lost,
            next_event: self.next_event,
            events_settled: book.events_delivered.saturating_add(book.events_lost),
            events_lost: book.events_lost,
        }
    }

    /// Bytes of memory that telemetry holds between two calls, with the allocator's overhead.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + self.batcher.memory()
            + self.spool.memory()
            + self.books.memory()
            + self.edges.memory()
            + self.events.memory()
    }

    /// Why the saved image could not be used, if there was one and it could not.
    #[must_use]
    pub fn image_error(&self) -> Option<&ImageError> {
        self.image_error.as_ref()
    }

    /// Whether anything that the saved image held is still neither confirmed nor lost: only the image has it twice.
    #[must_use]
    pub fn restored_pending(&self) -> bool {
        let boot = self.settings.boot;
        let (tick, event) = self.began;
        let batches = self.spool.entries().iter().map(|entry| entry.batch.header);
        batches
            .into_iter()
            .any(|header| header.boot != boot || header.first_tick < tick)
            || self.events.holds_older(boot, event)
    }

    fn tick(&mut self, (boottime_ms, now_ms): (u64, u64), wall: WallClock, sample: Sample) {
        self.books.current().anchor(wall);
        let edges = self.edges.tick(&sample.0, wall);
        self.urgent |= edges.iter().any(edges::is_urgent);
        for edge in edges {
            self.event(edge, boottime_ms);
        }
        let tick = batcher::Tick {
            number: self.next_tick,
            boottime_ms,
            period_ms: self.settings.period_ms.max(1),
            wall,
            sample,
        };
        self.next_tick = self.next_tick.saturating_add(1);
        if let Some(ended) = self.batcher.push(tick) {
            self.keep(&ended);
        }
        let slot = self.slot.next(now_ms);
        self.flush_ms.get_or_insert(slot);
    }

    /// A batch has one period, so the open one ends here; ticks are numbered on.
    fn configure(&mut self, periods: Periods) {
        self.flush();
        self.settings.period_ms = periods.period_ms();
        self.settings.window_ms = periods.window_ms();
        self.slot = FlushSlot::new(self.settings.device, self.settings.window_ms);
        self.pace.set_window(self.settings.window_ms);
    }

    fn event(&mut self, what: EventKind, boottime_ms: u64) {
        let event = Event {
            sequence: self.next_event,
            boottime_ms,
            what,
        };
        self.next_event = self.next_event.saturating_add(1);
        self.events.push(self.settings.boot, event, &mut self.books);
    }

    fn connect(&mut self, now_ms: u64) {
        self.connected = true;
        self.events_due = true;
        self.pace.hopeful(now_ms);
    }

    fn disconnect(&mut self) {
        self.connected = false;
        self.spool.disconnected();
        self.events.disconnected();
    }

    fn delivered(&mut self, delivery: DeliveryId, now_ms: u64) {
        let ack = &self.settings.ack;
        self.events
            .delivered(delivery, now_ms, ack, &mut self.books);
        if let Some(settled) = self.spool.delivered(delivery, now_ms, ack) {
            self.settle(settled.boot, settled.ticks);
            self.pace.hopeful(now_ms);
        }
    }

    fn refused(&mut self, delivery: DeliveryId) {
        self.spool.refused(delivery);
        self.events.refused(delivery);
    }

    fn acked(&mut self, ack: &Ack, now_ms: u64) {
        if !matches!(&self.settings.ack, AckMode::Collector(name) if *name == ack.collector) {
            return;
        }
        for settled in self.spool.acked(ack) {
            self.settle(settled.boot, settled.ticks);
        }
        for boot in &ack.boots {
            self.events.acked(boot.boot, &boot.events, &mut self.books);
        }
        self.pace.hopeful(now_ms);
    }
}

/// Bytes that an allocation of `size` bytes takes, with the allocator's rounding and header.
fn allocation(size: usize) -> usize {
    match size {
        0 => 0,
        size => size.next_multiple_of(16) + 16,
    }
}
