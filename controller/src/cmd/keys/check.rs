//! `picket keys check`: what a key may do by an allowed_signers file, in the words of the agents, whose code judges here.
use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use picket_proto::{Privilege, Quality, WallClock};
use picketd::trust::{self, Loaded, Signer};
use ssh_key::{HashAlg, PublicKey};

use crate::{
    claim,
    cmd::{Exit, order, usage},
};

/// Say what the key may do by an allowed_signers file, and why not
///
/// A line for each privilege, then one for each line of the file. It judges by this machine's clock. Exit code 0 when the key
/// may do anything, 10 when it may do nothing.
#[derive(Debug, Clone, Args)]
pub struct Check {
    /// The file, as it lies on the Pis
    #[arg(long, value_name = "FILE")]
    pub signers: PathBuf,
    /// Who orders [env: PICKET_ACTOR] [default: as with the commands that act on Pis]
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// The file can't be read, or the output can't be written.
pub(super) fn run(args: &Check, key: &PublicKey) -> Result<Exit> {
    let loaded = trust::load(&args.signers).map_err(|error| usage(chain(&error)))?;
    let question = Question {
        key,
        actor: order::actor(args.actor.as_deref(), key.comment()),
        now: Timestamp::now(),
    };
    let (lines, may) = question.answer(&loaded);
    let mut out = io::stdout().lock();
    for line in &lines {
        writeln!(out, "{}", claim::escape(line))?;
    }
    for warning in &loaded.warnings {
        eprintln!("picket: {}", claim::escape(warning));
    }
    Ok(match may {
        true => Exit::Succeeded,
        false => Exit::Refused,
    })
}

/// Who wants to know what he may do with which key, and when.
struct Question<'a> {
    key: &'a PublicKey,
    actor: String,
    now: Timestamp,
}

impl Question<'_> {
    /// In lines; and whether the key may do anything.
    fn answer(&self, loaded: &Loaded) -> (Vec<String>, bool) {
        let fingerprint = self.key.fingerprint(HashAlg::Sha256);
        let mut lines = vec![format!("{fingerprint} as {}", self.actor)];
        let verdicts = Privilege::ALL.map(|privilege| self.verdict(loaded, privilege));
        let may = verdicts.iter().any(Result::is_ok);
        for (privilege, verdict) in Privilege::ALL.into_iter().zip(verdicts) {
            let word = match verdict {
                Ok(line) => format!("yes, by line {line}"),
                Err(why) => format!("no: {why}"),
            };
            lines.push(format!("  {:<19}  {word}", privilege.namespace()));
        }
        lines.extend(self.line_by_line(loaded));
        (lines, may)
    }

    /// The line that lets the key do it, or why the first that has the key does not.
    fn verdict(&self, loaded: &Loaded, privilege: Privilege) -> Result<usize, String> {
        let mut why = None;
        for signer in self.own(loaded) {
            match signer.admits(&self.actor, privilege, self.clock(), 0) {
                Ok(()) => return Ok(signer.line()),
                Err(refusal) => why = why.or(Some(refusal.detail)),
            }
        }
        Err(why.unwrap_or_else(|| "no line has the key; add what `picket keys` prints".to_owned()))
    }

    /// What each line says, and the lines that say nothing because they are wrong, in their order.
    fn line_by_line(&self, loaded: &Loaded) -> Vec<String> {
        let good = loaded.signers.iter().map(|signer| {
            let whose = match signer.is_of(self.key.key_data()) {
                true => "this key",
                false => "another key",
            };
            (signer.line(), format!("{signer}: {whose}"))
        });
        let wrong = loaded.problems.iter();
        let wrong = wrong.map(|problem| {
            (
                problem.line,
                format!("{problem} (the line counts for nothing)"),
            )
        });
        let mut all: Vec<_> = good.chain(wrong).collect();
        all.sort_by_key(|(line, _)| *line);
        all.into_iter().map(|(_, words)| words).collect()
    }

    fn own<'b>(&'b self, loaded: &'b Loaded) -> impl Iterator<Item = &'b Signer> {
        let signers = loaded.signers.iter();
        signers.filter(|signer| signer.is_of(self.key.key_data()))
    }

    /// This machine's clock, which is taken for right.
    fn clock(&self) -> WallClock {
        WallClock {
            offset_ms: self.now.as_millisecond(),
            quality: Quality::Synchronised,
        }
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use picket_test_keys::TestKey;
    use picketd::trust::AllowedSigners;

    use super::*;

    #[test]
    fn a_key_may_do_what_a_line_lets_it_do_now() {
        let (own, other) = (TestKey::new(1), TestKey::new(2));
        let line = |who: &str, options: &str| format!("{who} {options} {}\n", own.public());
        let no_line = "no line has the key";
        let actor = "not for actor \"anna\"";
        for (text, operate, configure) in [
            (String::new(), no_line, no_line),
            (other.line("anna"), no_line, no_line),
            (own.line("anna"), "", ""),
            (own.line("bert"), actor, actor),
            (own.line("an*,!bert"), "", ""),
            (
                line("anna", "namespaces=\"picket-operate@1\""),
                "",
                "not for picket-configure@1",
            ),
            (
                line("anna", "valid-before=\"20260101Z\""),
                "was valid until",
                "was valid until",
            ),
            (
                line("anna", "valid-after=\"20280101Z\""),
                "is valid from",
                "is valid from",
            ),
            (
                line("anna", "namespaces=\"picket-operate@1\"")
                    + &line("anna", "namespaces=\"picket-configure@1\""),
                "",
                "",
            ),
        ] {
            let loaded = loaded(&text);
            let key = PublicKey::from_openssh(&own.public()).unwrap();
            let question = question(&key);
            let (_, may) = question.answer(&loaded);
            assert_eq!(may, operate.is_empty() || configure.is_empty(), "{text}");
            for (privilege, words) in [
                (Privilege::Operate, operate),
                (Privilege::Configure, configure),
            ] {
                match question.verdict(&loaded, privilege) {
                    Ok(_) => assert_eq!(words, "", "{text}"),
                    Err(why) => assert!(!words.is_empty() && why.contains(words), "{text}{why}"),
                }
            }
        }
    }

    #[test]
    fn every_line_is_told_with_what_is_wrong_with_it() {
        let (own, other) = (TestKey::new(1), TestKey::new(2));
        let text = format!("# us\nanna\n{}{}", other.line("bert"), own.line("anna"));
        let key = PublicKey::from_openssh(&own.public()).unwrap();
        let (lines, may) = question(&key).answer(&loaded(&text));
        assert!(may);
        let starts = [
            "SHA256:",
            "  picket-operate@1     yes, by line 4",
            "  picket-configure@1   yes, by line 4",
            "  picket-reinstall@1   yes, by line 4",
            "line 2: there is no key",
            "line 3: bert, ",
            "line 4: anna, ",
        ];
        assert_eq!(lines.len(), starts.len(), "{lines:?}");
        for (line, start) in lines.iter().zip(starts) {
            assert!(line.starts_with(start), "{line:?} and {start:?}");
        }
        assert!(lines[5].ends_with("another key") && lines[6].ends_with("this key"));
    }

    fn question(key: &PublicKey) -> Question<'_> {
        Question {
            key,
            actor: "anna".to_owned(),
            now: "2026-11-22T08:00:00Z".parse().unwrap(),
        }
    }

    fn loaded(text: &str) -> Loaded {
        let (signers, problems) = AllowedSigners::parse(text);
        Loaded {
            signers,
            problems,
            warnings: Vec::new(),
        }
    }
}
