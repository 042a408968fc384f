//! Children that are shells, and do what no child of picketd's should.
use std::{num::NonZeroU8, time::Instant};

use picket_proto::{DeviceId, OperationId, Reason, State, image::Digest};
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::{
    reinstall::wire::{Images, Install, Personal},
    slots::Slot,
};

const CLEANED: &str = r#"echo '{"event":"cleaned"}'"#;
const ALIVE: &str = r#"echo '{"event":"alive"}'"#;
/// Long enough for any machine to start a shell.
const LONG: Duration = Duration::from_secs(300);

fn clean() -> Order {
    Order::Clean {
        export: "/nowhere".into(),
        slot: None,
        lock: None,
    }
}

fn install() -> Order {
    Order::Install(Box::new(Install {
        export: "/nowhere".into(),
        slot: Slot::B,
        images: Images::Folder("/nowhere".into()),
        ca: None,
        signers: "/nowhere".into(),
        catalogue_at_least: 0,
        image: "image".to_owned(),
        digest: Digest([0; 32]),
        personal: Personal {
            hostname: None,
            ssh_keys: Vec::new(),
            device_id: DeviceId([7; 8]),
        },
        discard_old: false,
        writers: NonZeroU8::MIN,
        read_back: false,
        operation: OperationId([9; 16]),
        lock: None,
    }))
}

/// What becomes of that order with such children.
fn run_with(
    silence: Duration,
    script: &str,
    order: &Order,
    reins: &Reins,
) -> (Result<WorkerEvent, String>, Vec<WorkerEvent>) {
    let (said, mut heard) = unbounded_channel();
    let nursery = Nursery {
        program: "sh",
        arguments: &["-c", script],
        silence,
    };
    let last = nursery.run(order, reins, &said);
    let mut events = Vec::new();
    while let Ok(event) = heard.try_recv() {
        events.push(event);
    }
    (last, events)
}

fn run(silence: Duration, script: &str) -> Result<WorkerEvent, String> {
    run_with(silence, script, &clean(), &Reins::default()).0
}

#[test]
fn what_it_says_is_heard_and_its_last_word_is_its_answer() {
    let script = format!(
        r#"{ALIVE}; echo nonsense; head -c 9999 /dev/zero; echo
           echo '{{"event":"stage","stage":"sealed"}}'; {CLEANED}; {ALIVE}; exit 1"#
    );
    let (last, events) = run_with(LONG, &script, &clean(), &Reins::default());
    assert_eq!(last, Ok(WorkerEvent::Cleaned));
    assert_eq!(events, [WorkerEvent::Stage(State::Sealed)]);
}

#[test]
fn one_that_ends_without_a_word_or_says_nothing_any_more_is_told() {
    for (script, words) in [
        ("exit 3", "without a word, with exit status: 3"),
        ("kill -9 $$", "without a word, with signal: 9"),
        (ALIVE, "without a word, with exit status: 0"),
    ] {
        let why = run(LONG, script).unwrap_err();
        assert!(why.contains(words), "{script}: {why}");
    }
    // Both come after it was silent, and neither is waited for.
    let begin = Instant::now();
    let silence = Duration::from_secs(1);
    for script in ["exec sleep 999", "kill -STOP $$"] {
        let why = run(silence, script).unwrap_err();
        assert!(
            why.contains("said nothing for 1 s and was killed"),
            "{script}: {why}"
        );
    }
    // It has said its last word.
    let script = format!("{CLEANED}; exec sleep 999");
    assert_eq!(run(silence, &script), Ok(WorkerEvent::Cleaned));
    assert!(begin.elapsed() < LONG, "it was waited for");
}

#[test]
fn one_that_says_that_it_lives_is_left_alone_however_long_it_takes() {
    let script = format!("for n in 1 2 3 4 5 6; do {ALIVE}; sleep 0.5; done; {CLEANED}");
    let silence = Duration::from_secs(2);
    // On a machine that is so busy that half a second becomes two this says nothing.
    let outcome = (0..5).map(|_| run(silence, &script)).find(Result::is_ok);
    assert_eq!(outcome, Some(Ok(WorkerEvent::Cleaned)));
}

#[test]
fn the_wish_to_give_up_is_heard_also_by_one_that_is_not_there_yet() {
    // It ends when its input does.
    let script = r#"read order; cat >/dev/null; echo '{"event":"failed","reason":"given_up","detail":"yes"}'"#;
    let reins = Reins::default();
    reins.give_up();
    let (last, _) = run_with(LONG, script, &clean(), &reins);
    let Ok(WorkerEvent::Failed { reason, .. }) = last else {
        panic!("{last:?}");
    };
    assert_eq!(reason, Reason::GivenUp);
}

#[test]
fn what_one_leaves_that_ended_without_a_word_another_one_removes() {
    let order = install();
    for (cleaner, words) in [
        (CLEANED, "nothing of what it had begun is left"),
        (
            r#"echo '{"event":"failed","reason":"disk","detail":"the disk is gone"}'"#,
            "still there: the disk is gone",
        ),
        ("exit 5", "still there: the child ended without a word"),
    ] {
        let script =
            format!(r#"read order; case $order in *install*) kill -9 $$;; esac; {cleaner}"#);
        let (last, _) = run_with(LONG, &script, &order, &Reins::default());
        let why = last.unwrap_err();
        assert!(why.contains("signal: 9") && why.contains(words), "{why}");
    }
}
