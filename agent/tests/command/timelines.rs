//! Operations as timelines: what happens, and what the agent reports and does.
use picket_proto::{Action as Wanted, Nonce, Ping, frame};
use picket_test_keys::TestKey;
use picketd::{command::Input, host::HostEvent, journal::Outcome};

use super::{
    orders::{
        self, CONFIGURE, FORCED, IDENTIFY, Order, QUERY_LAST, REBOOT, STRANGER, cancel, query,
    },
    world::{Did, World},
};

fn expect(world: &mut World, expected: &[&str]) {
    assert_eq!(world.take(), expected);
}

#[test]
fn a_reboot_is_reported_and_confirmed_before_the_machine_goes_down_and_proven_by_the_next_boot() {
    let mut world = World::new();
    let order = world.fresh(1, REBOOT);
    world.give(&order);
    expect(&mut world, &["1 accepted", "1 preflight", "PREFLIGHT"]);
    world.preflighted(None);
    expect(&mut world, &["1 rebooting", "FLUSH"]);
    world.puback();
    world.puback();
    expect(&mut world, &[]);
    world.puback();
    expect(&mut world, &["REBOOT"]);
    // Delivered again while the machine goes down: told, not done again.
    world.give(&order);
    expect(&mut world, &["1 rebooting"]);
    world.boots();
    world.input(Input::Connected);
    world.give(&order);
    expect(&mut world, &["1 succeeded"]);
    world.give(&order);
    expect(&mut world, &["1 succeeded"]);
}

#[test]
fn a_dead_broker_holds_no_reboot_up() {
    type Event = fn(&mut World);
    let cases: [(&str, Event, Event); 4] = [
        ("silent", |_| {}, |world| world.pass(2_000)),
        (
            "cut while waiting",
            |_| {},
            |world| world.input(Input::Disconnected),
        ),
        (
            "cut before",
            |world| world.input(Input::Disconnected),
            |_| {},
        ),
        (
            "refusing",
            |_| {},
            |world| {
                let (delivery, _) = world.in_flight[2];
                world.input(Input::Refused(delivery));
            },
        ),
    ];
    for (what, before, after) in cases {
        let mut world = World::new();
        world.order(1, REBOOT);
        before(&mut world);
        world.preflighted(None);
        after(&mut world);
        assert!(world.take().contains(&"REBOOT".to_owned()), "{what}");
    }
}

#[test]
fn a_broker_that_does_not_confirm_is_waited_for_2_s() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.preflighted(None);
    world.take();
    world.pass(1_999);
    expect(&mut world, &[]);
    world.pass(1);
    expect(&mut world, &["REBOOT"]);
}

#[test]
fn an_inhibited_reboot_is_refused_unless_forced() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    world.preflighted(Some("a backup runs"));
    expect(&mut world, &["1 refused inhibited"]);
    world.order(2, FORCED);
    world.take();
    world.preflighted(Some("a backup runs"));
    let warned = world.did.iter().any(|did| match did {
        Did::Report(report) => {
            let warnings = report.warnings.as_deref().unwrap_or_default();
            warnings.iter().any(|words| words.contains("a backup runs"))
        }
        _ => false,
    });
    assert!(warned, "{:?}", world.did);
    expect(&mut world, &["2 rebooting", "FLUSH"]);
}

#[test]
fn a_preflight_that_gets_no_answer_is_no_obstacle() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    world.pass(4_999);
    expect(&mut world, &[]);
    world.pass(1);
    expect(&mut world, &["1 rebooting", "FLUSH"]);
    // The answer comes too late to be of use, and does no harm.
    world.preflighted(Some("a backup runs"));
    expect(&mut world, &[]);
}

#[test]
fn a_machine_that_stays_up_failed_to_reboot() {
    for (event, expected) in [
        (
            Some(HostEvent::Stayed("systemd: timed out".to_owned())),
            "1 failed host",
        ),
        (None, "1 failed timed_out"),
    ] {
        let mut world = World::new();
        world.order(1, REBOOT);
        world.preflighted(None);
        world.pubacks();
        world.take();
        world.input(Input::Host(HostEvent::Rung("systemd".to_owned())));
        expect(&mut world, &["1 rebooting"]);
        match event {
            Some(event) => world.input(Input::Host(event)),
            None => world.pass(900_000),
        }
        expect(&mut world, &[expected]);
        world.order(2, REBOOT);
        expect(&mut world, &["2 accepted", "2 preflight", "PREFLIGHT"]);
    }
}

