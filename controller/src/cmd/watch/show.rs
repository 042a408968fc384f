//! What `picket watch` shows, and where: a live table, plain tables or JSON lines. Receives nothing.
use std::io::{self, Write};

use anyhow::Result;
use jiff::Timestamp;

use super::{Watch, Watcher, now_ms};
use crate::{
    claim,
    view::{
        self, Paint,
        screen::{self, Screen},
    },
};

/// Warnings that stay in sight below the table.
const WARNINGS: usize = 3;

/// What is shown, and where.
pub(super) enum Show {
    Json(io::BufWriter<io::Stdout>),
    Plain { only_at_the_end: bool },
    Live(Screen),
}

impl Show {
    pub(super) fn open(args: &Watch) -> Result<Self> {
        Ok(match args {
            Watch { json: true, .. } => Self::Json(io::BufWriter::new(io::stdout())),
            _ if screen::is_live() => Self::Live(Screen::open()?),
            _ => Self::Plain {
                only_at_the_end: args.duration.is_some(),
            },
        })
    }
}

impl Watcher {
    pub(super) fn redraw(&mut self) -> Result<()> {
        match &self.show {
            Show::Json(_)
            | Show::Plain {
                only_at_the_end: true,
            } => return Ok(()),
            Show::Plain { .. } => return self.print(Paint::Plain),
            Show::Live(_) => {}
        }
        let (width, height) = screen::size();
        let room = height.saturating_sub(4 + self.warnings.len());
        let mut lines = self.lines(width, room, screen::paint());
        lines.extend(self.warnings.iter().map(|words| claim::fit(words, width)));
        lines.truncate(height);
        if let Show::Live(screen) = &mut self.show {
            screen.show(&lines)?;
        }
        Ok(())
    }

    /// Leaves the last table behind.
    pub(super) fn finish(&mut self) -> Result<()> {
        if let Show::Json(out) = &mut self.show {
            return Ok(out.flush()?);
        }
        self.show = Show::Plain {
            only_at_the_end: true,
        };
        self.print(screen::paint())
    }

    pub(super) fn warn(&mut self, words: String) {
        if !matches!(self.show, Show::Live(_)) {
            eprintln!("picket: {}", claim::escape(&words));
            return;
        }
        let time = Timestamp::now().strftime("%H:%M:%S");
        self.warnings.push(format!("{time} {words}"));
        if self.warnings.len() > WARNINGS {
            self.warnings.remove(0);
        }
    }

    /// A line about all, then the table.
    fn lines(&self, width: usize, room: usize, paint: Paint) -> Vec<String> {
        let rows = view::rows(&self.collector, &self.fleet, now_ms());
        let noteworthy = rows.iter().filter(|row| row.is_noteworthy()).count();
        let time = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
        let summary = format!("{time}  {} Pis, {noteworthy} worth a look", rows.len());
        let mut lines = vec![
            claim::fit(&summary, width),
            claim::fit(&self.line, width),
            String::new(),
        ];
        lines.extend(view::render(&rows, width, room, paint));
        lines
    }

    fn print(&self, paint: Paint) -> Result<()> {
        let (width, _) = screen::size();
        let mut out = io::stdout().lock();
        for line in self.lines(width, usize::MAX, paint) {
            writeln!(out, "{line}")?;
        }
        writeln!(out)?;
        Ok(())
    }
}
