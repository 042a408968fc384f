//! The words and numbers of a transition. It knows no operation.
use picket_proto::{Reason, State, command};

use super::MOST_TRANSITIONS;

/// A detail, and a warning, has at most this many bytes, and three dots.
const MOST_WORDS: usize = 400;

/// The state that an operation comes into, and why.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) state: State,
    pub(super) reason: Option<Reason>,
    pub(super) detail: Option<String>,
}

impl Turn {
    pub(super) fn to(state: State) -> Self {
        Self {
            state,
            reason: None,
            detail: None,
        }
    }

    pub(super) fn failed(reason: Reason, detail: String) -> Self {
        Self {
            state: State::Failed,
            reason: Some(reason),
            detail: Some(detail),
        }
    }

    pub(super) fn refused(reason: Reason, detail: String) -> Self {
        Self {
            state: State::Refused,
            ..Self::failed(reason, detail)
        }
    }

    pub(super) fn saying(mut self, detail: String) -> Self {
        self.detail = Some(detail);
        self
    }
}

pub(super) fn unsupported(id: u16) -> String {
    let name = command::action_name(id).unwrap_or("unnamed");
    format!("action {id} ({name}) is not known to this picketd; update it")
}

pub(super) fn capped() -> String {
    format!(
        "it took {MOST_TRANSITIONS} steps, the most that an operation may take; look at the Pi's log"
    )
}

/// As much of the words as a report may carry.
pub(super) fn bounded(words: &str) -> String {
    match words.len() > MOST_WORDS {
        true => {
            let end = (0..=MOST_WORDS)
                .rev()
                .find(|&at| words.is_char_boundary(at));
            format!("{}...", &words[..end.unwrap_or(0)])
        }
        false => words.to_owned(),
    }
}
