//! What a recording costs on the wire: `codec_cost FILE.csv [--window N]...` prints, for each window of N ticks, bytes a
//! value with and without MQTT framing, a column and in all, next to the zero-order entropy of values and of differences.
mod cost;
mod csv;
mod report;

use std::{env, fs, process::ExitCode};

use picket_proto::batch::MAX_TICKS;

const USAGE: &str = "usage: codec_cost FILE.csv [--window N]...
FILE.csv has a header row; its first column is the time in seconds, the others hold whole numbers, or nothing for a gap.
N is a number of ticks from 1 to 1024; 6 and 30 unless given.";
const WINDOWS: [u16; 2] = [6, 30];

fn main() -> ExitCode {
    match run(env::args().skip(1)) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("codec_cost: {problem}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let (file, windows) = parse(arguments)?;
    let text = fs::read_to_string(&file)
        .map_err(|error| format!("reading {file} failed: {error}\n{USAGE}"))?;
    let table = csv::parse(&text).map_err(|problem| format!("{file}: {problem}"))?;
    let costs: Vec<_> = windows
        .iter()
        .map(|window| cost::measure(&table, *window))
        .collect();
    Ok(report::text(&file, &table, &costs))
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<(String, Vec<u16>), String> {
    let mut file = None;
    let mut windows = Vec::new();
    while let Some(argument) = arguments.next() {
        if argument == "--window" {
            let value = arguments.next().unwrap_or_default();
            windows.push(window(&value)?);
        } else if let Some(value) = argument.strip_prefix("--window=") {
            windows.push(window(value)?);
        } else if argument == "--help" || argument == "-h" || argument.starts_with("--") {
            return Err(format!("{argument} is not an option here\n{USAGE}"));
        } else if let Some(first) = file.replace(argument) {
            return Err(format!("one file at a time, {first} is the first\n{USAGE}"));
        }
    }
    if windows.is_empty() {
        windows.extend(WINDOWS);
    }
    Ok((file.ok_or(format!("no file given\n{USAGE}"))?, windows))
}

fn window(text: &str) -> Result<u16, String> {
    match text.parse() {
        Ok(ticks) if (1..=MAX_TICKS).contains(&ticks) => Ok(ticks),
        _ => Err(format!(
            "--window {text:?} is not a number of ticks from 1 to {MAX_TICKS}\n{USAGE}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_may_be_given_several_times() {
        for (arguments, expect) in [
            (vec!["a.csv"], Some(vec![6, 30])),
            (
                vec!["a.csv", "--window", "1", "--window=1024"],
                Some(vec![1, 1024]),
            ),
            (vec!["--window", "12", "a.csv"], Some(vec![12])),
            (vec!["a.csv", "--window", "0"], None),
            (vec!["a.csv", "--window", "1025"], None),
            (vec!["a.csv", "--window"], None),
            (vec!["a.csv", "b.csv"], None),
            (vec!["a.csv", "--widow", "3"], None),
            (vec![], None),
        ] {
            let got = parse(arguments.iter().map(|argument| (*argument).to_owned()));
            assert_eq!(
                got.ok().map(|(_, windows)| windows),
                expect,
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let problem = run(["/nonexistent/x.csv".to_owned()].into_iter()).unwrap_err();
        assert!(problem.contains("/nonexistent/x.csv"), "{problem}");
    }
}
