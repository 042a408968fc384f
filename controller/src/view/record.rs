//! What programs get: one JSON object for each thing that happened. `docs/WATCH.md` describes the fields; a field that
//! has nothing to say is left out.
use jiff::Timestamp;
use picket_proto::{DeviceId, MetricId, Quality, Reading, Report};
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
            // A JSON number holds 53 bits.
            if let Some(hash) = status.config_hash {
                fields.insert("config_hash".to_owned(), json!(format!("{hash:016x}")));
            }
            merge(
                json!({ "v": VERSION, "device": device, "channel": "status", "boot_id": status.boot, "status": fields }),
                [],
            )
        }
        Update::Report { device, report } => of_report(*device, report),
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

fn of_report(device: DeviceId, report: &Report) -> Value {
    let mut fields = object(json!(report));
    fields.remove("unknown");
    fields.remove("boot");
    let mut value = merge(
        json!({ "v": VERSION, "device": device, "boot_id": report.boot, "channel": "report" }),
        [],
    );
    if let Value::Object(value) = &mut value {
        value.extend(fields.into_iter().filter(|(_, field)| !field.is_null()));
    }
    value
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

#[cfg(test)]
mod tests {
    use picket_proto::{BootId, OperationId, Reason, State, Status};

    use super::*;

    #[test]
    fn a_status_leaves_out_what_was_not_said_and_has_a_hash_that_json_can_hold() {
        let status = Status {
            boot: Some(BootId([1; 16])),
            config_hash: Some(u64::MAX),
            model: Some("Pi".to_owned()),
            ..Status::default()
        };
        let update = Update::Status {
            device: DeviceId([0; 8]),
            status: Box::new(status),
        };
        let expect = json!({
            "v": 1, "device": "0000000000000000", "channel": "status",
            "boot_id": "01010101-0101-0101-0101-010101010101",
            "status": { "config_hash": "ffffffffffffffff", "model": "Pi" },
        });
        assert_eq!(record(&update), expect);
    }

    #[test]
    fn a_report_is_told_with_its_names_and_without_what_was_not_said() {
        let report = Report {
            operation: Some(OperationId([2; 16])),
            state: Some(State::Refused),
            reason: Some(Reason::StaleNonce),
            action: Some(1),
            boottime_ms: Some(7),
            boot: Some(BootId([1; 16])),
            ..Report::default()
        };
        let update = Update::Report {
            device: DeviceId([0; 8]),
            report: Box::new(report),
        };
        let expect = json!({
            "v": 1, "device": "0000000000000000", "channel": "report",
            "boot_id": "01010101-0101-0101-0101-010101010101",
            "operation": "02020202020202020202020202020202", "state": "refused", "reason": "stale_nonce",
            "action": "reboot", "boottime_ms": 7,
        });
        assert_eq!(record(&update), expect);
    }

    #[test]
    fn the_document_has_every_field_of_a_report() {
        let document = include_str!("../../../docs/WATCH.md");
        for (_, field) in picket_proto::report::FIELDS {
            let shown = if *field == "boot" { "boot_id" } else { field };
            assert!(document.contains(&format!("`{shown}`")), "{shown}");
        }
    }

    #[test]
    fn a_time_beyond_all_calendars_is_left_out() {
        for (unix_ms, time, clock) in [
            (None, None, "unset"),
            (Some(i64::MAX), None, "unset"),
            (Some(0), Some("1970-01-01T00:00:00.000Z"), "synchronised"),
        ] {
            let fields = merge(json!({}), when(unix_ms, Quality::Synchronised));
            let fields = object(fields);
            assert_eq!(fields.get("time").and_then(Value::as_str), time);
            if unix_ms.is_some() {
                assert_eq!(fields["clock"], clock);
            }
        }
    }
}
