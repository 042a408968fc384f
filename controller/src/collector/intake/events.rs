//! A report of events: which of them are new, and when they were. Knows no other kind of message.
use picket_proto::{EventReport, TickRange};

use super::{Intake, within};
use crate::collector::{Refusal, SeenEvent, Update};

impl Intake<'_> {
    pub(super) fn events(&mut self, report: EventReport) -> Result<(), Refusal> {
        for event in &report.events {
            within(event.sequence, "event number")?;
            within(event.boottime_ms, "boottime")?;
        }
        let id = self.device.id;
        let frame = self.arrival.frame;
        let boot = self
            .device
            .boot_mut(report.boot, frame, self.settings, self.updates);
        let made_ms = report.events.iter().map(|e| e.boottime_ms).max();
        let clock = made_ms.and_then(|made_ms| boot.anchor.offer(report.wall, made_ms));
        if let Some(wall) = clock {
            self.updates.push(Update::Clock {
                device: id,
                boot: report.boot,
                wall,
            });
        }
        for event in report.events {
            let number = TickRange {
                first: event.sequence,
                last: event.sequence,
            };
            let is_new = !boot.events.contains(event.sequence);
            boot.events.insert(number, self.settings.max_ranges);
            if is_new {
                let (unix_ms, quality) = boot.anchor.time(event.boottime_ms);
                self.updates.push(Update::Event(SeenEvent {
                    device: id,
                    boot: report.boot,
                    event,
                    unix_ms,
                    quality,
                }));
            }
        }
        Ok(())
    }
}
