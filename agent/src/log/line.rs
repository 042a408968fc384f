//! A line of the log: how an event becomes text. Control characters are escaped, because some text comes from the network.
use std::fmt::{self, Write as _};

use tracing::{
    Event, Level, Metadata,
    callsite::{DefaultCallsite, Identifier},
    field::{Field, FieldSet, Visit},
    metadata::Kind,
};

/// A line, and what it was made of.
#[derive(Debug)]
pub(super) struct Line {
    /// Level and place in the code.
    pub(super) metadata: &'static Metadata<'static>,
    /// Message and fields, for people.
    pub(super) text: String,
    /// The fields alone, for programs.
    pub(super) fields: Vec<(Field, String)>,
}

/// Where the line about dropped lines comes from: it is no event, since nobody may wait for room in the queue.
static DROPPED: Metadata<'static> = Metadata::new(
    "dropped",
    module_path!(),
    Level::WARN,
    Some(file!()),
    Some(line!()),
    Some(module_path!()),
    FieldSet::new(&["message"], Identifier(&DROPPED_CALLSITE)),
    Kind::EVENT,
);
static DROPPED_CALLSITE: DefaultCallsite = DefaultCallsite::new(&DROPPED);

impl Line {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut parts = Parts::default();
        event.record(&mut parts);
        let mut text = escaped(parts.message);
        for (field, value) in &parts.fields {
            // Writing to a string doesn't fail.
            let _ = write!(text, " {}={value}", field.name());
        }
        Self {
            metadata: event.metadata(),
            text,
            fields: parts.fields,
        }
    }

    pub(super) fn dropped(count: u64) -> Self {
        Self {
            metadata: &DROPPED,
            text: format!("{count} log lines were dropped, because nobody took them in time"),
            fields: Vec::new(),
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.metadata.level().as_str().to_ascii_lowercase();
        write!(f, "{level}: {}", self.text)
    }
}

/// Collects an event's message and fields.
#[derive(Default)]
struct Parts {
    message: String,
    fields: Vec<(Field, String)>,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            _ => self.fields.push((field.clone(), escaped(text))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

fn escaped(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c.is_control() {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}
