//! `picketd sample`: reads every source once and prints the readings. It sends nothing and keeps nothing.
//!
//! Exit codes: 0 printed (gaps included), 1 the kernel command line's id is malformed or the output failed, 2 the root
//! is no machine or the configuration isn't valid.
use std::{io::Write, path::PathBuf, thread, time::Duration};

use picket_proto::{DeviceId, Reading};
use tokio::{runtime::Builder, time::timeout};

use super::{failure::Failure, readings};
use crate::{
    clock::boottime_ms,
    config, device_id,
    sampler::{NfsInBand, Sample, Sampler, SamplerSettings},
    sources::{
        nfs_in_band,
        nfs_null::Probe,
        nfs_server::{self, Server},
    },
    world::World,
};

/// How long a probe may take: a person waits for it.
const PROBE: Duration = Duration::from_secs(1);

/// What `picketd sample` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The machine's root; any other than / is a tree that stands for a machine, and nothing outside of it is read
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// A configuration's file: its id, sensors, nfs_probe and nfs_in_band count. Without one there are no sensors, and the
    /// NFS server of the root is asked
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one line of JSON: {"device":ID or null,"readings":{NAME:INTEGER,...},"gaps":{NAME:REASON,...}}
    #[arg(long)]
    pub json: bool,
    /// Take two samples that far apart and print the second, so that readings of an interval have a value
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub interval: Option<u16>,
}

/// Samples the machine and prints the readings; what nothing names has no id and readings all the same.
///
/// # Errors
/// [`Failure::Usage`] if the root is no machine or the configuration isn't valid, [`Failure::Failed`] if the kernel command
/// line's id is malformed.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let world = World::new(&args.root);
    world.check().map_err(Failure::usage)?;
    let (configured, settings) = match &args.config {
        Some(path) => {
            let settings = config::load(path, &world).map_err(Failure::usage)?.settings;
            (settings.id, settings.sampler)
        }
        None => (None, SamplerSettings::default()),
    };
    let device = match device_id::device_id(&world, configured) {
        Ok(id) => Some(id),
        Err(device_id::Error::Nameless) => None,
        Err(error) => return Err(Failure::Failed(error.to_string())),
    };
    let sample = sample(&world, &settings, args.interval)?;
    print(device, &sample, args.json, out)
}

fn sample(
    world: &World,
    settings: &SamplerSettings,
    interval: Option<u16>,
) -> Result<Sample, Failure> {
    let mut sampler = Sampler::new(world, settings);
    if let Some(seconds) = interval {
        let _ = sampler.sample(boottime_ms());
        thread::sleep(Duration::from_secs(seconds.into()));
    }
    if let Some(server) = nfs_server::server(world, settings.nfs_probe, world.root_mount()) {
        sampler.set_null_rtt(null_rtt(server)?);
    }
    if settings.nfs_in_band == NfsInBand::Auto {
        if let Some(root) = nfs_in_band::root(world, world.root_mount()) {
            sampler.set_in_band(nfs_in_band::once(root, PROBE, boottime_ms()));
        }
    }
    Ok(sampler.sample(boottime_ms()))
}

/// One NULL call, given one second: a person waits for it.
fn null_rtt(server: Server) -> Result<Reading, Failure> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("the NULL call has no runtime: {error}")))?;
    Ok(runtime.block_on(async {
        let mut probe = Probe::spawn(server);
        probe.start();
        let _ = timeout(PROBE, probe.ended()).await;
        probe.take()
    }))
}

fn print(
    device: Option<DeviceId>,
    sample: &Sample,
    json: bool,
    out: &mut impl Write,
) -> Result<(), Failure> {
    if json {
        readings::json(device, sample, &mut *out).map_err(Failure::output)?;
        return writeln!(out).map_err(Failure::output);
    }
    readings::table(device, sample, out).map_err(Failure::output)
}
