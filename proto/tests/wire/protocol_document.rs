//! docs/PROTOCOL.md against the code: its bytes are the golden bytes, its tables are what the code knows.

use std::{collections::BTreeMap, fs, path::PathBuf};

use picket_proto::{
    Channel, DeviceId, DiskFault, Gap, LifeboatState, NfsState, Privilege, Reason, RootSlot, State,
    Topic, column, command, frame,
    metric::{self, REGISTRY},
    reinstall::{MAX_HOSTNAME, MAX_IMAGE, MAX_SSH_KEY, MAX_SSH_KEYS},
    report, status,
};

use crate::{columns, samples};

#[test]
fn every_golden_message_payload_and_column_is_shown_byte_by_byte() {
    let mut expected: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, message) in samples::messages() {
        expected.insert(name.to_owned(), samples::encode(&message));
    }
    for (name, command) in samples::payloads() {
        expected.insert(name.to_owned(), command.payload());
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
fn the_table_of_reasons_of_gaps_is_right() {
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
        assert!(name.starts_with("event"), "{name}");
        for event in &report.events {
            let json = serde_json::to_value(event).unwrap();
            rows.push((event.what.id(), tag(&json, "event")));
        }
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
fn the_tables_of_fields_are_right() {
    for (header, fields) in [
        ("| field | name | type |", status::FIELDS),
        ("| report field | name | type |", report::FIELDS),
    ] {
        let rows: Vec<_> = fields
            .iter()
            .map(|(id, name)| (id.to_string(), (*name).to_owned()))
            .collect();
        assert_eq!(pairs(header), rows);
    }
}

#[test]
fn the_table_of_states_is_right() {
    let rows: Vec<_> = State::ALL
        .iter()
        .map(|(state, code, name)| {
            let last = if state.is_final() { "yes" } else { "no" };
            vec![code.to_string(), (*name).to_owned(), last.to_owned()]
        })
        .collect();
    let shown = table("| state | name | final | meaning |");
    let shown: Vec<_> = shown.into_iter().map(|row| row[..3].to_vec()).collect();
    assert_eq!(shown, rows);
    for code in 0..=u8::MAX {
        assert_eq!(State::from_code(code).code(), code);
    }
}

#[test]
fn the_table_of_lifeboats_is_right() {
    let rows: Vec<_> = LifeboatState::ALL
        .iter()
        .map(|(state, code, name)| {
            assert_eq!(*state, LifeboatState::from_code(*code));
            (code.to_string(), (*name).to_owned())
        })
        .collect();
    assert_eq!(pairs("| lifeboat | name | meaning |"), rows);
}

#[test]
fn the_table_of_slots_is_right() {
    let rows: Vec<_> = RootSlot::ALL
        .iter()
        .map(|(slot, code, name)| {
            assert_eq!(*slot, RootSlot::from_code(*code));
            (code.to_string(), (*name).to_owned())
        })
        .collect();
    assert_eq!(pairs("| slot | name | meaning |"), rows);
}

#[test]
fn the_table_of_reasons_of_operations_is_right() {
    let rows: Vec<_> = Reason::ALL
        .iter()
        .map(|(reason, code, name)| {
            assert_eq!(*reason, Reason::from_code(*code));
            assert_eq!(reason.to_string(), *name);
            (code.to_string(), (*name).to_owned())
        })
        .collect();
    assert_eq!(pairs("| code | reason | meaning |"), rows);
}

#[test]
fn the_tables_of_verdicts_and_disk_faults_are_right() {
    let rows = |all: &[(u8, String)]| -> Vec<(String, String)> {
        let row = |(code, name): &(u8, String)| (code.to_string(), name.clone());
        all.iter().map(row).collect()
    };
    let verdicts: Vec<_> = NfsState::ALL
        .iter()
        .map(|(state, code, name)| {
            assert_eq!(*state, NfsState::from_code(*code));
            (*code, (*name).to_owned())
        })
        .collect();
    assert_eq!(pairs("| verdict | name | meaning |"), rows(&verdicts));
    let faults: Vec<_> = DiskFault::ALL
        .iter()
        .map(|(fault, code, name)| {
            assert_eq!(*fault, DiskFault::from_code(*code));
            (*code, (*name).to_owned())
        })
        .collect();
    assert_eq!(pairs("| fault | name | meaning |"), rows(&faults));
}

#[test]
fn the_table_of_actions_is_right() {
    let shown = table("| action | name | privilege | body |");
    let rows: Vec<_> = command::ACTIONS
        .iter()
        .map(|(id, name)| (id.to_string(), (*name).to_owned()))
        .collect();
    assert_eq!(pairs("| action | name | privilege | body |"), rows);
    for (_, command) in samples::payloads() {
        let Some(privilege) = command.action.privilege() else {
            continue;
        };
        let id = command.action.id().to_string();
        let row = shown.iter().find(|row| row[0] == id).unwrap();
        let json = serde_json::to_value(&command.action).unwrap();
        assert_eq!(row[1], tag(&json, "action"));
        assert_eq!(row[2], serde_json::to_value(privilege).unwrap(), "{row:?}");
    }
}

#[test]
fn the_table_of_privileges_is_right() {
    let rows: Vec<_> = Privilege::ALL
        .iter()
        .map(|privilege| {
            let namespace = privilege.namespace();
            assert_eq!(Privilege::of_namespace(namespace), Some(*privilege));
            let name = serde_json::to_value(privilege).unwrap();
            (name.as_str().unwrap().to_owned(), namespace.to_owned())
        })
        .collect();
    assert_eq!(pairs("| privilege | namespace | for |"), rows);
}

#[test]
fn the_limits_are_the_ones_that_are_described() {
    let text = document();
    for said in [
        format!("1 to {} targets", command::MAX_TARGETS),
        format!("at most {} bytes of text", command::MAX_NAME),
        format!("at most {} bytes of text: why", command::MAX_REASON),
        format!("A signature has at most {} bytes.", command::MAX_SIGNATURE),
        format!("at most {MAX_IMAGE} bytes of text: its name"),
        format!("at most {MAX_HOSTNAME} bytes of text)"),
        format!(
            "at most {MAX_SSH_KEYS} lines of `authorized_keys`, each at most {MAX_SSH_KEY} bytes"
        ),
        format!("begins with its own format, {}.", command::PAYLOAD_FORMAT),
    ] {
        assert!(text.contains(&said), "{said:?} is not in docs/PROTOCOL.md");
    }
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

/// The first two cells of every row below a table's header row.
fn pairs(header: &str) -> Vec<(String, String)> {
    let rows = table(header).into_iter();
    rows.map(|row| (row[0].clone(), row[1].clone())).collect()
}

fn tag(json: &serde_json::Value, name: &str) -> String {
    json[name].as_str().unwrap().to_owned()
}

fn document() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/PROTOCOL.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
