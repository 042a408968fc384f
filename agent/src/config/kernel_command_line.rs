//! What was written on the kernel command line: `picket.KEY=VALUE`, quoted as the kernel quotes
//! (admin-guide/kernel-parameters.rst). A secret there is refused: every process can read it.
use super::{
    entry::{Entry, Origin, Problem, Raw},
    file::Written,
    key::{self, KEYS},
};

/// What the initramfs of a Pi with slots takes (boot/picket-root, boot/reference/init).
const OF_THE_INITRAMFS: [&str; 5] = ["boot", "export", "net", "trial", "wait"];

/// Words of other programs are left alone, and so are those of the initramfs.
pub(super) fn parse(line: &str) -> Written {
    let mut written = Written::default();
    for word in words(line) {
        let Some(setting) = word.strip_prefix("picket.") else {
            continue;
        };
        if setting
            .split_once('=')
            .is_some_and(|(name, _)| OF_THE_INITRAMFS.contains(&name))
        {
            continue;
        }
        match entry(setting) {
            Ok(entry) => written.entries.push(entry),
            Err(what) => written.problems.push(Problem {
                origin: Origin::KernelCommandLine,
                what,
            }),
        }
    }
    written
}

fn entry(setting: &str) -> Result<Entry, String> {
    let (name, value) = setting
        .split_once('=')
        .ok_or_else(|| format!("`picket.{setting}` has no value; write picket.{setting}=VALUE"))?;
    if ["password", "passwd", "secret", "token"].contains(&name) {
        return Err(format!(
            "`picket.{name}` is refused: everybody on the machine can read the kernel command line; put the password into a file and name it with password_file"
        ));
    }
    if name == "sensor" || name.starts_with("sensor.") {
        return Err(format!(
            "`picket.{name}` is refused: sensors are set in the file, in [[sensor]]"
        ));
    }
    let key = key::find(name).ok_or_else(|| key::unknown(name, KEYS.iter().map(|key| key.name)))?;
    let value = Raw::from_line(key.kind, value).map_err(|why| format!("`picket.{name}`: {why}"))?;
    Ok(Entry {
        key,
        value,
        origin: Origin::KernelCommandLine,
    })
}

/// Splits at blanks that aren't within double quotes, and takes the quotes off.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is always a word").push(c),
        }
    }
    words
}
