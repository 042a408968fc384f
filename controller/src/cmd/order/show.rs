//! What an order shows, and where: on a terminal lines that scroll above those of the Pis that are under way, elsewhere lines
//! alone, or JSON lines. Knows no broker.
use std::io::{self, Write};

use anyhow::Result;
use jiff::Timestamp;

use crate::{
    claim, duration,
    fleet::Fleet,
    operate::{News, Pi, Roll, Word},
    view::{
        news::{self, ending_name},
        progress, screen,
    },
};

/// Names are shown at least this wide.
const NAME: usize = 16;

/// What is shown, and where.
#[derive(Debug)]
pub(super) enum Show {
    /// One object a line.
    Json,
    /// Lines.
    Plain,
    /// Lines, and below them so many that are redrawn in place.
    Live {
        /// Lines that are there now.
        drawn: usize,
    },
}

impl Show {
    pub(super) fn open(is_json: bool) -> Self {
        match is_json {
            true => Self::Json,
            false if screen::is_live() => Self::Live { drawn: 0 },
            false => Self::Plain,
        }
    }

    /// Tells what happened.
    pub(super) fn tell(&mut self, news: &News, roll: &Roll, fleet: &Fleet) -> Result<()> {
        let now = Timestamp::now();
        if matches!((&*self, news.word), (Self::Live { .. }, Word::Progress)) {
            return Ok(());
        }
        let line = match self {
            Self::Json => claim::json_line(&news::record(news, roll.order(), fleet, now))?,
            _ => {
                let time = now.strftime("%H:%M:%S");
                format!("{time} {}", news::line(news, fleet, width(roll, fleet)))
            }
        };
        self.print(&line)
    }

    /// Tells something about the way there; it is not for programs.
    pub(super) fn note(&mut self, words: &str) -> Result<()> {
        self.clear()?;
        // An order doesn't depend on who reads this.
        let _ = writeln!(io::stderr(), "picket: {}", claim::escape(words));
        Ok(())
    }

    /// One line of output.
    pub(super) fn print(&mut self, line: &str) -> Result<()> {
        self.clear()?;
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }

    /// Removes the lines below, so that others may be written.
    pub(super) fn clear(&mut self) -> Result<()> {
        if let Self::Live { drawn } = self {
            let lines = std::mem::take(drawn);
            if lines > 0 {
                let mut out = io::stdout().lock();
                write!(out, "\x1b[{lines}A\r\x1b[J")?;
                out.flush()?;
            }
        }
        Ok(())
    }

    /// Shows how it stands now; `now_ms` is the order's clock.
    pub(super) fn redraw(&mut self, roll: &Roll, fleet: &Fleet, now_ms: u64) -> Result<()> {
        if !matches!(self, Self::Live { .. }) {
            return Ok(());
        }
        self.clear()?;
        let (columns, rows) = screen::size();
        let lines = standing(roll, fleet, now_ms, rows.saturating_sub(2).max(1));
        let mut out = io::stdout().lock();
        for line in &lines {
            // The last column stays free: some terminals wrap there.
            writeln!(out, "{}", claim::fit(line, columns.saturating_sub(1)))?;
        }
        out.flush()?;
        *self = Self::Live { drawn: lines.len() };
        Ok(())
    }
}

/// How wide names are.
fn width(roll: &Roll, fleet: &Fleet) -> usize {
    let names = roll.pis().iter().map(|pi| fleet.name(pi.device).len());
    names.max().unwrap_or(0).clamp(NAME, 2 * NAME)
}

/// A line for each Pi that is under way, and one about all; at most `room`.
fn standing(roll: &Roll, fleet: &Fleet, now_ms: u64, room: usize) -> Vec<String> {
    let width = width(roll, fleet);
    let line = |pi: &Pi| {
        let (word, since_ms) = pi.standing();
        let word = word.to_string().replace('_', " ");
        let time = duration::short(now_ms.saturating_sub(since_ms));
        let name = fleet.name(pi.device);
        match pi.progress() {
            Some(done) => {
                let (bar, words) = (progress::bar(done), progress::words(done));
                format!("  {name:width$}  {bar} {words}  {time}")
            }
            None => format!("  {name:width$}  {word:<12} {time}"),
        }
    };
    let in_flight = roll.pis().iter().filter(|pi| pi.is_in_flight());
    let mut lines: Vec<_> = in_flight.map(line).take(room.saturating_sub(1)).collect();
    lines.push(format!("  {}", summary(roll)));
    lines
}

/// How many are where.
pub(super) fn summary(roll: &Roll) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for ending in roll.endings() {
        let name = ending_name(ending);
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let in_flight = roll.pis().iter().filter(|pi| pi.is_in_flight()).count();
    let waiting = roll.pis().len() - in_flight - roll.endings().count();
    let open = [("under way", in_flight), ("not begun", waiting)];
    counts.extend(open.into_iter().filter(|(_, count)| *count > 0));
    let counts = counts
        .into_iter()
        .map(|(name, count)| format!("{count} {}", name.replace('_', " ")));
    format!(
        "{} of {}",
        counts.collect::<Vec<_>>().join(", "),
        roll.pis().len()
    )
}
