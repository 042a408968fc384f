//! What stands between the agent and the collector: it answers each publish, or loses it, and checks order and times on the way.
use picket_proto::{Batch, BatchHeader, BootId, Channel, frame};
use picketd::telemetry::{AckMode, Action, Input};

use super::{Rig, settings::PERIOD_MS};

impl Rig {
    /// What the world answers to a publish.
    pub(super) fn publish(&mut self, action: Action) -> Vec<Input> {
        let Action::Publish {
            delivery,
            channel,
            payload,
        } = action;
        let mut answers = Vec::new();
        if channel != Channel::Event {
            let batch: Batch = frame::decode(&payload).unwrap();
            self.check_times(&batch.header);
            self.check_order(channel, &batch);
        }
        if self.faults.publishes_lost {
            return answers;
        }
        match self.faults.pubacks_lost {
            true => self.unanswered.push(delivery),
            false => answers.push(Input::Delivered(delivery)),
        }
        if self.collector_is_there() {
            let ack = self.collector.receive(channel, &payload, self.sample);
            if !self.faults.acks_lost {
                self.last_ack = Some(ack.clone());
                answers.push(Input::Acked(ack));
            }
        }
        answers
    }

    pub(super) fn time(&self, boot: BootId, tick: u64) -> Option<u64> {
        let known = self.times.range((boot, 0)..=(boot, tick)).next_back();
        known.map(|((_, from), at)| at + (tick - from) * PERIOD_MS)
    }

    /// A header tells each tick's time to a tenth of the period.
    fn check_times(&self, header: &BatchHeader) {
        for row in 0..header.count {
            let tick = header.tick(row);
            let told = header.boottime_ms(row);
            let made = self.time(header.boot, tick).unwrap();
            assert!(
                told.abs_diff(made) <= u64::from(header.period_ms) / 10,
                "tick {tick} of {made} is told as of {told}"
            );
        }
    }

    /// In a connection the ticks that a topic has not carried yet come in order; `lost` never goes down.
    fn check_order(&mut self, channel: Channel, batch: &Batch) {
        let header = &batch.header;
        self.sent
            .push((self.now_ms, channel, header.first_tick, header.count));
        let next = self
            .order
            .entry((channel.to_string(), header.boot))
            .or_default();
        for tick in (0..header.count).map(|row| header.tick(row)) {
            if self.offered.insert((header.boot, tick)) {
                assert!(tick >= *next, "{channel} goes back to {tick} from {next}");
                *next = tick + 1;
            }
        }
        let arrives = !self.faults.publishes_lost && self.collector_is_there();
        let lost = self.collector.lost.entry(header.boot).or_default();
        assert!(
            header.lost >= *lost,
            "lost goes from {lost} to {}",
            header.lost
        );
        if arrives {
            *lost = header.lost;
        }
    }

    /// Where the broker's word is enough, the broker stands for the collector.
    fn collector_is_there(&self) -> bool {
        self.settings.ack == AckMode::Puback || !self.faults.collector_away
    }
}
