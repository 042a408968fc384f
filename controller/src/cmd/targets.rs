//! The Pis that a command is for, as arguments: any number of selectors, or all.
use anyhow::Result;
use clap::Args;
use picket_proto::DeviceId;

use super::usage;
use crate::fleet::{Fleet, Selector};

/// The Pis that a command is for.
#[derive(Debug, Clone, Default, Args)]
pub struct Targets {
    /// A Pi by id or name, or Pis by name=PATTERN, shelf=PATTERN, position=N, position=FIRST..LAST; terms with commas
    /// between them must all fit, as in shelf=3,position=1..9
    #[arg(value_name = "PI")]
    pub pis: Vec<Selector>,
    /// The same, as an option
    #[arg(long, value_name = "TERMS")]
    pub select: Vec<Selector>,
    /// Every Pi of the inventory
    #[arg(long, conflicts_with_all = ["pis", "select"])]
    pub all: bool,
}

impl Targets {
    /// The ids of these Pis, each once, by shelf and position. At least one.
    ///
    /// # Errors
    /// None is named, a selector names none, or all of an empty inventory are meant.
    pub fn resolve(&self, fleet: &Fleet) -> Result<Vec<DeviceId>> {
        if self.all {
            let mut ids: Vec<_> = fleet.ids().collect();
            ids.sort_by_key(|id| fleet.order(*id));
            return match ids.is_empty() {
                true => Err(usage(
                    "--all needs an inventory with Pis in it: give --fleet FILE",
                )),
                false => Ok(ids),
            };
        }
        let selectors: Vec<_> = self.pis.iter().chain(&self.select).cloned().collect();
        if selectors.is_empty() {
            return Err(usage("name Pis by id or name, by --select, or say --all"));
        }
        fleet
            .select(&selectors)
            .map_err(|why| usage(format!("{why:#}")))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cmd::Usage;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        targets: Targets,
    }

    #[test]
    fn arguments_and_options_name_pis_together() {
        let fleet = Fleet::parse(
            r#"pi = [
                { id = "0000000000000001", name = "b", shelf = "1", position = 2 },
                { id = "0000000000000002", name = "a", shelf = "1", position = 1 },
            ]"#,
        )
        .unwrap();
        let table: [(&[&str], Result<&[u8], &str>); 6] = [
            (&["--all"], Ok(&[2, 1])),
            (&["b", "a", "shelf=1"], Ok(&[2, 1])),
            (
                &["--select", "shelf=1,position=2", "0000000000000007"],
                Ok(&[1, 7]),
            ),
            (&[], Err("--all")),
            (&["c"], Err("is called \"c\"")),
            (&["--select", "shelf=9"], Err("shelf=9")),
        ];
        for (arguments, expect) in table {
            let line = Line::try_parse_from([&["picket"], arguments].concat()).unwrap();
            match (line.targets.resolve(&fleet), expect) {
                (Ok(ids), Ok(numbers)) => {
                    let found: Vec<_> = ids.iter().map(|id| id.0[7]).collect();
                    assert_eq!(found, numbers, "{arguments:?}");
                }
                (Err(error), Err(words)) => {
                    assert!(
                        error.is::<Usage>() && format!("{error:#}").contains(words),
                        "{error:#}"
                    );
                }
                (found, _) => panic!("{arguments:?} gave {found:?}"),
            }
        }
        assert!(Line::try_parse_from(["picket", "--all", "a"]).is_err());
        let all = Targets {
            all: true,
            ..Targets::default()
        };
        assert!(all.resolve(&Fleet::default()).is_err());
    }
}
