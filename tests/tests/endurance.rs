//! What an agent endures: a flood of messages, and being killed at the worst moment. The broker is scripted.
use std::{
    fs,
    time::{Duration, Instant},
};

use picket_tests::{
    agent::{Agent, Setup},
    eventually,
    scripted_broker::{Packet, Peer, ScriptedBroker},
    tree::Tree,
};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(20);
const FLOOD: Duration = Duration::from_secs(6);

/// 30 kB at a time, to whoever may be acked, as fast as the agent takes it.
#[tokio::test]
async fn a_flood_of_messages_costs_no_tick_and_no_memory() {
    let broker = ScriptedBroker::start().await;
    let tree = Tree::of("pi3-nfs3");
    let mut agent = start(&tree, &broker, "sample_every = \"200ms\"\nwindow = \"1s\"");
    let (mut peer, connect, _) = broker.welcome().await;
    for _ in 0..4 {
        confirm(&mut peer).await;
    }
    let (before, ticks) = (agent.process().resident_kib(), next_tick(&tree));
    let ack = format!("picket/1/ack/{}", connect.client_id);
    let begin = Instant::now();
    let (mut most, mut reports) = (0, 0);
    while begin.elapsed() < FLOOD {
        timeout(DEADLINE, peer.fleeting(&ack, &[0; 30_000]))
            .await
            .expect("the agent reads");
        most = most.max(agent.process().resident_kib().unwrap_or_default());
        if timeout(Duration::from_micros(10), peer.readable())
            .await
            .is_ok()
        {
            confirm(&mut peer).await;
            reports += 1;
        }
    }
    let before = before.expect("the agent runs");
    println!("{before} KiB before, {most} KiB at most, {reports} publishes in the flood");
    assert!(
        most < before + 4096,
        "{before} KiB before, {most} KiB in the flood"
    );
    let made = next_tick(&tree) - ticks;
    assert!((28..=33).contains(&made), "{made} ticks in 6 s");
    assert!(reports >= 4, "{reports} publishes in 6 s");
    let said = agent.process().stderr();
    let lines = said
        .lines()
        .filter(|line| line.contains("messages to this device were dropped"));
    assert_eq!(lines.count(), 1, "{said}");
}

/// What was confirmed must not count as lost too if the agent is killed before its next tick.
#[tokio::test]
async fn a_confirmation_is_on_record_before_the_next_tick() {
    let broker = ScriptedBroker::start().await;
    let tree = Tree::of("pi3-nfs3");
    let _agent = start(&tree, &broker, "sample_every = \"60s\"\nwindow = \"60s\"");
    let (mut peer, ..) = broker.welcome().await;
    let mut reports = 0;
    while reports < 1 {
        let Packet::Publish(publish) = peer.read().await else {
            continue;
        };
        if publish.topic.contains("/event/") {
            assert!(
                counter(&tree, 3) > 0,
                "its numbers are on record before it goes out"
            );
            reports += 1;
        }
        peer.puback(publish.id).await;
    }
    eventually("the confirmed events are on record", DEADLINE, || {
        (counter(&tree, 4) == counter(&tree, 3)).then_some(())
    });
    assert!(next_tick(&tree) <= 1, "no tick came to write the record");
}

async fn confirm(peer: &mut Peer) {
    loop {
        match timeout(DEADLINE, peer.read())
            .await
            .expect("the agent goes on")
        {
            Packet::Publish(publish) => return peer.puback(publish.id).await,
            Packet::PingReq => peer.pingresp().await,
            other => panic!("PUBLISH was expected and not {other:?}"),
        }
    }
}

fn start(tree: &Tree, broker: &ScriptedBroker, extra: &str) -> Agent {
    let setup = Setup {
        broker: &format!("mqtt://{}", broker.address()),
        ack: "puback",
        extra,
    };
    Agent::start(tree, &setup)
}

/// The first counter of the run directory's record, after magic and boot id.
fn next_tick(tree: &Tree) -> u64 {
    counter(tree, 0)
}

fn counter(tree: &Tree, index: usize) -> u64 {
    let record = fs::read(tree.path("run/picket/state")).expect("the agent runs");
    let at = 24 + 8 * index;
    u64::from_le_bytes(record[at..at + 8].try_into().expect("8 bytes"))
}
