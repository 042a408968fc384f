//! `picket demo`: everything on one machine, to look at. It leaves nothing behind.
use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;
use picket_proto::DeviceId;
use rumqttc::{AsyncClient, MqttOptions, QoS};
use tokio::time::{MissedTickBehavior, interval};

use super::{Exit, options::Options, usage, watch};
use crate::{
    demo::{
        agent::{self, Agent},
        broker,
        neighbour::{Neighbour, PERIOD_MS, Said, neighbours},
    },
    fleet::{Fleet, Pi},
};

/// The collector of a demonstration.
const COLLECTOR: &str = "demo";

/// Try it: a broker, the real picketd on this machine, and five simulated Pis
///
/// Everything runs on the loopback interface. picketd samples this very machine once a second; the neighbours, whose
/// names begin with "simulated-", are made up. Ctrl-C ends it and removes everything.
#[derive(Debug, Args)]
pub struct Demo {
    /// End after so many seconds
    #[arg(long, value_name = "N")]
    pub seconds: Option<u64>,
    /// The picketd to run [default: the one beside picket]
    #[arg(long, value_name = "PATH")]
    pub picketd: Option<PathBuf>,
    /// Print one JSON object a line instead of the table, as `picket watch --json`
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
///
/// # Errors
/// A part can't be started, picketd ends by itself, or another broker is asked for.
pub async fn run(args: &Demo, options: &Options) -> Result<Exit> {
    if options.broker.is_some() {
        return Err(usage(
            "picket demo runs a broker of its own; to watch --broker, use picket watch",
        ));
    }
    let picketd = agent::find(args.picketd.as_deref())?;
    let broker = broker::start()?;
    let mut agent = Agent::start(&picketd, broker, COLLECTOR)?;
    let neighbours = neighbours();
    let fleet = fleet(&neighbours)?;
    let simulation = tokio::spawn(simulate(broker, neighbours));
    let watch = watch::Watch {
        json: args.json,
        collector: Some(COLLECTOR.to_owned()),
        duration: args.seconds.map(Duration::from_secs),
    };
    let options = Options {
        broker: Some(format!("mqtt://{broker}")),
        topic_root: Some(picket_proto::topic::DEFAULT_ROOT.to_owned()),
        ..Options::default()
    };
    // Cancel-safe: whichever ends first ends the demonstration.
    let outcome = tokio::select! {
        outcome = watch::watch(&watch, &options, fleet) => outcome,
        why = agent.end() => Err(why),
    };
    simulation.abort();
    agent.stop().await?;
    outcome
}

fn fleet(neighbours: &[Neighbour]) -> Result<Fleet> {
    let this: DeviceId = agent::THIS_MACHINE
        .parse()
        .context("the id of this machine")?;
    let names = neighbours.iter().map(|pi| (pi.id, pi.name.clone()));
    let names = [(this, "this machine".to_owned())].into_iter().chain(names);
    Fleet::new((0..).zip(names).map(|(position, (id, name))| Pi {
        id,
        name: Some(name),
        shelf: Some("demo".to_owned()),
        position: Some(position),
        power_cycle: None,
    }))
}

/// Publishes what the neighbours say until it is aborted.
async fn simulate(broker: SocketAddr, mut neighbours: Vec<Neighbour>) {
    let options = MqttOptions::new("simulated", broker.ip().to_string(), broker.port());
    let (client, mut poll) = AsyncClient::new(options, 64);
    let hello: Vec<Said> = neighbours.iter().flat_map(Neighbour::hello).collect();
    publish(&client, hello);
    let mut turn = interval(Duration::from_millis(2 * u64::from(PERIOD_MS)));
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // Cancel-safe: a timer, and rumqttc keeps what it has read. An error is followed by a new connection.
            _ = turn.tick() => {
                let now = Timestamp::now().as_millisecond();
                publish(&client, neighbours.iter_mut().map(|pi| pi.batch(now)));
            }
            _ = poll.poll() => {}
        }
    }
}

fn publish(client: &AsyncClient, messages: impl IntoIterator<Item = Said>) {
    for said in messages {
        let topic = said.topic.name(picket_proto::topic::DEFAULT_ROOT);
        // When the queue is full the broker is gone, and so is the demonstration.
        let _ = client.try_publish(topic, QoS::AtLeastOnce, said.retain, said.payload);
    }
}
