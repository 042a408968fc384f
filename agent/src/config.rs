//! The configuration: what was written (a TOML file, the kernel command line), then what is valid to run with.
//!
//! The kernel command line beats the file, because netbooted Pis differ only there. It knows keys and their text; what
//! the settings are for, their owners know.
pub mod broker;
mod entry;
mod file;
mod kernel_command_line;
pub mod key;
mod periods;
mod reinstalls;
mod sensor;
mod settings;
mod text;

use std::{fmt, path::Path};

use crate::world::{OnDisk, World};

pub use broker::Broker;
pub use entry::{Origin, Problem, Raw};
pub use periods::{PERIODS_MS, Periods, WINDOWS_MS};
pub use reinstalls::Reinstalls;
pub use settings::{LinkSettings, Settings, TelemetryPart, TlsFiles};

/// Where the configuration lies unless said otherwise.
pub const DEFAULT_PATH: &str = "/etc/picket/picketd.toml";
/// Where it lies on an export with slots, which outlives every image.
pub const EXPORTS_PATH: &str = "/run/picket/export/picket/picketd.toml";
/// A configuration file is at most this large, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Settings that are valid to run with, and what was wrong on the way.
#[derive(Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Every key with its value in force.
    pub effective: Vec<Effective>,
    /// What is wrong on the kernel command line. The file's value holds instead.
    pub warnings: Vec<Problem>,
}

/// A key, its value in force, and where that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The key as one writes it.
    pub key: String,
    /// The value as one would write it; `None` if it isn't set and has no default.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Nothing valid to run with: everything that is wrong.
#[derive(Debug, thiserror::Error)]
pub struct Invalid(pub Vec<Problem>);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// Reads the file, and the kernel command line of that world.
///
/// A wrong value on the kernel command line is a warning and the file's value holds: a typo there must not silence a Pi.
/// The id is the exception: with a wrong `picket.id=` there, `device_id` lets no agent come up, since one under another
/// id would be worse than none.
///
/// # Errors
/// Everything that is wrong in the file.
pub fn load(path: &Path, world: &World) -> Result<Loaded, Invalid> {
    let text = read(&world.on_disk(path)).map_err(|problem| Invalid(vec![problem]))?;
    let mut command_line = Vec::new();
    match world.open("proc/cmdline") {
        Ok(file) => {
            let mut file = std::io::Read::take(file, MAX_FILE);
            // Not being readable is the same as not saying anything: the file decides.
            let _ = std::io::Read::read_to_end(&mut file, &mut command_line);
        }
        Err(_) => command_line.clear(),
    }
    parse_on(
        world,
        &path.display().to_string(),
        &text,
        &String::from_utf8_lossy(&command_line),
    )
}

/// The same from text, on this machine: `name` is what the file is called in messages.
///
/// A value of the kernel command line that is wrong by itself gives way to the file's; if all are good by themselves and
/// contradict each other, the file alone decides.
///
/// # Errors
/// Everything that is wrong in the file.
pub fn parse(name: &str, text: &str, command_line: &str) -> Result<Loaded, Invalid> {
    parse_on(&World::new("/"), name, text, command_line)
}

fn parse_on(world: &World, name: &str, text: &str, command_line: &str) -> Result<Loaded, Invalid> {
    let written = file::parse(name, text);
    let above = kernel_command_line::parse(command_line);
    let build = |above: &[entry::Entry]| {
        let entries = [&written.entries[..], above].concat();
        let mut reader = entry::Reader::new(entries, world);
        let settings = settings::build(&mut reader, &written.sensors);
        (settings, reader.finish())
    };
    let (mut settings, mut read) = build(&above.entries);
    if !read.conflicts.is_empty() && !above.entries.is_empty() {
        let (alone, file_alone) = build(&[]);
        if file_alone.conflicts.is_empty() {
            let blamed = read.conflicts.into_iter().map(|problem| Problem {
                origin: Origin::KernelCommandLine,
                ..problem
            });
            let problems = read.problems.into_iter().chain(blamed).collect();
            (settings, read) = (
                alone,
                entry::Read {
                    problems,
                    ..file_alone
                },
            );
        }
    }
    let found = [
        written.problems,
        above.problems,
        read.problems,
        read.conflicts,
    ];
    let (warnings, errors): (Vec<_>, Vec<_>) = found
        .into_iter()
        .flatten()
        .partition(|problem| problem.origin == Origin::KernelCommandLine);
    if errors.is_empty() {
        return Ok(Loaded {
            settings,
            effective: read.effective,
            warnings,
        });
    }
    Err(Invalid(errors.into_iter().chain(warnings).collect()))
}

fn read(path: &OnDisk) -> Result<String, Problem> {
    let problem = |what: String| Problem {
        origin: Origin::File {
            name: path.display().to_string(),
            line: 0,
        },
        what,
    };
    let file = std::fs::File::open(path).map_err(|error| {
        problem(format!(
            "can't be opened: {error}; give a configuration with --config"
        ))
    })?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(file, MAX_FILE + 1), &mut text)
        .map_err(|error| problem(format!("can't be read as text: {error}")))?;
    if text.len() as u64 > MAX_FILE {
        return Err(problem(format!(
            "is larger than {MAX_FILE} bytes, which is no configuration of picketd"
        )));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
