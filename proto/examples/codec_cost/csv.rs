//! A recording as a table of whole numbers. Knows nothing of how it will be encoded.
use picket_proto::{MetricId, Reading, batch::MAX_COLUMNS, reading::Gap};

/// A recording.
#[derive(Debug)]
pub(crate) struct Table {
    /// When each row was read, in ms after the first.
    pub(crate) times_ms: Vec<u64>,
    /// The columns, in the file's order.
    pub(crate) columns: Vec<Series>,
}

/// One column of a recording.
#[derive(Debug)]
pub(crate) struct Series {
    /// Its header.
    pub(crate) name: String,
    /// The metric with that name, else an id that no metric has.
    pub(crate) metric: MetricId,
    /// A reading a row; an empty cell is a gap.
    pub(crate) readings: Vec<Reading>,
}

/// Reads a recording; a problem names row (counted from 1, the header row included) and column, and the way out.
pub(crate) fn parse(text: &str) -> Result<Table, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().zip(1..);
    let Some((header, _)) = lines.next().filter(|(line, _)| !line.trim().is_empty()) else {
        return Err(
            "the file is empty or its first row is: it needs a header row, then rows of numbers"
                .into(),
        );
    };
    let mut names = header.split(',').map(str::trim);
    let time_name = names.next().unwrap_or_default();
    let mut columns = series(names)?;
    let mut times = Vec::new();
    let last = text.trim_end().lines().count();
    for (line, row) in lines.take_while(|(_, row)| *row <= last) {
        let mut cells = line.split(',').map(str::trim);
        let found = line.split(',').count();
        if found != columns.len() + 1 {
            return Err(format!(
                "row {row} has {found} cells where the header has {}: \
                 fill the row up with empty cells (a gap), or take it out",
                columns.len() + 1
            ));
        }
        times.push(seconds_ms(
            cells.next().unwrap_or_default(),
            row,
            time_name,
        )?);
        for (column, cell) in columns.iter_mut().zip(cells) {
            column.readings.push(reading(cell, row, &column.name)?);
        }
    }
    let Some(&first) = times.first() else {
        return Err("there is no row below the header: record at least one".into());
    };
    let times_ms = times
        .iter()
        .map(|time| (time - first).max(0) as u64)
        .collect();
    Ok(Table { times_ms, columns })
}

fn series<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<Series>, String> {
    let mut free = (0..=u16::MAX)
        .map(MetricId)
        .filter(|id| id.metric().is_none());
    let mut columns: Vec<Series> = Vec::new();
    for name in names {
        let registered =
            MetricId::by_name(name).filter(|id| columns.iter().all(|column| column.metric != *id));
        let metric = registered
            .or_else(|| free.next())
            .unwrap_or(MetricId(u16::MAX));
        columns.push(Series {
            name: name.to_owned(),
            metric,
            readings: Vec::new(),
        });
    }
    match columns.len() {
        0 => Err("the header row has one column: after the seconds at least one column of whole numbers is needed".into()),
        found if found > MAX_COLUMNS => Err(format!(
            "the header row has {found} columns after the seconds and a batch holds {MAX_COLUMNS}: split the file"
        )),
        _ => Ok(columns),
    }
}

fn reading(cell: &str, row: usize, column: &str) -> Result<Reading, String> {
    if cell.is_empty() {
        return Ok(Err(Gap::Unknown));
    }
    cell.parse().map(Ok).map_err(|_| {
        let way_out = match cell.parse::<f64>() {
            Ok(number) if number.fract() != 0.0 => {
                "multiply the column by a power of ten until it holds whole numbers"
            }
            Ok(_) => "write it as plain digits within the range of 64 bits",
            Err(_) => "leave the cell empty for a gap, or take the column out",
        };
        format!("row {row}, column {column}: {cell:?} is not a whole number; {way_out}")
    })
}

/// Seconds with or without decimals, as ms.
fn seconds_ms(cell: &str, row: usize, column: &str) -> Result<i64, String> {
    match cell.parse::<f64>() {
        Ok(seconds) if seconds.abs() < 1e12 => Ok((seconds * 1000.0).round() as i64),
        _ => Err(format!(
            "row {row}, column {column}: {cell:?} is not a time in seconds; the first column must hold one in every row"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_readings_and_gaps() {
        let table = parse("t,load1,mine\r\n0,5,-7\r\n10.5,,9223372036854775807\r\n\r\n").unwrap();
        assert_eq!(table.times_ms, [0, 10_500]);
        assert_eq!(table.columns[0].metric, MetricId::by_name("load1").unwrap());
        assert_eq!(table.columns[1].metric.metric(), None);
        assert_eq!(table.columns[0].readings, [Ok(5), Err(Gap::Unknown)]);
        assert_eq!(table.columns[1].readings, [Ok(-7), Ok(i64::MAX)]);
    }

    #[test]
    fn a_name_that_stands_twice_gets_two_ids() {
        let table = parse("t,load1,load1,x\n0,1,2,3\n").unwrap();
        let mut ids: Vec<_> = table.columns.iter().map(|column| column.metric).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 3);
    }

    #[test]
    fn a_bad_file_is_refused_with_its_place_and_the_way_out() {
        for (text, parts) in [
            ("", &["empty", "header row"][..]),
            ("\n1,2\n", &["empty", "header row"]),
            ("t\n0\n", &["header row", "at least one column"]),
            ("t,a\n", &["no row", "at least one"]),
            (
                "t,a\n0,1\n10,46.5\n",
                &["row 3", "column a", "46.5", "power of ten"],
            ),
            ("t,a\n0,cool\n", &["row 2", "column a", "cool", "empty"]),
            (
                "t,a\n0,9223372036854775808\n",
                &["row 2", "column a", "64 bits"],
            ),
            ("t,a\n0,1e3\n", &["row 2", "column a", "plain digits"]),
            ("t,a,b\n0,1\n", &["row 2", "2 cells", "3", "empty cells"]),
            ("t,a\n0,1,2\n", &["row 2", "3 cells"]),
            ("t,a\n0,1\n\n10,1\n", &["row 3", "1 cells"]),
            (
                "when,a\nnoon,1\n",
                &["row 2", "column when", "noon", "seconds"],
            ),
            ("t,a\nNaN,1\n", &["row 2", "column t", "seconds"]),
        ] {
            let problem = parse(text).unwrap_err();
            for part in parts {
                assert!(
                    problem.contains(part),
                    "{text:?}: {part:?} is not in {problem:?}"
                );
            }
        }
        let wide = format!("t{}\n", ",a".repeat(129));
        assert!(parse(&wide).unwrap_err().contains("129 columns"));
    }
}
