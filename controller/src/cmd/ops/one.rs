//! One operation, Pi by Pi.
use anyhow::Result;
use picket_proto::DeviceId;
use serde_json::{Value, json};

use super::{columns::columns, list};
use crate::{
    audit::{History, Ordered, TargetHistory},
    claim,
    fleet::Fleet,
};

/// Who ordered what, then a table of its targets.
pub(super) fn table(history: &History, fleet: &Fleet) -> Vec<String> {
    let mut lines = head(history);
    lines.push(String::new());
    let heads = ["PI", "STATE", "SINCE (UTC)", "BOOT", "DETAIL"];
    let mut rows = vec![heads.map(str::to_owned)];
    let mut targets: Vec<_> = history.targets.iter().collect();
    targets.sort_by_key(|(device, _)| fleet.order(**device));
    rows.extend(
        targets
            .into_iter()
            .map(|(device, target)| row(*device, target, fleet)),
    );
    lines.extend(columns(&rows));
    lines
}

fn head(history: &History) -> Vec<String> {
    let mut rows = vec![["operation".to_owned(), history.operation.to_string()]];
    let mut say = |name: &str, text: &str| {
        if !text.is_empty() {
            rows.push([name.to_owned(), text.to_owned()]);
        }
    };
    if let Some(ordered) = &history.ordered {
        let Ordered {
            action,
            actor,
            on_behalf_of,
            reason,
            by,
            ..
        } = ordered;
        say("action", &list::what(action));
        say(
            "ordered",
            &history.began.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        );
        say("actor", actor);
        say("on behalf of", on_behalf_of);
        say("reason", reason);
        say("typed by", by);
    }
    say("state", &list::how(history));
    say("halted", history.halted.as_deref().unwrap_or_default());
    if let Some(exit) = history.exit {
        say("exit code", &exit.to_string());
    }
    columns(&rows)
}

fn row(device: DeviceId, target: &TargetHistory, fleet: &Fleet) -> [String; 5] {
    let latest = target.latest.as_ref();
    let since = target.latest_at.or(target.signed.map(|signed| signed.time));
    let boot = latest
        .and_then(|latest| latest.boot_id)
        .or(target.first_boot);
    let mut detail: Vec<String> = Vec::new();
    if let Some(latest) = latest {
        detail.extend(latest.reason.map(|reason| reason.to_string()));
        detail.extend(latest.detail.clone());
        detail.extend(
            latest
                .warnings
                .iter()
                .map(|warning| format!("warning: {warning}")),
        );
    }
    detail.extend(target.why.clone());
    if target.power_cycles > 0 {
        detail.push(format!(
            "power switched off and on {} times",
            target.power_cycles
        ));
    }
    [
        fleet.name(device),
        list::state(target),
        since.map_or_else(String::new, |time| {
            time.strftime("%Y-%m-%d %H:%M:%S").to_string()
        }),
        boot.map_or_else(String::new, |boot| boot.to_string()),
        detail.join("; "),
    ]
}

/// One object for each Pi.
pub(super) fn json(history: &History) -> Result<Vec<String>> {
    let lines = history.targets.iter().map(|(device, target)| {
        let mut fields = json!({
            "v": 1,
            "operation": history.operation,
            "device": device,
        });
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                fields[name] = value;
            }
        };
        if let Some(latest) = &target.latest {
            set("state", json!(latest.state));
            set("reason", json!(latest.reason));
            set("detail", json!(latest.detail));
            set("boot_id", json!(latest.boot_id));
        }
        set("why", json!(target.why));
        set("time", json!(target.latest_at));
        set("outcome", json!(target.end().or(target.outcome)));
        set("from_boot", json!(target.first_boot));
        set("signed", json!(target.signed.map(|signed| signed.time)));
        if target.power_cycles > 0 {
            set("power_cycles", json!(target.power_cycles));
        }
        Ok(claim::json_line(&fields)?)
    });
    lines.collect()
}
