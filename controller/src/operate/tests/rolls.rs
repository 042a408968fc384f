//! Many Pis: turns, failures, halts, and signatures that are made together.
use picket_proto::State;

use super::rig::{PACE, Rig, aims, boot, device, reboot};
use crate::operate::{AtFailure, Ending, Input, Pace, Signing, Word};

#[test]
fn there_are_never_more_under_way_than_allowed_and_they_begin_one_after_the_other() {
    let pace = Pace {
        max_in_flight: 2,
        stagger_ms: 5_000,
        ..PACE
    };
    let mut rig = Rig::new(reboot(), pace, &aims(4));
    assert_eq!(rig.in_flight(), [device(1)]);
    rig.pass(5_000);
    assert_eq!(rig.in_flight(), [device(1), device(2)]);
    rig.pass(20_000);
    assert_eq!(rig.in_flight().len(), 2);
    rig.offer(1);
    rig.stands(1, State::Succeeded, 2);
    assert_eq!(rig.in_flight(), [device(2), device(3)]);
    rig.offer(2);
    rig.stands(2, State::Succeeded, 2);
    assert_eq!(rig.in_flight(), [device(3)], "its stagger isn't over");
    rig.pass(5_000);
    assert_eq!(rig.in_flight(), [device(3), device(4)]);
}

#[test]
fn the_first_failure_halts_what_was_not_begun_and_the_rest_is_followed() {
    let pace = Pace {
        max_in_flight: 2,
        ..PACE
    };
    let mut rig = Rig::new(reboot(), pace, &aims(4));
    rig.offer(1);
    rig.offer(2);
    rig.stands(1, State::Failed, 1);
    assert!(rig.roll.is_halted());
    assert_eq!(rig.in_flight(), [device(2)]);
    let halted = rig.news.iter().find(|news| news.word == Word::Halted);
    let words = halted.unwrap().detail.as_deref().unwrap();
    assert!(
        words.contains("2 not begun") && words.contains("picket resume 0707"),
        "{words}"
    );
    rig.pass(20_000);
    assert!(rig.words(3).is_empty());
    rig.stands(2, State::Succeeded, 2);
    let endings: Vec<_> = rig.roll.endings().collect();
    let expect = [
        Ending::Failed,
        Ending::Succeeded,
        Ending::NotStarted,
        Ending::NotStarted,
    ];
    assert_eq!(endings, expect);
    assert!(
        rig.pings
            .iter()
            .all(|(_, pi)| [device(1), device(2)].contains(pi))
    );
}

#[test]
fn a_failure_halts_nothing_when_told_so() {
    let pace = Pace {
        max_in_flight: 1,
        at_failure: AtFailure::GoOn,
        ..PACE
    };
    let mut rig = Rig::new(reboot(), pace, &aims(2));
    rig.offer(1);
    rig.stands(1, State::Failed, 1);
    assert_eq!(rig.in_flight(), [device(2)]);
    rig.offer(2);
    rig.stands(2, State::Succeeded, 2);
    assert_eq!(
        rig.roll.endings().collect::<Vec<_>>(),
        [Ending::Failed, Ending::Succeeded]
    );
}

#[test]
fn a_halt_takes_back_what_was_not_offered_and_leaving_ends_all() {
    let mut rig = Rig::new(reboot(), PACE, &aims(4));
    rig.offer(1);
    rig.offer(2);
    rig.pong(3, 1);
    rig.take(Input::Halt);
    assert_eq!(rig.in_flight(), [device(1), device(2)]);
    rig.sign();
    assert_eq!(
        rig.offers.len(),
        2,
        "a signature that comes after the halt is not used"
    );
    rig.stands(1, State::Succeeded, 2);
    rig.take(Input::Leave);
    assert!(rig.roll.is_over());
    let endings: Vec<_> = rig.roll.endings().collect();
    let expect = [
        Ending::Succeeded,
        Ending::Left,
        Ending::NotStarted,
        Ending::NotStarted,
    ];
    assert_eq!(endings, expect);
    assert!(rig.details(2)[0].contains("picket resume"));
}

#[test]
fn a_halt_tells_how_many_it_takes_back() {
    let mut rig = Rig::new(reboot(), PACE, &aims(3));
    rig.offer(1);
    rig.take(Input::Halt);
    let halted = rig.news.iter().find(|news| news.word == Word::Halted);
    let words = halted.expect("it is told").detail.as_deref().unwrap();
    assert!(words.contains("2 not begun"), "{words}");
}

#[test]
fn a_key_that_wants_to_be_touched_signs_once_for_a_wave() {
    let pace = Pace {
        max_in_flight: 3,
        stagger_ms: 1_000,
        signing: Signing::Together,
        ..PACE
    };
    let mut rig = Rig::new(reboot(), pace, &aims(5));
    assert_eq!(rig.in_flight().len(), 3);
    for number in 1..=3 {
        assert!(rig.requests.is_empty());
        rig.pong(number, number);
    }
    let targets = &rig.commands[0].targets;
    let signed: Vec<_> = targets
        .iter()
        .map(|target| (target.device, target.boot))
        .collect();
    assert_eq!(
        signed,
        [1, 2, 3].map(|number| (device(number), boot(number)))
    );
    rig.sign();
    assert_eq!(rig.offers.len(), 3);
    rig.pass(5_000);
    for number in 1..=3 {
        assert_eq!(
            rig.in_flight().len(),
            4 - usize::from(number),
            "the next wave waits"
        );
        rig.stands(number, State::Succeeded, 9);
    }
    assert_eq!(rig.in_flight(), [device(4), device(5)]);
    assert_eq!(rig.commands.len(), 1);
}

#[test]
fn a_wave_does_not_wait_long_for_a_pi_that_does_not_answer() {
    let pace = Pace {
        signing: Signing::Together,
        ..PACE
    };
    let mut rig = Rig::new(reboot(), pace, &aims(3));
    rig.pong(1, 1);
    rig.pong(2, 1);
    assert!(rig.requests.is_empty());
    rig.pass(2_000);
    assert_eq!(rig.commands[0].targets.len(), 2);
    rig.sign();
    rig.pass(1_000);
    rig.pong(3, 1);
    assert_eq!(
        rig.commands[1].targets.len(),
        1,
        "it comes late, and nobody else is expected"
    );
}
