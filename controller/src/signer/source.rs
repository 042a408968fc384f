//! Where a signing key comes from, as people write it: a file, or the ssh-agent. Reads nothing.
use std::{fmt, path::PathBuf, str::FromStr};

/// Which key signs, before anything was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// A private key file in OpenSSH's format.
    File(PathBuf),
    /// A key that the ssh-agent holds.
    Agent(Choice),
}

/// Which of the agent's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The only one that can sign for us.
    Only,
    /// The one with that fingerprint (`SHA256:…`) or comment.
    Named(String),
    /// The one whose public half that file holds.
    Public(PathBuf),
}

impl FromStr for KeySource {
    type Err = String;

    /// `agent`, `agent:FINGERPRINT-OR-COMMENT`, `FILE.pub`, else a file; one that is called `agent` is written `./agent`.
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.split_once(':') {
            _ if text.is_empty() => {
                return Err("name a private key file, or write `agent`".to_owned());
            }
            _ if text == "agent" => Self::Agent(Choice::Only),
            Some(("agent", "")) => {
                return Err(
                    "write the key's fingerprint or comment after `agent:`, or `agent` alone"
                        .to_owned(),
                );
            }
            Some(("agent", which)) => Self::Agent(Choice::Named(which.to_owned())),
            _ if text.ends_with(".pub") => Self::Agent(Choice::Public(text.into())),
            _ => Self::File(text.into()),
        })
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Agent(Choice::Only) => write!(f, "the ssh-agent's key"),
            Self::Agent(Choice::Named(which)) => write!(f, "the ssh-agent's key {which:?}"),
            Self::Agent(Choice::Public(path)) => {
                write!(f, "the ssh-agent's key of {}", path.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_a_file_or_as_the_agents() {
        let named = |which: &str| KeySource::Agent(Choice::Named(which.to_owned()));
        for (text, source) in [
            ("/k/id_ed25519", KeySource::File("/k/id_ed25519".into())),
            ("./agent", KeySource::File("./agent".into())),
            ("agents", KeySource::File("agents".into())),
            ("odd:name", KeySource::File("odd:name".into())),
            ("agent", KeySource::Agent(Choice::Only)),
            ("agent:SHA256:abc", named("SHA256:abc")),
            ("agent:anna@laptop", named("anna@laptop")),
            ("agent:k.pub", named("k.pub")),
            ("k.pub", KeySource::Agent(Choice::Public("k.pub".into()))),
        ] {
            assert_eq!(text.parse(), Ok(source), "{text}");
        }
        for text in ["", "agent:"] {
            assert!(text.parse::<KeySource>().is_err(), "{text:?}");
        }
    }
}
