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
    /// Whether no Pi is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.all && self.pis.is_empty() && self.select.is_empty()
    }

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
        for (arguments, expect) in [
            (&["--all"][..], &[2, 1][..]),
            (&["b", "a", "shelf=1"], &[2, 1]),
            (
                &["--select", "shelf=1,position=2", "0000000000000007"],
                &[1, 7],
            ),
        ] {
            let ids = parse(arguments).resolve(&fleet).unwrap();
            let found: Vec<_> = ids.iter().map(|id| id.0[7]).collect();
            assert_eq!(found, expect, "{arguments:?}");
        }
        for (arguments, words) in [
            (&[][..], "--all"),
            (&["c"], "is called \"c\""),
            (&["--select", "shelf=9"], "shelf=9"),
        ] {
            let error = parse(arguments).resolve(&fleet).unwrap_err();
            assert!(error.is::<Usage>(), "{arguments:?}");
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
        assert!(Line::try_parse_from(["picket", "--all", "a"]).is_err());
        assert!(parse(&["--all"]).resolve(&Fleet::default()).is_err());
    }

    fn parse(arguments: &[&str]) -> Targets {
        let line = Line::try_parse_from([&["picket"], arguments].concat());
        line.unwrap().targets
    }
}
