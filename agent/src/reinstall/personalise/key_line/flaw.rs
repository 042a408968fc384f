//! What can be wrong with a line, in words.
use std::fmt;

use super::key::LEAST_RSA_BITS;

/// What is wrong with a line. It never tells the line's text, which may be a private key pasted by mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFlaw {
    /// It is empty or a comment.
    Empty,
    /// It has more than one line, or characters that can't be seen.
    Unseen,
    /// It is part of a private key.
    Private,
    /// A quotation mark isn't closed.
    Quote,
    /// sshd has no such option.
    Option(String),
    /// An option wants a value, or wants none.
    Value(&'static str),
    /// It ends before the key.
    NoKey,
    /// The kind is a certificate's: `cert-authority` and the authority's key are what belongs here.
    Certificate,
    /// sshd takes no keys of that kind any more.
    Kind(String),
    /// The key isn't what its kind says.
    Key,
    /// An RSA key of so few bits that sshd refuses it.
    Short,
}

impl fmt::Display for KeyFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty or a comment"),
            Self::Unseen => {
                f.write_str("it has more than one line, or characters that can't be seen")
            }
            Self::Private => f.write_str(
                "it is of a private key, which is nobody else's; give the line of the .pub file",
            ),
            Self::Quote => f.write_str("a quotation mark isn't closed"),
            Self::Option(name) => write!(f, "sshd has no option {name:?}"),
            Self::Value(name) => write!(
                f,
                "the option {name} wants a value in quotation marks, or none at all: see sshd(8)"
            ),
            Self::NoKey => f.write_str("it has no key"),
            Self::Certificate => f.write_str(
                "a certificate doesn't belong there; write cert-authority and the authority's key",
            ),
            Self::Kind(kind) => write!(f, "sshd takes no keys of the kind {kind:?}"),
            Self::Key => f.write_str("the key is cut off or damaged"),
            Self::Short => write!(
                f,
                "sshd takes no RSA key of less than {LEAST_RSA_BITS} bits"
            ),
        }
    }
}
