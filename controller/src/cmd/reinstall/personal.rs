//! What makes an image the customer's, as a person writes it: a hostname, and files of public keys. The Pi checks both again.
use std::{fs::File, io::Read, path::PathBuf};

use anyhow::{Context, Result, bail, ensure};
use picket_proto::reinstall::{MAX_HOSTNAME, MAX_SSH_KEY, MAX_SSH_KEYS};
use ssh_key::authorized_keys::Entry;

use crate::claim;

/// A file of keys is at most this long, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Whether it is one (RFC 1123, section 2.1; hostname(7)).
///
/// # Errors
/// It isn't, and how one is written.
pub(super) fn hostname(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    ensure!(
        name.len() <= MAX_HOSTNAME && name.split('.').all(label),
        "--hostname {name:?} must be letters, digits and hyphens between them, with dots between such words, and at most \
         {MAX_HOSTNAME} characters"
    );
    Ok(())
}

/// The lines of those files, each a key, once each.
///
/// # Errors
/// A file can't be read or a line is no public key, or there are more of them than an order has room for.
pub(super) fn ssh_keys(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for path in files {
        let shown = path.display();
        let mut text = String::new();
        let file = File::open(path).with_context(|| format!("the ssh key file {shown}"))?;
        file.take(MAX_FILE)
            .read_to_string(&mut text)
            .with_context(|| format!("the ssh key file {shown}"))?;
        ensure!(
            !text.contains("PRIVATE KEY-----"),
            "{shown} holds a private key: name the file of its public half, which ends with .pub"
        );
        let before = keys.len();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            key(line).with_context(|| format!("line {number} of the ssh key file {shown}"))?;
            if !keys.iter().any(|known| known == line) {
                keys.push(line.to_owned());
            }
        }
        ensure!(
            keys.len() > before || !text.trim().is_empty(),
            "there is no key in {shown}"
        );
    }
    ensure!(
        keys.len() <= MAX_SSH_KEYS,
        "there are {} ssh keys, and an order has room for {MAX_SSH_KEYS}: put the others into the image, or give them later",
        keys.len()
    );
    Ok(keys)
}

fn key(line: &str) -> Result<()> {
    ensure!(
        line.len() <= MAX_SSH_KEY,
        "a key of {} bytes; an order has room for {MAX_SSH_KEY} each",
        line.len()
    );
    match line.parse::<Entry>() {
        Ok(_) => Ok(()),
        Err(why) => bail!(
            "{} is no public key as in authorized_keys: {why}",
            claim::escape(&line.chars().take(40).collect::<String>())
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use picket_test_keys::TestKey;

    use super::*;

    #[test]
    fn a_hostname_is_words_with_dots_between_them() {
        for (name, fine) in [
            ("anna", true),
            ("pi-3.example.org", true),
            ("3", true),
            (&"x".repeat(63), true),
            (&"x".repeat(64), false),
            ("", false),
            ("-anna", false),
            ("anna-", false),
            ("an_na", false),
            ("an na", false),
            ("anna.", false),
            ("a..b", false),
            ("änna", false),
            ("a/b", false),
            ("a\n", false),
        ] {
            assert_eq!(hostname(name).is_ok(), fine, "{name:?}");
        }
    }

    #[test]
    fn keys_are_the_lines_of_their_files_each_once() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = place.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let key = |number| format!("{} of {number}", TestKey::new(number).public());
        let (one, two) = (key(1), key(2));
        let limited = format!("no-pty,from=\"10.0.0.0/8\" {}", key(3));
        let good = file("good", &format!("# us\n\n {one} \n{limited}\n"));
        let again = file("again", &format!("{two}\n{one}\n"));
        let keys = ssh_keys(&[good, again]).unwrap();
        assert_eq!(keys, [one.as_str(), limited.as_str(), two.as_str()]);
        let long = format!("{one} {}", "x".repeat(MAX_SSH_KEY));
        let many: Vec<_> = (1..=17).map(key).collect();
        for (text, words) in [
            (TestKey::new(1).private_file().as_str(), "private key"),
            ("ssh-ed25519 AAAA", "line 1"),
            ("# hello\nhello", "line 2"),
            ("", "no key in"),
            (&long, "room for 1024"),
            (&many.join("\n"), "17 ssh keys"),
        ] {
            let error = ssh_keys(&[file("bad", text)]).unwrap_err();
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
        assert!(ssh_keys(&[place.path().join("missing")]).is_err());
    }
}
