//! The hostname: /etc/hostname, and 127.0.1.1 in /etc/hosts (hostname(5), hosts(5)). It asks no resolver.
use std::fmt;

use crate::tree::Tree;

use super::Error;

/// What is wrong with a hostname (RFC 1123, section 2.1, and Linux's limit).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAName {
    /// Nothing, or more than 64 characters.
    Length,
    /// A part between dots has none or more than 63 characters, or begins or ends with a hyphen.
    Label,
    /// Something else than a-z, A-Z, 0-9, hyphens and dots.
    Letter,
}

const HOSTNAME: &str = "etc/hostname";
const HOSTS: &str = "etc/hosts";
const OWN_ADDRESS: &str = "127.0.1.1";
const MAX_HOSTS: u64 = 1024 * 1024;
const NO_HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// # Errors
/// [`Error::Hostname`].
pub(super) fn check(name: &str) -> Result<(), Error> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let flaw = match name {
        name if !(1..=64).contains(&name.len()) => NotAName::Length,
        name if !name.chars().all(letter) => NotAName::Letter,
        name if !name.split('.').all(label) => NotAName::Label,
        _ => return Ok(()),
    };
    let name = name.chars().take(64).collect();
    Err(Error::Hostname { name, flaw })
}

/// # Errors
/// Something can't be written.
pub(super) fn set(tree: &Tree, name: &str) -> Result<(), Error> {
    tree.write(HOSTNAME, format!("{name}\n"), 0o644)?;
    let hosts = tree.text(HOSTS, MAX_HOSTS)?;
    let hosts = with_name(hosts.as_deref().unwrap_or(NO_HOSTS), name);
    Ok(tree.write(HOSTS, hosts, 0o644)?)
}

/// The file with one line for the machine's own name.
fn with_name(hosts: &str, name: &str) -> String {
    let short = name.split('.').next().unwrap_or(name);
    let names = match short == name {
        true => name.to_owned(),
        false => format!("{name} {short}"),
    };
    let own = format!("{OWN_ADDRESS}\t{names}");
    let is_own = |line: &str| line.split_ascii_whitespace().next() == Some(OWN_ADDRESS);
    let mut lines = Vec::new();
    for line in hosts.lines() {
        match is_own(line) {
            true if lines.contains(&own.as_str()) => {}
            true => lines.push(&own),
            false => lines.push(line),
        }
    }
    if !lines.contains(&own.as_str()) {
        lines.push(&own);
    }
    lines.join("\n") + "\n"
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "it has 1 to 64 characters",
            Self::Label => "between dots there are 1 to 63 characters, of which the first and the last is no hyphen",
            Self::Letter => "it consists of a-z, A-Z, 0-9, hyphens and dots",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_kernel_or_dns_would_refuse_are_refused() {
        let long = "a".repeat(64);
        for (name, flaw) in [
            ("shelf-3", None),
            ("pi7.rack.example.org", None),
            ("7", None),
            ("", Some(NotAName::Length)),
            (&format!("{long}a"), Some(NotAName::Length)),
            (&long, Some(NotAName::Label)),
            ("-a", Some(NotAName::Label)),
            ("a-.b", Some(NotAName::Label)),
            ("a..b", Some(NotAName::Label)),
            ("a.", Some(NotAName::Label)),
            ("a b", Some(NotAName::Letter)),
            ("a_b", Some(NotAName::Letter)),
            ("a\nb", Some(NotAName::Letter)),
            ("ä", Some(NotAName::Letter)),
        ] {
            let found = match check(name) {
                Err(Error::Hostname { flaw, .. }) => Some(flaw),
                _ => None,
            };
            assert_eq!(found, flaw, "{name:?}");
        }
    }

    #[test]
    fn the_hosts_file_keeps_what_is_not_about_the_machine_itself() {
        for (before, after) in [
            (
                "127.0.0.1 localhost\n127.0.1.1\traspberrypi\n# end\n127.0.1.1 again",
                "127.0.0.1 localhost\n127.0.1.1\tpi.example.org pi\n# end\n",
            ),
            ("", "127.0.1.1\tpi.example.org pi\n"),
            (
                "127.0.1.10 other\n",
                "127.0.1.10 other\n127.0.1.1\tpi.example.org pi\n",
            ),
        ] {
            let once = with_name(before, "pi.example.org");
            assert_eq!(once, after);
            assert_eq!(with_name(&once, "pi.example.org"), after);
        }
    }
}
