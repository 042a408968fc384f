//! The link against a broker that misbehaves by script. The clock is paused: it jumps to the next deadline whenever nobody
//! has anything to do, so the times that are checked are exact and cost nothing.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

use std::{collections::BTreeSet, time::Duration};

use picket_proto::{BootId, Channel, DeviceId, Presence, frame};
use picket_tests::scripted_broker::{Packet, Peer, ScriptedBroker};
use picketd::{
    config::{self, LinkSettings},
    link::{Access, Awaited, Cause, Identity, Link, LinkEvent, MqttLink, Publish},
    telemetry::DeliveryId,
};
use tokio::time::{Instant, timeout};

const IDENTITY: Identity = Identity {
    device: DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]),
    boot: BootId([7; 16]),
};
const COMMAND: &str = "picket/1/command/00000000a1b2c3d4";
const PING: &str = "picket/1/ping/00000000a1b2c3d4";
const ACK: &str = "picket/1/ack/00000000a1b2c3d4";
const PRESENCE: &str = "picket/1/presence/00000000a1b2c3d4";

#[tokio::test(start_paused = true)]
async fn nothing_is_announced_before_the_subscriptions_stand() {
    let (broker, mut link) = start().await;
    let mut peer = broker.accept().await;
    let connect = peer.connect().await;
    assert_eq!(connect.client_id, "00000000a1b2c3d4");
    assert_eq!((connect.clean_session, connect.keep_alive), (true, 60));
    let (topic, payload, retained) = connect.will.unwrap();
    assert_eq!((topic.as_str(), retained), (PRESENCE, true));
    assert_eq!(frame::decode(&payload), Ok(presence(8, false)));
    peer.connack(0).await;
    let (id, filters) = peer.subscribe().await;
    assert_eq!(filters, [COMMAND, PING, ACK]);
    assert_eq!(link.event().await, LinkEvent::Connecting { connection: 8 });
    assert!(quiet(&mut link, 10).await, "connected without SUBACK");
    peer.suback(id, &[1, 1, 1]).await;
    let publish = peer.publish().await;
    assert_eq!((publish.topic.as_str(), publish.retain), (PRESENCE, true));
    assert_eq!(frame::decode(&publish.payload), Ok(presence(8, true)));
    assert_eq!(link.event().await, LinkEvent::Connected { connection: 8 });
}

#[tokio::test(start_paused = true)]
async fn a_withheld_connack_is_given_up_after_five_seconds() {
    let (broker, _link) = start().await;
    let mut peer = broker.accept().await;
    let begin = Instant::now();
    peer.connect().await;
    assert_eq!(peer.read().await, Packet::Closed);
    assert_eq!(begin.elapsed().as_secs(), 5);
    broker.welcome().await;
}

