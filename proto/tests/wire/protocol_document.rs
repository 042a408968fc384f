//! docs/PROTOCOL.md against the code: its bytes are the golden bytes, its tables are what the code knows.

use std::{collections::BTreeMap, fs, path::PathBuf};

use picket_proto::{
    Channel, DeviceId, Gap, Topic, column, frame,
    metric::{self, REGISTRY},
    status,
};

use crate::{columns, samples};

#[test]
fn every_golden_message_and_column_is_shown_byte_by_byte() {
    let mut expected: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, message) in samples::messages() {
        expected.insert(name.to_owned(), samples::encode(&message));
    }
    for (name, readings) in columns::columns() {
        expected.insert(name.to_owned(), column::encode(&readings));
    }
    let shown = hex_blocks();
    for (name, bytes) in &expected {
        assert_eq!(shown.get(name), Some(bytes), "the block `hex {name}`");
    }
    assert_eq!(
        shown.len(),
        expected.len(),
        "a block shows what no golden file has"
    );
}

#[test]
fn the_table_of_kinds_is_right() {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (_, message) in samples::messages() {
        let kind = samples::encode(&message)[1].to_string();
        let name = tag(&serde_json::to_value(&message).unwrap(), "kind");
        rows.push(vec![kind, name]);
    }
    rows.dedup();
    assert_eq!(table("| kind | message |"), rows);
}

#[test]
fn the_table_of_channels_is_right() {
    let device = DeviceId([0; 8]);
    for row in table("| channel | payload | retained | from |") {
        let topic = format!("picket/1/{}/{device}", row[0]);
        let parsed = Topic::parse(&topic, "picket").unwrap_or_else(|| panic!("{topic}"));
        assert_eq!(parsed.name("picket"), topic);
        let retained = matches!(parsed.channel, Channel::Status | Channel::Presence);
        assert_eq!(row[2], if retained { "yes" } else { "no" }, "{topic}");
    }
    assert_eq!(table("| channel | payload | retained | from |").len(), 10);
}

#[test]
fn the_table_of_metrics_is_right() {
    let row = |metric: &metric::Metric| {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let (id, scale) = (metric.id.0.to_string(), metric.scale.to_string());
        vec![
            id,
            metric.name.to_owned(),
            metric.unit.to_owned(),
            scale,
            kind,
        ]
    };
    let rows: Vec<_> = REGISTRY.iter().map(row).collect();
    assert_eq!(table("| id | name | unit | scale | kind |"), rows);
}

#[test]
fn the_table_of_reasons_is_right() {
    let rows: Vec<_> = (0..=u8::MAX)
        .map(|code| (code, Gap::from_code(code)))
        .filter(|(_, gap)| !matches!(gap, Gap::Other(_)))
        .map(|(code, gap)| vec![code.to_string(), gap.to_string()])
        .collect();
    assert_eq!(table("| reason | name |"), rows);
}

#[test]
fn the_table_of_events_is_right() {
    let shown = table("| id | event | body |");
    let mut rows: Vec<(u16, String)> = Vec::new();
    for (name, message) in samples::messages() {
        let picket_proto::Message::Event(report) = message else {
            continue;
        };
        for event in &report.events {
            let json = serde_json::to_value(event).unwrap();
            rows.push((event.what.id(), tag(&json, "event")));
        }
        assert_eq!(name, "event");
    }
    rows.retain(|(_, name)| name != "unknown");
    rows.sort();
    let shown: Vec<(u16, String)> = shown
        .into_iter()
        .map(|row| (row[0].parse().unwrap(), row[1].clone()))
        .collect();
    assert_eq!(shown, rows);
}

#[test]
fn the_table_of_status_fields_is_right() {
    let rows: Vec<_> = status::FIELDS
        .iter()
        .map(|(id, name)| (id.to_string(), (*name).to_owned()))
        .collect();
    let shown: Vec<_> = table("| field | name | type |")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()))
        .collect();
    assert_eq!(shown, rows);
}

#[test]
fn the_format_is_the_one_that_is_described() {
    assert!(document().contains(&format!("Byte 0 is the format version, {}.", frame::FORMAT)));
}

/// The bytes of every block that begins with "```hex NAME", without what stands behind a semicolon.
fn hex_blocks() -> BTreeMap<String, Vec<u8>> {
    let text = document();
    text.split("```hex ")
        .skip(1)
        .map(|block| {
            let (name, rest) = block.split_once('\n').unwrap();
            let (body, _) = rest.split_once("```").unwrap();
            let bytes = body
                .lines()
                .flat_map(|line| line.split(';').next().unwrap_or("").split_whitespace())
                .map(|byte| {
                    u8::from_str_radix(byte, 16).unwrap_or_else(|_| panic!("{name}: {byte}"))
                })
                .collect();
            (name.trim().to_owned(), bytes)
        })
        .collect()
}

/// The rows below a table's header row.
fn table(header: &str) -> Vec<Vec<String>> {
    let text = document();
    let (_, below) = text
        .split_once(&format!("{header}\n"))
        .unwrap_or_else(|| panic!("no table {header}"));
    below
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

fn tag(json: &serde_json::Value, name: &str) -> String {
    json[name].as_str().unwrap().to_owned()
}

fn document() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/PROTOCOL.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
