//! Reading the audit log back, line by line. A line that can't be read is told and stepped over: a crash or a full disk may have
//! torn it.
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, Result};
use picket_proto::OperationId;
use rustix::fs::{FlockOperation, flock};

use super::{History, Line};

/// A longer line is none of ours: 128 targets and the longest texts take 60 KiB.
const MAX_LINE: usize = 1024 * 1024;
/// So begins what is said of the last line when its end is missing.
const TORN: &str = "torn: ";

/// A line that was stepped over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
    /// Whether it is the beginning of a line, and the log ends there: its picket didn't get to what it tells.
    pub is_torn: bool,
}

/// Gives every line of the log at `path` to `each`, and returns those that could not be read. Nobody appends meanwhile.
///
/// # Errors
/// The file can't be opened or read.
pub fn read(path: &Path, each: impl FnMut(Line)) -> Result<Vec<Problem>> {
    let attempt = || -> io::Result<Vec<Problem>> {
        let file = File::open(path)?;
        flock(&file, FlockOperation::LockShared)?;
        lines(BufReader::new(file), each)
    };
    attempt().with_context(|| format!("the audit log {} can't be read", path.display()))
}

/// What the log tells of one operation; `None` when it doesn't know it.
///
/// # Errors
/// As [`read`].
pub fn history(path: &Path, operation: OperationId) -> Result<(Option<History>, Vec<Problem>)> {
    let mut history = None;
    let problems = read(path, |line| {
        if line.operation == operation {
            let history = history.get_or_insert_with(|| History::new(operation));
            history.take(&line);
        }
    })?;
    Ok((history, problems))
}

pub(super) fn lines(
    mut from: impl BufRead,
    mut each: impl FnMut(Line),
) -> io::Result<Vec<Problem>> {
    let mut problems = Vec::new();
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if next(&mut from, &mut bytes)? == 0 {
            break;
        }
        match line(&bytes) {
            Ok(line) => each(line),
            Err(why) => problems.push(Problem {
                line: number,
                is_torn: why.starts_with(TORN),
                why,
            }),
        }
    }
    Ok(problems)
}

/// Reads up to the next line feed and keeps no more than what tells that the line is too long. Returns how many bytes were kept.
fn next(from: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let limit = MAX_LINE as u64 + 1;
    let kept = from.by_ref().take(limit).read_until(b'\n', bytes)?;
    if kept > MAX_LINE && !bytes.ends_with(b"\n") {
        from.skip_until(b'\n')?;
    }
    Ok(kept)
}

fn line(bytes: &[u8]) -> Result<Line, String> {
    if bytes.len() > MAX_LINE {
        return Err(format!("it has more than {MAX_LINE} bytes"));
    }
    let is_last = !bytes.ends_with(b"\n");
    let line: Line =
        serde_json::from_slice(bytes).map_err(|why| match is_last && why.is_eof() {
            true => format!("{TORN}{why}"),
            false => why.to_string(),
        })?;
    match line.is_known() {
        true => Ok(line),
        false => Err(format!("version {} is a newer picket's", line.v)),
    }
}
