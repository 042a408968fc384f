//! The probes of the NFS server as the sampler tells of them: what they found, and for how long one waits. It judges nothing.
use picket_proto::{Gap, MetricId, Reading, metric};

use super::{NfsInBand, NfsProbe, SamplerSettings};
use crate::{
    sources::{nfs_in_band, nfs_null, own_load::Waited},
    verdict::{InBand, Null, Room, Views},
};

/// Both probes, each of which may be off, absent, or somebody else's.
#[derive(Debug)]
pub(super) struct Probes {
    /// `None` when it is off.
    null_rtt: Option<Reading>,
    null: Option<nfs_null::Probe>,
    /// When the last NULL call was made, and the first of those that had no answer.
    null_asked_ms: u64,
    silent_since_ms: Option<u64>,
    /// `None` when it is off.
    in_band: Option<InBand>,
    in_band_probe: Option<nfs_in_band::Probe>,
}

impl Probes {
    pub(super) fn new(settings: &SamplerSettings) -> Self {
        Self {
            null_rtt: (settings.nfs_probe != NfsProbe::Off).then_some(Err(Gap::Absent)),
            null: None,
            null_asked_ms: 0,
            silent_since_ms: None,
            in_band: (settings.nfs_in_band != NfsInBand::Off).then_some(InBand::Off),
            in_band_probe: None,
        }
    }

    pub(super) fn set_null_rtt(&mut self, reading: Reading) {
        if let Some(null_rtt) = &mut self.null_rtt {
            *null_rtt = reading;
        }
    }

    pub(super) fn drive(&mut self, probe: nfs_null::Probe) {
        self.null = Some(probe);
    }

    pub(super) fn set_in_band(&mut self, view: InBand) {
        if let Some(in_band) = &mut self.in_band {
            *in_band = view;
        }
    }

    pub(super) fn drive_in_band(&mut self, probe: nfs_in_band::Probe) {
        self.in_band_probe = Some(probe);
    }

    /// Takes what was found, and makes the next NULL call.
    pub(super) fn tick(&mut self, boottime_ms: u64) {
        if let Some(probe) = &self.in_band_probe {
            self.in_band = self.in_band.and(Some(probe.look()));
        }
        let Some(probe) = &mut self.null else {
            return;
        };
        let found = probe.take();
        probe.start();
        self.silent_since_ms = match found {
            Err(Gap::TimedOut | Gap::Unreachable) => {
                Some(self.silent_since_ms.unwrap_or(self.null_asked_ms))
            }
            _ => None,
        };
        self.null_asked_ms = boottime_ms;
        self.set_null_rtt(found);
    }

    pub(super) fn ask_in_band(&mut self, now_ms: u64, due_ms: u64) {
        if let Some(probe) = &mut self.in_band_probe {
            probe.ask(now_ms, due_ms);
        }
    }

    pub(super) fn in_band(&self) -> InBand {
        let probe = self.in_band_probe.as_ref();
        probe.map_or(InBand::Off, nfs_in_band::Probe::look)
    }

    pub(super) fn room(&self) -> Option<Room> {
        self.in_band_probe.as_ref()?.room()
    }

    pub(super) fn views(&self, passive: Reading) -> Views {
        Views {
            in_band: self.in_band.unwrap_or(InBand::Off),
            null: self.null(),
            passive,
        }
    }

    pub(super) fn null_rtt(&self) -> Option<Reading> {
        self.null_rtt
    }

    /// How long our own call took that waited out a stall and ended since the last tick, in ms.
    pub(super) fn late_ms(&self) -> Option<u64> {
        let late = self.in_band_probe.as_ref()?.late()?;
        Some(late.until_ms.saturating_sub(late.since_ms))
    }

