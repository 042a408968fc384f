//! `picketd check`: validates a configuration and prints the settings in force and where each was written. It starts
//! nothing and prints no secret.
//!
//! Exit codes: 0 valid, 1 the output failed, 2 something is wrong. A wrong word on the kernel command line is wrong here,
//! though `picketd run` would go on with the file's value.
use std::{io::Write, path::PathBuf};

use serde_json::json;

use super::failure::Failure;
use crate::{
    config::{self, Effective, Loaded, Origin, Problem},
    link::Access,
    log::chain,
    world::World,
};

/// What `picketd check` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The configuration's file
    #[arg(long, value_name = "FILE", default_value = config::DEFAULT_PATH)]
    pub config: PathBuf,
    /// The machine's root: its kernel command line counts
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// Print one line of JSON: {"valid":BOOL,"settings":{KEY:{"value":TEXT,"origin":TEXT},...},"problems":[TEXT,...]}
    #[arg(long)]
    pub json: bool,
}

/// Validates and prints.
///
/// # Errors
/// [`Failure::Usage`] with everything that is wrong.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let (effective, problems) = match config::load(&args.config, &World::new(&args.root)) {
        Ok(loaded) => judged(loaded),
        Err(invalid) => (Vec::new(), texts(&invalid.0)),
    };
    if args.json {
        writeln!(out, "{}", object(&effective, &problems)).map_err(Failure::output)?;
    } else {
        table(&effective, out).map_err(Failure::output)?;
    }
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Usage(problems.join("\n"))),
    }
}

/// Valid settings may still name files that don't hold what they should. A notice is a word on stderr and no problem.
fn judged(loaded: Loaded) -> (Vec<Effective>, Vec<String>) {
    let mut problems = texts(&loaded.warnings);
    if let Err(error) = Access::load(&loaded.settings.link) {
        problems.push(chain(&error));
    }
    if let Some(notice) = loaded.settings.notice() {
        eprintln!("picketd: {notice}");
    }
    (loaded.effective, problems)
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn table(effective: &[Effective], out: &mut impl Write) -> std::io::Result<()> {
    for Effective { key, value, origin } in effective {
        let value = value.as_deref().unwrap_or("(not set)");
        writeln!(out, "{key:<24} {value:<32} {origin}")?;
    }
    Ok(())
}

fn object(effective: &[Effective], problems: &[String]) -> serde_json::Value {
    let settings: serde_json::Map<_, _> = effective
        .iter()
        .filter(|line| line.value.is_some() || line.origin != Origin::Default)
        .map(|line| {
            let setting = json!({"value": line.value, "origin": line.origin.to_string()});
            (line.key.clone(), setting)
        })
        .collect();
    json!({"valid": problems.is_empty(), "settings": settings, "problems": problems})
}
