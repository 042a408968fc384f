//! Children that are told to give up, or killed, at any time.
use picket_proto::Reason;
use picketd::reinstall::wire::{Event, Order, Stage};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    image::Image,
    rig::{Rig, Running, last},
    server::Gated,
};

fn signal(running: &Running, signal: Signal) {
    let pid = Pid::from_child(&running.child);
    kill_process(pid, signal).unwrap();
}

#[test]
fn who_gives_up_leaves_the_idle_slot_empty_and_says_so() {
    for thousandths in [0, 1, 300, 999] {
        for by_signal in [true, false] {
            let rig = Rig::new(&Image::small(), "tar.zst");
            let before = rig.active();
            let server = Gated::start(rig.path("images"), thousandths);
            let mut order = rig.order();
            order.images = server.images();
            let mut running = Running::install(&order);
            server.wait();
            match by_signal {
                true => signal(&running, Signal::TERM),
                false => drop(running.child.stdin.take()),
            }
            let events: Vec<_> = running.events().collect();
            let Event::Failed { reason, detail } = last(&events) else {
                panic!("{events:?}");
            };
            assert_eq!(*reason, Reason::GivenUp, "{detail}");
            assert!(detail.contains("the idle slot is empty"), "{detail}");
            assert_eq!(running.end().code(), Some(1));
            assert_eq!(rig.slots(), ["a"]);
            assert_eq!(rig.active(), before);
        }
    }
}

#[test]
fn a_child_that_is_killed_at_any_time_leaves_no_half_slot_and_the_next_one_cleans() {
    let rig = Rig::new(&Image::small(), "tar.zst");
    let before = rig.active();
    for thousandths in [0, 50, 400, 1000] {
        let server = Gated::start(rig.path("images"), thousandths);
        let mut order = rig.order();
        order.images = server.images();
        let mut running = Running::install(&order);
        running.until(|event| {
            matches!(
                event,
                Event::Stage {
                    stage: Stage::Unpacking
                }
            )
        });
        server.wait();
        signal(&running, Signal::KILL);
        running.end();
        // Whatever was reached: the slot is whole, or isn't there.
        let slots = rig.slots();
        assert!(!slots.contains(&"b".to_owned()), "{slots:?}");
        assert_eq!(
            rig.give(&Order::Clean {
                export: rig.export(),
                slot: None,
                lock: None,
            }),
            [Event::Cleaned]
        );
        assert_eq!(rig.slots(), ["a"]);
        assert_eq!(rig.active(), before);
    }
    let events = rig.run(&rig.order());
    assert!(matches!(last(&events), Event::Staged { .. }), "{events:?}");
}
