//! How often commands are refused aloud, so that noise can't flood broker and log. Strangers and signers have a bucket each: whoever
//! can sign gets his answer, however loud the others are, unless what they send is what he signed.
use picket_proto::{Reason, Report, State};

use super::Action;
use crate::bucket::Bucket;

/// Answers: 32 at once, then one in a second.
const ANSWERS: Bucket = Bucket::new(32, 1_000);
/// How often what was dropped is logged, in ms.
const NOTE_MS: u64 = 60_000;

/// Whom an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// Anybody who can publish.
    Stranger,
    /// Somebody whose signature was verified; or whoever replays it.
    Signer,
}

/// What was answered, and what was not.
#[derive(Debug)]
pub(super) struct Refusals {
    strangers: Bucket,
    signers: Bucket,
    /// Not answered since an answer told of it.
    untold: u64,
    /// Not answered since the log told of it, and when it will.
    unlogged: u64,
    log_ms: Option<u64>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self {
            strangers: ANSWERS,
            signers: ANSWERS,
            untold: 0,
            unlogged: 0,
            log_ms: None,
        }
    }
}

impl Refusals {
    /// Whether there may be an answer now; if not, that is counted.
    pub(super) fn may_answer(&mut self, asker: Asker, now_ms: u64) -> bool {
        let bucket = match asker {
            Asker::Stranger => &mut self.strangers,
            Asker::Signer => &mut self.signers,
        };
        let may = bucket.take(now_ms);
        if !may {
            self.untold = self.untold.saturating_add(1);
            self.unlogged = self.unlogged.saturating_add(1);
            self.log_ms.get_or_insert(now_ms.saturating_add(NOTE_MS));
        }
        may
    }

    /// The words of a refusal, with how many were not answered before it.
    pub(super) fn words(&mut self, detail: &str) -> String {
        match std::mem::take(&mut self.untold) {
            0 => detail.to_owned(),
            more => format!("{detail} ({more} more commands were not answered)"),
        }
    }

    /// When [`Refusals::note_dropped`] is wanted.
    pub(super) fn deadline(&self) -> Option<u64> {
        self.log_ms
    }

    /// What the log must know, once a minute.
    pub(super) fn note_dropped(&mut self, now_ms: u64) -> Option<Action> {
        self.log_ms.take_if(|at| *at <= now_ms)?;
        let count = std::mem::take(&mut self.unlogged);
        Some(Action::Note(Report {
            state: Some(State::Refused),
            reason: Some(Reason::RateLimited),
            detail: Some(format!(
                "{count} commands of the last minute were not answered, for there were too many; see who publishes them"
            )),
            ..Report::default()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_take_no_answer_from_signers_and_what_is_dropped_is_told() {
        let mut refusals = Refusals::default();
        let mut count = |asker, now| (0..100).filter(|_| refusals.may_answer(asker, now)).count();
        assert_eq!(count(Asker::Stranger, 100_000), 32);
        assert_eq!(count(Asker::Signer, 100_000), 32);
        assert_eq!(count(Asker::Stranger, 103_000), 3);
        assert_eq!(
            refusals.words("no"),
            "no (233 more commands were not answered)"
        );
        assert_eq!(refusals.words("no"), "no");
        assert_eq!(refusals.deadline(), Some(160_000));
        assert_eq!(refusals.note_dropped(159_999), None);
        let Some(Action::Note(report)) = refusals.note_dropped(160_000) else {
            panic!("the log learns nothing");
        };
        assert!(report.detail.unwrap().starts_with("233 commands"));
        assert_eq!(refusals.note_dropped(300_000), None);
        assert_eq!(refusals.deadline(), None);
    }
}
