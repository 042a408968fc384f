//! A model collector: it keeps what arrives, checks every reading, and acks what a frame holds. Knows no agent.
use std::collections::{BTreeMap, BTreeSet};

use picket_proto::{
    Ack, Batch, BootAck, BootId, Channel, EventReport, TickRange, TickRanges, frame,
};
use picketd::sampler::Sample;

use super::settings::COLLECTOR;

/// What arrived.
#[derive(Default)]
pub(crate) struct Collector {
    pub(crate) ticks: BTreeMap<BootId, BTreeSet<u64>>,
    pub(crate) lost: BTreeMap<BootId, u64>,
    pub(crate) events: BTreeMap<BootId, BTreeSet<u64>>,
    pub(crate) events_lost: BTreeMap<BootId, u64>,
    pub(crate) batches: Vec<(Channel, Batch)>,
    pub(crate) reports: Vec<EventReport>,
    pub(crate) duplicates: u64,
}

impl Collector {
    /// Stores a frame and acks what it holds.
    pub(super) fn receive(
        &mut self,
        channel: Channel,
        payload: &[u8],
        sample: fn(u64) -> Sample,
    ) -> Ack {
        let ack = match channel {
            Channel::Event => self.receive_events(frame::decode(payload).unwrap()),
            _ => self.receive_batch(channel, frame::decode(payload).unwrap(), sample),
        };
        Ack {
            collector: COLLECTOR.into(),
            boots: vec![ack],
        }
    }

    fn receive_batch(
        &mut self,
        channel: Channel,
        batch: Batch,
        sample: fn(u64) -> Sample,
    ) -> BootAck {
        let header = batch.header;
        let ticks = self.ticks.entry(header.boot).or_default();
        let mut named = TickRanges::new();
        for row in 0..header.count {
            let tick = header.tick(row);
            self.duplicates += u64::from(!ticks.insert(tick));
            named.insert(TickRange {
                first: tick,
                last: tick,
            });
            let readings: Vec<_> = batch
                .columns
                .iter()
                .map(|c| (c.metric, c.readings[usize::from(row)]))
                .collect();
            assert_eq!(readings, sample(tick).0, "tick {tick}");
        }
        self.batches.push((channel, batch));
        BootAck {
            boot: header.boot,
            ticks: named.into_vec(),
            events: vec![],
        }
    }

    fn receive_events(&mut self, report: EventReport) -> BootAck {
        let known = self.events.entry(report.boot).or_default();
        known.extend(report.events.iter().map(|event| event.sequence));
        let named: TickRanges = report
            .events
            .iter()
            .map(|e| TickRange {
                first: e.sequence,
                last: e.sequence,
            })
            .collect();
        let lost = self.events_lost.entry(report.boot).or_default();
        assert!(
            report.lost >= *lost,
            "lost events go from {lost} to {}",
            report.lost
        );
        *lost = report.lost;
        let boot = report.boot;
        self.reports.push(report);
        BootAck {
            boot,
            ticks: vec![],
            events: named.into_vec(),
        }
    }
}
