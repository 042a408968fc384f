//! How telemetry goes on after a restart: from the image of an orderly stop, or from the progress alone after a crash.
use picket_proto::{BatchHeader, EventReport, Packed, batch::MAX_NUMBER};

use super::{
    MIN_SPOOL_BYTES, Resume, Telemetry, events,
    image::Image,
    spool::{Lane, State},
};

/// Bytes that the image of a spool of `spool_bytes` has at most.
#[must_use]
pub fn most_saved(spool_bytes: usize) -> usize {
    spool_bytes.max(MIN_SPOOL_BYTES).saturating_mul(2)
}

impl Telemetry {
    /// Takes what an image holds, and counts as lost what nothing accounts for.
    pub(super) fn restore(&mut self, resume: Resume, saved: Option<&[u8]>) {
        let resume = if is_possible(&resume) {
            resume
        } else {
            Resume::default()
        };
        let image = saved
            .and_then(|bytes| self.read_image(bytes))
            .filter(|image| is_possible(&image.resume));
        let ours = image.as_ref().filter(|image| {
            image.boot == self.settings.boot
                && image.resume.next_tick >= resume.next_tick
                && image.resume.next_event >= resume.next_event
        });
        // The image is of this boot and of its end so far: it knows best. The run directory may have been emptied.
        let fresh = ours.is_some();
        let resume = ours.map_or(resume, |image| image.resume);
        self.begin(resume);
        if let Some(image) = image {
            image
                .batches
                .into_iter()
                .for_each(|batch| self.restore_batch(batch, fresh));
            image
                .reports
                .into_iter()
                .for_each(|report| self.restore_events(report, fresh));
        }
        self.count_unaccounted(resume);
        self.make_room();
    }

    /// The image of everything that is not confirmed.
    pub(super) fn image(&self) -> Image {
        let mut books = self.books.clone();
        let entries = self.spool.entries().iter().map(|entry| entry.batch.clone());
        let open = self.batcher.open().map(Packed::new);
        let batches = entries.chain(open).map(|mut batch| {
            if let Some(book) = books.of(batch.header.boot) {
                book.stamp(&mut batch.header, Lane::Backlog);
            }
            batch
        });
        Image {
            boot: self.settings.boot,
            resume: self.progress(),
            batches: batches.collect(),
            reports: self.events.reports(&mut self.books.clone()),
        }
    }

    fn read_image(&mut self, bytes: &[u8]) -> Option<Image> {
        let most = most_saved(self.settings.spool_bytes);
        match Image::read(bytes, most) {
            Ok(image) => Some(image),
            Err(error) => {
                self.image_error = Some(error);
                None
            }
        }
    }

    fn begin(&mut self, resume: Resume) {
        self.next_tick = resume.next_tick;
        self.next_event = resume.next_event;
        self.began = (resume.next_tick, resume.next_event);
        let book = self.books.current();
        book.lost = resume.lost;
        book.delivered = resume.settled.saturating_sub(resume.lost);
        book.events_lost = resume.events_lost;
        book.events_delivered = resume.events_settled.saturating_sub(resume.events_lost);
    }

    fn restore_batch(&mut self, batch: Packed, fresh: bool) {
        let header = batch.header;
        let newest_ms = header.boottime_ms(header.count.saturating_sub(1));
        if header.range().last.max(header.lost).max(newest_ms) > MAX_NUMBER {
            return;
        }
        if header.boot == self.settings.boot {
            if !fresh || !self.is_unsettled(&header) {
                return;
            }
            self.books.current().anchor(header.wall);
        } else {
            let book = self.books.open(header.boot);
            book.lost = book.lost.max(header.lost);
            book.anchor(header.wall);
        }
        self.spool.push(batch, State::Waiting);
        self.make_room();
    }

    /// Whether a batch of this boot can be what was neither delivered nor lost.
    fn is_unsettled(&self, header: &BatchHeader) -> bool {
        let kept = self.spool.ticks(header.boot) + u64::from(header.count);
        header.range().last < self.next_tick
            && kept <= self.next_tick.saturating_sub(self.progress().settled)
    }

    fn restore_events(&mut self, report: EventReport, fresh: bool) {
        let ours = report.boot == self.settings.boot;
        if (ours && !fresh) || report.lost > MAX_NUMBER {
            return;
        }
        let book = self.books.open(report.boot);
        book.events_lost = book.events_lost.max(report.lost);
        for event in report.events {
            if event.sequence.max(event.boottime_ms) > MAX_NUMBER {
                continue;
            }
            if events::is_small(&event) && (!ours || event.sequence < self.next_event) {
                self.events.push(report.boot, event, &mut self.books);
            }
        }
    }

    /// The predecessor died with these.
    fn count_unaccounted(&mut self, resume: Resume) {
        let boot = self.settings.boot;
        let accounted = self
            .progress()
            .settled
            .saturating_add(self.spool.ticks(boot));
        self.lose(boot, resume.next_tick.saturating_sub(accounted));
        let accounted = self
            .progress()
            .events_settled
            .saturating_add(self.events.count(boot));
        let book = self.books.current();
        let unknown = resume.next_event.saturating_sub(accounted);
        book.events_lost = book.events_lost.saturating_add(unknown);
    }
}

/// What a collector would refuse must not come back from a file: it would block the backlog for good.
fn is_possible(resume: &Resume) -> bool {
    let Resume {
        next_tick,
        settled,
        lost,
        next_event,
        events_settled,
        events_lost,
    } = *resume;
    [
        next_tick,
        settled,
        lost,
        next_event,
        events_settled,
        events_lost,
    ]
    .iter()
    .all(|number| *number <= MAX_NUMBER)
}
