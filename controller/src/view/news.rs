//! How an order's news look: a line for people, a record for programs. `docs/OPERATE.md` describes the fields; one that has
//! nothing to say is left out.
use std::collections::BTreeMap;

use jiff::Timestamp;
use picket_proto::{State, command::action_name};
use serde_json::{Value, json};

use super::record::VERSION;
use crate::{
    claim,
    fleet::Fleet,
    operate::{Ending, News, Order, Word},
    view::progress,
};

/// The record of one thing that happened.
#[must_use]
pub fn record(news: &News, order: &Order, fleet: &Fleet, time: Timestamp) -> Value {
    let name = news
        .device
        .and_then(|device| fleet.get(device)?.name.clone());
    let warnings = (!news.warnings.is_empty()).then_some(&news.warnings);
    let host_keys = (!news.host_keys.is_empty()).then_some(&news.host_keys);
    said(json!({
        "v": VERSION,
        "time": format!("{time:.3}"),
        "operation": order.operation,
        "action": action_name(order.action.id()),
        "device": news.device,
        "name": name,
        "state": news.word.to_string(),
        "by": if news.word.is_of_pi() { "pi" } else { "picket" },
        "reason": news.reason,
        "detail": news.detail,
        "boot_id": news.boot,
        "boottime_ms": news.boottime_ms,
        "transition": news.transition,
        "warnings": warnings,
        "about": news.about,
        "progress": news.progress,
        "host_keys": host_keys,
        "took_ms": news.took_ms,
        "final": news.is_final.then_some(true),
    }))
}

/// The last record of an order: how many Pis ended how, and the exit code.
#[must_use]
pub fn last_record(order: &Order, endings: &[Ending], exit: u8, time: Timestamp) -> Value {
    let mut counts = BTreeMap::<_, u32>::new();
    for ending in endings {
        *counts.entry(ending_name(*ending)).or_default() += 1;
    }
    json!({
        "v": VERSION,
        "time": format!("{time:.3}"),
        "operation": order.operation,
        "action": action_name(order.action.id()),
        "state": "ended",
        "by": "picket",
        "pis": counts,
        "exit": exit,
    })
}

/// How an ending is called.
#[must_use]
pub fn ending_name(ending: Ending) -> &'static str {
    match ending {
        Ending::Succeeded => "succeeded",
        Ending::Accepted => "accepted",
        Ending::Offered => "offered",
        Ending::Refused => "refused",
        Ending::Failed => "failed",
        Ending::RolledBack => "rolled_back",
        Ending::Cancelled => "cancelled",
        Ending::TimedOut => "timed_out",
        Ending::NotStarted => "not_started",
        Ending::Left => "left",
    }
}

/// The line for people: what happened, on which Pi (its name `width` columns wide), and why.
#[must_use]
pub fn line(news: &News, fleet: &Fleet, width: usize) -> String {
    let name = news
        .device
        .map_or(String::new(), |device| fleet.name(device));
    let mut words = Vec::new();
    words.extend(
        news.about
            .map(|operation| format!("(operation {operation})")),
    );
    words.extend(news.reason.map(|reason| format!("{reason}:")));
    words.extend(news.detail.clone());
    words.extend(news.progress.as_ref().map(progress::words));
    // The proof of a reboot is the boot that speaks.
    if let (Word::Pi(State::Succeeded), Some(boot), None) = (news.word, news.boot, news.about) {
        words.push(format!("(boot {boot})"));
    }
    words.extend(
        news.warnings
            .iter()
            .map(|warning| format!("[warning: {warning}]")),
    );
    words.extend(
        news.host_keys
            .iter()
            .map(|key| format!("[ssh host key: {key}]")),
    );
    words.extend(
        news.took_ms
            .map(|ms| format!("(took {})", progress::took(ms))),
    );
    let text = format!(
        "{name:width$}  {:<12} {}",
        words_of(news.word),
        words.join(" ")
    );
    claim::escape(text.trim_end())
}

fn words_of(word: Word) -> String {
    match word {
        Word::BackAfterPowerCycle => "back".to_owned(),
        Word::NotSigned => "not signed".to_owned(),
        word => word.to_string().replace('_', " "),
    }
}

