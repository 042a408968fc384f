//! What goes out: reports until they are confirmed, answers under their limits, pongs, and what `status` says.
use picket_proto::{Nonce, Ping, Reason, frame};
use picket_test_keys::TestKey;
use picketd::{command::Input, host::HostEvent};

use super::{
    orders::{self, IDENTIFY, Order, REBOOT},
    world::{Did, World},
};

#[test]
fn reports_are_offered_until_the_broker_has_them() {
    let mut world = World::new();
    world.order(1, IDENTIFY);
    world.input(Input::Host(HostEvent::Identified(Ok(()))));
    world.puback();
    world.take();
    world.input(Input::Disconnected);
    world.input(Input::Connected);
    world.expect(&["1 succeeded"]);
    let (delivery, _) = world.in_flight[0];
    world.input(Input::Refused(delivery));
    world.take();
    world.pass(999);
    world.expect(&[]);
    world.pass(1);
    world.expect(&["1 succeeded"]);
    world.pubacks();
    world.input(Input::Disconnected);
    world.input(Input::Connected);
    world.expect(&[]);
}

#[test]
fn of_too_many_reports_the_final_ones_are_kept() {
    let mut world = World::new();
    world.input(Input::Disconnected);
    for number in 1..=60 {
        world.pass(1_000);
        world.order(number, IDENTIFY);
        world.input(Input::Host(HostEvent::Identified(Ok(()))));
    }
    world.take();
    world.input(Input::Connected);
    let told = world.take();
    assert_eq!(told.len(), 64);
    let succeeded = told.iter().filter(|words| words.ends_with("succeeded"));
    assert_eq!(succeeded.count(), 60);
}

#[test]
fn noise_takes_no_place_from_what_became_of_an_operation() {
    let mut world = World::new();
    world.order(1, IDENTIFY);
    world.input(Input::Host(HostEvent::Identified(Ok(()))));
    for _ in 0..200 {
        world.message(b"noise".to_vec());
        world.pass(1_000);
    }
    world.take();
    world.input(Input::Disconnected);
    world.input(Input::Connected);
    let told = world.take();
    assert_eq!(told.len(), 64);
    assert_eq!(told[..2], ["1 accepted", "1 succeeded"]);
}

#[test]
fn noise_gets_32_answers_and_takes_none_from_signers() {
    let mut world = World::new();
    let signed = world.fresh(1, IDENTIFY);
    for _ in 0..1_000 {
        world.message(b"noise".to_vec());
    }
    assert_eq!(world.take().len(), 32);
    world.give(&signed);
    world.expect(&["1 accepted", "IDENTIFY 5"]);
    for _ in 0..1_000 {
        world.give(&signed);
    }
    assert!(world.take().len() <= 32);
    world.did.clear();
    world.pass(60_000);
    let logged = world.did.iter().any(|did| match did {
        Did::Note(note) => note.reason == Some(Reason::RateLimited),
        _ => false,
    });
    assert!(logged, "{:?}", world.did);
}

#[test]
fn signatures_are_not_judged_faster_than_the_processor_may() {
    let mut world = World::new();
    let order = world.fresh(1, REBOOT);
    let mut forged = order.signed_by(&orders::key());
    *forged.last_mut().unwrap() ^= 1;
    for _ in 0..64 {
        world.message(forged.clone());
    }
    world.take();
    world.pass(90);
    world.give(&order);
    world.expect(&[]);
    world.pass(10_000);
    world.give(&order);
    world.expect(&["1 accepted", "1 preflight", "PREFLIGHT"]);
}

#[test]
fn a_key_that_nobody_listed_takes_no_judgement_from_signers() {
    let mut world = World::new();
    let order = world.fresh(1, REBOOT);
    let strange = order.signed_by(&TestKey::new(2));
    for _ in 0..1_000 {
        world.message(strange.clone());
    }
    world.take();
    world.give(&order);
    world.expect(&["1 accepted", "1 preflight", "PREFLIGHT"]);
}

#[test]
fn a_ping_is_answered_with_what_the_next_command_needs() {
    let mut world = World::new();
    let ping = |token| Input::Ping {
        payload: frame::encode(&Ping { token }),
    };
    world.input(ping(7));
    let Some(Did::Pong(pong)) = world.did.pop() else {
        panic!("no answer");
    };
    assert_eq!(
        (pong.token, pong.nonce, pong.boot),
        (7, world.nonce(), world.boot())
    );
    assert_eq!(pong.boottime_ms, world.now_ms);
    world.input(Input::Ping {
        payload: b"noise".to_vec(),
    });
    world.expect(&[]);
}

#[test]
fn the_last_operation_stands_in_status_before_the_machine_goes_down() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.preflighted(None);
    world.pubacks();
    let said = world.did.iter().rev().find_map(|did| match did {
        Did::Status(last) => Some(last.clone()),
        _ => None,
    });
    assert_eq!(said, world.core.last_operation());
    assert!(matches!(world.did.last(), Some(Did::Reboot)));
}

#[test]
fn commands_of_long_ago_do_not_take_the_place_of_what_this_boot_did() {
    let mut world = World::new();
    world.order(1, IDENTIFY);
    world.input(Input::Host(HostEvent::Identified(Ok(()))));
    let last = world.core.last_operation();
    for number in 2..=200 {
        world.pass(1_000);
        let old = Order::new(number, REBOOT, orders::boot(99), Nonce([9; 16]));
        world.give(&old);
    }
    world.take();
    assert_eq!(world.core.last_operation(), last);
    world.order(1, IDENTIFY);
    world.expect(&["1 succeeded"]);
}