    /// When the in-band probe's thread waited for long, as the kernel's load averages count it.
    pub(super) fn waited(&self, boottime_ms: u64) -> Option<Waited> {
        match self.in_band? {
            InBand::Waiting { since_ms } => Some((since_ms, boottime_ms + 1)),
            _ => {
                let late = self.in_band_probe.as_ref()?.late()?;
                Some((late.since_ms, late.until_ms))
            }
        }
    }

    /// The in-band round trip, and the age of the oldest probe without an answer.
    pub(super) fn in_band_metrics(
        &self,
        boottime_ms: u64,
    ) -> impl Iterator<Item = (MetricId, Reading)> + use<> {
        let in_band = self.in_band.map(nfs_in_band::reading);
        let probing = in_band.is_some() || self.null_rtt.is_some();
        let unanswered = probing.then(|| self.unanswered(boottime_ms));
        let in_band = in_band.map(|rtt| (metric::NFS_IN_BAND_RTT, rtt));
        in_band
            .into_iter()
            .chain(unanswered.map(|age| (metric::NFS_UNANSWERED, age)))
    }

    fn unanswered(&self, boottime_ms: u64) -> Reading {
        match (self.in_band.unwrap_or(InBand::Off), self.null()) {
            (InBand::Waiting { since_ms }, _) | (InBand::Off, Null::Silent { since_ms }) => {
                let age_ms = boottime_ms.saturating_sub(since_ms);
                Ok(i64::try_from(age_ms).unwrap_or(i64::MAX))
            }
            (InBand::Off, Null::Unknown) => self.null_rtt.unwrap_or(Err(Gap::Absent)).map(|_| 0),
            _ => Ok(0),
        }
    }

    fn null(&self) -> Null {
        match (self.null_rtt, self.silent_since_ms) {
            (_, Some(since_ms)) => Null::Silent { since_ms },
            (Some(Ok(rtt_us)), None) => Null::Answered { rtt_us },
            _ => Null::Unknown,
        }
    }

    /// Waits until the outstanding NULL call has ended.
    #[cfg(test)]
    pub(super) async fn ended(&mut self) {
        if let Some(probe) = &mut self.null {
            probe.ended().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_the_oldest_unanswered_probe_is_that_of_the_in_band_one_if_there_is_one() {
        let waiting = InBand::Waiting { since_ms: 20_000 };
        let quick = InBand::Answered { rtt_us: 400 };
        let silent = Some(Err(Gap::TimedOut));
        let first = Some(Err(Gap::FirstInterval));
        for (in_band, null_rtt, silent_since_ms, age) in [
            (Some(quick), Some(Ok(300)), None, Some(Ok(0))),
            (Some(waiting), Some(Ok(300)), None, Some(Ok(10_000))),
            (Some(waiting), silent, Some(10_000), Some(Ok(10_000))),
            (Some(InBand::Unasked), None, None, Some(Ok(0))),
            (Some(quick), silent, Some(10_000), Some(Ok(0))),
            (None, silent, Some(10_000), Some(Ok(20_000))),
            (None, Some(Ok(300)), None, Some(Ok(0))),
            (None, first, None, first),
            (Some(InBand::Off), None, None, Some(Err(Gap::Absent))),
            (Some(InBand::Off), Some(Ok(300)), None, Some(Ok(0))),
            (None, None, None, None),
        ] {
            let mut probes = Probes::new(&SamplerSettings::default());
            probes.in_band = in_band;
            probes.null_rtt = null_rtt;
            probes.silent_since_ms = silent_since_ms;
            let told: Vec<_> = probes.in_band_metrics(30_000).collect();
            let found = told.iter().find(|(id, _)| *id == metric::NFS_UNANSWERED);
            let case = format!("{in_band:?} {null_rtt:?}");
            assert_eq!(found.map(|(_, age)| *age), age, "{case}");
            let rtt = told.iter().any(|(id, _)| *id == metric::NFS_IN_BAND_RTT);
            assert_eq!(rtt, in_band.is_some(), "{case}");
        }
    }
}
