//! One line of `allowed_signers`: PRINCIPALS [OPTIONS] KEY [COMMENT], as ssh-keygen(1) defines it.
use std::fmt;

use picket_proto::Privilege;
use ssh_key::{Fingerprint, PublicKey, public::KeyData};

use super::{crypto, options::Options, patterns::Patterns, problem::LineFlaw};

/// Kinds of keys that may sign.
pub(super) const KINDS: [&str; 2] = ["ssh-ed25519", "sk-ssh-ed25519@openssh.com"];
/// What the kind of a certificate contains.
pub(super) const CERTIFICATE: &str = "-cert-v";
const BLANK: [char; 4] = [' ', '\t', '\r', '\n'];

/// A good line: who may do what with which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// Its number, from 1.
    pub(super) line: usize,
    pub(super) principals: Patterns,
    pub(super) options: Options,
    pub(super) key: KeyData,
}

impl Signer {
    /// The signer of line `number`; nothing if it is blank or a comment.
    pub(super) fn parse(number: usize, text: &str) -> Result<Option<Self>, LineFlaw> {
        let text = text.trim_matches(BLANK);
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let (principals, rest) = principals(text)?;
        // Such principals match nobody, and nobody would see why. In a comment they do no harm.
        if principals.contains(['\0', '\u{feff}', '\u{fffd}']) {
            return Err(LineFlaw::Unseen);
        }
        let (options, key) = match is_kind(first_word(rest)) {
            true => (Options::default(), rest),
            false => split_options(rest)?,
        };
        Ok(Some(Self {
            line: number,
            principals: Patterns::new(principals),
            options,
            key: key_data(key)?,
        }))
    }

    /// Its number in the file, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The patterns that an actor must match.
    #[must_use]
    pub fn principals(&self) -> &str {
        self.principals.as_str()
    }

    /// What the key may be used for here; nothing, if the line is about other namespaces than Picket's.
    pub fn privileges(&self) -> impl Iterator<Item = Privilege> + '_ {
        let namespaces = self.options.namespaces.as_ref();
        Privilege::ALL.into_iter().filter(move |privilege| {
            namespaces.is_none_or(|patterns| patterns.matches(privilege.namespace()))
        })
    }

    /// The key's fingerprint, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        crypto::fingerprint(&self.key)
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespaces: Vec<_> = self.privileges().map(Privilege::namespace).collect();
        write!(f, "line {}: {}, ", self.line, self.principals())?;
        match namespaces.as_slice() {
            [] => f.write_str("nothing of picketd's")?,
            names => f.write_str(&names.join(" "))?,
        }
        write!(f, ", {}", self.fingerprint())?;
        if let Some(after) = self.options.after {
            write!(f, ", from {after}")?;
        }
        if let Some(before) = self.options.before {
            write!(f, ", until {before}")?;
        }
        Ok(())
    }
}

/// The first word, in which a quoted part ends the word and may hold blanks, and what follows.
fn principals(text: &str) -> Result<(String, &str), LineFlaw> {
    let end = text
        .find(['"', ' ', '\t', '\r', '\n'])
        .ok_or(LineFlaw::NoKey)?;
    let (before, rest) = text.split_at(end);
    let (word, rest) = match rest.strip_prefix('"') {
        None => (before.to_owned(), rest),
        Some(rest) => {
            let (quoted, rest) = rest.split_once('"').ok_or(LineFlaw::Quote)?;
            (before.to_owned() + quoted, rest)
        }
    };
    match rest.trim_start_matches(BLANK) {
        "" => Err(LineFlaw::NoKey),
        rest => Ok((word, rest)),
    }
}

/// Options up to the first blank outside of quotation marks, and the key behind them.
fn split_options(text: &str) -> Result<(Options, &str), LineFlaw> {
    let end = end_of_options(text)?;
    let (options, rest) = text.split_at(end);
    let options = Options::parse(options)?;
    match rest.trim_start_matches(BLANK) {
        "" => Err(LineFlaw::NoKey),
        key => Ok((options, key)),
    }
}

fn end_of_options(text: &str) -> Result<usize, LineFlaw> {
    let mut quoted = false;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if bytes.peek().is_some_and(|(_, next)| *next == b'"') => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            b' ' | b'\t' if !quoted => return Ok(at),
            _ => {}
        }
    }
    match quoted {
        true => Err(LineFlaw::Quote),
        false => Ok(text.len()),
    }
}

