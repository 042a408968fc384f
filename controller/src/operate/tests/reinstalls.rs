//! A reinstall: how much is done, an image that is held, the keys that a person compares.
use picket_proto::{Action as Wish, OperationId, Progress, Reinstall, Report, State};

use super::rig::{PACE, Rig, aims, boot, report};
use crate::operate::{Before, Ending, Pace, Wait, Word};

#[test]
fn progress_is_told_now_and_then_and_the_newest_is_always_known() {
    let mut rig = Rig::new(reinstall(), PACE, &aims(1));
    rig.offer(1);
    rig.stands(1, State::Unpacking, 1);
    for (pass_ms, boottime_ms, bytes, known) in [
        (0, 10_000, 10, 10),
        (2_000, 12_000, 20, 20),
        // It was overtaken.
        (0, 11_000, 15, 20),
        (7_999, 20_000, 30, 30),
        (1, 20_001, 40, 40),
    ] {
        rig.pass(pass_ms);
        rig.report(1, &done(boottime_ms, bytes));
        let shown = rig.roll.pis()[0].progress().unwrap().bytes;
        assert_eq!(shown, known, "{bytes}");
    }
    let told = rig.news.iter().filter_map(|news| news.progress);
    let told: Vec<_> = told.map(|progress| progress.bytes).collect();
    assert_eq!(told, [10, 40]);
    let mut another = done(30_000, 50);
    another.operation = Some(OperationId([9; 16]));
    rig.report(1, &another);
    assert_eq!(rig.roll.pis()[0].progress().unwrap().bytes, 40);
    rig.stands(1, State::Sealed, 1);
    assert_eq!(rig.roll.pis()[0].progress(), None, "the stage is over");
}

#[test]
fn the_end_tells_the_new_host_keys_and_how_long_it_took() {
    for (state, ending) in [
        (State::Succeeded, Ending::Succeeded),
        (State::RolledBack, Ending::RolledBack),
        (State::Failed, Ending::Failed),
    ] {
        let mut rig = Rig::new(reinstall(), PACE, &aims(1));
        rig.pass(1_000);
        rig.offer(1);
        rig.stands(1, State::Trial, 2);
        rig.pass(100_000);
        let keys = vec!["256 SHA256:abc root@pi (ED25519)".to_owned(); 20];
        let last = Report {
            host_keys: Some(keys.clone()),
            ..report(state, 2)
        };
        rig.report(1, &last);
        assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [ending]);
        let news = rig.news.last().unwrap();
        assert_eq!(news.took_ms, Some(101_000));
        assert_eq!(news.host_keys, keys[..8], "a Pi may name any number");
    }
}

#[test]
fn a_held_image_ends_the_order_when_it_is_staged_and_its_end_does_else() {
    for (wait, endings) in [
        (Wait::Staged, &[Ending::Accepted][..]),
        (Wait::End, &[]),
        (Wait::FirstWord, &[Ending::Accepted]),
    ] {
        let pace = Pace { wait, ..PACE };
        let mut rig = Rig::new(reinstall(), pace, &aims(1));
        rig.offer(1);
        for state in [State::Accepted, State::Unpacking, State::Staged] {
            rig.stands(1, state, 1);
        }
        assert_eq!(rig.roll.endings().collect::<Vec<_>>(), endings, "{wait:?}");
        assert_eq!(rig.roll.is_over(), !endings.is_empty());
        let last = match wait {
            Wait::FirstWord => State::Accepted,
            _ => State::Staged,
        };
        assert_eq!(rig.words(1).last(), Some(&Word::Pi(last)));
    }
    let pace = Pace {
        wait: Wait::Staged,
        ..PACE
    };
    let mut rig = Rig::new(reinstall(), pace, &aims(1));
    rig.offer(1);
    rig.stands(1, State::Failed, 1);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Failed]);
}

/// The proof is another boot: what a Pi says of an image that can't have been booted is no news.
#[test]
fn an_image_that_runs_without_another_boot_is_not_believed() {
    for state in [
        State::Trial,
        State::Committed,
        State::Cleaning,
        State::Succeeded,
    ] {
        let mut rig = Rig::new(reinstall(), PACE, &aims(1));
        rig.offer(1);
        rig.stands(1, State::Rebooting, 1);
        rig.stands(1, state, 1);
        let nowhere = Report {
            boot: None,
            ..report(state, 1)
        };
        rig.report(1, &nowhere);
        assert_eq!(rig.words(1).last(), Some(&Word::Disbelieved), "{state}");
        assert_eq!(rig.roll.endings().count(), 0, "{state}");
        let why = rig.news.last().unwrap().detail.clone().unwrap();
        assert!(why.contains(&state.to_string()), "{why}");
        rig.stands(1, state, 2);
        assert_eq!(rig.words(1).last(), Some(&Word::Pi(state)), "{state}");
    }
    // An earlier run had signed it.
    let mut aims = aims(2);
    aims[0].before = Before::Signed(boot(3));
    aims[1].before = Before::Signed(boot(4));
    let mut rig = Rig::new(reinstall(), PACE, &aims);
    rig.stands(1, State::Succeeded, 3);
    rig.stands(2, State::Succeeded, 3);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Succeeded]);
}

fn done(boottime_ms: u64, bytes: u64) -> Report {
    Report {
        boottime_ms: Some(boottime_ms),
        progress: Some(Progress {
            stage: State::Unpacking,
            bytes,
            of_bytes: 100,
            entries: 0,
            of_entries: 0,
        }),
        ..report(State::Unpacking, 1)
    }
}

fn reinstall() -> Wish {
    Wish::Reinstall(Reinstall {
        image: "debian".to_owned(),
        digest: [1; 32],
        hostname: None,
        ssh_keys: Vec::new(),
        hold: false,
        discard_old: false,
        keep_old_days: 0,
    })
}
