//! How an order's news look: a line for people, a record for programs. `docs/OPERATE.md` describes the fields; one that has
//! nothing to say is left out.
use std::collections::BTreeMap;

use jiff::Timestamp;
use picket_proto::command::action_name;
use serde_json::{Value, json};

use super::record::VERSION;
use crate::{
    claim,
    fleet::Fleet,
    operate::{Ending, News, Order, Word},
};

/// The record of one thing that happened.
#[must_use]
pub fn record(news: &News, order: &Order, fleet: &Fleet, time: Timestamp) -> Value {
    let name = news
        .device
        .and_then(|device| fleet.get(device)?.name.clone());
    let warnings = (!news.warnings.is_empty()).then_some(&news.warnings);
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
        "transition": news.transition,
        "warnings": warnings,
        "about": news.about,
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
    if let (Word::Pi(picket_proto::State::Succeeded), Some(boot), None) =
        (news.word, news.boot, &news.detail)
    {
        words.push(format!("boot {boot}"));
    }
    words.extend(
        news.warnings
            .iter()
            .map(|warning| format!("[warning: {warning}]")),
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
