//! Cells in columns that are as wide as their widest cell. It knows nothing of what they say.
use unicode_width::UnicodeWidthStr;

use crate::claim;

/// Space between two columns.
const BETWEEN: usize = 2;

/// The rows as lines. What came from a Pi may be in any cell.
pub(super) fn columns<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let rows: Vec<_> = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| claim::escape(cell)))
        .collect();
    let widths: [usize; N] = std::array::from_fn(|at| {
        let widths = rows.iter().map(|row| row[at].width());
        widths.max().unwrap_or(0)
    });
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| {
            let padding = width + BETWEEN - cell.width();
            format!("{cell}{}", " ".repeat(padding))
        });
        cells.collect::<String>().trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_under_one_another_and_obey_nobody() {
        let rows = [["a", "日本", ""], ["long", "\u{1b}[2J", "x"]];
        let rows = rows.map(|row| row.map(str::to_owned));
        assert_eq!(columns(&rows), ["a     日本", "long  \\u{1b}[2J  x"]);
    }
}
