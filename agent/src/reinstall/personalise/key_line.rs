//! One line of `authorized_keys` (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"): options, kind of key, key, comment. sshd passes over a line
//! that it doesn't understand, and then nobody gets in; so it is refused before. It writes nothing.
mod flaw;
mod key;

pub use flaw::KeyFlaw;

const BARE: [&str; 14] = [
    "agent-forwarding",
    "cert-authority",
    "no-agent-forwarding",
    "no-port-forwarding",
    "no-pty",
    "no-touch-required",
    "no-user-rc",
    "no-x11-forwarding",
    "port-forwarding",
    "pty",
    "restrict",
    "user-rc",
    "verify-required",
    "x11-forwarding",
];
const WITH_VALUE: [&str; 8] = [
    "command",
    "environment",
    "expiry-time",
    "from",
    "permitlisten",
    "permitopen",
    "principals",
    "tunnel",
];
const BLANK: [char; 2] = [' ', '\t'];

/// Looks whether sshd would take it.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(line: &str) -> Result<(), KeyFlaw> {
    let unseen = |c: char| (c.is_control() && c != '\t') || c == '\u{feff}' || c == '\u{fffd}';
    let line = line.trim_matches(BLANK);
    if line.is_empty() || line.starts_with('#') {
        return Err(KeyFlaw::Empty);
    }
    if line.contains("PRIVATE KEY") {
        return Err(KeyFlaw::Private);
    }
    if line.contains(unseen) {
        return Err(KeyFlaw::Unseen);
    }
    let (first, rest) = split(line)?;
    match is_kind(first) {
        true => key::check(first, rest),
        false => {
            options(first)?;
            let (kind, rest) = split(rest)?;
            key::check(kind, rest)
        }
    }
}

/// The first word, in which a quoted part may hold blanks, and what follows.
fn split(text: &str) -> Result<(&str, &str), KeyFlaw> {
    let end = end(text, |c| BLANK.contains(&c))?;
    let (word, rest) = text.split_at(end);
    Ok((word, rest.trim_start_matches(BLANK)))
}

/// Where the first such character is outside of quotation marks, or the text ends.
fn end(text: &str, at: impl Fn(char) -> bool) -> Result<usize, KeyFlaw> {
    let (mut quoted, mut escaped) = (false, false);
    for (index, c) in text.char_indices() {
        match c {
            '"' if !escaped => quoted = !quoted,
            c if !quoted && at(c) => return Ok(index),
            _ => {}
        }
        escaped = c == '\\' && !escaped;
    }
    match quoted {
        true => Err(KeyFlaw::Quote),
        false => Ok(text.len()),
    }
}

fn options(mut text: &str) -> Result<(), KeyFlaw> {
    loop {
        let end = end(text, |c| c == ',')?;
        option(&text[..end])?;
        match text.get(end + 1..) {
            Some(rest) => text = rest,
            None => return Ok(()),
        }
    }
}

fn option(text: &str) -> Result<(), KeyFlaw> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (text, None),
    };
    let known = |names: &[&'static str]| {
        let lower = name.to_ascii_lowercase();
        names.iter().copied().find(|other| *other == lower)
    };
    match (known(&BARE), known(&WITH_VALUE), value) {
        (Some(_), _, None) => Ok(()),
        (_, Some(name), Some(value)) => {
            let inner = value
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'));
            match inner {
                Some(inner) if !inner.is_empty() => Ok(()),
                _ => Err(KeyFlaw::Value(name)),
            }
        }
        (Some(name), _, Some(_)) | (_, Some(name), None) => Err(KeyFlaw::Value(name)),
        (None, None, _) => Err(KeyFlaw::Option(shown(name))),
    }
}

/// Whether a word is the kind of a key, of whatever OpenSSH has or had.
fn is_kind(word: &str) -> bool {
    ["ssh-", "sk-", "ecdsa-", "rsa-"]
        .iter()
        .any(|start| word.starts_with(start))
}

/// A word, unless it is so long that it may be a key.
fn shown(word: &str) -> String {
    match word.len() <= 48 {
        true => word.to_owned(),
        false => "...".to_owned(),
    }
}

#[cfg(test)]
mod tests;
