//! The real `picket` against a broker: what it prints, what it acks, and how it exits.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
use std::{net::SocketAddr, process::Stdio, time::Duration};

use picket::demo::broker;
use picket_proto::{
    Ack, Batch, BatchHeader, BootId, Channel, Column, DeviceId, Gap, Presence, Quality, TickRange,
    Topic, WallClock,
    frame::{decode, encode},
    metric,
};
use rumqttc::{AsyncClient, Event, EventLoop, Incoming, MqttOptions, QoS};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, ChildStdout, Command},
    sync::mpsc,
    time::timeout,
};

const DEVICE: DeviceId = DeviceId([0, 0, 0, 0, 0xa1, 0xb2, 0xc3, 0xd4]);
const BOOT: BootId = BootId([7; 16]);
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn every_tick_is_one_line_and_is_acked_by_the_collector() {
    let broker = broker::start().unwrap();
    let (client, mut poll) = agent(broker).await;
    let mut picket = Picket::start(broker, &["--json", "--collector", "roof"]).await;
    for _ in 0..2 {
        publish(&client, Channel::Telemetry, encode(&batch(0)));
    }
    publish(&client, Channel::Backlog, encode(&batch(4)));
    let ack = ack_up_to(&mut poll, 5).await;
    assert_eq!(ack.collector, "roof");
    let known = TickRange { first: 4, last: 5 };
    assert!(ack.boots[0].boot == BOOT && ack.boots[0].ticks.contains(&known));
    let mut lines = Vec::new();
    while lines
        .iter()
        .filter(|line: &&Value| line.get("tick").is_some())
        .count()
        < 4
    {
        lines.push(picket.line().await);
    }
    assert_eq!(lines[0]["channel"], "clock");
    let expect = json!({
        "v": 1, "device": "00000000a1b2c3d4", "boot_id": BOOT.to_string(), "channel": "telemetry",
        "tick": 0, "time": "2025-01-01T00:00:00.000Z", "clock": "synchronised", "boottime_ms": 20000,
        "readings": { "soc_temperature": 48312, "metric_999": -1 }, "gaps": { "load1": "absent" }, "lost": 3,
    });
    assert_eq!(lines[1], expect);
    let ticks: Vec<_> = lines
        .iter()
        .filter_map(|line| line["tick"].as_u64())
        .collect();
    assert_eq!(ticks, [0, 1, 4, 5]);
    assert_eq!(lines.last().unwrap()["channel"], "backlog");
    assert_eq!(picket.interrupt().await, Some(0));
}

#[tokio::test]
async fn a_plain_table_is_printed_once_at_the_end() {
    let broker = broker::start().unwrap();
    let (client, mut poll) = agent(broker).await;
    let presence = Presence {
        boot: BOOT,
        connection: 1,
        online: true,
    };
    let topic = Topic {
        channel: Channel::Presence,
        device: DEVICE,
    };
    client
        .try_publish(
            topic.name("picket"),
            QoS::AtLeastOnce,
            true,
            encode(&presence),
        )
        .unwrap();
    until(&mut poll, |event| matches!(event, Incoming::PubAck(_))).await;
    let fleet = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        fleet.path(),
        "[[pi]]\nid = \"0000000000000009\"\nname = \"unheard\"\n",
    )
    .unwrap();
    let path = fleet.path().to_str().unwrap();
    let mut picket = Picket::start(broker, &["--fleet", path, "--for", "4s"]).await;
    publish(&client, Channel::Telemetry, encode(&batch(0)));
    until(&mut poll, |event| matches!(event, Incoming::PubAck(_))).await;
    let mut table = Vec::new();
    while let Some(line) = timeout(PATIENCE, picket.out.next_line())
        .await
        .unwrap()
        .unwrap()
    {
        table.push(line);
    }
    assert_eq!(picket.exit().await, Some(0));
    assert!(
        table[0].contains("2 Pis") && table[1].contains("connected to mqtt://127.0.0.1"),
        "{table:#?}"
    );
    assert!(
        table[4].starts_with("unheard") && table[4].ends_with("missing"),
        "{table:#?}"
    );
    assert!(
        table[5].starts_with("00000000a1b2c3d4   48.3°C"),
        "{table:#?}"
    );
    assert!(
        table.iter().all(|line| !line.contains('\x1b')),
        "{table:#?}"
    );
}

