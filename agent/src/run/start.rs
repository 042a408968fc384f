//! How an agent comes up: from its configuration to the running loop. Each step says what it tried when it fails.
use std::{fs, io, os::unix::fs::DirBuilderExt, path::Path};

use rustix::{
    io::Errno,
    rand::{GetRandomFlags, getrandom},
};

use super::{
    Agent, Outside, Parts, Setting, Waits,
    agent::give_back_code,
    commands,
    reload::{Files, Source},
    serve,
    signers::{self, Signers},
    slots, spool_file,
    status::status,
    verdicts,
};
use crate::{
    clock::boottime_ms,
    command::{CommandSettings, Commands, Slots},
    config::{Loaded, Origin, Periods, Settings},
    device_id, host,
    inventory::Inventory,
    journal::{self, Problem, Record},
    lifeboat::Standing,
    link::{Access, AccessError, Identity, MqttLink},
    log,
    notify::{Notifier, Word},
    runtime_state::{Progress, RuntimeError, RuntimeState},
    sampler::Sampler,
    slots::layout::PICKET,
    sources::{nfs_null::Probe, nfs_server},
    telemetry::{self, Telemetry, TelemetrySettings},
    trust,
    world::{OnDisk, World},
};

/// tokio's threads for blocking work: only numeric addresses are looked up there.
const BLOCKING_STACK: usize = 256 * 1024;

/// Why an agent didn't come up, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The machine doesn't say which one it is.
    #[error(transparent)]
    Device(#[from] device_id::Error),
    /// The run directory can't be used.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A secret or a certificate can't be used.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// The kernel doesn't give what the loop waits with.
    #[error("the loop can't wait for ticks, signals and the network")]
    Wait(#[source] io::Error),
}

/// Runs the agent until it is told to stop.
///
/// # Errors
/// What keeps it from coming up, or that its timer failed.
pub fn run(
    world: &World,
    path: &Path,
    loaded: Loaded,
    lifeboat: &Standing,
) -> Result<(), StartError> {
    let _log = log::start(loaded.settings.log, world);
    // The kernel brings 64 KiB with each place that is touched. Given back step by step, the start's peak is the run's.
    give_back_code();
    lifeboat.tell();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}; the file's value holds");
    }
    let identity = Identity {
        device: device_id::device_id(world, loaded.settings.id)?,
        boot: device_id::boot_id(world)?,
    };
    let credentials = loaded.settings.credentials();
    let access = Access::load_in_time(&credentials, world)?;
    give_back_code();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_stack_size(BLOCKING_STACK)
        .build()
        .map_err(StartError::Wait)?;
    give_back_code();
    let settings = loaded.settings.clone();
    let state_dir = state_dir(world, &loaded);
    // Safety-order: the lock comes before all that an agent beside this one may be using.
    let state = RuntimeState::open(&world.run_dir(), identity.boot)?;
    let opened = journal::open(state_dir.clone(), identity.device);
    if let Some(problem) = &opened.problem {
        tracing::warn!("{problem}");
    }
    let record = opened.record;
    let periods = record.as_ref().and_then(|record| record.periods);
    let periods = periods.unwrap_or(settings.telemetry.periods);
    let host = host::open(world);
    let slots = match &opened.problem {
        Some(Problem::Hangs { .. }) => slots::silent(),
        _ => slots::find(world, &settings.reinstalls),
    };
    let setting = Setting {
        world: world.clone(),
        device: identity.device,
        boot: identity.boot,
        reinstalls: settings.reinstalls.clone(),
    };
    give_back_code();
    let left = Left {
        spool: saved_spool(&settings, &state_dir, opened.problem.as_ref()),
        record,
        slots,
        said: match &opened.problem {
            Some(Problem::Hangs { .. }) => Err(Errno::TIMEDOUT),
            _ => opened.journal.said(),
        },
        problem: opened.problem,
        state,
        state_dir,
    };
    let mut parts = parts(world, path, loaded, (identity, periods), left);
    parts.access_known = access.is_known();
    parts.status.lifeboat = Some(lifeboat.status());
    give_back_code();
    runtime.block_on(async {
        let probe = settings.sampler.nfs_probe;
        if let Some(server) = nfs_server::server(world, probe, world.root_mount()) {
            parts.sampler.drive(Probe::spawn(server));
        }
        let bell = verdicts::in_band(world, settings.sampler.nfs_in_band, &mut parts.sampler)
            .map_err(StartError::Wait)?;
        let link = MqttLink::start(settings.link, access, identity, parts.connection);
        let mut outside = Outside::new(link, host, opened.journal, periods.period_ms())
            .map_err(StartError::Wait)?;
        outside.listen(bell);
        outside.reinstall_with(setting);
        let waits = Waits::new(outside).map_err(StartError::Wait)?;
        parts.notifier.say(&Word::Ready);
        parts.notifier.say(&Word::silence(periods));
        serve(Agent::new(parts), waits)
            .await
            .map_err(StartError::Wait)
    })
}

/// Where the journal lies, and the spool of the last stop. On an export with slots that is beside them unless somebody wished it elsewhere,
/// for what a reinstall records must outlive the slot that recorded it.
pub(super) fn state_dir(world: &World, loaded: &Loaded) -> OnDisk {
    let mut written = loaded.effective.iter();
    let is_wished = written.any(|line| line.key == "state_dir" && line.origin != Origin::Default);
    let export = world.run_dir().join(slots::EXPORT);
    if is_wished || !export.is_dir() {
        return world.on_disk(&loaded.settings.state_dir);
    }
    let beside = export.join(PICKET);
    // One that is there stays as it is, and what keeps it from being made is told by the journal.
    let _ = fs::DirBuilder::new().mode(0o700).create(&beside);
    (&beside).into()
}