fn said(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use picket_proto::{Action, BootId, DeviceId, OperationId, Progress, Reason};

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/OPERATE.md");

    #[test]
    fn the_document_has_every_field_and_every_state_and_no_other() {
        let fleet = fleet();
        let mut fields = BTreeSet::new();
        for value in [
            record(&full(), &order(), &fleet, Timestamp::UNIX_EPOCH),
            ended(),
        ] {
            fields.extend(value.as_object().unwrap().keys().cloned());
        }
        assert_eq!(table("| field | meaning |"), fields);
        let mut states: BTreeSet<_> = WORDS.iter().map(Word::to_string).collect();
        states.insert("ended".to_owned());
        assert_eq!(table("| `state` | meaning |"), states);
    }

    #[test]
    fn the_documents_example_is_a_record() {
        let example = DOCUMENT
            .lines()
            .find(|line| line.starts_with("{\"action\""))
            .unwrap();
        let mut news = News::ours(Some(DEVICE), Word::Pi(State::Succeeded)).because("done");
        news.boot = Some("6c45ee9d-3e4a-4a0b-b2c1-0f61de43d3d5".parse().unwrap());
        news.is_final = true;
        let time = "2026-01-01T00:00:00Z".parse().unwrap();
        let line = claim::json_line(&record(&news, &order(), &fleet(), time)).unwrap();
        assert_eq!(line, example);
    }

    #[test]
    fn a_line_is_safe_for_a_terminal_and_says_whose_word_it_is() {
        let line = line(&full(), &fleet(), 12);
        assert!(
            line.starts_with("shelf-3-07    refused      (operation 0202"),
            "{line}"
        );
        assert!(
            line.ends_with("busy: \\u{1b}[2J unpacking 25 % (1 of 4 B, 2 of 3 entries) [warning: no kernel] [ssh host key: 256 SHA256:abc root@pi (ED25519)] (took 2m 5s)"),
            "{line}"
        );
    }

    #[test]
    fn a_success_names_the_boot_that_proves_it() {
        let mut news = News::ours(Some(DEVICE), Word::Pi(State::Succeeded)).because("done");
        news.boot = Some(BootId([1; 16]));
        let line = line(&news, &fleet(), 0);
        assert!(
            line.ends_with("succeeded    done (boot 01010101-0101-0101-0101-010101010101)"),
            "{line}"
        );
    }

    const DEVICE: DeviceId = DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]);

    /// Every word of ours.
    const WORDS: [Word; 14] = [
        Word::Waiting,
        Word::Offered,
        Word::Confirmed,
        Word::Progress,
        Word::Note,
        Word::Disbelieved,
        Word::PowerCycling,
        Word::PowerCycled,
        Word::BackAfterPowerCycle,
        Word::NotSigned,
        Word::TimedOut,
        Word::NotStarted,
        Word::Left,
        Word::Halted,
    ];

    fn full() -> News {
        News {
            device: Some(DEVICE),
            word: Word::Pi(State::Refused),
            reason: Some(Reason::Busy),
            detail: Some("\u{1b}[2J".to_owned()),
            boot: Some(BootId([1; 16])),
            boottime_ms: Some(1),
            warnings: vec!["no kernel".to_owned()],
            transition: Some(1),
            about: Some(OperationId([2; 16])),
            progress: Some(Progress {
                stage: State::Unpacking,
                bytes: 1,
                of_bytes: 4,
                entries: 2,
                of_entries: 3,
            }),
            host_keys: vec!["256 SHA256:abc root@pi (ED25519)".to_owned()],
            took_ms: Some(125_000),
            is_final: true,
        }
    }

    fn ended() -> Value {
        last_record(&order(), &[Ending::Succeeded], 0, Timestamp::UNIX_EPOCH)
    }

    fn order() -> Order {
        Order {
            operation: "00112233445566778899aabbccddeeff".parse().unwrap(),
            action: Action::Reboot { force: false },
            actor: String::new(),
            on_behalf_of: String::new(),
            reason: String::new(),
        }
    }

    fn fleet() -> Fleet {
        Fleet::parse("[[pi]]\nid = \"00000000a1b2c3d4\"\nname = \"shelf-3-07\"\n").unwrap()
    }

    /// The first column of the table with that head.
    fn table(head: &str) -> BTreeSet<String> {
        let (_, rest) = DOCUMENT
            .split_once(head)
            .expect("the document has that table");
        let rows = rest
            .trim_start()
            .lines()
            .skip(1)
            .take_while(|line| line.starts_with('|'));
        let cell = |row: &str| {
            row.split('|')
                .nth(1)
                .unwrap()
                .trim()
                .trim_matches('`')
                .to_owned()
        };
        rows.map(cell).collect()
    }
}
