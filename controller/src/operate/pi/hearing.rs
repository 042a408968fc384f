//! What a Pi says: its reports are judged, its presence and status kept.
use picket_proto::{Presence, Progress, Report, State, Status};

use super::{LEAST_MS, Phase, Pi};
use crate::operate::{
    MAX_SIGNATURES, advice,
    judge::{Verdict, judge},
    news::{News, Word},
    order::{Ending, Wait},
    turn::Turn,
};

/// What a Pi may say before its further progress is no longer told.
const MAX_TOLD: u32 = 256;
/// How much of a stage is done is told at most this often, in ms.
const PROGRESS_MS: u64 = 10_000;

impl Pi {
    pub(in crate::operate) fn report(&mut self, turn: &mut Turn, report: &Report) {
        if !self.is_in_flight() {
            return;
        }
        self.heard_ms = Some(turn.now_ms);
        if let Some(progress) = report.progress {
            return self.progressed(turn, report, progress);
        }
        match judge(turn.order, &self.seen, report) {
            Verdict::Nothing => {}
            Verdict::Progress(latest) => {
                self.seen.latest = Some(latest);
                self.since_ms = turn.now_ms;
                (self.progress, self.progress_told_ms) = (None, None);
                let news = News::of(self.device, Word::Pi(latest.state), report);
                match turn.pace.wait {
                    Wait::FirstWord => self.end(turn, Ending::Accepted, news),
                    Wait::Staged if latest.state == State::Staged => {
                        self.end(turn, Ending::Accepted, news);
                    }
                    Wait::Staged | Wait::End => self.tell(turn, news),
                }
            }
            Verdict::Over(ending, state) => {
                let mut news = News::of(self.device, Word::Pi(state), report);
                if news.detail.is_none() || ending == Ending::Refused {
                    news.detail = advice::refused(report.reason, news.detail);
                }
                self.end(turn, ending, news);
            }
            Verdict::Answer(operation, state) => {
                if self.is_offered {
                    let mut news = News::of(self.device, Word::Pi(state), report);
                    news.about = Some(operation);
                    self.tell(turn, news);
                }
            }
            Verdict::SignAgain => self.again(turn, report),
            Verdict::Noise => {
                let news = News::of(self.device, Word::Note, report);
                self.tell(turn, news);
            }
            Verdict::Disbelieved(why) => {
                if !std::mem::replace(&mut self.is_disbelieved, true) {
                    let news = News::of(self.device, Word::Disbelieved, report).because(why);
                    turn.tell(news);
                }
            }
        }
    }

    /// Of several that overtook one another the latest counts, and not each is told: a terminal shows the newest all the time.
    fn progressed(&mut self, turn: &mut Turn, report: &Report, progress: Progress) {
        let at = report.boottime_ms.unwrap_or_default();
        let is_ours = report.operation == Some(turn.order.operation) && self.is_offered;
        if !is_ours || self.progress.is_some_and(|(known, _)| at < known) {
            return;
        }
        self.progress = Some((at, progress));
        let told = self.progress_told_ms;
        if told.is_none_or(|told| turn.now_ms.saturating_sub(told) >= PROGRESS_MS) {
            self.progress_told_ms = Some(turn.now_ms);
            let mut news = News::of(self.device, Word::Progress, report);
            news.progress = Some(progress);
            turn.tell(news);
        }
    }

    /// Its nonce was used up, by another operator or by a restart.
    fn again(&mut self, turn: &mut Turn, report: &Report) {
        if !matches!(self.phase, Phase::Offered { .. }) {
            return;
        }
        let news = News::of(self.device, Word::Note, report);
        if self.signatures >= MAX_SIGNATURES {
            let words = format!("{MAX_SIGNATURES} commands were signed, and none was fresh enough");
            let news = News::of(self.device, Word::Pi(State::Refused), report);
            return self.end(turn, Ending::Refused, news.because(words));
        }
        self.tell(turn, news);
        // A restarted agent knows nothing of it and counts from 1 again.
        self.seen.latest = None;
        // The first time at once, then more and more slowly.
        let delay_ms = match self.signatures {
            1 => 0,
            many => LEAST_MS << many.min(5),
        };
        self.ask(turn, delay_ms);
    }

    pub(in crate::operate) fn presence(&mut self, turn: &mut Turn, presence: Presence) {
        let is_older = self.presence.is_some_and(|known| {
            known.boot == presence.boot && presence.connection < known.connection
        });
        if is_older || self.presence.replace(presence) == Some(presence) {
            return;
        }
        if presence.online {
            self.hurry(turn);
        }
    }

    pub(in crate::operate) fn status(&mut self, status: Status) {
        self.features = status.features;
    }

    fn tell(&mut self, turn: &mut Turn, news: News) {
        self.told = self.told.saturating_add(1);
        if self.told <= MAX_TOLD {
            turn.tell(news);
        }
    }
}
