//! Options of every command that acts on Pis: which ones, under whose name, how fast, and what is waited for.
use std::{env, time::Duration};

use anyhow::Result;
use clap::Args;
use picket_proto::{
    Action, OperationId,
    command::{MAX_NAME, MAX_REASON},
};

use crate::{
    audit::{OnFailure, Roll},
    cmd::usage,
    duration,
    operate::{AtFailure, Pace, SILENCE_MS, Signing, Wait},
};

/// Used unless --timeout says otherwise.
const TIMEOUT_MS: u64 = 600_000;
/// The same for a reinstall: fetching, unpacking over the network, two boots.
const REINSTALL_TIMEOUT_MS: u64 = 900_000;
/// Used unless --max-in-flight says otherwise: for what may break a Pi, and for the rest.
const CAREFULLY: u32 = 8;
const AT_ONCE: u32 = 128;
/// Names the tests' silence, in ms.
const SHORT_SILENCE: &str = "PICKET_TEST_SILENCE_MS";

/// Under whose name and number.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Who orders it, and why")]
pub struct Signature {
    /// The operation's id, 32 hex digits [default: a random one]
    ///
    /// Whoever gives an order twice under one id orders it once: what has ended is not done again, the rest is followed to
    /// its end.
    #[arg(long, value_name = "ID")]
    pub op_id: Option<OperationId>,
    /// Who signs: a principal of the key in the agents' allowed_signers
    /// [env: PICKET_ACTOR] [default: the key's comment, if it is one word, else USER@HOST]
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// For whom, when the signer is a control panel
    #[arg(long, value_name = "NAME")]
    pub on_behalf_of: Option<String>,
    /// Why; it stands in the signed command and in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// How fast it goes from Pi to Pi, and what is waited for.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How it goes on")]
pub struct Going {
    /// At most so many Pis at a time [default: 8 for what may break a Pi, else 128]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_in_flight: Option<u32>,
    /// At least this long between two beginnings, as in 500ms, 10s [default: 0s]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub stagger: Option<Duration>,
    /// Go on after a failure; otherwise the first one of what may break a Pi halts what was not begun
    #[arg(long)]
    pub keep_going: bool,
    /// How long one Pi may take, as in 90s, 10m [default: 10m, for a reinstall 15m]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<Duration>,
    #[command(flatten)]
    waiting: Waiting,
    /// Print one JSON object a line; docs/OPERATE.md tells the fields
    #[arg(long)]
    pub json: bool,
}

/// What is waited for.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "How it goes on")]
struct Waiting {
    /// Wait for the end on every Pi (the default)
    #[arg(long, overrides_with = "no_wait")]
    wait: bool,
    /// Wait only until each Pi has said whether it takes the command on; if it says nothing, until 10 s after the broker
    /// confirmed to have the command
    #[arg(long, overrides_with = "wait")]
    no_wait: bool,
}

impl Going {
    /// Whether the end is waited for, not only the Pi's first word.
    pub fn waits(&self) -> bool {
        !self.waiting.no_wait
    }

    /// How an order takes its turns, as its log entry tells it; `earlier` is what holds unless these options say otherwise.
    pub(super) fn roll(&self, earlier: Roll) -> Roll {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Roll {
            max_in_flight: self.max_in_flight.unwrap_or(earlier.max_in_flight),
            stagger_ms: self.stagger.map_or(earlier.stagger_ms, ms),
            timeout_ms: self.timeout.map_or(earlier.timeout_ms, ms),
            on_failure: match self.keep_going {
                true => OnFailure::KeepGoing,
                false => earlier.on_failure,
            },
        }
    }

    pub(super) fn pace(&self, roll: &Roll, signing: Signing) -> Pace {
        Pace {
            max_in_flight: usize::try_from(roll.max_in_flight).unwrap_or(usize::MAX),
            stagger_ms: roll.stagger_ms,
            timeout_ms: roll.timeout_ms,
            silence_ms: silence_ms(),
            at_failure: match roll.on_failure {
                OnFailure::Stop => AtFailure::Halt,
                OnFailure::KeepGoing => AtFailure::GoOn,
            },
            wait: match self.waiting.no_wait {
                true => Wait::FirstWord,
                false => Wait::End,
            },
            signing,
        }
    }
}

/// Tests wait less before they cut the power of what is no machine. A build for release can't be told to.
fn silence_ms() -> u64 {
    match cfg!(debug_assertions) {
        true => env::var(SHORT_SILENCE).map_or(SILENCE_MS, |ms| ms.parse().unwrap_or(SILENCE_MS)),
        false => SILENCE_MS,
    }
}

/// How an order takes its turns unless told otherwise. What may break a Pi goes on carefully; a cancel that halts at the first
/// refusal would let the others go on.
pub(super) fn turns(action: &Action) -> Roll {
    let may_break = matches!(
        action,
        Action::Reboot { .. }
            | Action::Reinstall(_)
            | Action::Activate { .. }
            | Action::Configure { .. }
    );
    let (max_in_flight, on_failure) = match may_break {
        true => (CAREFULLY, OnFailure::Stop),
        false => (AT_ONCE, OnFailure::KeepGoing),
    };
    Roll {
        max_in_flight,
        stagger_ms: 0,
        timeout_ms: match action {
            Action::Reinstall(_) => REINSTALL_TIMEOUT_MS,
            _ => TIMEOUT_MS,
        },
        on_failure,
    }
}

impl Signature {
    /// Who signs: as said here, else by PICKET_ACTOR, else the key's comment when it can be a principal, else `by`.
    pub(super) fn actor(&self, comment: &str, by: &str) -> String {
        self.said().unwrap_or_else(|| match is_principal(comment) {
            true => comment.to_owned(),
            false => by.to_owned(),
        })
    }

