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
fn what_is_about_operations_reads_well() {
    assert_eq!(
        message("pong"),
        json!({
            "kind": "pong", "token": 0x5eed, "nonce": "a9037de158c42f960b71ee34d81a65bf",
            "boot": "6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d5", "boottime_ms": 441_250,
        })
    );
    let report = message("report");
    for (field, expect) in [
        ("operation", "4f1c9a07d25e43b88e610bf7c32a9510"),
        ("state", "refused"),
        ("reason", "inhibited"),
        ("action", "reboot"),
    ] {
        assert_eq!(report[field], expect);
    }
    let unread = message("report_unread");
    assert_eq!(unread["operation"], Value::Null);
    assert_eq!(unread["state"], "other_200");
    assert_eq!(unread["reason"], "other_2000");
    assert_eq!(unread["action"], 999);
    assert_eq!(message("status_operation")["last_state"], "failed");
    assert_eq!(message("status_slot")["slot"], "b");
    assert_eq!(
        message("report_progress")["progress"],
        json!({"stage": "unpacking", "bytes": 100_000_000, "of_bytes": 400_000_000, "entries": 3_000, "of_entries": 12_000})
    );
}

#[test]
fn a_command_reads_well() {
    let signed = message("command");
    let payload = signed["payload"].as_str().unwrap();
    assert!(payload.starts_with("014f1c9a07d25e"), "{payload}");
    let signature = signed["signature"].as_str().unwrap();
    assert!(signature.starts_with("535348534947"), "{signature}");
    let actions: Vec<Value> = samples::payloads()
        .iter()
        .map(|(_, command)| serde_json::to_value(&command.action).unwrap())
        .collect();
    let operation = "4f1c9a07d25e43b88e610bf7c32a9510";
    assert_eq!(
        actions,
        [
            json!({"action": "reboot", "force": false}),
            json!({
                "action": "reinstall", "image": "debian-13", "digest": format!("{}1d", "d1".repeat(31)),
                "hostname": "pi-12", "ssh_keys": ["ssh-ed25519 AAAA a"], "hold": true, "discard_old": false,
                "keep_old_days": 7,
            }),
            json!({"action": "activate", "operation": operation}),
            json!({"action": "cancel", "operation": operation}),
            json!({"action": "query", "operation": operation}),
            json!({"action": "query", "operation": null}),
            json!({"action": "identify", "seconds": 300}),
            json!({"action": "configure", "sample_every_ms": 5000, "window_ms": null}),
            json!({"action": "unknown", "id": 999, "body": "cafe"}),
        ]
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
