//! The sampler: reads every source once and gives one sample. It knows all sources, and neither clocks nor batches.
mod probes;

use std::net::SocketAddr;

use picket_proto::{Gap, MetricId, Reading, metric};

use crate::{
    sources::{
        ambient::AmbientSource, cpu_busy::CpuBusySource, cpu_frequency::CpuFrequencySource,
        load::LoadSource, memory::MemorySource, nfs_in_band, nfs_mount::NfsMountSource, nfs_null,
        own_load::OwnLoad, soc_temperature::SocTemperatureSource, throttling::ThrottlingSource,
        uptime::UptimeSource, xprt_info::XprtInfoSource,
    },
    verdict::{InBand, Room, Views},
    world::World,
};

use probes::Probes;

/// One reading of every configured metric, by ascending id; a metric without a value is there with its gap.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sample(pub Vec<(MetricId, Reading)>);

/// What the sampler shall read beyond what every machine has.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SamplerSettings {
    /// Whether and where to measure the round trip of an RPC NULL call.
    pub nfs_probe: NfsProbe,
    /// Whether to measure the round trip of a GETATTR on the root mount.
    pub nfs_in_band: NfsInBand,
    /// The ambient sensors, at most [`metric::AMBIENT_SENSORS`]; the first fills `ambient_temperature_1`, and so on.
    pub sensors: Vec<SensorSettings>,
}

/// Which NFS server is asked for a NULL call at every tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NfsProbe {
    /// None; the metric doesn't exist then.
    Off,
    /// The server of the root mount; the metric is absent if the root is not on NFS.
    #[default]
    Auto,
    /// This one.
    Server(SocketAddr),
}

/// Whether the root mount itself is asked at every tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NfsInBand {
    /// No; the metric doesn't exist then.
    Off,
    /// Yes; the metric is absent if the root is not on NFS.
    #[default]
    Auto,
}

/// An ambient sensor on an I2C bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SensorSettings {
    /// What the operator calls it.
    pub name: String,
    /// Which chip it is.
    pub kind: SensorKind,
    /// The number n of `/dev/i2c-n`.
    pub bus: u8,
    /// Its 7-bit address, 0x08 to 0x77.
    pub address: u8,
}

/// The chips that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SensorKind {
    /// LM75 and its kin: temperature.
    Lm75,
    /// TMP102, TMP112: temperature.
    Tmp1x2,
    /// SHTC1, SHTC3, SHTW2: temperature and relative humidity.
    Shtcx,
}

/// Every source of one machine.
#[derive(Debug)]
pub struct Sampler {
    soc_temperature: SocTemperatureSource,
    throttling: ThrottlingSource,
    cpu_frequency: CpuFrequencySource,
    load: LoadSource,
    cpu_busy: CpuBusySource,
    memory: MemorySource,
    uptime: UptimeSource,
    nfs_mount: NfsMountSource,
    xprt_info: XprtInfoSource,
    ambient: AmbientSource,
    probes: Probes,
    own_load: OwnLoad,
    /// The mean round trip of the last sample.
    passive: Reading,
    /// Every source reads into this, one after the other.
    buffer: Vec<u8>,
    width: usize,
}

impl Sampler {
    /// The sources of that machine. Nothing is read yet.
    #[must_use]
    pub fn new(world: &World, settings: &SamplerSettings) -> Self {
        Self {
            soc_temperature: SocTemperatureSource::new(world),
            throttling: ThrottlingSource::new(world),
            cpu_frequency: CpuFrequencySource::new(world),
            load: LoadSource::new(world),
            cpu_busy: CpuBusySource::new(world),
            memory: MemorySource::new(world),
            uptime: UptimeSource::new(world),
            nfs_mount: NfsMountSource::new(world, world.root_mount()),
            xprt_info: XprtInfoSource::new(world),
            ambient: AmbientSource::new(world, &settings.sensors),
            probes: Probes::new(settings),
            own_load: OwnLoad::default(),
            passive: Err(Gap::FirstInterval),
            buffer: Vec::new(),
            width: 0,
        }
    }

    /// What the NULL probe found since the last tick, in µs: it is in the next sample. Without a word from the probe the
    /// metric is [`Gap::Absent`]; with [`NfsProbe::Off`] there is no such metric, and this has no effect.
    pub fn set_null_rtt(&mut self, reading: Reading) {
        self.probes.set_null_rtt(reading);
    }

    /// Asks that probe at every tick: what a call finds is in the sample of the next tick.
    pub fn drive(&mut self, probe: nfs_null::Probe) {
        self.probes.drive(probe);
    }

    /// What an in-band probe found that somebody else made: it is in the next sample.
    pub fn set_in_band(&mut self, view: InBand) {
        self.probes.set_in_band(view);
    }

    /// Tells of that probe at every tick. [`Sampler::ask_in_band`] asks it.
    pub fn drive_in_band(&mut self, probe: nfs_in_band::Probe) {
        self.probes.drive_in_band(probe);
    }