fn key_data(text: &str) -> Result<KeyData, LineFlaw> {
    let kind = first_word(text);
    if kind.contains(CERTIFICATE) {
        return Err(LineFlaw::Certificate);
    }
    if !KINDS.contains(&kind) {
        return Err(match is_kind(kind) {
            true => LineFlaw::KeyKind(kind.to_owned()),
            false => LineFlaw::Key,
        });
    }
    let blob = first_word(text[kind.len()..].trim_start_matches(BLANK));
    let key = PublicKey::from_openssh(&format!("{kind} {blob}")).map_err(|_| LineFlaw::Key)?;
    Ok(key.into())
}

/// Whether a word looks like the kind of a key, of whatever OpenSSH has.
fn is_kind(word: &str) -> bool {
    ["ssh-", "sk-", "ecdsa-", "rsa-"]
        .iter()
        .any(|start| word.starts_with(start))
}

fn first_word(text: &str) -> &str {
    text.split(BLANK).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use picket_test_keys::{TOUCHED, TestKey};
    use ssh_key::HashAlg;

    use super::*;

    #[test]
    fn a_line_says_who_may_do_what_with_which_key() {
        let key = TestKey::new(1).public();
        let token = TestKey::of_token(1, TOUCHED).public();
        let print = |key: &str| {
            let key = PublicKey::from_openssh(key).unwrap();
            key.fingerprint(HashAlg::Sha256).to_string()
        };
        let all = "picket-operate@1 picket-configure@1 picket-reinstall@1";
        for (line, shown) in [
            (
                format!("alice {key}"),
                format!("line 7: alice, {all}, {}", print(&key)),
            ),
            (
                format!("\"alice smith,bob\" {token} for the caf\u{fffd}\r"),
                format!("line 7: alice smith,bob, {all}, {}", print(&token)),
            ),
            (
                format!(
                    r#"alice namespaces="*,!*-reinstall@*",valid-after="20260101Z",valid-before="202702030405Z" {key}"#
                ),
                format!(
                    "line 7: alice, picket-operate@1 picket-configure@1, {}, from 2026-01-01 00:00:00 UTC, until 2027-02-03 04:05:00 UTC",
                    print(&key)
                ),
            ),
            (
                format!(r#"alice namespaces="git" {key}"#),
                format!("line 7: alice, nothing of picketd's, {}", print(&key)),
            ),
        ] {
            let signer = Signer::parse(7, &line).unwrap().unwrap();
            assert_eq!(signer.to_string(), shown);
        }
    }

    #[test]
    fn a_line_of_blanks_or_a_comment_is_nothing() {
        for line in ["", "  ", "\t\r", "#", "  # alice"] {
            assert_eq!(Signer::parse(1, line), Ok(None), "{line:?}");
        }
    }

    #[test]
    fn a_wrong_line_says_what_is_wrong_with_it() {
        let key = TestKey::new(1).public();
        let kind = |kind: &str| LineFlaw::KeyKind(kind.to_owned());
        for (line, flaw) in [
            ("alice", LineFlaw::NoKey),
            ("\"alice\"", LineFlaw::NoKey),
            ("alice namespaces=\"a\"", LineFlaw::NoKey),
            ("\"alice KEY", LineFlaw::Quote),
            ("alice namespaces=\"a KEY", LineFlaw::Quote),
            ("alice KEY\u{feff}", LineFlaw::Key),
            ("\u{feff}alice KEY", LineFlaw::Unseen),
            ("al\u{fffd}ce KEY", LineFlaw::Unseen),
            ("alice\0 KEY", LineFlaw::Unseen),
            ("alice ssh-ed25519", LineFlaw::Key),
            ("alice ssh-ed25519 AAAA", LineFlaw::Key),
            ("alice ssh-ed25519 KEY", LineFlaw::Key),
            ("alice namespaces=\"a\" AAAA", LineFlaw::Key),
            ("alice ssh-rsa AAAA", kind("ssh-rsa")),
            (
                "alice ecdsa-sha2-nistp256 AAAA",
                kind("ecdsa-sha2-nistp256"),
            ),
            (
                "alice ssh-ed25519-cert-v01@openssh.com AAAA",
                LineFlaw::Certificate,
            ),
            ("alice cert-authority KEY", LineFlaw::CertAuthority),
            ("alice bob KEY", LineFlaw::Option("bob".to_owned())),
            ("alice, bob KEY", LineFlaw::Option("bob".to_owned())),
        ] {
            let line = line.replace("KEY", &key);
            assert_eq!(Signer::parse(1, &line), Err(flaw), "{line:?}");
        }
    }
}