#[tokio::test(start_paused = true)]
async fn a_withheld_suback_is_given_up_after_twenty_seconds() {
    let (broker, _link) = start().await;
    let mut peer = broker.accept().await;
    peer.connect().await;
    peer.connack(0).await;
    let begin = Instant::now();
    peer.subscribe().await;
    assert_eq!(peer.read().await, Packet::Closed);
    assert_eq!(begin.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_refused_subscription_does_not_silence_the_agent() {
    let (broker, mut link) = start().await;
    let mut peer = broker.accept().await;
    peer.connect().await;
    peer.connack(0).await;
    let (id, _) = peer.subscribe().await;
    peer.suback(id, &[0x80, 1, 1]).await;
    connected(&mut link).await;
}

#[tokio::test(start_paused = true)]
async fn acks_reach_the_publish_that_they_confirm_in_any_order() {
    let (broker, mut link) = start().await;
    let (mut peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    for n in 1..=3 {
        link.publish(telemetry(n, 10)).unwrap();
    }
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(peer.publish().await.id);
    }
    for n in [2, 1, 3] {
        peer.puback(ids[n - 1]).await;
        assert_eq!(
            link.event().await,
            LinkEvent::Delivered(DeliveryId(n as u64))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_withheld_puback_ends_the_connection_and_the_next_one_has_the_next_number() {
    let (broker, mut link) = start().await;
    let (mut peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    link.publish(telemetry(1, 10)).unwrap();
    let begin = Instant::now();
    peer.publish().await;
    assert_eq!(
        disconnected(&mut link).await,
        Cause::NoAnswer(Awaited::PubAck)
    );
    assert_eq!(begin.elapsed().as_secs(), 20);
    link.publish(telemetry(2, 10)).unwrap();
    let (mut peer, connect, _) = broker.welcome().await;
    assert_eq!(
        frame::decode(&connect.will.unwrap().1),
        Ok(presence(9, false))
    );
    connected(&mut link).await;
    link.publish(telemetry(3, 20)).unwrap();
    let next = peer.publish().await.payload.len();
    assert_eq!(
        next, 20,
        "what was published without a connection is not sent later"
    );
}

#[tokio::test(start_paused = true)]
async fn half_a_packet_is_no_answer() {
    let (broker, mut link) = start().await;
    let (mut peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    link.publish(telemetry(1, 10)).unwrap();
    peer.publish().await;
    peer.send(&[0x40, 2, 0]).await;
    assert_eq!(
        disconnected(&mut link).await,
        Cause::NoAnswer(Awaited::PubAck)
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_answer_a_ping_is_dead() {
    let (broker, mut link) = start().await;
    let (mut peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    for _ in 0..3 {
        assert_eq!(peer.read().await, Packet::PingReq);
        peer.pingresp().await;
    }
    assert_eq!(peer.read().await, Packet::PingReq);
    let begin = Instant::now();
    assert_eq!(
        disconnected(&mut link).await,
        Cause::NoAnswer(Awaited::PingResp)
    );
    assert_eq!(begin.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_is_given_up() {
    let (broker, mut link) = start().await;
    let (_peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    for n in 0..20 {
        link.publish(telemetry(n, 900_000)).unwrap();
    }
    let begin = Instant::now();
    assert_eq!(
        disconnected(&mut link).await,
        Cause::NoAnswer(Awaited::PubAck)
    );
    assert_eq!(begin.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_line_is_told_and_connected_again() {
    let (broker, mut link) = start().await;
    let (peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    drop(peer);
    assert!(matches!(disconnected(&mut link).await, Cause::Broken(_)));
    broker.welcome().await;
    connected(&mut link).await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_agent_comes_back_ever_more_slowly_but_within_two_minutes() {
    let (broker, _link) = start().await;
    let mut last = Instant::now();
    let mut waits = Vec::new();
    for _ in 0..40 {
        let mut peer = broker.accept().await;
        waits.push(last.elapsed().as_secs());
        peer.connect().await;
        peer.connack(5).await;
        assert_eq!(peer.read().await, Packet::Closed);
        last = Instant::now();
    }
    assert!(waits[..3].iter().all(|wait| *wait <= 2), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 120), "{waits:?}");
    assert!(waits[8..].iter().any(|wait| *wait > 60), "{waits:?}");
    let different: BTreeSet<_> = waits[8..].iter().collect();
    assert!(different.len() > 12, "no jitter: {waits:?}");
}

#[tokio::test(start_paused = true)]
async fn an_oversized_retained_command_costs_ten_minutes_of_commands_and_no_telemetry() {
    let (broker, mut link) = start().await;
    for active in [false, true] {
        let (mut peer, ..) = broker.welcome().await;
        connected(&mut link).await;
        peer.message(COMMAND, &[0; 40_000]).await;
        if active {
            assert_eq!(link.event().await, LinkEvent::OversizedPacket { active });
        }
        let cause = disconnected(&mut link).await;
        assert!(matches!(cause, Cause::Oversized(40_000..)), "{cause:?}");
    }
    let mut peer = broker.accept().await;
    let off = Instant::now();
    peer.connect().await;
    peer.connack(0).await;
    let (id, filters) = peer.subscribe().await;
    assert_eq!(filters, [PING, ACK], "off command");
    peer.suback(id, &[1, 1]).await;
    let id = peer.publish().await.id;
    peer.puback(id).await;
    connected(&mut link).await;
    link.publish(telemetry(1, 10)).unwrap();
    let id = peer.publish().await.id;
    peer.puback(id).await;
    assert_eq!(link.event().await, LinkEvent::Delivered(DeliveryId(1)));
    let (id, filters) = answer_pings(&mut peer).await;
    assert_eq!(filters, [COMMAND, PING, ACK], "on command again");
    assert!(
        (590..=600).contains(&off.elapsed().as_secs()),
        "{:?}",
        off.elapsed()
    );
    peer.suback(id, &[1, 1, 1]).await;
    assert_eq!(
        link.event().await,
        LinkEvent::OversizedPacket { active: false }
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_for_this_device_arrives_with_its_channel_and_others_do_not() {
    let (broker, mut link) = start().await;
    let (mut peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    peer.message("picket/1/ack/0000000000000000", b"another's")
        .await;
    peer.message("something/else", b"foreign").await;
    peer.message(ACK, b"mine").await;
    let expected = LinkEvent::Message {
        channel: Channel::Ack,
        payload: b"mine".to_vec(),
        retained: true,
    };
    assert_eq!(link.event().await, expected);
}

#[tokio::test(start_paused = true)]
async fn an_orderly_stop_says_goodbye_after_everything_else_is_confirmed() {
    let (broker, mut link) = start().await;
    let (mut peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    link.publish(telemetry(1, 10)).unwrap();
    link.stop();
    let last = peer.publish().await;
    let gone = peer.publish().await;
    assert_eq!(frame::decode(&gone.payload), Ok(presence(8, false)));
    assert!(gone.retain);
    assert!(
        quiet(&mut link, 10).await,
        "stopped before the broker had it"
    );
    peer.puback(last.id).await;
    peer.puback(gone.id).await;
    assert_eq!(peer.read().await, Packet::Disconnect);
    assert_eq!(link.event().await, LinkEvent::Delivered(DeliveryId(1)));
    assert_eq!(link.event().await, LinkEvent::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_while_stopping_is_not_made_again() {
    let (broker, mut link) = start().await;
    let (mut peer, ..) = broker.welcome().await;
    connected(&mut link).await;
    link.stop();
    peer.publish().await;
    drop(peer);
    assert_eq!(link.event().await, LinkEvent::Stopped);
    assert!(
        timeout(Duration::from_secs(600), broker.accept())
            .await
            .is_err(),
        "it came back after the goodbye"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_a_stop_is_immediate() {
    let (broker, mut link) = start().await;
    let mut peer = broker.accept().await;
    peer.connect().await;
    link.stop();
    assert_eq!(link.event().await, LinkEvent::Connecting { connection: 8 });
    let begin = Instant::now();
    assert_eq!(link.event().await, LinkEvent::Stopped);
    assert_eq!(begin.elapsed().as_secs(), 0);
}

/// The name can't be resolved either, so the addresses known from before are used.
#[tokio::test(start_paused = true)]
async fn a_black_holed_address_next_to_a_good_one_costs_less_than_ten_seconds() {
    let black_hole = ScriptedBroker::at("[::1]:0".parse().unwrap()).await;
    let good = ScriptedBroker::start().await;
    let known = vec![good.address(), black_hole.address()];
    let settings = settings("broker.invalid");
    let mut link = MqttLink::start_knowing(settings, Access::default(), IDENTITY, 7, known);
    let mut silent = black_hole.accept().await;
    let begin = Instant::now();
    silent.connect().await;
    good.welcome().await;
    connected(&mut link).await;
    assert_eq!(begin.elapsed().as_secs(), 5);
}

async fn start() -> (ScriptedBroker, MqttLink) {
    let broker = ScriptedBroker::start().await;
    let link = link_to(&broker.address().to_string());
    (broker, link)
}

fn link_to(authority: &str) -> MqttLink {
    MqttLink::start(settings(authority), Access::default(), IDENTITY, 7)
}

fn settings(authority: &str) -> LinkSettings {
    let text = format!("broker = \"mqtt://{authority}\"\nconnect_spread = \"0s\"");
    config::parse("test", &text, "").unwrap().settings.link
}

fn presence(connection: u32, online: bool) -> Presence {
    Presence {
        boot: IDENTITY.boot,
        connection,
        online,
    }
}

fn telemetry(delivery: u64, size: usize) -> Publish {
    Publish {
        delivery: Some(DeliveryId(delivery)),
        channel: Channel::Telemetry,
        payload: vec![0; size],
        retained: false,
    }
}

async fn connected(link: &mut MqttLink) {
    loop {
        match link.event().await {
            LinkEvent::Connecting { .. } => {}
            LinkEvent::Connected { .. } => return,
            other => panic!("Connected was expected and not {other:?}"),
        }
    }
}

async fn disconnected(link: &mut MqttLink) -> Cause {
    match link.event().await {
        LinkEvent::Disconnected { cause } => cause,
        other => panic!("Disconnected was expected and not {other:?}"),
    }
}

/// Nothing comes from the link for so many seconds.
async fn quiet(link: &mut MqttLink, seconds: u64) -> bool {
    timeout(Duration::from_secs(seconds), link.event())
        .await
        .is_err()
}

async fn answer_pings(peer: &mut Peer) -> (u16, Vec<String>) {
    loop {
        match peer.read().await {
            Packet::PingReq => peer.pingresp().await,
            Packet::Subscribe { id, filters } => return (id, filters),
            other => panic!("PINGREQ or SUBSCRIBE was expected and not {other:?}"),
        }
    }
}
