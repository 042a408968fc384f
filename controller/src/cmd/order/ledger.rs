//! What of an order's news goes into the audit log. Knows no file.

use crate::{
    audit::{Entry, Halted, Outcome, Settled, Transition},
    operate::{Ending, News, Word},
};

/// The entries that tell this; `ending` is how that Pi ended, if it did.
pub(super) fn entries(news: &News, ending: Option<Ending>) -> Vec<Entry> {
    let mut entries = Vec::new();
    let Some(device) = news.device else {
        let why = news.detail.clone().unwrap_or_default();
        return match news.word {
            Word::Halted => vec![Halted { why }.into()],
            _ => entries,
        };
    };
    if let (Word::Pi(state), None) = (news.word, news.about) {
        entries.push(Entry::from(Transition {
            device,
            state,
            reason: news.reason,
            detail: news.detail.clone(),
            boot_id: news.boot,
            boottime_ms: news.boottime_ms,
            transition: news.transition,
            warnings: news.warnings.clone(),
        }));
    }
    let outcome = ending.filter(|_| news.is_final).and_then(outcome);
    entries.extend(outcome.map(|outcome| {
        Entry::from(Settled {
            device,
            outcome,
            detail: news.detail.clone(),
        })
    }));
    entries
}

fn outcome(ending: Ending) -> Option<Outcome> {
    match ending {
        Ending::Succeeded => Some(Outcome::Succeeded),
        Ending::Refused => Some(Outcome::Refused),
        Ending::Failed => Some(Outcome::Failed),
        Ending::RolledBack => Some(Outcome::RolledBack),
        Ending::Cancelled => Some(Outcome::Cancelled),
        Ending::TimedOut => Some(Outcome::TimedOut),
        Ending::Accepted | Ending::Offered | Ending::NotStarted | Ending::Left => None,
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::{DeviceId, State};

    use super::*;

    #[test]
    fn what_a_pi_said_and_how_it_ended_are_entries_and_our_patience_is_none() {
        let news = |word, is_final| News {
            is_final,
            ..News::ours(Some(DeviceId([1; 8])), word)
        };
        let kinds = |news: &News, ending| -> Vec<&'static str> {
            let entries = entries(news, ending);
            let kind = |entry: &Entry| match entry {
                Entry::Transition(_) => "transition",
                Entry::Settled(_) => "settled",
                Entry::Halted(_) => "halted",
                _ => "other",
            };
            entries.iter().map(kind).collect()
        };
        let done = Word::Pi(State::Succeeded);
        let going = Word::Pi(State::Rebooting);
        for (news, ending, expect) in [
            (news(going, false), None, &["transition"][..]),
            (
                news(done, true),
                Some(Ending::Succeeded),
                &["transition", "settled"],
            ),
            (
                news(Word::TimedOut, true),
                Some(Ending::TimedOut),
                &["settled"],
            ),
            (news(Word::NotStarted, true), Some(Ending::NotStarted), &[]),
            (news(Word::Waiting, false), None, &[]),
            (News::ours(None, Word::Halted), None, &["halted"]),
        ] {
            assert_eq!(kinds(&news, ending), expect, "{news:?}");
        }
    }
}