    /// Who signs, if anybody said so.
    pub(super) fn said(&self) -> Option<String> {
        let actor = self.actor.clone();
        actor.or_else(|| env::var("PICKET_ACTOR").ok())
    }

    /// Whether its texts have room in a command.
    ///
    /// # Errors
    /// One is too long.
    pub(super) fn check(&self, actor: &str) -> Result<()> {
        let on_behalf_of = self.on_behalf_of.as_deref().unwrap_or_default();
        let reason = self.reason.as_deref().unwrap_or_default();
        for (option, text, limit) in [
            ("--actor", actor, MAX_NAME),
            ("--on-behalf-of", on_behalf_of, MAX_NAME),
            ("--reason", reason, MAX_REASON),
        ] {
            if text.len() > limit {
                return Err(usage(format!("{option} may have {limit} bytes at most")));
            }
        }
        match is_principal(actor) {
            true => Ok(()),
            false => Err(usage(format!(
                "--actor {actor:?} can't be a principal of an allowed_signers file: one word, without quotes, commas, ! or wildcards"
            ))),
        }
    }
}

/// Whether it can stand among the principals of an allowed_signers line as itself.
fn is_principal(text: &str) -> bool {
    let is_odd = |c: char| {
        c.is_whitespace() || c.is_control() || matches!(c, '"' | ',' | '!' | '*' | '?' | '#')
    };
    !text.is_empty() && text.len() <= MAX_NAME && !text.contains(is_odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_actor_is_said_else_the_keys_comment_else_the_user() {
        let said = Signature {
            actor: Some("panel".to_owned()),
            ..Signature::default()
        };
        let silent = Signature::default();
        for (signature, comment, actor) in [
            (&said, "anna@example", "panel"),
            (&silent, "anna@example", "anna@example"),
            (&silent, "", "me@host"),
            (&silent, "my key", "me@host"),
            (&silent, "*", "me@host"),
        ] {
            assert_eq!(signature.actor(comment, "me@host"), actor, "{comment:?}");
        }
    }

    #[test]
    fn a_text_that_has_no_room_is_an_error_of_usage() {
        let long = Signature {
            reason: Some("x".repeat(MAX_REASON + 1)),
            ..Signature::default()
        };
        let error = long.check("me").unwrap_err();
        assert!(
            error.to_string().contains("--reason may have 512 bytes"),
            "{error}"
        );
        let error = Signature::default().check("a b").unwrap_err();
        assert!(error.to_string().contains("one word"), "{error}");
        assert!(Signature::default().check("me@host").is_ok());
    }

    #[test]
    fn a_later_run_goes_on_as_the_earlier_unless_told_otherwise() {
        let first = Going {
            max_in_flight: Some(3),
            timeout: Some(Duration::from_secs(5)),
            keep_going: true,
            ..Going::default()
        }
        .roll(turns(&Action::Reboot { force: false }));
        assert_eq!(
            (first.max_in_flight, first.timeout_ms, first.stagger_ms),
            (3, 5_000, 0)
        );
        let second = Going {
            stagger: Some(Duration::from_secs(1)),
            ..Going::default()
        };
        let expect = Roll {
            stagger_ms: 1_000,
            ..first
        };
        assert_eq!(second.roll(first), expect);
    }

    #[test]
    fn nobodys_power_is_cut_before_a_minute_of_silence_however_short_the_timeout() {
        let going = Going {
            timeout: Some(Duration::from_secs(30)),
            ..Going::default()
        };
        let roll = going.roll(turns(&Action::Reboot { force: false }));
        let pace = going.pace(&roll, Signing::Each);
        assert_eq!((pace.timeout_ms, pace.silence_ms), (30_000, 60_000));
    }

    #[test]
    fn what_may_break_a_pi_goes_on_carefully_and_a_cancel_reaches_all() {
        let operation = OperationId([0; 16]);
        for (action, many, on_failure) in [
            (Action::Reboot { force: true }, 8, OnFailure::Stop),
            (Action::Cancel { operation }, 128, OnFailure::KeepGoing),
            (Action::Query { operation: None }, 128, OnFailure::KeepGoing),
        ] {
            let turns = turns(&action);
            assert_eq!((turns.max_in_flight, turns.on_failure), (many, on_failure));
        }
    }
}
