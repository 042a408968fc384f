//! What becomes of a command: flaws with their reasons, nonces, and operations that are known.
use picket_proto::{Action as Wanted, Nonce};
use picket_test_keys::TestKey;
use picketd::command::Input;

use super::{
    orders::{
        self, CONFIGURE, FORCED, IDENTIFY, Order, QUERY_LAST, REBOOT, STRANGER, cancel, query,
    },
    world::World,
};

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
    world.expect(&["1 refused out_of_range"]);
    assert_eq!(world.nonce(), nonce, "a refusal takes no nonce");
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
    world.expect(&["1 accepted", "IDENTIFY 5"]);
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
    // How a broker forgets what it kept, and what it keeps of that.
    world.message(Vec::new());
    world.input(Input::Command {
        payload: Vec::new(),
        retained: true,
    });
    let told = [
        "1 refused retained",
        "1 refused unknown_signer",
        "0 refused format",
    ];
    world.expect(&told);
    world.core.set_signers(None);
    world.give(&order);
    world.expect(&["1 refused no_signers"]);
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
    world.expect(&["4 refused stale_nonce"]);
}

#[test]
fn what_is_signed_again_is_the_same_operation_and_other_values_are_not() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    world.order(1, REBOOT);
    world.expect(&["1 preflight"]);
    world.order(1, FORCED);
    world.expect(&["1 refused operation_reused"]);
    world.order(1, IDENTIFY);
    world.expect(&["1 refused operation_reused"]);
}

#[test]
fn the_last_64_operations_are_known_and_one_under_way_is_never_forgotten() {
    let mut world = World::new();
    world.order(1, REBOOT);
    world.take();
    let mut given = Vec::new();
    for number in 2..=70 {
        world.pass(1_000);
        given.push(world.fresh(number, cancel(99)));
        world.give(given.last().unwrap());
        world.pubacks();
    }
    world.take();
    for (order, expected) in [
        (&given[0], "2 refused unknown_operation"),
        (&given[68], "70 refused unknown_operation"),
    ] {
        world.give(order);
        world.expect(&[expected]);
    }
    world.order(71, query(1));
    world.expect(&["1 rebooting", "71 succeeded"]);
}
