//! Operations, one a line.
use std::collections::BTreeMap;

use anyhow::Result;
use picket_proto::{Action, command::action_name};
use serde_json::{Value, json};

use super::columns::columns;
use crate::{
    audit::{History, TargetHistory},
    claim,
};

/// As a table, oldest first.
pub(super) fn table(histories: &[History], older: usize) -> Vec<String> {
    let head = [
        "OPERATION",
        "BEGAN (UTC)",
        "WHAT",
        "PIS",
        "HOW",
        "WHO",
        "WHY",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(histories.iter().map(row));
    let mut lines = columns(&rows);
    if older > 0 {
        lines.push(format!("… and {older} older ones (--last shows more)"));
    }
    lines
}

fn row(history: &History) -> [String; 7] {
    let ordered = history.ordered.as_ref();
    let text = |text: Option<&String>| text.cloned().unwrap_or_default();
    [
        history.operation.to_string(),
        history.began.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        ordered.map_or("?".to_owned(), |ordered| what(&ordered.action)),
        history.targets.len().to_string(),
        how(history),
        text(ordered.map(|ordered| &ordered.actor)),
        text(ordered.map(|ordered| &ordered.reason)),
    ]
}

/// The action's name.
pub(super) fn what(action: &Action) -> String {
    match action_name(action.id()) {
        Some(name) => name.to_owned(),
        None => format!("action {}", action.id()),
    }
}

/// How many targets are at which end, or how far they are.
pub(super) fn how(history: &History) -> String {
    let mut words: Vec<_> = counts(history)
        .into_iter()
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    if history.halted.is_some() {
        words.push("halted".to_owned());
    }
    words.join(", ")
}

/// As JSON, one object each.
pub(super) fn json(histories: &[History]) -> Result<Vec<String>> {
    let lines = histories.iter().map(|history| {
        let mut fields = json!({
            "v": 1,
            "operation": history.operation,
            "time": history.began,
            "targets": history.targets.len(),
            "states": counts(history),
        });
        let mut set = |name: &str, value: Value| {
            if !value.is_null() && value != "" {
                fields[name] = value;
            }
        };
        if let Some(ordered) = &history.ordered {
            set("action", json!(what(&ordered.action)));
            set("actor", json!(ordered.actor));
            set("on_behalf_of", json!(ordered.on_behalf_of));
            set("reason", json!(ordered.reason));
            set("by", json!(ordered.by));
        }
        set("halted", json!(history.halted));
        set("exit", json!(history.exit));
        Ok(claim::json_line(&fields)?)
    });
    lines.collect()
}

fn counts(history: &History) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for target in history.targets.values() {
        *counts.entry(state(target)).or_default() += 1;
    }
    counts
}

/// How it ended on a Pi, else how far it is there.
pub(super) fn state(target: &TargetHistory) -> String {
    if let Some(outcome) = target.end().or(target.outcome) {
        return outcome.name().to_owned();
    }
    match (&target.latest, &target.signed) {
        (Some(latest), _) => latest.state.to_string(),
        (None, Some(_)) => "signed".to_owned(),
        (None, None) => "not begun".to_owned(),
    }
}
