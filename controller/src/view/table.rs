//! Rows in columns of a terminal: widths, colours, and what to leave out when there is too little room.
use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::{Row, Tone};
use crate::claim;

/// Whether colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Text alone.
    Plain,
    /// With the colours of a terminal.
    Colour,
}

const HEADS: [&str; 8] = [
    "PI", "TEMP", "NFS ms", "LOAD", "THROTTLE", "AGE", "LOST", "NOTES",
];
/// Columns of the terminal at least; names and notes get more when there is more.
const WIDTHS: [usize; 8] = [8, 7, 8, 6, 9, 4, 5, 8];
/// What is left out of a narrow terminal, first things first: never the name and the temperature.
const LEFT_OUT: [usize; 6] = [6, 4, 3, 2, 5, 7];
const MOST_NAME: usize = 20;
const BETWEEN: usize = 2;

/// The table in lines of at most `width` columns: a head, then at most `height` lines. When not all rows have room,
/// those worth a look come first, and the last line says how many are left out.
#[must_use]
pub fn render(rows: &[Row], width: usize, height: usize, paint: Paint) -> Vec<String> {
    let mut shown: Vec<&Row> = rows.iter().collect();
    let room = height.max(1);
    if shown.len() > room {
        shown.sort_by_key(|row| !row.is_noteworthy());
        shown.truncate(room - 1);
    }
    let widths = widths(&shown, width);
    let head = HEADS.map(|head| (head.to_owned(), Style::new().bold()));
    let mut lines = vec![line(&head, &widths, paint)];
    for row in &shown {
        let cells = row.cells.clone().map(|cell| (cell.text, style(cell.tone)));
        lines.push(line(&cells, &widths, paint));
    }
    if shown.len() < rows.len() {
        let left_out = rows.len() - shown.len();
        lines.push(claim::fit(
            &format!("… and {left_out} more, for which there is no room"),
            width,
        ));
    }
    lines
}

/// The width of each column, 0 for one that has no room; what is left over goes to the names, then to the notes.
fn widths(rows: &[&Row], width: usize) -> [usize; 8] {
    let mut widths = WIDTHS;
    for at in LEFT_OUT {
        if total(&widths) > width {
            widths[at] = 0;
        }
    }
    let names = rows
        .iter()
        .map(|row| claim::escape(&row.cells[0].text).width());
    let longest = names.max().unwrap_or(0).min(MOST_NAME);
    let spare = width.saturating_sub(total(&widths));
    widths[0] += spare.min(longest.saturating_sub(widths[0]));
    if widths[7] > 0 {
        widths[7] += width.saturating_sub(total(&widths));
    }
    widths
}

/// Columns of the terminal that the shown ones take, with what is between them.
fn total(widths: &[usize; 8]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0).count();
    widths.iter().sum::<usize>() + BETWEEN * shown.saturating_sub(1)
}

fn line(cells: &[(String, Style); 8], widths: &[usize; 8], paint: Paint) -> String {
    let mut out = String::new();
    for (at, ((text, style), &width)) in cells.iter().zip(widths).enumerate() {
        if width == 0 {
            continue;
        }
        let text = claim::fit(text, width);
        let padding = " ".repeat(width - text.width().min(width));
        let text = match paint {
            Paint::Plain => text,
            Paint::Colour if *style == Style::new() || text.is_empty() => text,
            Paint::Colour => format!("{style}{text}{style:#}"),
        };
        let is_number = matches!(at, 1..=3 | 5 | 6);
        let cell = if is_number {
            padding + &text
        } else {
            text + &padding
        };
        if at > 0 {
            out.push_str(&" ".repeat(BETWEEN));
        }
        out.push_str(&cell);
    }
    debug_assert!(paint == Paint::Colour || out.width() <= total(widths));
    out.trim_end().to_owned()
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Plain => Style::new(),
        Tone::Dim => Style::new().dimmed(),
        Tone::Warn => AnsiColor::Yellow.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
    }
}
