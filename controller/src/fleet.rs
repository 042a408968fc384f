//! The operator's inventory, `fleet.toml`: ids, names and places of Pis. It knows nothing of what they say.
//!
//! ```toml
//! power_cycle = ["/usr/local/bin/poe-cycle", "{shelf}", "{position}"]
//!
//! [[pi]]
//! id = "00000000a1b2c3d4"
//! name = "shelf-3-07"
//! shelf = "3"
//! position = 7
//! ```
mod power;
mod select;

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use picket_proto::DeviceId;
use serde::Deserialize;

pub use select::Selector;

/// The Pis that an operator has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    pis: BTreeMap<DeviceId, Pi>,
    /// For the Pis that have none of their own, not yet filled in.
    power_cycle: Vec<String>,
}

/// One Pi of the inventory.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Pi {
    /// Its id, as its agent says it.
    pub id: DeviceId,
    /// What people call it; the id unless given.
    pub name: Option<String>,
    /// The shelf that it stands on.
    pub shelf: Option<String>,
    /// Its place on the shelf.
    pub position: Option<u32>,
    /// Its own command to switch it off and on, in place of the fleet's; empty for none.
    pub power_cycle: Option<Vec<String>>,
}

const KEYS: [&str; 5] = ["id", "name", "shelf", "position", "power_cycle"];

impl Fleet {
    /// Reads an inventory.
    ///
    /// # Errors
    /// The file can't be read, is no TOML, or breaks a rule; the message names the file and the place.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("the inventory {} can't be read", path.display()))?;
        Self::parse(&text).with_context(|| format!("the inventory {} is not valid", path.display()))
    }

    /// Parses an inventory.
    ///
    /// # Errors
    /// As [`Fleet::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = toml::from_str(text)?;
        let mut pis = Vec::new();
        let mut power_cycle = Vec::new();
        for (key, value) in table {
            match (key.as_str(), value) {
                ("pi", toml::Value::Array(entries)) => {
                    for (at, entry) in entries.into_iter().enumerate() {
                        pis.push(pi(entry).with_context(|| format!("[[pi]] number {}", at + 1))?);
                    }
                }
                ("pi", _) => bail!("write each Pi as [[pi]], with two brackets"),
                ("power_cycle", value) => {
                    power_cycle = value
                        .try_into()
                        .context("power_cycle is a list of a program and its arguments")?;
                }
                (unknown, _) => bail!(
                    "unknown key {unknown:?}; an inventory is a list of [[pi]], and power_cycle before them"
                ),
            }
        }
        Self::new(pis)?.with_power_cycle(power_cycle)
    }

    /// An inventory of these Pis.
    ///
    /// # Errors
    /// Two of them have one id, or one name, or one is called as another's id; or a power_cycle is wrong.
    pub fn new(pis: impl IntoIterator<Item = Pi>) -> Result<Self> {
        let mut fleet = Self::default();
        let mut names = BTreeMap::new();
        for pi in pis {
            let id = pi.id;
            if let Some(name) = &pi.name {
                if name.parse().is_ok_and(|other: DeviceId| other != id) {
                    bail!("the name {name:?} of {id} is the id of another Pi");
                }
                if let Some(other) = names.insert(name.clone(), id) {
                    bail!("the name {name:?} is given to both {other} and {id}");
                }
            }
            if fleet.pis.insert(id, pi).is_some() {
                bail!("the id {id} is there twice");
            }
        }
        fleet.with_power_cycle(Vec::new())
    }

    /// The same with that command for the Pis that have none of their own.
    fn with_power_cycle(mut self, argv: Vec<String>) -> Result<Self> {
        self.power_cycle = argv;
        for pi in self.pis.values() {
            self.power_cycle_of(pi)?;
        }
        Ok(self)
    }

    /// The command that switches the Pi off and on, its placeholders filled in; `None` when there is none.
    #[must_use]
    pub fn power_cycle(&self, id: DeviceId) -> Option<Vec<String>> {
        let filled = self.power_cycle_of(self.pis.get(&id)?);
        filled.expect("it was tried for every Pi when the inventory was made")
    }

    fn power_cycle_of(&self, pi: &Pi) -> Result<Option<Vec<String>>> {
        power::fill(pi.power_cycle.as_ref().unwrap_or(&self.power_cycle), pi)
    }

    /// The Pi with that id.
    #[must_use]
    pub fn get(&self, id: DeviceId) -> Option<&Pi> {
        self.pis.get(&id)
    }

    /// What people call the device: its name, else its id.
    #[must_use]
    pub fn name(&self, id: DeviceId) -> String {
        let name = self.get(id).and_then(|pi| pi.name.clone());
        name.unwrap_or_else(|| id.to_string())
    }

    /// The ids, ascending.
    pub fn ids(&self) -> impl Iterator<Item = DeviceId> {
        self.pis.keys().copied()
    }

    /// Orders devices for a table: by shelf and position, then those that have none, by id.
    #[must_use]
    pub fn order(&self, id: DeviceId) -> impl Ord + use<> {
        let pi = self.get(id);
        let shelf = pi.and_then(|pi| pi.shelf.clone());
        let position = pi.and_then(|pi| pi.position);
        (shelf.is_none(), shelf, position.is_none(), position, id)
    }
}

