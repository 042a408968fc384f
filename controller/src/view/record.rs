//! What programs get: one JSON object for each thing that happened. `docs/WATCH.md` describes the fields; a field that
//! has nothing to say is left out.
use jiff::Timestamp;
use picket_proto::{MetricId, Quality, Reading};
use serde_json::{Map, Value, json};

use crate::collector::{SeenEvent, Tick, Update, Warning};

/// The version of the records. It grows when a field changes its meaning, not when one is added.
pub const VERSION: u32 = 1;

/// The record of an update.
#[must_use]
pub fn record(update: &Update) -> Value {
    match update {
        Update::Tick(tick) => of_tick(tick),
        Update::Event(seen) => of_event(seen),
        Update::Status { device, status } => {
            let mut fields = object(json!(status));
            fields.retain(|_, value| !value.is_null());
            fields.remove("unknown");
            fields.remove("boot");
            merge(
                json!({ "v": VERSION, "device": device, "channel": "status", "boot_id": status.boot, "status": fields }),
                [],
            )
        }
        Update::Presence { device, presence } => json!({
            "v": VERSION, "device": device, "boot_id": presence.boot, "channel": "presence",
            "online": presence.online, "connection": presence.connection,
        }),
        Update::Clock { device, boot, wall } => json!({
            "v": VERSION, "device": device, "boot_id": boot, "channel": "clock",
            "offset_ms": wall.offset_ms, "clock": wall.quality,
        }),
        Update::Warning { device, warning } => json!({
            "v": VERSION, "device": device, "channel": "warning",
            "warning": kind(warning), "detail": warning.to_string(),
        }),
    }
}

fn of_tick(tick: &Tick) -> Value {
    let mut readings = Map::new();
    let mut gaps = Map::new();
    for (metric, reading) in &tick.readings {
        put(*metric, reading, &mut readings, &mut gaps);
    }
    merge(
        json!({
            "v": VERSION, "device": tick.device, "boot_id": tick.boot, "tick": tick.tick,
            "boottime_ms": tick.boottime_ms, "readings": readings, "gaps": gaps, "lost": tick.lost,
            "channel": tick.channel.to_string(),
        }),
        when(tick.unix_ms, tick.quality),
    )
}

fn put(
    metric: MetricId,
    reading: &Reading,
    readings: &mut Map<String, Value>,
    gaps: &mut Map<String, Value>,
) {
    let name = metric.metric().map_or_else(
        || format!("metric_{}", metric.0),
        |known| known.name.to_owned(),
    );
    match reading {
        Ok(value) => readings.insert(name, json!(value)),
        Err(gap) => gaps.insert(name, json!(gap)),
    };
}

fn of_event(seen: &SeenEvent) -> Value {
    let mut value = merge(
        json!({ "v": VERSION, "device": seen.device, "boot_id": seen.boot, "channel": "event" }),
        when(seen.unix_ms, seen.quality),
    );
    if let Value::Object(fields) = &mut value {
        fields.extend(object(json!(seen.event)));
    }
    value
}

/// The time in RFC 3339 and how far to trust it; nothing while the clock is unknown.
fn when(unix_ms: Option<i64>, quality: Quality) -> [(&'static str, Value); 2] {
    let time = unix_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let clock = time.map_or(Quality::Unset, |_| quality);
    [
        ("time", json!(time.map(|time| format!("{time:.3}")))),
        ("clock", json!(clock)),
    ]
}

fn merge<const N: usize>(value: Value, more: [(&'static str, Value); N]) -> Value {
    let mut fields = object(value);
    fields.extend(more.map(|(key, value)| (key.to_owned(), value)));
    fields.retain(|_, value| !value.is_null());
    Value::Object(fields)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn kind(warning: &Warning) -> &'static str {
    match warning {
        Warning::Clash(_) => "clash",
        Warning::ClockOff(_) => "clock_off",
        Warning::Refused(..) => "refused",
        Warning::BootForgotten(_) => "boot_forgotten",
        Warning::HolesClosed(_) => "holes_closed",
        Warning::DeviceForgotten => "device_forgotten",
    }
}