    /// Makes an in-band probe if there is one and it doesn't wait; its bell rings at `due_ms`. Both on CLOCK_BOOTTIME.
    pub fn ask_in_band(&mut self, now_ms: u64, due_ms: u64) {
        self.probes.ask_in_band(now_ms, due_ms);
    }

    /// How the in-band probe stands now.
    #[must_use]
    pub fn in_band(&self) -> InBand {
        self.probes.in_band()
    }

    /// How much room the root file system has, if that was asked.
    #[must_use]
    pub fn room(&self) -> Option<Room> {
        self.probes.room()
    }

    /// How the NFS server looked in the last sample.
    #[must_use]
    pub fn views(&self) -> Views {
        self.probes.views(self.passive)
    }

    /// Reads every source once. `boottime_ms` is the tick's CLOCK_BOOTTIME.
    pub fn sample(&mut self, boottime_ms: u64) -> Sample {
        self.probes.tick(boottime_ms);
        let waited = self.probes.waited(boottime_ms);
        self.own_load.advance(boottime_ms, waited);
        let mut sample = Vec::with_capacity(self.width);
        let buffer = &mut self.buffer;
        let [throttled, under_voltage] = self.throttling.read(buffer, boottime_ms);
        let [load1, load5, load15] = spread(
            self.load
                .read(buffer)
                .map(|load| self.own_load.without(load)),
        );
        sample.extend([
            (
                metric::SOC_TEMPERATURE,
                self.soc_temperature.read(buffer, boottime_ms),
            ),
            (metric::THROTTLED, throttled),
            (metric::UNDER_VOLTAGE, under_voltage),
            (metric::CPU_FREQUENCY, self.cpu_frequency.read(buffer)),
            (metric::LOAD1, load1),
            (metric::LOAD5, load5),
            (metric::LOAD15, load15),
            (metric::CPU_BUSY, self.cpu_busy.read(buffer)),
            (metric::MEMORY_AVAILABLE, self.memory.read(buffer)),
            (metric::UPTIME, self.uptime.read(buffer)),
        ]);
        let nfs = self.nfs_mount.read(buffer, self.probes.late_ms());
        self.passive = nfs.rtt;
        sample.extend([
            (metric::NFS_OPS, nfs.ops),
            (metric::NFS_RTT, nfs.rtt),
            (metric::NFS_EXECUTE, nfs.execute),
            (metric::NFS_QUEUE, nfs.queue),
            (metric::NFS_RETRANSMITS, nfs.retransmits),
            (metric::NFS_TIMEOUTS, nfs.timeouts),
            (metric::NFS_ERRORS, nfs.errors),
        ]);
        sample.extend(
            self.probes
                .null_rtt()
                .map(|rtt| (metric::NFS_NULL_RTT, rtt)),
        );
        let pending = self.xprt_info.read(buffer, boottime_ms);
        sample.push((metric::NFS_PENDING, pending));
        sample.push((metric::NFS_RECONNECTS, nfs.reconnects));
        sample.extend(self.probes.in_band_metrics(boottime_ms));
        sample.extend(self.ambient.read());
        self.width = sample.len();
        Sample(sample)
    }
}

/// A source that fails leaves the same gap in all of its metrics.
fn spread<const N: usize>(values: Result<[i64; N], Gap>) -> [Reading; N] {
    match values {
        Ok(values) => values.map(Ok),
        Err(gap) => [Err(gap); N],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::nfs_server::Server;

    #[test]
    fn an_empty_tree_gives_every_metric_with_its_gap_in_order_of_ids() {
        let tree = tempfile::tempdir().unwrap();
        let world = World::new(tree.path());
        let Sample(sample) = Sampler::new(&world, &SamplerSettings::default()).sample(0);
        assert!(sample.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (metric, reading) in sample {
            assert!(reading.is_err(), "{metric:?}");
        }
    }

    #[test]
    fn the_probes_result_is_in_the_next_sample_unless_it_is_off() {
        let world = World::new("/");
        for (nfs_probe, reading) in [(NfsProbe::Auto, Some(Ok(412))), (NfsProbe::Off, None)] {
            let settings = SamplerSettings {
                nfs_probe,
                ..SamplerSettings::default()
            };
            let mut sampler = Sampler::new(&world, &settings);
            sampler.set_null_rtt(Ok(412));
            let Sample(sample) = sampler.sample(0);
            let found = sample.iter().find(|(id, _)| *id == metric::NFS_NULL_RTT);
            assert_eq!(found.map(|(_, reading)| *reading), reading);
        }
    }

    #[tokio::test]
    async fn a_driven_probe_is_asked_at_every_tick_and_answers_in_the_next() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let mut sampler = Sampler::new(&World::new("/"), &SamplerSettings::default());
        sampler.drive(nfs_null::Probe::spawn(Server {
            address,
            version: 3,
        }));
        for expected in [Gap::FirstInterval, Gap::Unreachable, Gap::Unreachable] {
            let Sample(sample) = sampler.sample(0);
            let found = sample.iter().find(|(id, _)| *id == metric::NFS_NULL_RTT);
            assert_eq!(found.map(|(_, reading)| *reading), Some(Err(expected)));
            sampler.probes.ended().await;
        }
    }
}
