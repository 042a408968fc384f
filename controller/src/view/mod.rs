//! What people and programs see of a collector: a table for people, records for programs. Knows no broker.
pub mod news;
pub mod progress;
pub mod record;
mod row;
pub mod screen;
mod table;

use crate::{collector::Collector, fleet::Fleet};

pub use row::{Cell, Row, Tone};
pub use table::{Paint, render};

/// One row for each Pi of the inventory and each that spoke, in the inventory's order.
#[must_use]
pub fn rows(collector: &Collector, fleet: &Fleet, now_unix_ms: i64) -> Vec<Row> {
    let mut ids: Vec<_> = fleet.ids().collect();
    let strangers = collector.devices().map(|device| device.id);
    ids.extend(strangers.filter(|id| fleet.get(*id).is_none()));
    ids.sort_by_cached_key(|id| fleet.order(*id));
    ids.into_iter()
        .map(|id| match collector.device(id) {
            Some(device) => Row::of(fleet.name(id), device, now_unix_ms),
            None => Row::missing(fleet.name(id)),
        })
        .collect()
}

#[cfg(test)]
mod tests;
