//! What is said of a server: tables and timelines, and a server that hangs and heals as it likes.
use picket_proto::{Gap, NfsState, NfsVerdict, Reading};
use proptest::prelude::*;

use super::*;

const PERIOD_MS: u64 = 10_000;
const QUICK: InBand = InBand::Answered { rtt_us: 400 };
const SLOW: InBand = InBand::Answered { rtt_us: 100_000 };

#[test]
fn a_tick_alone_is_slow_quick_or_neither() {
    for (in_band, null, passive, slow) in [
        (Some(49_999), None, Err(Gap::Idle), false),
        (Some(50_000), None, Err(Gap::Idle), true),
        (None, Some(49_999), Err(Gap::Idle), false),
        (None, Some(50_000), Err(Gap::Idle), true),
        (None, None, Ok(199_999), false),
        (None, None, Ok(200_000), true),
        (Some(400), Some(300), Ok(200_000), true),
        (Some(400), Some(60_000), Ok(700), true),
        (Some(60_000), Some(300), Ok(700), true),
        (None, None, Err(Gap::Garbled), false),
    ] {
        let mut verdicts = Verdicts::of_nfs(0);
        let views = views(in_band, null, passive);
        assert_eq!(verdicts.handle(Input::Tick(views), PERIOD_MS), None);
        let change = verdicts.handle(Input::Tick(views), 2 * PERIOD_MS);
        assert_eq!(change.is_some(), slow, "{views:?}");
    }
}

#[test]
fn slow_begins_with_the_second_slow_tick_and_ends_with_the_third_quick_one() {
    let slow = said(NfsState::Slow, 3 * PERIOD_MS);
    let ok = said(NfsState::Ok, 12 * PERIOD_MS);
    let timeline = [
        (100, None),
        (30, None),
        (100, None),
        (100, slow),
        (100, None),
        (10, None),
        (10, None),
        (30, None),
        (10, None),
        (100, None),
        (10, None),
        (10, None),
        (10, ok),
        (10, None),
    ];
    let mut verdicts = Verdicts::of_nfs(0);
    for (tick, (ms, change)) in (0..).zip(timeline) {
        let views = views(Some(ms * 1000), None, Err(Gap::Idle));
        let seen = verdicts.handle(Input::Tick(views), tick * PERIOD_MS);
        assert_eq!(seen, change, "tick {tick}");
    }
}

#[test]
fn a_stall_is_known_four_seconds_after_the_tick_and_ends_in_slow() {
    let mut verdicts = Verdicts::of_nfs(0);
    let tick = |in_band| Input::Tick(only(in_band));
    assert_eq!(verdicts.handle(tick(InBand::Unasked), 0), None);
    assert_eq!(verdicts.deadline(), Some(4_000));
    assert_eq!(verdicts.handle(tick(QUICK), 10_000), None);
    let waiting = InBand::Waiting { since_ms: 10_000 };
    assert_eq!(verdicts.handle(Input::InBand(waiting), 13_999), None);
    assert_eq!(verdicts.deadline(), Some(14_000));
    let stalled = said(NfsState::Stalled, 10_000);
    assert_eq!(verdicts.handle(Input::InBand(waiting), 14_000), stalled);
    assert_eq!(verdicts.deadline(), None);
    for now_ms in [20_000, 30_000, 180_000] {
        assert_eq!(verdicts.handle(tick(waiting), now_ms), None);
        assert_eq!(verdicts.deadline(), None);
    }
    let late = InBand::Answered {
        rtt_us: 175_000_000,
    };
    let slow = said(NfsState::Slow, 185_000);
    assert_eq!(verdicts.handle(Input::InBand(late), 185_000), slow);
    for (in_band, now_ms, change) in [
        (late, 190_000, None),
        (QUICK, 200_000, None),
        (QUICK, 210_000, None),
        (QUICK, 220_000, said(NfsState::Ok, 220_000)),
    ] {
        assert_eq!(verdicts.handle(tick(in_band), now_ms), change);
        assert_eq!(verdicts.deadline(), Some(now_ms + PATIENCE_MS));
    }
}

#[test]
fn a_probe_that_waits_across_ticks_keeps_its_time() {
    let mut verdicts = Verdicts::of_nfs(0);
    verdicts.handle(Input::Tick(only(InBand::Unasked)), 0);
    let waiting = InBand::Waiting { since_ms: 0 };
    for now_ms in [1_000, 2_000, 3_000] {
        assert_eq!(verdicts.handle(Input::Tick(only(waiting)), now_ms), None);
        assert_eq!(verdicts.deadline(), Some(4_000));
    }
    let change = verdicts.handle(Input::Tick(only(waiting)), 4_000);
    assert_eq!(change, said(NfsState::Stalled, 0));
}

