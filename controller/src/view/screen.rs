//! A terminal that is redrawn in place: on its second screen, without flicker, and given back as it was.
use std::io::{self, IsTerminal, Write};

use super::Paint;

/// The terminal while it shows a live table.
#[derive(Debug)]
pub struct Screen {
    out: io::Stdout,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// It can't be written to.
    pub fn open() -> io::Result<Self> {
        let mut out = io::stdout();
        // Second screen, no cursor, no wrapping.
        out.write_all(b"\x1b[?1049h\x1b[?25l\x1b[?7l")?;
        out.flush()?;
        Ok(Self { out })
    }

    /// Shows these lines in place of the last ones.
    ///
    /// # Errors
    /// The terminal can't be written to.
    pub fn show(&mut self, lines: &[String]) -> io::Result<()> {
        self.out.write_all(frame(lines).as_bytes())?;
        self.out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.out.write_all(b"\x1b[?7h\x1b[?25h\x1b[?1049l");
        let _ = self.out.flush();
    }
}

/// One write: each line overwrites the old one and clears its rest, so that nothing is blank in between. Terminals that
/// know mode 2026 show it in one moment.
fn frame(lines: &[String]) -> String {
    format!(
        "\x1b[?2026h\x1b[H{}\x1b[K\x1b[J\x1b[?2026l",
        lines.join("\x1b[K\r\n")
    )
}

/// Columns and lines of the terminal on stdout; 80 and 24 when it doesn't say.
#[must_use]
pub fn size() -> (usize, usize) {
    terminal_size::terminal_size_of(io::stdout()).map_or((80, 24), |(width, height)| {
        (usize::from(width.0).max(20), usize::from(height.0).max(4))
    })
}

/// Whether stdout is a terminal that can redraw in place.
#[must_use]
pub fn is_live() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Colours on a terminal, unless NO_COLOR says otherwise (<https://no-color.org>).
#[must_use]
pub fn paint() -> Paint {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_live() && !no_color {
        Paint::Colour
    } else {
        Paint::Plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_overwrites_and_never_clears_first() {
        let lines = ["one".to_owned(), "two".to_owned()];
        assert_eq!(
            frame(&lines),
            "\x1b[?2026h\x1b[Hone\x1b[K\r\ntwo\x1b[K\x1b[J\x1b[?2026l"
        );
        assert!(!frame(&lines).contains("\x1b[2J"));
    }
}
