//! `picket watch`: what the fleet says, as a live table or as JSON lines. One loop waits and shows; the collector decides.
use std::{
    io::{self, Write},
    time::Duration,
};

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, Interval, MissedTickBehavior, interval, sleep_until},
};

use picket_proto::{Channel, Topic, frame, topic::is_collector};

use super::{Exit, options::Options, usage};
use crate::{
    claim,
    collector::{Collector, Settings, Update},
    duration,
    fleet::Fleet,
    link::{Link, LinkEvent},
    view::record,
};

mod show;

use show::Show;

/// Time between two plain tables when nobody looks at a terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(30);
/// Acks go out this often; what they name has been written by then.
const ACK_EVERY: Duration = Duration::from_millis(500);
/// Watch the fleet: one row a Pi, or one JSON object a line
///
/// On a terminal the table is redrawn in place until Ctrl-C. Otherwise a plain table is printed every 30 s, or, with
/// --for, once at the end.
///
/// PI is the name in the inventory, else the id. TEMP is the SoC's temperature. NFS is the mean round trip of the root
/// mount, or of an RPC NULL call when there was no traffic. LOAD is the average of one minute. THROTTLE says whether the
/// firmware slows the CPU. AGE is the time since the newest tick came. LOST counts ticks that the Pi says are lost for
/// good. NOTES: name clash, offline, clock off, no clock, gap (ticks missing that may still come), refused messages,
/// missing (in the inventory, never heard of).
#[derive(Debug, Clone, Default, Args)]
pub struct Watch {
    /// Print one JSON object a line for each tick, event, report, status, presence, clock and warning; docs/WATCH.md tells the fields
    #[arg(long)]
    pub json: bool,
    /// Be the collector NAME: acknowledge what is received, so that agents with `ack = "NAME"` may forget it
    #[arg(long, value_name = "NAME")]
    pub collector: Option<String>,
    /// End after this time, as in 90s, 5m, 2h; exit code 13 if nothing was heard by then
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse)]
    pub duration: Option<Duration>,
}

/// Runs the command until its time is over or a signal ends it.
///
/// # Errors
/// Wrong options, or the output can't be written.
pub async fn run(args: &Watch, options: &Options) -> Result<Exit> {
    watch(args, options, options.fleet()?).await
}

/// Watches with that inventory.
///
/// # Errors
/// As [`run`].
pub async fn watch(args: &Watch, options: &Options, fleet: Fleet) -> Result<Exit> {
    if let Some(name) = args.collector.as_deref().filter(|name| !is_collector(name)) {
        return Err(usage(format!(
            "--collector {name:?} is no collector's name: 1 to 64 letters, digits or any of -_. and not \"puback\", as in \
             the agents' ack"
        )));
    }
    let settings = options.link(&fleet)?;
    let broker = settings.broker.to_string();
    let link = Link::start(settings).map_err(|error| usage(format!("{error:#}")))?;
    let collector = Collector::new(Settings {
        collector: args.collector.clone(),
        known: fleet.ids().collect(),
        ..Settings::default()
    });
    let mut watcher = Watcher {
        show: Show::open(args)?,
        collector,
        fleet,
        line: format!("connecting to {broker}"),
        broker,
        warnings: Vec::new(),
        heard: false,
    };
    watcher.run(link, args.duration).await?;
    watcher.finish()?;
    Ok(match (args.duration, watcher.heard) {
        (Some(_), false) => {
            eprintln!("picket: nothing was heard; {}", watcher.line);
            Exit::TimedOut
        }
        _ => Exit::Succeeded,
    })
}

struct Watcher {
    show: Show,
    collector: Collector,
    fleet: Fleet,
    broker: String,
    /// How the connection is.
    line: String,
    /// The newest warnings.
    warnings: Vec<String>,
    /// Whether anything came that was not retained.
    heard: bool,
}

impl Watcher {
    async fn run(&mut self, mut link: Link, limit: Option<Duration>) -> Result<()> {
        let mut signals = Signals::new()?;
        let mut redraw = every(match self.show {
            Show::Plain { .. } => PLAIN_EVERY,
            _ => Duration::from_secs(1),
        });
        if matches!(self.show, Show::Plain { .. }) {
            redraw.tick().await;
        }
        let mut acks = every(ACK_EVERY);
        let far = Duration::from_secs(100 * 365 * 86_400);
        let end = Instant::now() + limit.unwrap_or(far).min(far);
        loop {
            tokio::select! {
                // Cancel-safe, all of them: a channel, signals, timers.
                event = link.event() => self.take(event)?,
                _ = acks.tick() => self.ack(&link)?,
                _ = redraw.tick() => self.redraw()?,
                _ = signals.resized.recv() => self.redraw()?,
                _ = signals.interrupted.recv() => break,
                _ = signals.terminated.recv() => break,
                () = sleep_until(end) => break,
            }
        }
        self.ack(&link)?;
        Ok(())
    }

    fn take(&mut self, event: LinkEvent) -> Result<()> {
        match event {
            LinkEvent::Message {
                topic,
                payload,
                retained,
            } => {
                self.heard |= !retained;
                let now = now_ms();
                for update in self.collector.handle(&topic, &payload, retained, now) {
                    self.update(&update)?;
                }
                return Ok(());
            }
            LinkEvent::Confirmed(_) => return Ok(()),
            LinkEvent::Connected => self.line = format!("connected to {}", self.broker),
            LinkEvent::SubscriptionRefused(filters) => {
                let words = format!(
                    "the broker refuses to say what is on {}",
                    filters.join(", ")
                );
                self.warn(words);
                return Ok(());
            }
            LinkEvent::Disconnected { why, retry_in } => {
                let s = retry_in.as_secs_f32();
                self.line = format!("not connected: {why}; trying again in {s:.0} s");
            }
        }
        match self.show {
            Show::Live(_) => self.redraw()?,
            _ => eprintln!("picket: {}", claim::escape(&self.line)),
        }
        Ok(())
    }

    fn update(&mut self, update: &Update) -> Result<()> {
        if let Show::Json(out) = &mut self.show {
            let line = claim::json_line(&record::record(update))?;
            writeln!(out, "{line}")?;
        } else if let Update::Warning { device, warning } = update {
            self.warn(format!("{}: {warning}", self.fleet.name(*device)));
        }
        Ok(())
    }

    /// Writes out what was received, and only then acks it.
    fn ack(&mut self, link: &Link) -> Result<()> {
        if let Show::Json(out) = &mut self.show {
            out.flush()?;
        }
        for (device, ack) in self.collector.acks() {
            let channel = Channel::Ack;
            link.publish(Topic { channel, device }, frame::encode(&ack));
        }
        Ok(())
    }
}

struct Signals {
    interrupted: Signal,
    terminated: Signal,
    resized: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupted: signal(SignalKind::interrupt())?,
            terminated: signal(SignalKind::terminate())?,
            resized: signal(SignalKind::window_change())?,
        })
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}
