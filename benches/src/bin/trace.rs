//! Writes a made-up Pi's readings as CSV: `trace [TICKS [SEED]]`, a day of the project's own seed by default.
use std::io;

use anyhow::{Context, Result};
use picket_benches::trace::{self, PERIOD, SEED};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |name: &str, default: u64| match arguments.next() {
        None => Ok(default),
        Some(text) => text.parse().with_context(|| {
            format!("{name} {text:?} is not a whole number; usage: trace [TICKS [SEED]]")
        }),
    };
    let ticks = number("TICKS", 86_400 / PERIOD)?;
    let seed = number("SEED", SEED)?;
    let rows = trace::rows(seed, usize::try_from(ticks)?);
    trace::write_csv(&rows, &mut io::BufWriter::new(io::stdout().lock()))
        .context("writing to stdout")
}