#[test]
fn a_host_that_never_ends_runs_into_the_cap_on_transitions() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.preflighted(None);
    world.pubacks();
    world.take();
    for rung in 0..100 {
        world.input(Input::Host(HostEvent::Rung(rung.to_string())));
    }
    let told = world.take();
    assert_eq!(told.len(), 61, "64 with the three before");
    assert_eq!(told.last().unwrap(), "1 failed cap");
}

#[test]
fn a_cancel_works_until_the_host_was_told() {
    type Stage = (&'static str, fn(&mut World), &'static [&'static str]);
    let stages: [Stage; 3] = [
        ("preflight", |_| {}, &["1 cancelled", "2 succeeded"]),
        (
            "rebooting",
            |world| world.preflighted(None),
            &["1 cancelled", "2 succeeded"],
        ),
        (
            "told",
            |world| {
                world.preflighted(None);
                world.pubacks();
            },
            &["2 refused too_late"],
        ),
    ];
    for (stage, advance, expected) in stages {
        let mut world = World::new();
        world.order(1, REBOOT);
        advance(&mut world);
        world.take();
        world.order(2, cancel(1));
        assert_eq!(world.take(), expected, "{stage}");
        // Whatever comes afterwards, a cancelled reboot never comes back.
        world.preflighted(None);
        world.pass(10_000);
        expect(&mut world, &[]);
    }
}

#[test]
fn a_cancel_is_answered_whatever_it_is_about() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.order(2, cancel(1));
    world.take();
    for (number, other, expected) in [
        (3, 1, "3 succeeded"),
        (4, 9, "4 refused unknown_operation"),
        (5, 5, "5 refused unknown_operation"),
        (6, 3, "6 refused too_late"),
    ] {
        world.order(number, cancel(other));
        expect(&mut world, &[expected]);
    }
}

#[test]
fn a_second_operation_is_busy_and_a_cancel_and_a_query_are_answered() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    for (number, action, expected) in [
        (2, REBOOT, &["2 refused busy"][..]),
        (3, CONFIGURE, &["3 refused busy"]),
        (4, query(1), &["1 preflight", "4 succeeded"]),
        (5, QUERY_LAST, &["1 preflight", "5 succeeded"]),
        (6, query(9), &["6 refused unknown_operation"]),
        (7, IDENTIFY, &["7 accepted", "IDENTIFY 5"]),
        (8, IDENTIFY, &["8 refused busy"]),
    ] {
        world.order(number, action);
        assert_eq!(world.take(), expected);
    }
}

#[test]
fn a_query_of_nothing_is_answered() {
    let mut world = World::new();
    world.order(1, QUERY_LAST);
    expect(&mut world, &["1 succeeded"]);
}

#[test]
fn a_configuration_is_durable_before_it_holds() {
    let mut world = World::new();
    let order = world.fresh(1, CONFIGURE);
    world.give(&order);
    expect(&mut world, &["1 accepted", "RECORD"]);
    world.written();
    expect(&mut world, &["CONFIGURE 1000/60000"]);
    world.input(Input::Configured { result: Ok(()) });
    expect(&mut world, &["1 succeeded"]);
    // A new process, and a new boot, know it from the journal.
    for _ in 0..2 {
        world.crash();
        world.input(Input::Connected);
        world.give(&order);
        expect(&mut world, &["1 succeeded"]);
        world.boots();
    }
    let both = Wanted::Configure {
        sample_every_ms: None,
        window_ms: None,
    };
    world.input(Input::Connected);
    world.order(2, both);
    world.written();
    expect(
        &mut world,
        &["2 accepted", "RECORD", "CONFIGURE 10000/60000"],
    );
    let record = world.disk.unwrap();
    assert_eq!((record.periods, record.operations.len()), (None, 2));
}

