//! How a column's readings become bytes.
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::{DecodeError, Gap, Reading, wire};

#[derive(Serialize, Deserialize)]
enum Cell {
    Value(i64),
    Gap(u8),
}

/// Appends the readings.
pub(crate) fn write(readings: &[Reading], out: &mut Vec<u8>) {
    let cells: Vec<Cell> = readings
        .iter()
        .map(|reading| match reading {
            Ok(value) => Cell::Value(*value),
            Err(gap) => Cell::Gap(gap.code()),
        })
        .collect();
    wire::put(&cells, out);
}

/// Reads `count` readings that fill `bytes` to the end.
pub(crate) fn read(bytes: &[u8], count: u16) -> Result<Vec<Reading>, DecodeError> {
    let cells: Vec<Cell> = wire::whole(bytes, "column")?;
    if cells.len() != usize::from(count) {
        return Err(DecodeError::Invalid("column length"));
    }
    Ok(cells
        .into_iter()
        .map(|cell| match cell {
            Cell::Value(value) => Ok(value),
            Cell::Gap(code) => Err(Gap::from_code(code)),
        })
        .collect())
}
