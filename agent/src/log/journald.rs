//! The way to journald: lines become events again and go through the crate `tracing_journald`. That crate waits for ever
//! when journald doesn't read, so only the log's own thread may be here. It doesn't know who logs what.
use std::io;

use tracing::{Event, Subscriber, field::Value};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::layer::SubscriberExt as _;

use super::{Sink, line::Line};

/// Message and fields of a line that journald gets; the message holds the fields once more, for people.
const MOST_FIELDS: usize = 8;

/// journald, if it is there. Fields get the prefix `PICKET_`: those without one are journald's own.
///
/// # Errors
/// There is no journald.
pub(super) fn open() -> io::Result<impl Sink> {
    let priorities = PriorityMappings {
        info: Priority::Informational,
        debug: Priority::Debug,
        ..PriorityMappings::new()
    };
    let layer = tracing_journald::layer()?
        .with_syslog_identifier("picketd".to_owned())
        .with_field_prefix(Some("PICKET".to_owned()))
        .with_priority_mappings(priorities);
    Ok(Replay(tracing_subscriber::registry().with(layer)))
}

/// Tells a subscriber of each line as of the event that it was, in the same place of the code.
struct Replay<S>(S);

impl<S: Subscriber> Sink for Replay<S> {
    fn write(&self, line: &Line) {
        let fields = line.metadata.fields();
        // tracing's own macros give each line a message.
        let Some(message) = fields.field("message") else {
            return;
        };
        let mut values = [(&message, None); MOST_FIELDS];
        values[0].1 = Some(&line.text as &dyn Value);
        for (value, (field, text)) in values[1..].iter_mut().zip(&line.fields) {
            *value = (field, Some(text as &dyn Value));
        }
        self.0
            .event(&Event::new(line.metadata, &fields.value_set(&values)));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fmt,
        sync::{Arc, Mutex},
    };

    use tracing::{
        field::{Field, Visit},
        level_filters::LevelFilter,
    };
    use tracing_subscriber::{Layer, layer::Context};

    use super::*;
    use crate::log;

    #[test]
    fn a_line_is_told_with_its_level_its_place_and_its_fields() {
        let told = Recorder::default();
        let sink = Replay(tracing_subscriber::registry().with(told.clone()));
        let (logger, queue) = log::queue(LevelFilter::TRACE);
        tracing::subscriber::with_default(logger, || {
            tracing::error!(host = "h\u{1b}[2J", n = 7, "over");
            tracing::warn!(
                a = 1,
                b = 2,
                c = 3,
                d = 4,
                e = 5,
                f = 6,
                g = 7,
                h = 8,
                "long"
            );
            tracing::info!("plain");
            tracing::debug!("deep");
            tracing::trace!("deeper");
        });
        queue.iter().for_each(|line| sink.write(&line));
        sink.write(&Line::dropped(3));
        let place = "picketd::log::journald::tests";
        assert_eq!(
            *told.0.lock().unwrap(),
            [
                format!(
                    r"ERROR {place} message=over host=h\u{{1b}}[2J n=7 host=h\u{{1b}}[2J n=7"
                ),
                format!(
                    "WARN {place} message=long a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 a=1 b=2 c=3 d=4 e=5 f=6 g=7"
                ),
                format!("INFO {place} message=plain"),
                format!("DEBUG {place} message=deep"),
                format!("TRACE {place} message=deeper"),
                "WARN picketd::log::line message=3 log lines were dropped, because nobody took them in time".to_owned(),
            ]
        );
    }

    /// Writes down what it is told.
    #[derive(Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl<S: Subscriber> Layer<S> for Recorder {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            let metadata = event.metadata();
            let mut line = Written(format!("{} {}", metadata.level(), metadata.target()));
            event.record(&mut line);
            self.0.lock().unwrap().push(line.0);
        }
    }

    struct Written(String);

    impl Visit for Written {
        fn record_str(&mut self, field: &Field, value: &str) {
            self.0 += &format!(" {}={value}", field.name());
        }

        fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {
            panic!("every value is text");
        }
    }
}