/// What an agent before this one left.
pub(super) struct Left {
    /// What the journal holds.
    pub(super) record: Option<Record>,
    /// What runs.
    pub(super) slots: Slots,
    /// What is wrong with the journal.
    pub(super) problem: Option<Problem>,
    /// What the disk of the journal said.
    pub(super) said: Result<(), Errno>,
    /// The saved spool.
    pub(super) spool: Option<Vec<u8>>,
    /// The run directory, locked.
    pub(super) state: (RuntimeState, Progress),
    /// The state directory.
    pub(super) state_dir: OnDisk,
}

/// Puts an agent together. `periods` are in force.
pub(super) fn parts(
    world: &World,
    path: &Path,
    loaded: Loaded,
    (identity, periods): (Identity, Periods),
    left: Left,
) -> Parts {
    let settings = &loaded.settings;
    let (state, progress) = left.state;
    let telemetry = Telemetry::new(
        telemetry_settings(settings, identity, periods),
        progress.resume,
        left.spool.as_deref(),
    );
    if let Some(error) = telemetry.image_error() {
        not_used(&left.state_dir, error);
    }
    tracing::info!(device = %identity.device, boot = %identity.boot, tick = progress.resume.next_tick, "picketd {} starts", env!("CARGO_PKG_VERSION"));
    let (signers, signers_known) = match signers(settings, world, left.problem.as_ref()) {
        Signers::Are(signers) => (signers, true),
        Signers::NotKnown => (None, false),
    };
    let inventory = match &left.problem {
        Some(Problem::Hangs { .. }) => Inventory::of_kernel(world),
        _ => Inventory::read(world),
    };
    let mut status = status(inventory, &loaded, identity.boot, periods);
    signers::tell(signers.as_ref(), &mut status);
    let mut commands = Commands::new(
        CommandSettings {
            device: identity.device,
            boot: identity.boot,
            signers,
            unjudged: settings.signers_without_clock,
            slots: left.slots,
            periods: settings.telemetry.periods,
        },
        left.record,
        Box::new(random),
    );
    // There is nothing to do at once: the link isn't up.
    commands.journal_problem(left.problem.as_ref(), boottime_ms());
    slots::tell(&commands, &mut status);
    if let Some(last) = commands.last_operation() {
        commands::tell(last, &mut status);
    }
    let verdicts = verdicts::begin(world, left.said);
    verdicts::tell(&verdicts, &mut status);
    Parts {
        signers_known,
        access_known: true,
        verdicts,
        saved: left.spool.is_some() && telemetry.image_error().is_none(),
        sampler: Sampler::new(world, &settings.sampler),
        telemetry,
        commands,
        state,
        status,
        state_dir: left.state_dir,
        notifier: Notifier::from_env(world),
        connection: progress.connection,
        config: Source {
            files: Files {
                path: path.to_owned(),
                world: world.clone(),
                allowed_signers: settings.allowed_signers.clone(),
                credentials: settings.credentials(),
            },
            effective: loaded.effective,
        },
    }
}

/// 16 random bytes of the kernel; `None` as long as it has none, early in a boot.
fn random() -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let filled = getrandom(&mut bytes, GetRandomFlags::NONBLOCK);
    (filled == Ok(bytes.len())).then_some(bytes)
}

fn telemetry_settings(
    settings: &Settings,
    identity: Identity,
    periods: Periods,
) -> TelemetrySettings {
    let part = &settings.telemetry;
    TelemetrySettings {
        boot: identity.boot,
        device: identity.device,
        period_ms: periods.period_ms(),
        window_ms: periods.window_ms(),
        ack: part.ack.clone(),
        spool_bytes: part.spool_bytes,
        temperature_limits: part.temperature_limits.clone(),
        hysteresis: part.hysteresis,
    }
}

/// Who may sign; `journal` is what is wrong with the journal. Of a disk that hangs nothing more is asked before the loop runs.
fn signers(settings: &Settings, world: &World, journal: Option<&Problem>) -> Signers {
    let path = settings.allowed_signers.as_deref();
    match journal {
        Some(Problem::Hangs { .. }) if path.is_some() => Signers::NotKnown,
        _ => signers::judge(path, path.map(|path| trust::load(world.on_disk(path)))),
    }
}

/// The saved spool; `journal` is what is wrong with the journal, which lies beside it. Of a disk that hangs nothing more is asked: the
/// agent must come up without it.
pub(super) fn saved_spool(
    settings: &Settings,
    directory: &OnDisk,
    journal: Option<&Problem>,
) -> Option<Vec<u8>> {
    if let Some(hangs @ Problem::Hangs { .. }) = journal {
        not_used(directory, hangs);
        return None;
    }
    if !directory.is_dir() {
        tracing::warn!(
            "the state directory {} is not there: at a stop, what is not confirmed will be lost; make it, or set state_dir",
            directory.display()
        );
        return None;
    }
    spool_file::read(directory, most_saved(settings))
        .inspect_err(|error| not_used(directory, error))
        .ok()
        .flatten()
}

fn most_saved(settings: &Settings) -> u64 {
    telemetry::most_saved(settings.telemetry.spool_bytes) as u64
}

fn not_used(directory: &OnDisk, error: &dyn std::fmt::Display) {
    tracing::warn!(
        "the spool saved in {} is not used, and what is in it is lost: {error}; the next orderly stop replaces it",
        directory.display()
    );
}