fn pi(entry: toml::Value) -> Result<Pi> {
    if let toml::Value::Table(table) = &entry {
        for key in table.keys() {
            if !KEYS.contains(&key.as_str()) {
                bail!("unknown key {key:?}; {}", hint(key));
            }
        }
    }
    Ok(entry.try_into()?)
}

fn hint(key: &str) -> String {
    match nearest(key, KEYS) {
        Some(known) => format!("did you mean {known:?}?"),
        None => format!("the keys are {}", KEYS.join(", ")),
    }
}

/// The name that was perhaps meant: the one that differs least, by two letters at most.
fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let names = names.into_iter();
    let near = names.map(|name| (strsim::damerau_levenshtein(text, name), name));
    let (_, name) = near.min().filter(|(distance, _)| *distance <= 2)?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_gives_names_and_an_order() {
        let fleet = Fleet::parse(
            "[[pi]]\nid = \"0000000000000003\"\n\
             [[pi]]\nid = \"0000000000000002\"\nname = \"b\"\nshelf = \"1\"\nposition = 9\n\
             [[pi]]\nid = \"0000000000000001\"\nname = \"a\"\nshelf = \"1\"\nposition = 10\n",
        )
        .unwrap();
        let mut ids: Vec<_> = fleet.ids().collect();
        ids.sort_by_key(|id| fleet.order(*id));
        let names: Vec<_> = ids.into_iter().map(|id| fleet.name(id)).collect();
        assert_eq!(names, ["b", "a", "0000000000000003"]);
    }

    #[test]
    fn what_is_wrong_is_named_with_a_hint() {
        let id = "id = \"0000000000000001\"";
        for (text, words) in [
            ("[[pis]]\n".to_owned(), "unknown key \"pis\""),
            ("[pi]\n".to_owned(), "two brackets"),
            (
                format!("[[pi]]\n{id}\nnmae = \"a\"\n"),
                "did you mean \"name\"?",
            ),
            (
                format!("[[pi]]\n{id}\ncolour = \"a\"\n"),
                "the keys are id, name, shelf, position, power_cycle",
            ),
            (
                "[[pi]]\nname = \"a\"\n".to_owned(),
                "[[pi]] number 1: missing field `id`",
            ),
            ("[[pi]]\nid = \"12\"\n".to_owned(), "16 hex digits"),
            (
                format!("[[pi]]\n{id}\n[[pi]]\n{id}\n"),
                "0000000000000001 is there twice",
            ),
            (
                format!(
                    "[[pi]]\n{id}\nname = \"a\"\n[[pi]]\nid = \"0000000000000002\"\nname = \"a\"\n"
                ),
                "the name \"a\" is given to both",
            ),
            (
                format!("[[pi]]\n{id}\nname = \"0000000000000002\"\n"),
                "is the id of another Pi",
            ),
            ("pi = \n".to_owned(), "TOML parse error"),
            (
                "power_cycle = \"poe\"\n".to_owned(),
                "a list of a program and its arguments",
            ),
            (
                format!("power_cycle = [\"poe\", \"{{port}}\"]\n[[pi]]\n{id}\n"),
                "there are {id}, {name}, {shelf}, {position}",
            ),
            (
                format!("power_cycle = [\"poe\", \"{{shelf}}\"]\n[[pi]]\n{id}\n"),
                "0000000000000001 has no shelf",
            ),
            (
                format!("[[pi]]\n{id}\npower_cycle = [\"\"]\n"),
                "begins with no program",
            ),
        ] {
            let error = format!("{:#}", Fleet::parse(&text).unwrap_err());
            assert!(error.contains(words), "{text:?} gave {error:?}");
        }
    }

    #[test]
    fn the_documents_inventory_is_one() {
        let document = include_str!("../../docs/OPERATE.md");
        let text = document.split("```toml\n").nth(1).unwrap();
        let fleet = Fleet::parse(text.split("```").next().unwrap()).unwrap();
        let cycles: Vec<_> = fleet.ids().map(|id| fleet.power_cycle(id)).collect();
        let argv = [
            "/usr/local/bin/poe-cycle",
            "--switch",
            "shelf-3",
            "--port",
            "7",
        ];
        assert_eq!(cycles, [Some(argv.map(str::to_owned).to_vec()), None]);
    }

    #[test]
    fn a_pi_has_the_fleets_power_cycle_or_its_own() {
        let fleet = Fleet::parse(
            r#"
            power_cycle = ["poe", "sw{shelf}", "{position}", "{name}/{id}", '{"port":{position}}', "{", "a{b c}"]
            pi = [
                { id = "0000000000000001", name = "a", shelf = "3", position = 7 },
                { id = "0000000000000002", power_cycle = ["ipmi", "{name}"] },
                { id = "0000000000000003", power_cycle = [] },
            ]
            "#,
        )
        .unwrap();
        let json = r#"{"port":7}"#;
        for (id, argv) in [
            (
                1,
                Some(&["poe", "sw3", "7", "a/0000000000000001", json, "{", "a{b c}"][..]),
            ),
            (2, Some(&["ipmi", "0000000000000002"])),
            (3, None),
            (4, None),
        ] {
            let filled = fleet.power_cycle(DeviceId([0, 0, 0, 0, 0, 0, 0, id]));
            let argv = argv.map(|argv| argv.iter().map(ToString::to_string).collect::<Vec<_>>());
            assert_eq!(filled, argv, "{id}");
        }
    }
}
