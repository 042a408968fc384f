//! The reboot loop that others have had: a command that comes again after the reboot that it caused. Here it reboots once; and
//! one that the broker kept, not at all.
use std::time::{Duration, Instant};

use picket_proto::{
    Action, BootId, Channel, Command, DeviceId, Ping, Pong, Reason, Report, State, frame,
};
use picket_test_keys::TestKey;
use picket_tests::{
    fleet::{self, Make, Shelf},
    init::Init,
    proxy::Proxy,
    raw_operator::{RawOperator, Retain},
    scripted_broker::{Delivery, Packet, Peer, ScriptedBroker},
};
use tokio::time::timeout;

const REBOOT: Action = Action::Reboot { force: false };
const DEADLINE: Duration = Duration::from_secs(30);

#[test]
fn a_command_that_is_offered_again_by_an_impatient_controller_reboots_once() {
    let bed = Bed::start(|_| None);
    let command = bed.raw.command(bed.device, REBOOT);
    let frame = bed.raw.key().frame(&command);
    let offer = || {
        bed.raw
            .publish(bed.device, Channel::Command, frame.clone(), Retain::No)
    };
    let begin = Instant::now();
    let mut offers = 0;
    while bed.init().boots().reboots() == 0 || begin.elapsed() < Duration::from_secs(4) {
        offer();
        offers += 1;
        std::thread::sleep(Duration::from_millis(20));
        assert!(begin.elapsed() < DEADLINE, "it never reboots");
    }
    println!("{offers} offers");
    bed.rebooted_once(&command);
}

#[test]
fn a_retained_command_does_nothing_however_good_it_is() {
    let mut proxy = None;
    let bed = Bed::start(|broker| Some(proxy.insert(Proxy::to(broker)).url()));
    let proxy = proxy.expect("it was made with the bed");
    let command = bed.raw.command(bed.device, REBOOT);
    // Signed for this boot with the nonce that is good now; the agent hears it only from what the broker kept.
    proxy.refuse();
    bed.raw.publish(
        bed.device,
        Channel::Command,
        bed.raw.key().frame(&command),
        Retain::Yes,
    );
    bed.raw.settle();
    proxy.heal();
    let report = bed.raw.wait_for_end(bed.device, command.operation);
    assert_eq!(
        (report.state, report.reason),
        (Some(State::Refused), Some(Reason::Retained))
    );
    bed.answers();
    assert_eq!(bed.init().boots().reboots(), 0);
}

/// To an agent that is connected the broker gives it without the flag, so it counts as the first offer.
#[test]
fn a_command_that_is_published_retained_to_a_connected_agent_reboots_once_and_is_refused_later() {
    let bed = Bed::start(|_| None);
    let command = bed.raw.command(bed.device, REBOOT);
    bed.raw.publish(
        bed.device,
        Channel::Command,
        bed.raw.key().frame(&command),
        Retain::Yes,
    );
    bed.init().wait_for_reboots(1);
    bed.raw
        .wait_for_report(bed.device, "it was retained", |report| {
            report.reason == Some(Reason::Retained)
        });
    bed.answers();
    assert_eq!(bed.init().boots().reboots(), 1);
    bed.raw
        .publish(bed.device, Channel::Command, Vec::new(), Retain::Yes);
}

/// A broker that never saw the agent's PUBACK delivers the command again after the reboot, marked as a duplicate.
#[tokio::test]
async fn a_command_that_the_broker_delivers_again_after_the_reboot_reboots_once() {
    let Ordered {
        broker,
        shelf,
        mut peer,
        command,
        topic,
        frame,
    } = Ordered::to_reboot().await;
    let (device, init) = shelf.first();
    until_closed(&mut peer).await;
    init.wait_for_reboots(1);
    let (mut peer, ..) = broker.welcome().await;
    for _ in 0..2 {
        peer.deliver(Delivery::Again, &topic, 7, &frame).await;
        let end = final_report(&mut peer, &command).await;
        assert_eq!(end.state, Some(State::Succeeded), "{end:?}");
        assert_eq!(
            end.boot.map(|boot| boot.to_string()),
            init.boots().ids().pop()
        );
    }
    ping(&mut peer, device).await;
    assert_eq!(init.boots().reboots(), 1);
}

