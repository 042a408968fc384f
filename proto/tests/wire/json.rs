//! The shape that messages have for people and their scripts: ids as text, metrics by name, gaps by reason.

use picket_proto::MetricId;
use serde_json::{Value, json};

use crate::samples;

#[test]
fn a_batch_reads_well() {
    let batch = message("batch");
    assert_eq!(batch["kind"], "batch");
    assert_eq!(
        batch["header"]["boot"],
        "6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d5"
    );
    assert_eq!(
        batch["header"]["wall"],
        json!({"offset_ms": 1_767_225_600_000i64, "quality": "synchronised"})
    );
    assert_eq!(
        batch["columns"][4],
        json!({"metric": "nfs_rtt", "readings": [711, {"gap": "idle"}, 682, 1204, {"gap": "idle"}, {"gap": "idle"}]})
    );
    assert_eq!(message("batch_thinned")["columns"][0]["metric"], 900);
}

#[test]
fn what_is_unknown_is_hex() {
    let events = message("event");
    assert_eq!(events["kind"], "event");
    assert_eq!(
        events["events"][10],
        json!({"sequence": 15, "boottime_ms": 36_000, "event": "unknown", "id": 999, "body": "010203"})
    );
    let status = message("status");
    assert_eq!(status["unknown"], json!([{"id": 999, "body": "cafe"}]));
    assert_eq!(
        status["sensors"][0],
        json!({"metric": "ambient_temperature_1", "name": "cold aisle"})
    );
}

#[test]
fn acks_and_presence_name_their_boot() {
    assert_eq!(message("presence")["online"], true);
    assert_eq!(
        message("ack")["boots"][0]["ticks"][1],
        json!({"first": 48, "last": 300})
    );
}

#[test]
fn a_metric_comes_back_from_its_name_and_from_its_number() {
    for (json, expect) in [
        ("\"load1\"", Some(5)),
        ("5", Some(5)),
        ("900", Some(900)),
        ("\"lode\"", None),
    ] {
        let got: Option<MetricId> = serde_json::from_str(json).ok();
        assert_eq!(got, expect.map(MetricId), "{json}");
    }
}

fn message(name: &str) -> Value {
    let (_, message) = samples::messages()
        .into_iter()
        .find(|(known, _)| *known == name)
        .unwrap();
    serde_json::to_value(message).unwrap()
}
