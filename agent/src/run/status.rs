//! What an agent says of itself, retained: set-up and inventory. It doesn't know when it is said.
use picket_proto::{BootId, Status, metric, status::Sensor};

use crate::{
    config::{Effective, Loaded, Periods},
    inventory::Inventory,
    runtime_state::checksum,
};

/// The status of an agent that has done nothing yet. What it can do is not in it.
pub(super) fn status(
    inventory: Inventory,
    loaded: &Loaded,
    boot: BootId,
    periods: Periods,
) -> Status {
    let sensors = loaded
        .settings
        .sampler
        .sensors
        .iter()
        .zip(metric::AMBIENT_TEMPERATURE_1.0..);
    let mut status = Status {
        agent_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        boot: Some(boot),
        config_hash: Some(config_hash(&loaded.effective)),
        sample_every_ms: Some(periods.period_ms()),
        window_ms: Some(periods.window_ms()),
        sensors: Some(
            sensors
                .map(|(sensor, id)| Sensor {
                    metric: picket_proto::MetricId(id),
                    name: sensor.name.clone(),
                })
                .collect(),
        ),
        ..Status::default()
    };
    inventory.fill(&mut status);
    status
}

/// FNV-1a over the keys and values in force, so that equal set-ups have equal hashes wherever they were written.
fn config_hash(effective: &[Effective]) -> u64 {
    let lines: Vec<String> = effective
        .iter()
        .map(|line| {
            format!(
                "{}={}\n",
                line.key,
                line.value.as_deref().unwrap_or_default()
            )
        })
        .collect();
    checksum(lines.concat().as_bytes())
}
