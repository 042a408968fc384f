//! A line of the log: how an event becomes text. Control characters are escaped, because some text comes from the network.
use std::fmt::{self, Write as _};

use tracing::{
    Level,
    field::{Field, Visit},
};

/// A line.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) text: String,
}

impl Line {
    pub(super) fn dropped(count: u64) -> Self {
        Self {
            level: Level::WARN,
            text: format!("{count} log lines were dropped, because nobody took them in time"),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.as_str().to_ascii_lowercase();
        write!(f, "{level}: {}", self.text)
    }
}

/// Collects an event's message and fields.
#[derive(Default)]
pub(super) struct Text {
    message: String,
    fields: String,
}

impl Text {
    pub(super) fn finish(self) -> String {
        let text = self.message + &self.fields;
        match text.contains(char::is_control) {
            true => escaped(&text),
            false => text,
        }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string doesn't fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c.is_control() {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}
