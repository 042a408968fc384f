//! What is wrong with a line of `allowed_signers`, in words that name the way out.
use std::fmt;

/// A line that doesn't count. The others do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub flaw: LineFlaw,
}

impl fmt::Display for LineProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.flaw)
    }
}

/// What can be wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFlaw {
    /// Its principals hold a byte order mark, a NUL, or bytes that aren't UTF-8.
    #[error(
        "its principals hold characters that an editor doesn't show; save the file as UTF-8 without a byte order mark"
    )]
    Unseen,
    /// A quotation mark without another.
    #[error("a quotation mark is not closed; close it")]
    Quote,
    /// Only principals, or only principals and options.
    #[error(
        "there is no key; write PRINCIPALS [OPTIONS] and then what stands in the .pub file, like: alice@example.org ssh-ed25519 AAAA..."
    )]
    NoKey,
    /// A key that begins well.
    #[error(
        "the key can't be read; copy the line of its .pub file whole, like: ssh-ed25519 AAAA..."
    )]
    Key,
    /// A key of another kind.
    #[error(
        "a key of kind {0} signs nothing here; take one of kind ssh-ed25519 (`ssh-keygen -t ed25519`) or sk-ssh-ed25519@openssh.com (`ssh-keygen -t ed25519-sk`)"
    )]
    KeyKind(String),
    /// A certificate in place of a key.
    #[error(
        "a certificate stands in place of the key; write the key itself, from the .pub file without -cert"
    )]
    Certificate,
    /// An authority that would vouch for other keys.
    #[error(
        "cert-authority is not supported, because a certificate can't be withdrawn from a Pi whose clock is unknown; write a line for each key"
    )]
    CertAuthority,
    /// An option that OpenSSH doesn't know either.
    #[error(
        "the option {0:?} is not known; there are namespaces=\"...\", valid-after=\"...\" and valid-before=\"...\", with commas and no spaces between them"
    )]
    Option(String),
    /// A comma, and nothing after it.
    #[error("an option is missing after the last comma; take the comma away")]
    Comma,
    /// An option that is there twice.
    #[error("{0} is there twice; write it once, as a list if need be")]
    Twice(&'static str),
    /// An option without its quotation marks.
    #[error("the value of {0} lacks its quotation marks; write {0}=\"...\"")]
    Unquoted(&'static str),
    /// A time that is none.
    #[error("{name}=\"{text}\" is no time; write YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ")]
    Time {
        /// The option.
        name: &'static str,
        /// Its value.
        text: String,
    },
    /// A time in an unknown time zone.
    #[error(
        "{name}=\"{text}\" is local time, and the time zone of a Pi is its customer's; write UTC, with a Z: {name}=\"{text}Z\""
    )]
    LocalTime {
        /// The option.
        name: &'static str,
        /// Its value.
        text: String,
    },
    /// It ends before it begins.
    #[error("valid-before is not after valid-after, so the key is never valid; put them right")]
    NeverValid,
}
