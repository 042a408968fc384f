//! What was written in the TOML file: keys with values of the right type, sensors, and what is wrong. It doesn't judge
//! values.
use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::{
    entry::{Entry, Origin, Problem, Raw},
    key::{self, KEYS, Kind, SENSOR_KEYS},
};

/// What a file says.
#[derive(Default)]
pub(super) struct Written {
    pub(super) entries: Vec<Entry>,
    pub(super) sensors: Vec<WrittenSensor>,
    pub(super) problems: Vec<Problem>,
}

/// A `[[sensor]]`, unjudged.
pub(super) struct WrittenSensor {
    pub(super) origin: Origin,
    pub(super) values: Vec<(&'static str, Raw)>,
}

/// `name` is what the file is called in messages.
pub(super) fn parse(name: &str, text: &str) -> Written {
    let mut file = File {
        name,
        text,
        written: Written::default(),
    };
    match DeTable::parse(text) {
        Ok(table) => file.table(table.get_ref(), ""),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            file.problem(at, format!("not TOML: {}", error.message()));
        }
    }
    file.written
}

struct File<'a> {
    name: &'a str,
    text: &'a str,
    written: Written,
}

impl File<'_> {
    fn table(&mut self, table: &DeTable<'_>, prefix: &str) {
        for (written, value) in table {
            let name = format!("{prefix}{}", written.get_ref());
            let at = written.span().start;
            match (name.as_str(), value.get_ref()) {
                ("tls", DeValue::Table(tls)) => self.table(tls, "tls."),
                ("reinstall", DeValue::Table(reinstall)) => self.table(reinstall, "reinstall."),
                ("sensor", DeValue::Array(sensors)) => {
                    sensors.iter().for_each(|sensor| self.sensor(sensor));
                }
                ("tls", _) => self.problem(at, "`tls` is a section: write [tls], then ca, certificate and key".to_owned()),
                ("reinstall", _) => self.problem(at, "`reinstall` is a section: write [reinstall], then images and image_signers".to_owned()),
                ("sensor", _) => self.problem(at, "`sensor` is a list of sections: write [[sensor]], then name, kind, bus and address".to_owned()),
                _ => self.entry(&name, at, value.get_ref()),
            }
        }
    }

    fn entry(&mut self, name: &str, at: usize, value: &DeValue<'_>) {
        let Some(key) = key::find(name) else {
            let names = KEYS
                .iter()
                .map(|key| key.name)
                .chain(["tls", "reinstall", "sensor"]);
            return self.problem(at, key::unknown(name, names));
        };
        match raw(value).filter(|raw| kind(raw) == key.kind) {
            Some(value) => {
                let origin = self.origin(at);
                self.written.entries.push(Entry { key, value, origin });
            }
            None => self.problem(at, wrong_type(name, key.kind, value)),
        }
    }

    fn sensor(&mut self, sensor: &Spanned<DeValue<'_>>) {
        let at = sensor.span().start;
        let DeValue::Table(table) = sensor.get_ref() else {
            return self.problem(at, "`sensor` is a list of sections: write [[sensor]], then name, kind, bus and address".to_owned());
        };
        let mut values = Vec::new();
        for (written, value) in table {
            let name = written.get_ref();
            let at = written.span().start;
            let Some(known) = SENSOR_KEYS.into_iter().find(|known| known == name) else {
                self.problem(at, key::unknown(name, SENSOR_KEYS.into_iter()));
                continue;
            };
            match raw(value.get_ref()) {
                Some(value) => values.push((known, value)),
                None => self.problem(
                    at,
                    format!(
                        "sensor `{name}` is a {}; write a string or an integer",
                        value.get_ref().type_str()
                    ),
                ),
            }
        }
        let origin = self.origin(at);
        self.written.sensors.push(WrittenSensor { origin, values });
    }

    fn origin(&self, at: usize) -> Origin {
        let before = self.text.get(..at).unwrap_or(self.text);
        Origin::File {
            name: self.name.to_owned(),
            line: before.matches('\n').count() + 1,
        }
    }

    fn problem(&mut self, at: usize, what: String) {
        let origin = self.origin(at);
        self.written.problems.push(Problem { origin, what });
    }
}

fn wrong_type(name: &str, wanted: Kind, found: &DeValue<'_>) -> String {
    let wanted = match wanted {
        Kind::Text => "a string in quotes",
        Kind::Integer => "an integer without quotes",
        Kind::Integers => "a list of integers, like [80, 85]",
    };
    format!(
        "`{name}` is a value of type {}; write {wanted}",
        found.type_str()
    )
}

fn raw(value: &DeValue<'_>) -> Option<Raw> {
    match value {
        DeValue::String(text) => Some(Raw::Text(text.to_string())),
        DeValue::Integer(number) => integer(number).map(Raw::Integer),
        DeValue::Array(values) => values
            .iter()
            .map(|value| integer(value.get_ref().as_integer()?))
            .collect::<Option<_>>()
            .map(Raw::Integers),
        _ => None,
    }
}

fn kind(raw: &Raw) -> Kind {
    match raw {
        Raw::Text(_) => Kind::Text,
        Raw::Integer(_) => Kind::Integer,
        Raw::Integers(_) => Kind::Integers,
    }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
