//! The operator's inventory, `fleet.toml`: ids, names and places of Pis. It knows nothing of what they say.
//!
//! ```toml
//! [[pi]]
//! id = "00000000a1b2c3d4"
//! name = "shelf-3-07"
//! shelf = "3"
//! position = 7
//! ```
use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use picket_proto::DeviceId;
use serde::Deserialize;

/// The Pis that an operator has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    pis: BTreeMap<DeviceId, Pi>,
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
}

const KEYS: [&str; 4] = ["id", "name", "shelf", "position"];

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
        for (key, value) in table {
            match (key.as_str(), value) {
                ("pi", toml::Value::Array(entries)) => {
                    for (at, entry) in entries.into_iter().enumerate() {
                        pis.push(pi(entry).with_context(|| format!("[[pi]] number {}", at + 1))?);
                    }
                }
                ("pi", _) => bail!("write each Pi as [[pi]], with two brackets"),
                (unknown, _) => bail!("unknown key {unknown:?}; an inventory is a list of [[pi]]"),
            }
        }
        Self::new(pis)
    }

    /// An inventory of these Pis.
    ///
    /// # Errors
    /// Two of them have one id, or one name.
    pub fn new(pis: impl IntoIterator<Item = Pi>) -> Result<Self> {
        let mut fleet = Self::default();
        let mut names = BTreeMap::new();
        for pi in pis {
            let id = pi.id;
            if let Some(name) = &pi.name {
                if let Some(other) = names.insert(name.clone(), id) {
                    bail!("the name {name:?} is given to both {other} and {id}");
                }
            }
            if fleet.pis.insert(id, pi).is_some() {
                bail!("the id {id} is there twice");
            }
        }
        Ok(fleet)
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
    let nearest = KEYS
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(key, known), known))
        .min();
    match nearest {
        Some((distance, known)) if distance <= 2 => format!("did you mean {known:?}?"),
        _ => format!("the keys are {}", KEYS.join(", ")),
    }
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
                "the keys are id, name, shelf, position",
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
            ("pi = \n".to_owned(), "TOML parse error"),
        ] {
            let error = format!("{:#}", Fleet::parse(&text).unwrap_err());
            assert!(error.contains(words), "{text:?} gave {error:?}");
        }
    }
}