/// The reports lie at the broker unconfirmed, and the machine goes down all the same.
#[tokio::test]
async fn a_broker_that_confirms_nothing_does_not_hold_up_a_reboot() {
    let Ordered {
        broker: _broker,
        shelf,
        peer,
        ..
    } = Ordered::to_reboot().await;
    let (_, init) = shelf.first();
    let begin = Instant::now();
    while init.boots().reboots() == 0 {
        assert!(
            begin.elapsed() < Duration::from_secs(10),
            "it waits for the broker"
        );
        // What comes is read, and never confirmed.
        let _ = timeout(Duration::from_millis(100), peer.readable()).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A machine that was ordered to reboot by a broker that does as a test says.
struct Ordered {
    broker: ScriptedBroker,
    shelf: Shelf,
    peer: Peer,
    command: Command,
    topic: String,
    frame: Vec<u8>,
}

impl Ordered {
    async fn to_reboot() -> Self {
        let broker = ScriptedBroker::start().await;
        let key = TestKey::new(1);
        let mut shelf = Shelf::empty();
        let make = Make {
            broker: Some(format!("mqtt://{}", broker.address())),
            ..Make::obeying(key.line("anna"))
        };
        shelf.switch_on(1, &make);
        let (device, _) = shelf.first();
        let (mut peer, ..) = broker.welcome().await;
        let pong = ping(&mut peer, device).await;
        let command = command(device, &pong);
        let topic = format!("picket/1/command/{device}");
        let frame = key.frame(&command);
        peer.deliver(Delivery::First, &topic, 7, &frame).await;
        Self {
            broker,
            shelf,
            peer,
            command,
            topic,
            frame,
        }
    }
}

struct Bed {
    raw: RawOperator,
    shelf: Shelf,
    device: DeviceId,
}

impl Bed {
    /// One machine that finds the broker where `way` says, if not directly.
    fn start(way: impl FnOnce(std::net::SocketAddr) -> Option<String>) -> Self {
        let key = TestKey::new(1);
        let mut shelf = Shelf::empty();
        let raw = RawOperator::connect(shelf.broker.address(), &key, "anna");
        let make = Make {
            broker: way(shelf.broker.address()),
            ..Make::obeying(key.line("anna"))
        };
        shelf.switch_on(1, &make);
        let device = fleet::device(1);
        raw.ping(device);
        Self { raw, shelf, device }
    }

    fn init(&self) -> &Init {
        self.shelf.first().1
    }

    /// The agent has come to the end of what it was sent.
    fn answers(&self) -> Pong {
        self.raw.settle();
        self.raw.ping(self.device)
    }

    fn rebooted_once(&self, command: &Command) {
        let boot = self.answers().boot;
        // What is offered too often is answered with that, and some of it not at all; nothing is done because of it.
        self.raw
            .wait_for_report(self.device, "the new boot's", |report| {
                (report.operation, report.boot, report.state)
                    == (Some(command.operation), Some(boot), Some(State::Succeeded))
            });
        assert_ne!(boot, command.targets[0].boot);
        assert_eq!(self.init().boots().reboots(), 1);
        let ids: Vec<Option<BootId>> = [command.targets[0].boot, boot].map(Some).into();
        let seen: Vec<_> = self
            .init()
            .boots()
            .ids()
            .iter()
            .map(|id| id.parse().ok())
            .collect();
        assert_eq!(seen, ids);
    }
}

fn command(device: DeviceId, pong: &Pong) -> Command {
    Command {
        operation: picket_tests::raw_operator::operation(),
        targets: vec![picket_proto::Target {
            device,
            boot: pong.boot,
            nonce: pong.nonce,
            not_after_ms: pong.boottime_ms + 120_000,
        }],
        actor: "anna".to_owned(),
        on_behalf_of: String::new(),
        reason: String::new(),
        action: REBOOT,
    }
}

async fn ping(peer: &mut Peer, device: DeviceId) -> Pong {
    let topic = format!("picket/1/ping/{device}");
    peer.fleeting(&topic, &frame::encode(&Ping { token: 5 }))
        .await;
    loop {
        if let Some((topic, payload)) = next_publish(peer).await {
            if topic.contains("/pong/") {
                return frame::decode(&payload).expect("a pong");
            }
        }
    }
}

async fn final_report(peer: &mut Peer, command: &Command) -> Report {
    loop {
        let Some((topic, payload)) = next_publish(peer).await else {
            continue;
        };
        if !topic.contains("/report/") {
            continue;
        }
        let report: Report = frame::decode(&payload).expect("a report");
        if report.operation == Some(command.operation) && report.state.is_some_and(State::is_final)
        {
            return report;
        }
    }
}

async fn until_closed(peer: &mut Peer) {
    while read(peer).await != Packet::Closed {}
}

async fn next_publish(peer: &mut Peer) -> Option<(String, Vec<u8>)> {
    match read(peer).await {
        Packet::Publish(publish) => Some((publish.topic, publish.payload)),
        Packet::Closed => panic!("the agent hung up"),
        _ => None,
    }
}

/// The next packet, answered if it wants an answer.
async fn read(peer: &mut Peer) -> Packet {
    let packet = timeout(DEADLINE, peer.read()).await;
    let packet = packet.expect("the agent says something");
    match &packet {
        Packet::Publish(publish) if publish.id > 0 => peer.puback(publish.id).await,
        Packet::PingReq => peer.pingresp().await,
        _ => {}
    }
    packet
}
