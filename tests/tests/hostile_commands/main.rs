//! Hostile commands to a running agent through a real Mosquitto: none is carried out, each is refused for its own reason in the
//! report and in the log, and telemetry goes on.
mod bed;

use std::time::Instant;

use bed::Bed;
use picket_proto::{Action, Channel, Command, Reason, State};
use picket_tests::{
    fleet,
    hostile::PACKET_LIMIT,
    raw_operator::{Retain, foreign_nonce},
};

#[test]
fn signatures_that_are_wrong_are_refused_each_for_its_reason() {
    let bed = Bed::start();
    let cases = bed.forge().signatures();
    assert!(cases.len() >= 19, "{} cases", cases.len());
    bed.refuse_all(&cases);
    bed.is_unharmed();
}

#[test]
fn contents_that_are_wrong_are_refused_each_for_its_reason() {
    let bed = Bed::start();
    let cases = bed.forge().contents();
    assert!(cases.len() >= 26, "{} cases", cases.len());
    bed.refuse_all(&cases);
    bed.is_unharmed();
}

#[test]
fn a_nonce_is_good_for_one_command_that_acts() {
    let bed = Bed::start();
    let (device, raw) = (bed.device(), &bed.raw);
    let pong = raw.ping(device);
    let first = raw.command_after(device, &pong, Action::Identify { seconds: 0 });
    raw.offer(&first);
    raw.wait_for_end(device, first.operation);
    let second = raw.command_after(device, &pong, Action::Reboot { force: true });
    raw.offer(&second);
    let end = raw.wait_for_end(device, second.operation);
    assert_eq!(
        (end.state, end.reason),
        (Some(State::Refused), Some(Reason::StaleNonce))
    );
    let other = Command {
        operation: first.operation,
        ..raw.command(device, Action::Reboot { force: true })
    };
    raw.offer(&other);
    bed.wait_for_refusal(Some(first.operation), Reason::OperationReused, 1);
    bed.is_unharmed();
}

#[test]
fn a_command_that_the_broker_kept_is_refused_however_good_it_is() {
    let bed = Bed::start();
    let (device, raw) = (bed.device(), &bed.raw);
    let (_, init) = bed.shelf.first();
    let command = raw.command(device, Action::Reboot { force: true });
    // The agent is stopped and doesn't hear it; what it hears later is what the broker kept.
    init.with_agent(|agent| {
        agent.process().terminate();
        let frame = raw.key().frame(&command);
        raw.publish(device, Channel::Command, frame, Retain::Yes);
        raw.settle();
        agent.restart();
    });
    bed.wait_for_refusal(Some(command.operation), Reason::Retained, 1);
    raw.publish(device, Channel::Command, Vec::new(), Retain::Yes);
    bed.is_unharmed();
}

#[test]
fn what_is_beyond_the_packet_limit_costs_commands_for_a_while_and_is_an_event() {
    let bed = Bed::start();
    let (device, raw) = (bed.device(), &bed.raw);
    let before = bed.ticks();
    for round in 1..=2 {
        raw.publish(
            device,
            Channel::Command,
            vec![1; PACKET_LIMIT + 1],
            Retain::No,
        );
        bed.wait_for_connection(round + 1);
    }
    bed.wait_for_oversized();
    bed.wait_for_ticks(before + 10);
    bed.has_every_tick();
    assert_eq!(bed.shelf.reboots(), [0]);
}

#[test]
fn what_is_beyond_the_packet_limit_and_retained_does_not_keep_an_agent_from_speaking() {
    let mut bed = Bed::empty();
    let device = fleet::device(1);
    bed.raw.publish(
        device,
        Channel::Command,
        vec![1; PACKET_LIMIT + 1],
        Retain::Yes,
    );
    bed.raw.settle();
    bed.switch_on();
    bed.wait_for_oversized();
    bed.wait_for_ticks(10);
    bed.has_every_tick();
}

#[test]
fn a_flood_of_hostile_commands_is_answered_in_measure() {
    let bed = Bed::start();
    let (device, raw) = (bed.device(), &bed.raw);
    let mut command = raw.command(device, Action::Reboot { force: true });
    command.targets[0].nonce = foreign_nonce();
    let frame = raw.key().frame(&command);
    let begin = Instant::now();
    for _ in 0..2_000 {
        raw.publish(device, Channel::Command, frame.clone(), Retain::No);
    }
    bed.obeys();
    let refused = raw.reports(device).len() as u64;
    // Signers and strangers have 32 answers each, then one in a second; what is replayed too fast to be looked at is a stranger's.
    let most = 2 * (32 + begin.elapsed().as_secs()) + 4;
    assert!(
        (8..=most).contains(&refused),
        "{refused} reports, at most {most} are in measure"
    );
    bed.is_unharmed();
}
