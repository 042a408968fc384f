//! Which Pis are meant, as people write it: an id, a name, or terms such as `shelf=3,position=1..9`. It asks no Pi.
use std::str::FromStr;

use anyhow::{Result, anyhow, bail};
use picket_proto::DeviceId;

use super::{Fleet, Pi, nearest};

/// Names Pis: one by id or name, or all that every term fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: String,
    meaning: Meaning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Meaning {
    Id(DeviceId),
    Name,
    Terms(Vec<Term>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Name(String),
    Shelf(String),
    /// From the first to the last, both of them too.
    Position(u32, u32),
}

impl Selector {
    /// What was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl FromStr for Selector {
    type Err = String;

    /// An id, a name, or one or more of `name=PATTERN`, `shelf=PATTERN`, `position=N` and `position=FIRST..LAST`, separated by
    /// commas, all of which must fit. In a PATTERN `*` is any text and `?` any character.
    fn from_str(text: &str) -> Result<Self, String> {
        let meaning = match (text.parse(), text.contains('=')) {
            _ if text.is_empty() => return Err("name a Pi".to_owned()),
            (Ok(id), _) => Meaning::Id(id),
            (_, false) => Meaning::Name,
            (_, true) => Meaning::Terms(text.split(',').map(term).collect::<Result<_, _>>()?),
        };
        Ok(Self {
            text: text.to_owned(),
            meaning,
        })
    }
}

impl Fleet {
    /// The Pis that any of these selectors names, each once, by shelf and position. An id needs no inventory.
    ///
    /// # Errors
    /// A selector names none; the message says which, and what there is.
    pub fn select(&self, selectors: &[Selector]) -> Result<Vec<DeviceId>> {
        let mut ids = Vec::new();
        for selector in selectors {
            ids.extend(self.matches(selector)?);
        }
        ids.sort_by_key(|id| self.order(*id));
        ids.dedup();
        Ok(ids)
    }

    fn matches(&self, selector: &Selector) -> Result<Vec<DeviceId>> {
        let text = &selector.text;
        let terms = match &selector.meaning {
            Meaning::Id(id) => return Ok(vec![*id]),
            Meaning::Name => {
                let mut named = self.pis.values();
                let named = named.find(|pi| pi.name.as_ref() == Some(text));
                return named
                    .map(|pi| vec![pi.id])
                    .ok_or_else(|| self.no_such_name(text));
            }
            Meaning::Terms(terms) => terms,
        };
        let found = self.pis.values().filter(|pi| fit(pi, terms));
        let found: Vec<_> = found.map(|pi| pi.id).collect();
        match (found.is_empty(), self.pis.is_empty()) {
            (false, _) => Ok(found),
            (true, true) => bail!("{text:?} needs an inventory: give --fleet FILE"),
            (true, false) => bail!("no Pi of the inventory fits {text:?}"),
        }
    }

    fn no_such_name(&self, text: &str) -> anyhow::Error {
        if self.pis.is_empty() {
            return anyhow!(
                "{text:?} is no id of 16 hex digits; names need an inventory: give --fleet FILE"
            );
        }
        let names = self.pis.values().filter_map(|pi| pi.name.as_deref());
        match nearest(text, names) {
            Some(name) => {
                anyhow!("no Pi of the inventory is called {text:?}; did you mean {name:?}?")
            }
            None => anyhow!(
                "no Pi of the inventory is called {text:?}, and it is no id of 16 hex digits"
            ),
        }
    }
}

fn term(text: &str) -> Result<Term, String> {
    match text.split_once('=') {
        Some((_, "")) | None => Err(format!(
            "{text:?} is no term; write name=, shelf= or position= and a value"
        )),
        Some(("name", pattern)) => Ok(Term::Name(pattern.to_owned())),
        Some(("shelf", pattern)) => Ok(Term::Shelf(pattern.to_owned())),
        Some(("position", range)) => position(range).ok_or_else(|| {
            format!("position={range} is no place: write position=7 or position=1..20")
        }),
        Some((key, _)) => Err(format!(
            "there is no term {key:?}; the terms are name, shelf, position"
        )),
    }
}

fn position(range: &str) -> Option<Term> {
    let (first, last) = range.split_once("..").unwrap_or((range, range));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(Term::Position(first, last))
}

fn fit(pi: &Pi, terms: &[Term]) -> bool {
    let like = |pattern: &str, text: &Option<String>| {
        let text = text.as_deref();
        text.is_some_and(|text| glob(pattern, text))
    };
    terms.iter().all(|term| match term {
        Term::Name(pattern) => like(pattern, &pi.name),
        Term::Shelf(pattern) => like(pattern, &pi.shelf),
        Term::Position(first, last) => {
            let range = first..=last;
            pi.position
                .is_some_and(|position| range.contains(&&position))
        }
    })
}

/// Whether the pattern fits the whole text. It goes back to the last `*` only, so it takes at most the product of both lengths.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut star) = (0, None);
    let mut begin = 0;
    while begin < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, begin));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[begin] => {
                at += 1;
                begin += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                begin = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLEET: &str = r#"
        pi = [
            { id = "0000000000000001", name = "web-1", shelf = "3", position = 1 },
            { id = "0000000000000002", name = "web-2", shelf = "3", position = 2 },
            { id = "0000000000000003", name = "db", shelf = "3", position = 9 },
            { id = "0000000000000004", name = "web-10", shelf = "4", position = 1 },
            { id = "0000000000000005" },
        ]
    "#;

    #[test]
    fn selectors_are_a_union_of_intersections() {
        let fleet = Fleet::parse(FLEET).unwrap();
        for (texts, expect) in [
            (&["web-2"][..], &[2][..]),
            (&["0000000000000005"], &[5]),
            (&["00000000000000FF"], &[0xff]),
            (&["shelf=3"], &[1, 2, 3]),
            (&["position=1"], &[1, 4]),
            (&["position=1..2"], &[1, 2, 4]),
            (&["position=2..9"], &[2, 3]),
            (&["name=web-*"], &[1, 2, 4]),
            (&["name=web-?"], &[1, 2]),
            (&["name=*"], &[1, 2, 3, 4]),
            (&["shelf=3,position=1..8"], &[1, 2]),
            (&["shelf=3,name=web-*,position=2"], &[2]),
            (&["shelf=4", "db", "shelf=3,position=9"], &[3, 4]),
            (&["shelf=?"], &[1, 2, 3, 4]),
        ] {
            let ids: Vec<_> = fleet.select(&parse(texts)).unwrap();
            let numbers: Vec<_> = ids.iter().map(|id| id.0[7]).collect();
            assert_eq!(numbers, expect, "{texts:?}");
        }
    }

    #[test]
    fn a_selector_that_names_nothing_is_an_error() {
        let fleet = Fleet::parse(FLEET).unwrap();
        let none = Fleet::default();
        for (fleet, text, words) in [
            (&fleet, "wbe-1", "did you mean \"web-1\"?"),
            (&fleet, "mainframe", "no id of 16 hex digits"),
            (&fleet, "shelf=9", "no Pi of the inventory fits \"shelf=9\""),
            (&none, "web-1", "--fleet"),
            (&none, "shelf=3", "--fleet"),
        ] {
            let error = fleet
                .select(&parse(&["0000000000000001", text]))
                .unwrap_err();
            assert!(error.to_string().contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn a_term_that_is_wrong_is_named() {
        for (text, words) in [
            ("", "name a Pi"),
            ("shelf=", "write name=, shelf= or position="),
            ("shelf=3,", "\"\" is no term"),
            ("shelf=3,web-1", "\"web-1\" is no term"),
            ("rack=3", "the terms are name, shelf, position"),
            ("position=x", "position=7 or position=1..20"),
            ("position=9..1", "position=7 or position=1..20"),
            ("position=1..", "position=7 or position=1..20"),
        ] {
            let error = text.parse::<Selector>().unwrap_err();
            assert!(error.contains(words), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_pattern_fits_the_whole_text() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "abcbc", true),
            ("a*b*c", "aXbXbXc", true),
            ("a?c", "abc", true),
            ("ü?", "üb", true),
            ("a", "ab", false),
            ("b", "ab", false),
            ("a*b", "abc", false),
            ("?", "", false),
            ("**x", "yyyyyyyyyyyyyyyy", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern:?} {text:?}");
        }
    }

    fn parse(texts: &[&str]) -> Vec<Selector> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }
}