#[test]
fn stale_is_said_at_once_and_from_every_state() {
    let stale = said(NfsState::Stale, 99_000);
    let waiting = InBand::Waiting { since_ms: 0 };
    for before in [&[][..], &[SLOW, SLOW], &[waiting]] {
        let mut verdicts = Verdicts::of_nfs(0);
        for (tick, in_band) in (1..).zip(before) {
            verdicts.handle(Input::Tick(only(*in_band)), tick * PERIOD_MS);
        }
        let tick = |in_band| Input::Tick(only(in_band));
        assert_eq!(verdicts.handle(tick(InBand::Stale), 99_000), stale);
        assert_eq!(verdicts.handle(tick(InBand::Stale), 109_000), None);
        assert_eq!(verdicts.handle(tick(InBand::Failed), 119_000), None);
        let ok = said(NfsState::Ok, 129_000);
        assert_eq!(verdicts.handle(tick(QUICK), 129_000), ok);
    }
}

/// A soft mount gives up and says EIO; that is no answer.
#[test]
fn a_call_that_failed_ends_no_stall_and_begins_none() {
    let mut verdicts = Verdicts::of_nfs(0);
    let tick = |in_band| Input::Tick(only(in_band));
    assert_eq!(verdicts.handle(tick(InBand::Failed), 0), None);
    let waiting = InBand::Waiting { since_ms: 0 };
    assert!(verdicts.handle(tick(waiting), 10_000).is_some());
    assert_eq!(verdicts.handle(tick(InBand::Failed), 20_000), None);
    let verdict = verdicts.nfs().map(|verdict| verdict.verdict);
    assert_eq!(verdict, Some(NfsState::Stalled));
}

#[test]
fn null_calls_say_stalled_only_where_there_is_no_in_band_probe() {
    for (in_band, stalls) in [(InBand::Off, true), (QUICK, false)] {
        let mut verdicts = Verdicts::of_nfs(0);
        let mut tick = |null, now_ms| {
            let views = Views {
                in_band,
                null,
                passive: Err(Gap::Idle),
            };
            verdicts.handle(Input::Tick(views), now_ms)
        };
        let silent = Null::Silent { since_ms: 10_000 };
        let answered = Null::Answered { rtt_us: 300 };
        assert_eq!(tick(answered, 10_000), None);
        assert_eq!(tick(silent, 20_000), None, "one call may be lost");
        let stalled = said(NfsState::Stalled, 10_000).filter(|_| stalls);
        assert_eq!(tick(silent, 30_000), stalled);
        assert_eq!(tick(Null::Unknown, 40_000), None);
        let slow = said(NfsState::Slow, 50_000).filter(|_| stalls);
        assert_eq!(tick(answered, 50_000), slow);
    }
}

#[test]
fn a_root_that_is_not_on_nfs_has_no_verdict_and_a_disk() {
    let mut verdicts = Verdicts::of_disk();
    let waiting = InBand::Waiting { since_ms: 0 };
    assert_eq!(verdicts.handle(Input::Tick(only(waiting)), 99_000), None);
    assert_eq!((verdicts.nfs(), verdicts.deadline()), (None, None));
    let fault = DiskFault::ReadOnly;
    let begins = Change::Disk {
        active: true,
        fault,
    };
    assert_eq!(verdicts.handle(Input::Wrote(Err(fault)), 1), Some(begins));
    assert_eq!(verdicts.disk(), Some(DiskTrouble { fault, since_ms: 1 }));
    assert_eq!(EventKind::from(begins).id(), 12);
}