#[test]
fn without_a_journal_a_configuration_is_refused_and_nothing_done() {
    let mut world = World::new();
    world.order(1, CONFIGURE);
    world.take();
    world.input(Input::Journal(Outcome::Failed("no space left".to_owned())));
    expect(&mut world, &["1 refused journal"]);
    // And a reboot doesn't care.
    world.order(2, REBOOT);
    world.preflighted(None);
    world.pubacks();
    assert_eq!(world.take().last().unwrap(), "REBOOT");
}

#[test]
fn while_the_disk_does_not_answer_only_what_needs_it_is_busy() {
    for (outcome, expected) in [
        (Outcome::Written, &["CONFIGURE 1000/60000"][..]),
        (
            Outcome::Failed("stale handle".to_owned()),
            &["1 refused journal"],
        ),
    ] {
        let mut world = World::new();
        world.order(1, CONFIGURE);
        world.take();
        world.input(Input::Journal(Outcome::Unknown));
        expect(&mut world, &["1 unknown"]);
        world.order(2, CONFIGURE);
        world.order(3, cancel(1));
        world.order(4, query(1));
        world.order(5, REBOOT);
        let told = [
            "2 refused busy",
            "3 refused too_late",
            "1 unknown",
            "4 succeeded",
            "5 accepted",
            "5 preflight",
            "PREFLIGHT",
        ];
        expect(&mut world, &told);
        world.preflighted(Some("wait"));
        world.take();
        world.input(Input::Journal(outcome));
        expect(&mut world, expected);
    }
}

#[test]
fn a_journal_and_a_shell_that_never_answer_are_not_waited_for() {
    let mut world = World::new();
    world.order(1, CONFIGURE);
    world.pass(15_000);
    assert_eq!(world.take().last().unwrap(), "1 unknown");
    world.written();
    world.take();
    world.pass(15_000);
    expect(&mut world, &["1 failed host"]);
}

#[test]
fn values_out_of_range_are_refused_before_anything_else() {
    let mut world = World::new();
    let nonce = world.nonce();
    world.order(
        1,
        Wanted::Configure {
            sample_every_ms: Some(1),
            window_ms: None,
        },
    );
    expect(&mut world, &["1 refused out_of_range"]);
    assert_eq!(world.nonce(), nonce, "a refusal takes no nonce");
}

#[test]
fn blinking_ends_in_success_or_says_why_not() {
    for (answer, expected) in [
        (Some(Ok(())), "1 succeeded"),
        (Some(Err("no LED".to_owned())), "1 failed no_led"),
        (None, "1 failed timed_out"),
    ] {
        let mut world = World::new();
        world.order(1, IDENTIFY);
        expect(&mut world, &["1 accepted", "IDENTIFY 5"]);
        match answer {
            Some(answer) => world.input(Input::Host(HostEvent::Identified(answer))),
            None => world.pass(15_000),
        }
        expect(&mut world, &[expected]);
    }
}

#[test]
fn every_flaw_of_a_command_has_its_own_reason_and_nothing_is_done() {
    let world = World::new();
    let fresh = |operation, action| world.fresh(operation, action);
    let unknown = Wanted::Unknown {
        id: 999,
        body: vec![1],
    };
    let mut cases = vec![("1 refused unsupported", fresh(1, unknown))];
    let mut flaw = |expected, action, spoil: fn(&mut Order)| {
        let mut order = fresh(1, action);
        spoil(&mut order);
        cases.push((expected, order));
    };
    flaw("1 refused wrong_target", REBOOT, |order| {
        order.target.device = STRANGER
    });
    flaw("1 refused stale_nonce", REBOOT, |order| {
        order.target.nonce = Nonce([0; 16])
    });
    flaw("1 refused expired", REBOOT, |order| {
        order.target.not_after_ms = 59_999
    });
    flaw("1 refused wrong_boot", IDENTIFY, |order| {
        order.target.boot = orders::boot(9)
    });
    flaw("1 refused wrong_boot", CONFIGURE, |order| {
        order.target.boot = orders::boot(9)
    });
    flaw("1 refused wrong_boot", cancel(2), |order| {
        order.target.boot = orders::boot(9)
    });
    flaw("1 succeeded", REBOOT, |order| {
        order.target.boot = orders::boot(9);
        order.target.nonce = Nonce([0; 16]);
        order.target.not_after_ms = 0;
    });
    for (expected, order) in cases {
        let mut world = World::new();
        let nonce = world.nonce();
        world.give(&order);
        assert_eq!(world.take(), [expected], "{order:?}");
        assert_eq!(world.nonce(), nonce, "{order:?}");
    }
}

