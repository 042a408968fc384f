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
/// Columns of the terminal; the name gets what names need, the notes what is left.
const WIDTHS: [usize; 8] = [0, 7, 8, 6, 9, 4, 5, 0];
const NAME: std::ops::RangeInclusive<usize> = 8..=20;
const LEAST_NOTES: usize = 8;
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

fn widths(rows: &[&Row], width: usize) -> [usize; 8] {
    let mut widths = WIDTHS;
    let fixed: usize = widths.iter().sum::<usize>() + BETWEEN * (widths.len() - 1);
    let names = rows
        .iter()
        .map(|row| claim::escape(&row.cells[0].text).width());
    let longest = names.max().unwrap_or(0);
    let most = width.saturating_sub(fixed + LEAST_NOTES).max(*NAME.start());
    widths[0] = longest.clamp(*NAME.start(), *NAME.end()).min(most);
    widths[7] = width.saturating_sub(fixed + widths[0]);
    widths
}

fn line(cells: &[(String, Style); 8], widths: &[usize; 8], paint: Paint) -> String {
    let mut out = String::new();
    let total: usize = widths.iter().sum::<usize>() + BETWEEN * (widths.len() - 1);
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
    debug_assert!(paint == Paint::Colour || out.width() <= total);
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
