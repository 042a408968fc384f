//! The agent dies, or the power is cut, after each action of a reinstall, one at a time and then in pairs. Each time the operation ends,
//! the Pi runs one of two whole slots, and what is told is what is so.
use picket_proto::{RootSlot, State};
use picketd::command::{Input, WorkerEvent};

use super::{
    orders::{operation, reinstall},
    world::World,
};

/// More than any way takes.
const ROUNDS: usize = 400;

#[derive(Debug, Clone, Copy)]
enum Death {
    OfProcess,
    OfMachine,
}

/// Everything that is asked of the world is done, one thing at a time.
fn answer(world: &mut World) {
    if !world.connected {
        world.input(Input::Connected);
    } else if world.writing.is_some() {
        world.written();
    } else if world.changing.is_some() {
        world.changed();
    } else if world.filling.is_some() {
        let host_keys = Vec::new();
        world.child(WorkerEvent::Staged { host_keys });
    } else if world.removing {
        world.child(WorkerEvent::Cleaned);
    } else if world.going_down {
        // What is to kill it later still is.
        let dies_after = world.dies_after;
        world.boots();
        world.dies_after = dies_after;
    } else if !world.in_flight.is_empty() {
        world.puback();
    } else {
        world.pass(1_000);
    }
}

/// One reinstall with deaths after those numbers of actions. Whether all of them came.
fn run(deaths: &[usize], death: Death) -> bool {
    let what = format!("{death:?} {deaths:?}");
    let mut world = World::new();
    let order = world.fresh(1, reinstall(false));
    world.give(&order);
    let mut left = deaths.iter();
    let mut next = left.next();
    world.dies_after = next.copied();
    let mut processes = world.processes;
    for _ in 0..ROUNDS {
        answer(&mut world);
        if world.processes != processes && world.dies_after.is_none() && next.is_some() {
            next = left.next();
            if let (Death::OfMachine, false) = (death, world.going_down) {
                world.boots();
            }
            world.dies_after = next.copied();
        }
        processes = world.processes;
        let known = world.core.last_operation();
        if known.is_some_and(|last| last.state.is_final()) && world.writing.is_none() {
            break;
        }
    }
    check(&mut world, &what);
    next.is_none()
}

fn check(world: &mut World, what: &str) {
    let record = &world.boot_record;
    let Some(last) = world.core.last_operation() else {
        // It died before the order was recorded: nothing was done.
        assert_eq!(
            (record.mounted, record.active),
            (RootSlot::A, RootSlot::A),
            "{what}"
        );
        return;
    };
    assert_eq!(last.operation, operation(1), "{what}");
    let expected = match last.state {
        State::Succeeded => RootSlot::B,
        State::Failed => RootSlot::A,
        state => panic!("{what}: it ends as {state}: {:?}", last.detail),
    };
    assert_eq!(record.active, expected, "{what}: {last:?}");
    assert_eq!(record.mounted, expected, "{what}: {last:?}");
    assert_eq!(record.trial, None, "{what}");
    // It is known from then on, and not begun again.
    world.boots();
    let again = world.core.last_operation().map(|last| last.state);
    assert_eq!(again, Some(last.state), "{what}");
}

#[test]
fn a_reinstall_ends_right_wherever_the_agent_dies_or_the_power_is_cut() {
    let mut points = 0;
    for death in [Death::OfProcess, Death::OfMachine] {
        let all = (0..).take_while(|at| run(&[*at], death)).count();
        assert!(all >= 20, "{all} points");
        points += all;
    }
    println!("it died at {points} points");
}

#[test]
fn a_reinstall_ends_right_also_if_that_happens_twice() {
    // Emulated code is slow, and decides nothing else: there it is every eighth pair.
    let every = match std::env::var_os("PICKET_RUNNER") {
        Some(_) => 8,
        None => 1,
    };
    let mut points = 0;
    for death in [Death::OfProcess, Death::OfMachine] {
        for first in 0..40 {
            points += (0..40)
                .filter(|second| (first + second) % every == 0 && run(&[first, *second], death))
                .count();
        }
    }
    println!("it died at {points} pairs of points");
    assert!(points >= 400 / every, "{points}");
}