#[test]
fn the_last_moment_of_a_command_still_counts() {
    let mut world = World::new();
    let mut order = world.fresh(1, IDENTIFY);
    order.target.not_after_ms = world.now_ms;
    world.give(&order);
    expect(&mut world, &["1 accepted", "IDENTIFY 5"]);
}

#[test]
fn a_retained_command_and_a_strangers_are_refused_with_their_operation() {
    let mut world = World::new();
    let order = world.fresh(1, REBOOT);
    world.input(Input::Command {
        payload: order.signed_by(&orders::key()),
        retained: true,
    });
    world.message(order.signed_by(&TestKey::new(2)));
    world.message(b"noise".to_vec());
    let told = [
        "1 refused retained",
        "1 refused unknown_signer",
        "0 refused format",
    ];
    expect(&mut world, &told);
    world.core.set_signers(None);
    world.give(&order);
    expect(&mut world, &["1 refused no_signers"]);
}

#[test]
fn an_accepted_command_takes_its_nonce_with_it_and_queries_and_cancels_do_not() {
    let mut world = World::new();
    let nonce = world.nonce();
    world.order(1, QUERY_LAST);
    world.order(2, cancel(9));
    assert_eq!(world.nonce(), nonce);
    let replayed = world.fresh(4, FORCED);
    world.order(3, IDENTIFY);
    assert_ne!(world.nonce(), nonce);
    world.take();
    world.give(&replayed);
    expect(&mut world, &["4 refused stale_nonce"]);
}

#[test]
fn what_is_signed_again_is_the_same_operation_and_other_values_are_not() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    world.order(1, REBOOT);
    expect(&mut world, &["1 preflight"]);
    world.order(1, FORCED);
    expect(&mut world, &["1 refused operation_reused"]);
    world.order(1, IDENTIFY);
    expect(&mut world, &["1 refused operation_reused"]);
}

#[test]
fn reports_are_offered_until_the_broker_has_them() {
    let mut world = World::new();
    world.order(1, IDENTIFY);
    world.input(Input::Host(HostEvent::Identified(Ok(()))));
    world.puback();
    world.take();
    world.input(Input::Disconnected);
    world.input(Input::Connected);
    expect(&mut world, &["1 succeeded"]);
    let (delivery, _) = world.in_flight[0];
    world.input(Input::Refused(delivery));
    world.take();
    world.pass(999);
    expect(&mut world, &[]);
    world.pass(1);
    expect(&mut world, &["1 succeeded"]);
    world.pubacks();
    world.input(Input::Disconnected);
    world.input(Input::Connected);
    expect(&mut world, &[]);
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
fn noise_gets_32_answers_and_takes_none_from_signers() {
    let mut world = World::new();
    let signed = world.fresh(1, IDENTIFY);
    for _ in 0..1_000 {
        world.message(b"noise".to_vec());
    }
    assert_eq!(world.take().len(), 32);
    world.give(&signed);
    expect(&mut world, &["1 accepted", "IDENTIFY 5"]);
    for _ in 0..1_000 {
        world.give(&signed);
    }
    assert!(world.take().len() <= 32);
    world.did.clear();
    world.pass(60_000);
    let logged = world.did.iter().any(|did| match did {
        Did::Note(note) => note.reason == Some(picket_proto::Reason::RateLimited),
        _ => false,
    });
    assert!(logged, "{:?}", world.did);
}

#[test]
fn signatures_are_not_judged_faster_than_the_processor_may() {
    let mut world = World::new();
    let order = world.fresh(1, REBOOT);
    let forged = order.signed_by(&TestKey::new(2));
    for _ in 0..64 {
        world.message(forged.clone());
    }
    world.take();
    world.pass(90);
    world.give(&order);
    expect(&mut world, &[]);
    world.pass(10_000);
    world.give(&order);
    expect(&mut world, &["1 accepted", "1 preflight", "PREFLIGHT"]);
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
    expect(&mut world, &[]);
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
    expect(&mut world, &["1 succeeded"]);
}
