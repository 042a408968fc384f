//! The way of one Pi, from its ping to its end.
use picket_proto::{Channel, Nonce, Pong, Reason, State, Topic, frame::encode};

use super::rig::{OPERATION, PACE, Rig, aims, boot, device, reboot, report};
use crate::operate::{
    Aim, Before, Ending, Input, MAX_SIGNATURES, Pace, VALIDITY_MS, WORD_PATIENCE_MS, Wait, Word,
};

#[test]
fn a_reboot_is_asked_signed_offered_until_its_end_and_over() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    assert_eq!(rig.pings, [(0, device(1))]);
    rig.now = 200;
    rig.pong(1, 1);
    let target = rig.commands[0].targets[0];
    assert_eq!((target.boot, target.nonce), (boot(1), Nonce([1; 16])));
    assert_eq!(target.not_after_ms, 5_000 + VALIDITY_MS);
    assert!(rig.offers.is_empty(), "nothing goes out unsigned");
    rig.now = 300;
    rig.sign();
    rig.now = 400;
    rig.stands(1, State::Accepted, 1);
    rig.stands(1, State::Rebooting, 1);
    rig.pass(25_000);
    let times: Vec<_> = rig.offers.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [300, 10_300, 20_300]);
    rig.stands(1, State::Succeeded, 2);
    let pi = |state| Word::Pi(state);
    assert_eq!(
        rig.words(1),
        [
            Word::Offered,
            pi(State::Accepted),
            pi(State::Rebooting),
            pi(State::Succeeded)
        ]
    );
    assert!(rig.roll.is_over() && rig.news.last().unwrap().is_final);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Succeeded]);
    rig.pass(100_000);
    assert_eq!(
        (rig.offers.len(), rig.commands.len()),
        (3, 1),
        "nothing follows"
    );
}

#[test]
fn a_pi_that_is_offline_is_waited_for_and_asked_as_soon_as_it_comes() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.present(1, 4, false);
    rig.pass(60_000);
    assert_eq!(rig.words(1), [Word::Waiting], "it is told once");
    assert!(rig.details(1)[0].contains("not connected"));
    let times: Vec<_> = rig.pings.iter().map(|(at, _)| *at).take(12).collect();
    let expect = [0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 37, 47].map(|s| s * 1_000);
    assert_eq!(times, expect);
    rig.present(1, 5, true);
    assert_eq!(rig.pings.last(), Some(&(60_000, device(1))));
    rig.offer(1);
    assert_eq!(rig.offers, [(60_000, device(1))]);
    rig.pass(540_000);
    assert_eq!(rig.words(1).last(), Some(&Word::TimedOut));
    assert!(
        rig.details(1)[1].contains("says nothing of the command"),
        "{:?}",
        rig.details(1)
    );
}

#[test]
fn the_will_of_an_older_connection_is_ignored() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.present(1, 5, true);
    rig.present(1, 4, false);
    rig.pass(10_000);
    let words = rig.details(1)[0];
    assert!(words.contains("it is connected"), "{words}");
}

#[test]
fn a_nonce_that_was_used_up_is_asked_for_again_and_the_boot_stays_the_first() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.offer(1);
    rig.refuses(1, Reason::StaleNonce);
    rig.pass(0);
    assert_eq!(rig.pings.len(), 2, "at once");
    rig.pong(1, 1);
    rig.sign();
    rig.refuses(1, Reason::Expired);
    rig.pass(10_000);
    rig.pong(1, 2);
    assert_eq!(
        rig.commands.len(),
        2,
        "what was signed is good enough for another boot to say so"
    );
    assert_eq!(rig.offers.len(), 3);
    assert!(
        rig.commands
            .iter()
            .all(|command| command.targets[0].boot == boot(1))
    );
    assert!(
        rig.commands
            .iter()
            .all(|command| command.operation == OPERATION)
    );
    rig.stands(1, State::Succeeded, 2);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Succeeded]);
}

#[test]
fn a_restarted_agent_that_forgot_the_operation_is_signed_for_again_and_told_of_again() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    let counted = |state, number| picket_proto::Report {
        transition: Some(number),
        ..report(state, 1)
    };
    rig.offer(1);
    rig.report(1, &counted(State::Accepted, 1));
    rig.report(1, &counted(State::Preflight, 2));
    rig.report(1, &counted(State::Accepted, 1));
    rig.refuses(1, Reason::StaleNonce);
    rig.pass(0);
    rig.pong(1, 1);
    rig.sign();
    rig.report(1, &counted(State::Accepted, 1));
    let pi = |state| Word::Pi(state);
    let expect = [
        Word::Offered,
        pi(State::Accepted),
        pi(State::Preflight),
        Word::Note,
        pi(State::Accepted),
    ];
    assert_eq!(rig.words(1), expect, "what was overtaken is not told");
}

#[test]
fn signing_again_and_again_has_an_end() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    for _ in 0..MAX_SIGNATURES {
        rig.offer(1);
        rig.refuses(1, Reason::StaleNonce);
        rig.pass(40_000);
    }
    assert_eq!(rig.commands.len(), 8);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Refused]);
    let since: Vec<_> = rig
        .offers
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .collect();
    assert!(since.iter().all(|ms| *ms > 0), "{since:?}");
}

