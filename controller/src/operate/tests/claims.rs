//! What a Pi says is a claim: what is believed, and what isn't.
use picket_proto::{Action as Wish, OperationId, Reason, Report, State};

use super::rig::{OPERATION, PACE, Rig, aims, device, reboot, report};
use crate::operate::{Ending, Word};

const OTHER: OperationId = OperationId([9; 16]);

#[test]
fn a_reboot_that_ends_in_the_same_boot_is_not_believed_and_told_once() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.offer(1);
    for _ in 0..3 {
        rig.stands(1, State::Succeeded, 1);
    }
    let nowhere = Report {
        boot: None,
        ..report(State::Succeeded, 1)
    };
    rig.report(1, &nowhere);
    assert_eq!(rig.words(1), [Word::Offered, Word::Disbelieved]);
    assert!(
        rig.details(1)[0].contains("still names the boot 01010101"),
        "{:?}",
        rig.details(1)
    );
    rig.stands(1, State::Succeeded, 2);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Succeeded]);
}

#[test]
fn a_success_before_anybody_asked_is_not_believed() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.stands(1, State::Succeeded, 2);
    assert_eq!(
        (rig.words(1), rig.in_flight()),
        (vec![Word::Disbelieved], vec![device(1)])
    );
}

#[test]
fn other_operations_other_pis_and_ends_that_come_late_are_nothing() {
    let mut rig = Rig::new(reboot(), PACE, &aims(2));
    rig.offer(1);
    let other = Report {
        operation: Some(OTHER),
        ..report(State::Failed, 1)
    };
    rig.report(1, &other);
    rig.report(1, &Report::default());
    rig.stands(3, State::Failed, 1);
    assert_eq!(rig.words(1), [Word::Offered]);
    rig.stands(1, State::Succeeded, 2);
    rig.stands(1, State::Failed, 2);
    assert_eq!(rig.roll.pis()[0].ending(), Some(Ending::Succeeded));
    assert!(rig.roll.pis()[1].is_in_flight());
}

#[test]
fn a_refusal_means_what_its_reason_says() {
    for (reason, before, after) in [
        (
            Some(Reason::Busy),
            Some(Ending::Refused),
            Some(Ending::Refused),
        ),
        (
            Some(Reason::Inhibited),
            Some(Ending::Refused),
            Some(Ending::Refused),
        ),
        (Some(Reason::BadSignature), Some(Ending::Refused), None),
        (Some(Reason::UnknownSigner), Some(Ending::Refused), None),
        (Some(Reason::Retained), None, None),
        (Some(Reason::RateLimited), None, None),
        (Some(Reason::StaleNonce), None, None),
        (Some(Reason::WrongBoot), Some(Ending::Refused), None),
        (None, Some(Ending::Refused), Some(Ending::Refused)),
    ] {
        for (is_accepted, expect) in [(false, before), (true, after)] {
            let mut rig = Rig::new(reboot(), PACE, &aims(1));
            rig.offer(1);
            if is_accepted {
                rig.stands(1, State::Accepted, 1);
            }
            let refusal = Report {
                reason,
                ..report(State::Refused, 1)
            };
            rig.report(1, &refusal);
            assert_eq!(
                rig.roll.pis()[0].ending(),
                expect,
                "{reason:?} {is_accepted}"
            );
            let noted = rig.words(1).contains(&Word::Note);
            assert_eq!(noted, expect.is_none(), "{reason:?} {is_accepted}");
        }
    }
}

#[test]
fn advice_follows_the_pis_own_words() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.offer(1);
    let busy = Report {
        reason: Some(Reason::Busy),
        detail: Some("reboot 12".to_owned()),
        ..report(State::Refused, 1)
    };
    rig.report(1, &busy);
    let detail = rig.details(1)[0];
    assert!(
        detail.starts_with("reboot 12 (") && detail.contains("picket query"),
        "{detail}"
    );
}

#[test]
fn a_query_is_answered_by_the_operation_that_it_asks_for() {
    for (wanted, said, is_answer) in [
        (Some(OTHER), OTHER, true),
        (None, OTHER, true),
        (Some(OTHER), OperationId([3; 16]), false),
    ] {
        let mut rig = Rig::new(Wish::Query { operation: wanted }, PACE, &aims(1));
        let answer = Report {
            operation: Some(said),
            ..report(State::Failed, 1)
        };
        rig.report(1, &answer);
        assert!(rig.in_flight() == [device(1)], "nobody asked yet");
        rig.offer(1);
        rig.report(1, &answer);
        let told = rig.news.last().unwrap();
        assert_eq!(told.about, is_answer.then_some(OTHER), "{wanted:?}");
        assert!(!told.is_final && rig.in_flight() == [device(1)]);
        rig.stands(1, State::Succeeded, 1);
        assert_eq!(rig.roll.pis()[0].ending(), Some(Ending::Succeeded));
    }
    let mut rig = Rig::new(Wish::Query { operation: None }, PACE, &aims(1));
    rig.offer(1);
    rig.refuses(1, Reason::UnknownOperation);
    assert_eq!(rig.roll.pis()[0].ending(), Some(Ending::Refused));
    assert_eq!(rig.news.last().unwrap().about, None);
    assert_eq!(rig.roll.order().operation, OPERATION);
}

#[test]
fn a_pi_that_talks_without_end_is_told_up_to_a_limit_and_its_end_is_told() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.offer(1);
    for number in 0..1_000 {
        let chatter = Report {
            transition: Some(number),
            ..report(State::Preflight, 1)
        };
        rig.report(1, &chatter);
    }
    assert!(rig.news.len() < 300, "{}", rig.news.len());
    rig.stands(1, State::Failed, 1);
    assert_eq!(rig.words(1).last(), Some(&Word::Pi(State::Failed)));
}

#[test]
fn long_words_of_a_pi_are_cut() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.offer(1);
    let long = Report {
        detail: Some("ä".repeat(100_000)),
        warnings: Some(vec!["w".repeat(1_000); 64]),
        ..report(State::Failed, 1)
    };
    rig.report(1, &long);
    let news = rig.news.last().unwrap();
    let detail = news.detail.as_ref().unwrap();
    let lengths = (
        detail.chars().count(),
        news.warnings.len(),
        news.warnings[0].len(),
    );
    assert_eq!(lengths, (500, 16, 500));
}
