//! `picketd check`: validates a configuration and prints the settings in force, where each was written, and who may command
//! this Pi. It starts nothing and prints no secret.
//!
//! Exit codes: 0 valid, 1 the output failed, 2 something is wrong. A wrong word on the kernel command line is wrong here,
//! though `picketd run` would go on with the file's value.
use std::{
    io::Write,
    path::{Path, PathBuf},
};

use picket_proto::Privilege;
use serde_json::json;

use super::failure::Failure;
use crate::{
    config::{self, Effective, Loaded, Origin, Problem},
    link::Access,
    log::chain,
    trust::{self, AllowedSigners, Signer},
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
    /// Print one line of JSON: {"valid":BOOL,"settings":{KEY:{"value":TEXT,"origin":TEXT},...},"signers":[{"line":NUMBER,
    /// "principals":TEXT,"namespaces":[TEXT,...],"fingerprint":TEXT,"text":TEXT},...],"problems":[TEXT,...]}
    #[arg(long)]
    pub json: bool,
}

/// Validates and prints.
///
/// # Errors
/// [`Failure::Usage`] with everything that is wrong.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let world = World::new(&args.root);
    let judged = match config::load(&args.config, &world) {
        Ok(loaded) => Judged::of(loaded, &world),
        Err(invalid) => Judged {
            problems: texts(&invalid.0),
            ..Judged::default()
        },
    };
    if args.json {
        writeln!(out, "{}", object(&judged)).map_err(Failure::output)?;
    } else {
        table(&judged, out).map_err(Failure::output)?;
    }
    match judged.problems.is_empty() {
        true => Ok(()),
        false => Err(Failure::Usage(judged.problems.join("\n"))),
    }
}

/// What there is to say of a configuration.
#[derive(Default)]
struct Judged {
    effective: Vec<Effective>,
    signers: AllowedSigners,
    problems: Vec<String>,
}

impl Judged {
    /// Valid settings may still name files that don't hold what they should.
    fn of(loaded: Loaded, world: &World) -> Self {
        let mut judged = Self {
            problems: texts(&loaded.warnings),
            effective: loaded.effective,
            signers: AllowedSigners::default(),
        };
        if let Err(error) = Access::load(&loaded.settings.credentials(), world) {
            judged.problems.push(chain(&error));
        }
        if let Some(path) = &loaded.settings.allowed_signers {
            judged.read_signers(path);
        }
        judged
    }

    fn read_signers(&mut self, path: &Path) {
        match trust::load(path) {
            Ok(file) => {
                let path = path.display();
                let lines = file.problems.iter();
                self.problems
                    .extend(lines.map(|problem| format!("{path}, {problem}")));
                self.problems.extend(file.warnings);
                self.signers = file.signers;
            }
            Err(error) => self.problems.push(chain(&error)),
        }
    }
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

fn table(judged: &Judged, out: &mut impl Write) -> std::io::Result<()> {
    for Effective { key, value, origin } in &judged.effective {
        let value = value.as_deref().unwrap_or("(not set)");
        writeln!(out, "{key:<24} {value:<32} {origin}")?;
    }
    for signer in judged.signers.iter() {
        writeln!(out, "{:<24} {signer}", "signer")?;
    }
    Ok(())
}

fn object(judged: &Judged) -> serde_json::Value {
    let settings: serde_json::Map<_, _> = judged
        .effective
        .iter()
        .filter(|line| line.value.is_some() || line.origin != Origin::Default)
        .map(|line| {
            let setting = json!({"value": line.value, "origin": line.origin.to_string()});
            (line.key.clone(), setting)
        })
        .collect();
    let signers: Vec<_> = judged.signers.iter().map(signer).collect();
    json!({
        "valid": judged.problems.is_empty(),
        "settings": settings,
        "signers": signers,
        "problems": judged.problems,
    })
}

fn signer(signer: &Signer) -> serde_json::Value {
    let namespaces: Vec<_> = signer.privileges().map(Privilege::namespace).collect();
    json!({
        "line": signer.line(),
        "principals": signer.principals(),
        "namespaces": namespaces,
        "fingerprint": signer.fingerprint().to_string(),
        "text": signer.to_string(),
    })
}