#[test]
fn an_old_pong_does_not_bring_the_old_nonce_back() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    let old = rig.tokens[&device(1)];
    rig.offer(1);
    rig.refuses(1, Reason::StaleNonce);
    rig.pass(0);
    let pong = Pong {
        token: old,
        nonce: Nonce([1; 16]),
        boot: boot(1),
        boottime_ms: 0,
    };
    let message = |token, retained| Input::Message {
        topic: Topic {
            channel: Channel::Pong,
            device: device(1),
        },
        payload: encode(&Pong { token, ..pong }),
        retained,
    };
    rig.take(message(old, false));
    let new = rig.tokens[&device(1)];
    rig.take(message(new, true));
    assert_eq!(rig.commands.len(), 1, "nor does one that the broker kept");
    rig.take(message(new, false));
    assert_eq!(rig.commands.len(), 2);
}

#[test]
fn without_a_connection_nothing_is_sent_and_with_it_at_once() {
    let mut rig = Rig::unconnected(reboot(), PACE, &aims(1));
    rig.take(Input::Deadline);
    rig.pass(20_000);
    assert!(rig.pings.is_empty());
    rig.take(Input::Connected);
    assert_eq!(rig.pings, [(20_000, device(1))]);
    rig.offer(1);
    rig.take(Input::Disconnected);
    rig.pass(95_000);
    assert_eq!(rig.offers.len(), 1);
    rig.take(Input::Connected);
    assert_eq!(rig.offers.last(), Some(&(115_000, device(1))));
    rig.take(Input::Disconnected);
    rig.pass(600_000);
    assert!(rig.details(1)[0].contains("no connection to the broker"));
}

#[test]
fn without_waiting_the_first_word_is_the_end_or_the_brokers_confirmation() {
    let pace = Pace {
        wait: Wait::FirstWord,
        ..PACE
    };
    let mut rig = Rig::new(reboot(), pace, &aims(3));
    let confirmed = |number, channel| {
        Input::Confirmed(Topic {
            channel,
            device: device(number),
        })
    };
    for number in 1..=3 {
        rig.offer(number);
    }
    rig.stands(1, State::Accepted, 1);
    rig.take(confirmed(2, Channel::Command));
    rig.take(confirmed(3, Channel::Ping));
    rig.pass(WORD_PATIENCE_MS - 1);
    assert_eq!(rig.in_flight(), [device(2), device(3)]);
    rig.pass(1);
    assert_eq!(
        rig.in_flight(),
        [device(3)],
        "a ping that was confirmed is no command"
    );
    assert_eq!(rig.words(1).last(), Some(&Word::Pi(State::Accepted)));
    assert_eq!(rig.words(2).last(), Some(&Word::Confirmed));
    rig.refuses(3, Reason::Inhibited);
    let endings = [Ending::Accepted, Ending::Offered, Ending::Refused];
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), endings);
}

#[test]
fn without_waiting_a_command_that_was_refused_is_not_taken_for_one_that_lies_there() {
    let pace = Pace {
        wait: Wait::FirstWord,
        ..PACE
    };
    let confirmed = Input::Confirmed(Topic {
        channel: Channel::Command,
        device: device(1),
    });
    let mut rig = Rig::new(reboot(), pace, &aims(1));
    rig.offer(1);
    rig.take(confirmed.clone());
    rig.pass(WORD_PATIENCE_MS - 1);
    rig.refuses(1, Reason::StaleNonce);
    rig.pass(2_000);
    assert_eq!(rig.in_flight(), [device(1)], "the next one isn't out yet");
    rig.offer(1);
    rig.take(confirmed);
    rig.pass(WORD_PATIENCE_MS);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Offered]);
}

#[test]
fn a_later_run_signs_for_the_boot_of_the_earlier_and_leaves_alone_what_ended() {
    let before = [Before::Signed(boot(1)), Before::Ended(Ending::Succeeded)];
    let aims: Vec<_> = aims(2)
        .into_iter()
        .zip(before)
        .map(|(aim, before)| Aim { before, ..aim })
        .collect();
    let mut rig = Rig::new(reboot(), PACE, &aims);
    assert_eq!(rig.in_flight(), [device(1)]);
    rig.pong(1, 9);
    assert_eq!(rig.commands[0].targets[0].boot, boot(1));
    rig.sign();
    rig.stands(1, State::Succeeded, 9);
    assert_eq!(
        rig.roll.endings().collect::<Vec<_>>(),
        [Ending::Succeeded; 2]
    );
}

#[test]
fn a_key_that_does_not_sign_is_a_failure() {
    let mut rig = Rig::new(reboot(), PACE, &aims(1));
    rig.pong(1, 1);
    let signed = Err("the agent refused".to_owned());
    rig.take(Input::Signed { number: 0, signed });
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Failed]);
    assert!(rig.offers.is_empty() && rig.details(1) == ["the agent refused"]);
}
