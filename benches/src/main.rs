//! `picket-benches`: runs the contenders and prints the tables; with `assert`, fails when a limit is broken.
use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use picket_benches::{
    contender::{KINDS, Kind},
    race::{self, Plan},
    table, verdict, view,
};

const USAGE: &str = "usage: picket-benches [table [CONTENDER...] | assert]   (as root; scripts/bench builds and runs it)";

const TABLE: Plan = Plan {
    tick: Duration::from_secs(1),
    starts: 5,
    warm_up: 2,
    windows: 10,
    traced: 3,
};

/// The same in less time.
const ASSERT: Plan = Plan {
    windows: 6,
    traced: 2,
    ..TABLE
};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("picket-benches: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] | ["table"] => show(&KINDS),
        ["table", ref names @ ..] => show(&named(names)?),
        ["assert" | "--assert"] => assert(),
        ["view", stage, program, ..] => {
            view::enter(Path::new(stage), program, &arguments[3..])?;
            Ok(ExitCode::FAILURE)
        }
        _ => bail!(USAGE),
    }
}

fn named(names: &[&str]) -> Result<Vec<Kind>> {
    let kind = |name: &&str| {
        Kind::named(name)
            .with_context(|| format!("no contender {name:?}: there are picketd, floor, collectd"))
    };
    names.iter().map(kind).collect()
}

fn show(kinds: &[Kind]) -> Result<ExitCode> {
    ensure_root()?;
    let outcomes = race::run(TABLE, kinds)?;
    println!("{}", table::of(&outcomes));
    println!("{}", table::of_calls(&outcomes));
    Ok(ExitCode::SUCCESS)
}

fn assert() -> Result<ExitCode> {
    ensure_root()?;
    let outcomes = race::run(ASSERT, &KINDS)?;
    println!("{}", table::of(&outcomes));
    println!("{}", table::of_calls(&outcomes));
    let verdicts = verdict::judge(&outcomes).context("picketd and collectd were both measured")?;
    for verdict in &verdicts {
        println!("{}", verdict.line());
    }
    let held = verdicts.iter().all(verdict::Verdict::held);
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn ensure_root() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "needs root: each contender sees a Pi's files, which are mounted in a private mount namespace. Run `sudo make bench`."
    );
    Ok(())
}
