//! When the time is over: whose power is cut, and whose isn't.
use picket_proto::{Action as Wish, State};

use super::rig::{PACE, Rig, aims, device, reboot};
use crate::operate::{Aim, Before, Ending, Input, Pace, Power, Word};

#[test]
fn a_silent_pi_is_switched_off_and_on_and_must_then_be_in_another_boot() {
    let mut rig = switched(reboot());
    rig.offer(1);
    rig.stands(1, State::Rebooting, 1);
    rig.pass(600_000);
    assert_eq!(rig.cycles, [device(1)]);
    assert_eq!(rig.words(1).last(), Some(&Word::PowerCycling));
    rig.pass(1_000_000);
    assert_eq!(
        rig.in_flight(),
        [device(1)],
        "the command has its own deadline"
    );
    let result = Ok("`poe 7` ended with exit status: 0".to_owned());
    rig.take(Input::PowerCycled {
        device: device(1),
        result,
    });
    assert_eq!(rig.offers.last(), Some(&(rig.now, device(1))));
    rig.stands(1, State::Succeeded, 1);
    rig.stands(1, State::Succeeded, 2);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::Succeeded]);
    let words = rig.words(1);
    let power = &words[words.len() - 4..];
    let expect = [
        Word::PowerCycling,
        Word::PowerCycled,
        Word::Disbelieved,
        Word::Pi(State::Succeeded),
    ];
    assert_eq!(power, expect);
}

#[test]
fn it_is_waited_for_once_more_and_not_cut_twice() {
    let mut rig = switched(reboot());
    rig.offer(1);
    rig.stands(1, State::Rebooting, 1);
    rig.pass(600_000);
    let result = Ok(String::new());
    rig.take(Input::PowerCycled {
        device: device(1),
        result,
    });
    rig.pass(599_999);
    assert!(!rig.roll.is_over());
    rig.pass(1);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::TimedOut]);
    assert_eq!(rig.cycles.len(), 1);
    let advice = rig.details(1).pop().unwrap().to_owned();
    assert!(
        advice.contains("not even after its power was cut"),
        "{advice}"
    );
}

#[test]
fn a_pi_that_speaks_or_that_we_could_not_hear_keeps_its_power() {
    let mut talks = switched(reboot());
    talks.offer(1);
    talks.pass(570_000);
    talks.stands(1, State::Accepted, 1);
    talks.pass(30_000);
    let mut unheard = switched(reboot());
    unheard.take(Input::Disconnected);
    unheard.pass(600_000);
    let mut just_back = switched(reboot());
    just_back.take(Input::Disconnected);
    just_back.pass(550_000);
    just_back.take(Input::Connected);
    just_back.pass(50_000);
    let mut no_reboot = switched(Wish::Identify { seconds: 1 });
    no_reboot.pass(600_000);
    for rig in [talks, unheard, just_back, no_reboot] {
        assert!(rig.cycles.is_empty());
        assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::TimedOut]);
    }
}

#[test]
fn a_timeout_that_is_too_short_to_tell_cuts_no_power_and_says_so() {
    for (timeout_ms, is_cut) in [(30_000, false), (119_999, false), (120_000, true)] {
        let pace = Pace { timeout_ms, ..PACE };
        let mut rig = at_pace(reboot(), pace);
        rig.pass(timeout_ms);
        assert_eq!(!rig.cycles.is_empty(), is_cut, "{timeout_ms}");
        let told = rig.details(1).pop().unwrap();
        assert_eq!(told.contains("--timeout of 120 s"), !is_cut, "{told}");
    }
    let pace = Pace {
        timeout_ms: 120_000,
        ..PACE
    };
    for (quiet_ms, is_cut) in [(59_999, false), (60_000, true)] {
        let mut rig = at_pace(reboot(), pace);
        rig.offer(1);
        rig.pass(120_000 - quiet_ms);
        rig.stands(1, State::Rebooting, 1);
        rig.pass(quiet_ms);
        assert_eq!(!rig.cycles.is_empty(), is_cut, "{quiet_ms}");
    }
    let without_a_switch = Pace {
        timeout_ms: 30_000,
        ..PACE
    };
    let mut rig = Rig::new(reboot(), without_a_switch, &aims(1));
    rig.pass(30_000);
    assert!(!rig.details(1).pop().unwrap().contains("--timeout"));
}

#[test]
fn a_pi_that_never_answered_is_not_rebooted_again_after_its_power_was_cut() {
    for (boottime_ms, ending) in [(70_000, Some(Ending::Succeeded)), (76_000, None)] {
        let mut rig = switched(reboot());
        rig.pass(600_000);
        // The command waits until the port has power again, and longer.
        rig.pass(30_000);
        let result = Ok(String::new());
        rig.take(Input::PowerCycled {
            device: device(1),
            result,
        });
        rig.pass(40_000);
        rig.pong_at(1, (5, boottime_ms));
        assert!(rig.commands.is_empty(), "nothing is signed");
        assert_eq!(rig.roll.pis()[0].ending(), ending, "{boottime_ms}");
    }
}

#[test]
fn nor_is_it_by_a_later_run() {
    for (boottime_ms, ending) in [(105_000, Some(Ending::Succeeded)), (105_001, None)] {
        let aims = aims(1).into_iter().map(|aim| Aim {
            before: Before::PowerCycled(60_000),
            ..aim
        });
        let mut rig = Rig::new(reboot(), PACE, &aims.collect::<Vec<_>>());
        rig.pass(40_000);
        rig.pong_at(1, (5, boottime_ms));
        rig.take(Input::Halt);
        assert!(rig.commands.is_empty(), "nothing is signed");
        assert_eq!(rig.roll.pis()[0].ending(), ending, "{boottime_ms}");
        rig.pass(600_000);
        let told = rig.details(1).pop().unwrap();
        let expect = match ending {
            Some(_) => "a boot that began since",
            None => "a boot that began before its power was cut",
        };
        assert!(told.contains(expect), "{told}");
    }
}

#[test]
fn a_halt_does_not_take_back_a_pi_whose_power_was_cut() {
    let mut rig = switched(reboot());
    rig.pass(600_000);
    rig.take(Input::Halt);
    let result = Ok(String::new());
    rig.take(Input::PowerCycled {
        device: device(1),
        result,
    });
    assert_eq!(rig.in_flight(), [device(1)]);
    rig.pass(600_000);
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::TimedOut]);
}

#[test]
fn a_power_command_that_fails_ends_the_wait_with_its_words() {
    let mut rig = switched(reboot());
    rig.pass(600_000);
    let result = Err("`poe 7` ended with exit status: 3: no such port".to_owned());
    rig.take(Input::PowerCycled {
        device: device(1),
        result,
    });
    assert_eq!(rig.roll.endings().collect::<Vec<_>>(), [Ending::TimedOut]);
    assert!(rig.details(1).last().unwrap().contains("no such port"));
}

fn switched(wish: Wish) -> Rig {
    at_pace(wish, PACE)
}

fn at_pace(wish: Wish, pace: Pace) -> Rig {
    let aims: Vec<_> = aims(1)
        .into_iter()
        .map(|aim| Aim {
            power: Power::Switched,
            ..aim
        })
        .collect();
    Rig::new(wish, pace, &aims)
}
