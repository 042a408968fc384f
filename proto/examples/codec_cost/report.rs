//! The costs as a table for people: one row a column of the recording, then all of them.
use std::fmt::Write;

use crate::{
    cost::{ColumnCost, Cost},
    csv::Table,
};

/// What the columns of the table mean, once for all windows.
const LEGEND: &str = "bytes a value: payload = the column's body alone; frame = with its share of batch header, ids and lengths; mqtt = with its
share of PUBLISH (QoS 1, topic picket/1/telemetry/<id>) and PUBACK. H = zero-order entropy over the whole recording, in bits
and bytes a value; x H = payload against the lower of both.
";

/// A table for each window.
pub(crate) fn text(file: &str, table: &Table, costs: &[Cost]) -> String {
    let rows = table.times_ms.len();
    let cells = rows * table.columns.len();
    let values = costs.first().map_or(0, |cost| cost.values);
    let width = table
        .columns
        .iter()
        .map(|series| series.name.chars().count());
    let width = width.max().unwrap_or(0).clamp(10, 32);
    let mut out = format!(
        "{file}: {rows} rows, {} columns, {values} values, {} gaps\n{LEGEND}",
        table.columns.len(),
        cells - values
    );
    for cost in costs {
        window(cost, table, width, &mut out);
    }
    out
}

fn window(cost: &Cost, table: &Table, width: usize, out: &mut String) {
    let bodies: usize = cost.columns.iter().map(|column| column.payload).sum();
    let columns = cost.columns.len() as f64;
    let header_share = (cost.frames - bodies) as f64 / columns;
    let mqtt_share = (cost.mqtt - bodies) as f64 / columns;
    let mut line = |name: &str, cells: [String; 8]| {
        let cells = cells.map(|cell| format!(" {cell:>9}")).concat();
        writeln!(out, "{name:<width$}{cells}").expect("a string takes every line");
    };
    line(
        &format!("\nwindow {}", cost.window),
        [
            "payload", "frame", "mqtt", "H values", "bytes", "H deltas", "bytes", "x H",
        ]
        .map(str::to_owned),
    );
    for (series, column) in table.columns.iter().zip(&cost.columns) {
        let each = |bytes: f64| ratio(bytes, column.values as f64);
        let payload = column.payload as f64;
        line(
            &series.name,
            [
                each(payload),
                each(payload + header_share),
                each(payload + mqtt_share),
                format!("{:.3}", column.value_entropy),
                format!("{:.3}", column.value_entropy / 8.0),
                format!("{:.3}", column.delta_entropy),
                format!("{:.3}", column.delta_entropy / 8.0),
                ratio(payload, column.least()),
            ],
        );
    }
    let all = |bytes: f64| ratio(bytes, cost.values as f64);
    let sum = |of: fn(&ColumnCost) -> f64| cost.columns.iter().map(of).sum::<f64>();
    let mean = |of: fn(&ColumnCost) -> f64, bits: f64| all(sum(of) / 8.0 * bits);
    let by_value = |column: &ColumnCost| column.value_entropy * column.values as f64;
    let by_delta = |column: &ColumnCost| column.delta_entropy * column.values as f64;
    line(
        "in all",
        [
            all(bodies as f64),
            all(cost.frames as f64),
            all(cost.mqtt as f64),
            mean(by_value, 8.0),
            mean(by_value, 1.0),
            mean(by_delta, 8.0),
            mean(by_delta, 1.0),
            ratio(bodies as f64, sum(ColumnCost::least)),
        ],
    );
    writeln!(
        out,
        "{} batches: {bodies} bytes of column payloads, {} of frames, {} with MQTT",
        cost.batches, cost.frames, cost.mqtt
    )
    .expect("a string takes every line");
}

impl ColumnCost {
    /// Bytes that the lower of both entropies allows for all values.
    pub(crate) fn least(&self) -> f64 {
        self.value_entropy.min(self.delta_entropy) * self.values as f64 / 8.0
    }
}

fn ratio(part: f64, whole: f64) -> String {
    if whole == 0.0 {
        "-".to_owned()
    } else {
        format!("{:.3}", part / whole)
    }
}