#[tokio::test]
async fn after_a_cut_it_connects_again_and_still_prints_each_tick_once() {
    let broker = broker::start().unwrap();
    let (client, mut poll) = agent(broker).await;
    let (address, cut) = line_to(broker).await;
    let mut picket = Picket::start(address, &["--json", "--collector", "roof"]).await;
    publish(&client, Channel::Telemetry, encode(&batch(0)));
    ack_up_to(&mut poll, 1).await;
    cut.send(()).unwrap();
    picket.told("not connected: mqtt://127.0.0.1").await;
    picket.told("connected to").await;
    publish(&client, Channel::Telemetry, encode(&batch(0)));
    publish(&client, Channel::Telemetry, encode(&batch(2)));
    ack_up_to(&mut poll, 3).await;
    let mut ticks = Vec::new();
    while ticks.len() < 4 {
        ticks.extend(picket.line().await["tick"].as_u64());
    }
    assert_eq!(ticks, [0, 1, 2, 3]);
    assert_eq!(picket.interrupt().await, Some(0));
}

#[tokio::test]
async fn decode_shows_a_frame_and_names_what_is_wrong() {
    let frame = tempfile::NamedTempFile::new().unwrap();
    let path = frame.path().to_str().unwrap();
    let presence = "01 04 10 00112233445566778899aabbccddeeff 03 01";
    let json = json!({
        "kind": "presence", "boot": "00112233-4455-6677-8899-aabbccddeeff", "connection": 3, "online": true,
    });
    for (text, hex, code, out, words) in [
        (presence.replace(" 10 ", ""), true, 0, Some(json), ""),
        (
            "01 04 00".to_owned(),
            true,
            11,
            None,
            "ends inside its presence",
        ),
        (
            "01 04 0".to_owned(),
            true,
            11,
            None,
            "odd number of hex digits",
        ),
        ("\u{1}\u{63}".to_owned(), false, 11, None, "kind 99"),
    ] {
        std::fs::write(frame.path(), &text).unwrap();
        let args = if hex {
            &["decode", "--hex", path][..]
        } else {
            &["decode", path]
        };
        let output = command(args).output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}: {stderr}");
        assert_eq!(serde_json::from_slice(&output.stdout).ok(), out, "{text}");
        assert!(
            stderr.contains(words) && (words.is_empty() || stderr.contains(path)),
            "{text}: {stderr}"
        );
    }
}

