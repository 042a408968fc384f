//! ifupdown's /etc/network/interfaces (interfaces(5)): what is about an interface that is to be left alone is commented out.
use crate::tree::{Kind, Tree};

use super::{super::super::Error, MAX};

const INTERFACES: &str = "etc/network/interfaces";
const PARTS: &str = "etc/network/interfaces.d";
const OFF: &str = "# picket: ";
/// Words that begin a new paragraph.
const PARAGRAPHS: [&str; 7] = [
    "iface",
    "mapping",
    "auto",
    "source",
    "source-directory",
    "no-auto-down",
    "no-scripts",
];

/// # Errors
/// Something can't be read or written.
pub(super) fn keep_off(tree: &Tree, interfaces: &[&str]) -> Result<(), Error> {
    let mut files = vec![INTERFACES.to_owned()];
    for name in tree.names(PARTS)? {
        files.push(format!("{PARTS}/{name}"));
    }
    for file in files {
        if tree.kind(&file)? != Some(Kind::File) {
            continue;
        }
        if let Some(text) = tree.text(&file, MAX)? {
            tree.write(&file, without(&text, interfaces), 0o644)?;
        }
    }
    Ok(())
}

fn without(text: &str, interfaces: &[&str]) -> String {
    let mut off = false;
    let mut kept = String::new();
    for line in text.lines() {
        let words: Vec<_> = line.split_ascii_whitespace().collect();
        let about = |name: &&str| interfaces.contains(name);
        let shown = match words.as_slice() {
            [first, names @ ..] if *first == "auto" || first.starts_with("allow-") => {
                off = false;
                Some(names_but(line, first, names, &about))
            }
            [first, rest @ ..] if PARAGRAPHS.contains(first) => {
                off = *first == "iface" && rest.first().is_some_and(about);
                None
            }
            _ => None,
        };
        // A paragraph's comments and empty lines may stay.
        let off = off && words.first().is_some_and(|word| !word.starts_with('#'));
        let line = shown.unwrap_or_else(|| line.to_owned());
        kept += if off { OFF } else { "" };
        kept += &line;
        kept.push('\n');
    }
    kept
}

/// A line that starts interfaces, without those that are to be left alone.
fn names_but(line: &str, first: &str, names: &[&str], about: &impl Fn(&&str) -> bool) -> String {
    if !names.iter().any(about) {
        return line.to_owned();
    }
    let others: Vec<_> = names.iter().copied().filter(|name| !about(name)).collect();
    match others.as_slice() {
        [] => format!("{OFF}{line}"),
        others => format!("{first} {}", others.join(" ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_of_the_interfaces_go_and_those_of_others_stay() {
        let before = "source /etc/network/interfaces.d/*\n\
                      auto lo eth0\n\
                      iface lo inet loopback\n\
                      allow-hotplug eth0\n\
                      iface eth0 inet dhcp\n\
                      \x20   # a comment\n\
                      \x20   metric 5\n\
                      \n\
                      iface eth0.131 inet6 static\n\
                      \taddress 2001:db8::7/64\n\
                      auto eth01\n\
                      iface eth01 inet dhcp\n\
                      \tmetric 6\n";
        let after = "source /etc/network/interfaces.d/*\n\
                     auto lo\n\
                     iface lo inet loopback\n\
                     # picket: allow-hotplug eth0\n\
                     # picket: iface eth0 inet dhcp\n\
                     \x20   # a comment\n\
                     # picket:     metric 5\n\
                     \n\
                     # picket: iface eth0.131 inet6 static\n\
                     # picket: \taddress 2001:db8::7/64\n\
                     auto eth01\n\
                     iface eth01 inet dhcp\n\
                     \tmetric 6\n";
        let kept = ["eth0", "eth0.131"];
        assert_eq!(without(before, &kept), after);
        assert_eq!(without(after, &kept), after);
    }
}
