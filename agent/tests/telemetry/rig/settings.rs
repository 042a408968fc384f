//! Settings and samples that tests begin with.
use picket_proto::{BootId, DeviceId, MetricId};
use picketd::{
    sampler::Sample,
    telemetry::{AckMode, TelemetrySettings},
};

use super::Rig;

pub(crate) const PERIOD_MS: u64 = 10_000;
pub(crate) const SPOOL: usize = 96 * 1024;
pub(crate) const BOOT: BootId = BootId([1; 16]);
pub(crate) const COLLECTOR: &str = "watch";

pub(crate) fn settings(ack: AckMode, spool_bytes: usize) -> TelemetrySettings {
    TelemetrySettings {
        boot: BOOT,
        device: DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]),
        period_ms: PERIOD_MS as u32,
        window_ms: 60_000,
        ack,
        spool_bytes,
        temperature_limits: vec![80_000, 85_000],
        hysteresis: 5_000,
    }
}

pub(crate) fn collector_mode() -> AckMode {
    AckMode::Collector(COLLECTOR.into())
}

/// A sample that tells which tick it is, so that a reading that moved to another tick is seen.
pub(crate) fn numbered(tick: u64) -> Sample {
    Sample(vec![
        (MetricId(11), Ok(tick as i64)),
        (
            MetricId(12),
            Ok((tick as i64).wrapping_mul(2_654_435_761) % 5_000),
        ),
    ])
}

/// Readings that hardly compress.
pub(crate) fn noisy(tick: u64) -> Sample {
    let noise = |salt: u64| {
        (tick
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(salt)
            >> 33) as i64
            % 100_000
    };
    Sample(
        (1..=8)
            .map(|id| (MetricId(100 + id), Ok(noise(u64::from(id) << 40))))
            .collect(),
    )
}

/// An agent with ample memory.
pub(crate) fn ample(ack: AckMode) -> Rig {
    Rig::new(settings(ack, SPOOL), numbered)
}