#[tokio::test]
async fn hearing_nothing_is_exit_code_13_and_wrong_usage_is_2() {
    let broker = format!("mqtt://{}", broker::start().unwrap());
    for (args, code, words) in [
        (
            &["--broker", &broker, "--for", "1s"][..],
            13,
            "nothing was heard; connected to",
        ),
        (
            &["--broker", "mqtt://127.0.0.1:1", "--for", "1s"],
            13,
            "onnection refused",
        ),
        (&["--broker", "localhost"], 2, "write mqtt://host:port"),
        (
            &["--fleet", "/no/such/fleet.toml"],
            2,
            "/no/such/fleet.toml",
        ),
        (&["--for", "soon"], 2, "as in 90s"),
        (&["--colector", "roof"], 2, "--collector"),
        (
            &["--broker", "mqtts://127.0.0.1:1", "--ca", "/no/ca.pem"],
            2,
            "/no/ca.pem",
        ),
    ] {
        let output = command(&[&["watch"], args].concat())
            .output()
            .await
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
}

struct Picket {
    child: Child,
    told: Lines<BufReader<ChildStderr>>,
    out: Lines<BufReader<ChildStdout>>,
}

impl Picket {
    /// Starts `picket watch` and waits until it has subscribed.
    async fn start(broker: SocketAddr, args: &[&str]) -> Self {
        let url = format!("mqtt://{broker}");
        let mut child = command(&[&["watch", "--broker", &url], args].concat())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stderr.take().unwrap()).lines();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut picket = Self { child, told, out };
        picket.told("connected to").await;
        picket
    }

    /// Waits until it says that on stderr.
    async fn told(&mut self, words: &str) {
        loop {
            let line = timeout(PATIENCE, self.told.next_line()).await.unwrap();
            if line.unwrap().unwrap().contains(words) {
                return;
            }
        }
    }

    async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.out.next_line()).await.unwrap();
        serde_json::from_str(&line.unwrap().unwrap()).unwrap()
    }

    async fn interrupt(&mut self) -> Option<i32> {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::INT).unwrap();
        self.exit().await
    }

    async fn exit(&mut self) -> Option<i32> {
        let status = timeout(PATIENCE, self.child.wait()).await.unwrap();
        status.unwrap().code()
    }
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_picket"));
    command
        .args(args)
        .env_remove("PICKET_BROKER")
        .env_remove("PICKET_FLEET")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A client that listens to acks as an agent does.
async fn agent(broker: SocketAddr) -> (AsyncClient, EventLoop) {
    let options = MqttOptions::new("agent", broker.ip().to_string(), broker.port());
    let (client, mut poll) = AsyncClient::new(options, 16);
    let topic = Topic {
        channel: Channel::Ack,
        device: DEVICE,
    };
    client
        .try_subscribe(topic.name("picket"), QoS::AtLeastOnce)
        .unwrap();
    until(&mut poll, |event| matches!(event, Incoming::SubAck(_))).await;
    (client, poll)
}

/// A line to the broker that is cut once for each word in the channel.
async fn line_to(broker: SocketAddr) -> (SocketAddr, mpsc::UnboundedSender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (cut, mut cuts) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(broker).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = cuts.recv() => {}
            }
        }
    });
    (address, cut)
}

async fn until(poll: &mut EventLoop, wanted: impl Fn(&Incoming) -> bool) -> Incoming {
    let waiting = async {
        loop {
            if let Event::Incoming(packet) = poll.poll().await.unwrap() {
                if wanted(&packet) {
                    return packet;
                }
            }
        }
    };
    timeout(PATIENCE, waiting).await.unwrap()
}

/// Waits for the ack whose last tick is that one.
async fn ack_up_to(poll: &mut EventLoop, tick: u64) -> Ack {
    loop {
        let packet = until(poll, |event| matches!(event, Incoming::Publish(_))).await;
        let Incoming::Publish(message) = packet else {
            continue;
        };
        let ack: Ack = decode(&message.payload).unwrap();
        if ack.boots[0]
            .ticks
            .last()
            .is_some_and(|range| range.last == tick)
        {
            return ack;
        }
    }
}

fn publish(client: &AsyncClient, channel: Channel, payload: Vec<u8>) {
    let topic = Topic {
        channel,
        device: DEVICE,
    };
    client
        .try_publish(topic.name("picket"), QoS::AtLeastOnce, false, payload)
        .unwrap();
}

fn batch(first_tick: u64) -> Batch {
    let column = |metric, reading| Column {
        metric,
        readings: vec![reading; 2],
    };
    Batch {
        header: BatchHeader {
            boot: BOOT,
            first_tick,
            first_boottime_ms: 20_000 + first_tick * 10_000,
            period_ms: 10_000,
            stride: 1,
            count: 2,
            wall: WallClock {
                offset_ms: 1_735_689_600_000 - 20_000,
                quality: Quality::Synchronised,
            },
            lost: 3,
        },
        columns: vec![
            column(metric::SOC_TEMPERATURE, Ok(48_312)),
            column(metric::LOAD1, Err(Gap::Absent)),
            column(picket_proto::MetricId(999), Ok(-1)),
        ],
    }
}
