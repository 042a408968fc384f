//! The run: all contenders at the same time on the same machine, so that noise meets them alike.
use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    broker::Broker,
    contender::{Contender, Kind, StartUp, WINDOW},
    figures::{Content, Figures, Snapshot, median, ms},
    nfs_null, segments,
    stage::Stage,
    strace::{Calls, Tracer},
    usage::{Code, Usage},
};

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// From one tick to the next.
    pub tick: Duration,
    /// Starts of each contender.
    pub starts: u32,
    /// Windows before the first that counts.
    pub warm_up: u32,
    /// Windows that count.
    pub windows: u32,
    /// Windows under strace, after those.
    pub traced: u32,
}

/// What came of a contender.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Who it is.
    pub kind: Kind,
    /// What it costs.
    pub figures: Figures,
    /// What its batches hold; nothing in collectd's case.
    pub content: Content,
    /// Its system calls in the traced windows.
    pub calls: Calls,
    /// Ticks in the windows that count.
    pub ticks: u32,
    /// Ticks in the traced windows.
    pub traced_ticks: u32,
}

impl Outcome {
    /// An outcome with those figures and nothing else.
    #[must_use]
    pub fn with(kind: Kind, figures: Figures) -> Self {
        Self {
            kind,
            figures,
            content: Content::default(),
            calls: Calls::default(),
            ticks: 0,
            traced_ticks: 0,
        }
    }
}

/// Measures those contenders beside one another.
///
/// # Errors
/// A program is missing, the view can't be mounted, or a contender fails.
pub fn run(plan: Plan, kinds: &[Kind]) -> Result<Vec<Outcome>> {
    let stage = Stage::new(nfs_null::start()?)?;
    stage.live(plan.tick);
    let start_ups = measure_starts(&stage, plan, kinds)?;
    let idle_broker = Broker::start(stage.path(), "idle")?;
    let contenders = start_all(&stage, plan.tick, kinds)?;
    eprintln!("warming up");
    thread::sleep(plan.tick * WINDOW * plan.warm_up);
    eprintln!("measuring for {:?}", plan.tick * WINDOW * plan.windows);
    let snapshots = measure_windows(&contenders, &idle_broker, plan)?;
    let ends = contenders.iter().map(end_of).collect::<Result<Vec<_>>>()?;
    eprintln!(
        "counting system calls for {:?}",
        plan.tick * WINDOW * plan.traced
    );
    let calls = trace(&stage, &contenders, plan)?;
    let mut outcomes = Vec::new();
    for (at, kind) in kinds.iter().copied().enumerate() {
        let mut figures = Figures::default();
        figures.take_windows(&snapshots[at]);
        let peaks = start_ups[at].iter().map(|start| start.peak_kib as f64);
        figures.take_peak(peaks.collect(), &snapshots[at]);
        figures.take_process(&ends[at].0, ends[at].1);
        figures.take_calls(&calls[at], plan.traced * WINDOW);
        figures.ready_ms = median(start_ups[at].iter().map(|start| ms(start.ready)).collect());
        figures.publish_ms = median(
            start_ups[at]
                .iter()
                .map(|start| ms(start.publish))
                .collect(),
        );
        outcomes.push(Outcome {
            kind,
            figures,
            content: content(&snapshots[at]),
            calls: calls[at].clone(),
            ticks: plan.windows * WINDOW,
            traced_ticks: plan.traced * WINDOW,
        });
    }
    Ok(outcomes)
}

fn start_all(stage: &Stage, tick: Duration, kinds: &[Kind]) -> Result<Vec<Contender>> {
    let contenders: Vec<Contender> = kinds
        .iter()
        .map(|kind| Contender::start(*kind, stage, tick))
        .collect::<Result<_>>()?;
    for contender in &contenders {
        contender.wait_until_it_publishes()?;
    }
    Ok(contenders)
}

/// By contender, each of its starts; the contenders take turns.
fn measure_starts(stage: &Stage, plan: Plan, kinds: &[Kind]) -> Result<Vec<Vec<StartUp>>> {
    eprintln!("starting each {} times", plan.starts);
    let mut measured = vec![Vec::new(); kinds.len()];
    for _ in 0..plan.starts {
        for (at, kind) in kinds.iter().enumerate() {
            let contender = Contender::start(*kind, stage, plan.tick)?;
            measured[at].push(contender.wait_until_it_publishes()?);
        }
    }
    Ok(measured)
}

/// By contender, its snapshots at the ends of the windows.
fn measure_windows(
    contenders: &[Contender],
    idle_broker: &Broker,
    plan: Plan,
) -> Result<Vec<Vec<Snapshot>>> {
    let mut snapshots = vec![Vec::new(); contenders.len()];
    let begin = Instant::now();
    for window in 0..=plan.windows {
        let due = begin + plan.tick * WINDOW * window;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        for (contender, snapshots) in contenders.iter().zip(&mut snapshots) {
            let name = contender.kind.name();
            snapshots.push(
                snapshot(contender, idle_broker).with_context(|| format!("{name} while it ran"))?,
            );
        }
    }
    Ok(snapshots)
}

fn snapshot(contender: &Contender, idle_broker: &Broker) -> Result<Snapshot> {
    Ok(Snapshot {
        own: Usage::of(contender.pid())?,
        broker: Usage::of(contender.broker.pid())?,
        idle_broker: Usage::of(idle_broker.pid())?,
        tally: contender.proxy.tally(),
        segments: segments::count(contender.proxy.address())?,
    })
}

fn end_of(contender: &Contender) -> Result<(Usage, Code)> {
    Ok((Usage::of(contender.pid())?, Code::of(contender.pid())?))
}

/// The batches between the first and the last snapshot.
fn content(snapshots: &[Snapshot]) -> Content {
    match snapshots {
        [first, .., last] => Content::of(&last.tally.batches[first.tally.batches.len()..]),
        _ => Content::default(),
    }
}

fn trace(stage: &Stage, contenders: &[Contender], plan: Plan) -> Result<Vec<Calls>> {
    let tracers = contenders
        .iter()
        .map(|contender| {
            let output = stage
                .path()
                .join(format!("strace-{}", contender.kind.name()));
            Tracer::attach(contender.pid(), &output)
        })
        .collect::<Result<Vec<_>>>()?;
    thread::sleep(plan.tick * WINDOW * plan.traced);
    tracers.into_iter().map(Tracer::finish).collect()
}