proptest! {
    /// A server that takes its time over each probe, as long as it likes; the rest is as `run` does it.
    #[test]
    fn a_stall_is_told_in_time_and_nothing_else_is_one(
        took_ms in prop::collection::vec(prop_oneof![
            4 => 0u64..60,
            2 => 3_000u64..5_000,
            1 => 5_000u64..200_000,
        ], 1..60),
    ) {
        let mut shell = Shell::new();
        for took_ms in took_ms {
            shell.probe(took_ms)?;
        }
    }

    /// Whatever is seen: a change is one, a stall never ends in ok, and nothing begins in the future.
    #[test]
    fn a_change_differs_from_what_was_said_before(
        inputs in prop::collection::vec((any_views(), any::<bool>(), 1u64..20_000), 1..100),
    ) {
        let (mut verdicts, mut now_ms) = (Verdicts::of_nfs(0), 0);
        for (seen, is_tick, later_ms) in inputs {
            now_ms += later_ms;
            let before = verdicts.nfs().expect("it is on NFS");
            let input = match is_tick {
                true => Input::Tick(seen),
                false => Input::InBand(seen.in_band),
            };
            let change = verdicts.handle(input, now_ms);
            let after = verdicts.nfs().expect("it is on NFS");
            prop_assert_eq!(change, (before.verdict != after.verdict).then_some(Change::Nfs(after)));
            prop_assert!(after.since_ms <= now_ms);
            prop_assert!(change.is_some() || before == after);
            let healed = before.verdict == NfsState::Stalled && after.verdict == NfsState::Ok;
            prop_assert!(!healed, "{seen:?}");
        }
    }
}

/// What `run` does, with a clock that a test moves.
struct Shell {
    verdicts: Verdicts,
    now_ms: u64,
    last: InBand,
}

impl Shell {
    fn new() -> Self {
        Self {
            verdicts: Verdicts::of_nfs(0),
            now_ms: 0,
            last: InBand::Unasked,
        }
    }

    /// One tick's probe, and all ticks until it has its answer.
    fn probe(&mut self, took_ms: u64) -> Result<(), TestCaseError> {
        let asked_ms = self.now_ms;
        self.verdicts.handle(Input::Tick(only(self.last)), asked_ms);
        let due_ms = self.verdicts.deadline();
        let stalled_before = self.stalled();
        prop_assert_eq!(due_ms.is_none(), stalled_before);
        let waiting = InBand::Waiting { since_ms: asked_ms };
        self.last = InBand::Answered {
            rtt_us: took_ms as i64 * 1000,
        };
        if took_ms > PATIENCE_MS {
            let change = self
                .verdicts
                .handle(Input::InBand(waiting), asked_ms + PATIENCE_MS);
            prop_assert_eq!(change, said(NfsState::Stalled, asked_ms));
        }
        loop {
            self.now_ms += PERIOD_MS;
            if self.now_ms > asked_ms + took_ms {
                break;
            }
            let change = self
                .verdicts
                .handle(Input::Tick(only(waiting)), self.now_ms);
            prop_assert_eq!(change, None);
            prop_assert!(self.stalled());
        }
        if took_ms > PATIENCE_MS {
            let ended_ms = asked_ms + took_ms;
            let change = self.verdicts.handle(Input::InBand(self.last), ended_ms);
            prop_assert_eq!(change, said(NfsState::Slow, ended_ms));
        }
        prop_assert!(!self.stalled());
        Ok(())
    }

    fn stalled(&self) -> bool {
        let verdict = self.verdicts.nfs().map(|verdict| verdict.verdict);
        verdict == Some(NfsState::Stalled)
    }
}

fn any_views() -> impl Strategy<Value = Views> {
    let rtt_us = || prop_oneof![Just(400), Just(30_000), Just(100_000), 0i64..1_000_000];
    let in_band = prop_oneof![
        Just(InBand::Off),
        Just(InBand::Unasked),
        Just(InBand::Waiting { since_ms: 0 }),
        rtt_us().prop_map(|rtt_us| InBand::Answered { rtt_us }),
        Just(InBand::Stale),
        Just(InBand::Failed),
    ];
    let null = prop_oneof![
        Just(Null::Unknown),
        Just(Null::Silent { since_ms: 0 }),
        rtt_us().prop_map(|rtt_us| Null::Answered { rtt_us }),
    ];
    let passive = prop_oneof![Just(Err(Gap::Idle)), rtt_us().prop_map(Ok)];
    (in_band, null, passive).prop_map(|(in_band, null, passive)| Views {
        in_band,
        null,
        passive,
    })
}

fn said(verdict: NfsState, since_ms: u64) -> Option<Change> {
    Some(Change::Nfs(NfsVerdict { verdict, since_ms }))
}

fn only(in_band: InBand) -> Views {
    Views {
        in_band,
        null: Null::Unknown,
        passive: Err(Gap::Idle),
    }
}

fn views(in_band: Option<i64>, null: Option<i64>, passive: Reading) -> Views {
    Views {
        in_band: in_band.map_or(InBand::Unasked, |rtt_us| InBand::Answered { rtt_us }),
        null: null.map_or(Null::Unknown, |rtt_us| Null::Answered { rtt_us }),
        passive,
    }
}
