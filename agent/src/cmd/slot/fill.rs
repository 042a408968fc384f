//! `picketd slot fill`: on the file server, puts an image into a slot of an export and arms it: the Pi boots into it as a trial. Refuses
//! while the export shows signs of a running Pi.
//!
//! Exit codes: 0 it is filled and armed, 1 it isn't, 2 wrong usage.
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

use picket_proto::DeviceId;

use super::{
    Failure,
    on_server::{OnServer, Outcome},
};
use crate::{
    fileserver::{Content, record},
    install::Program,
    log::chain,
    reinstall::{
        fault::Fault,
        fill::{self, Fill, Filled},
        personalise::{Network, Surroundings},
        wire::{Images, Personal},
    },
    slots::{
        Slot,
        boot_record::{self, Read},
        layout::{Export, PICKET, Stage},
    },
    tree::Tree,
};

/// What `picketd slot fill` takes.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Args {
    /// The Pi's export, on its file server; nothing outside of it is touched
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// The image, by its name in the catalogue
    #[arg(long, value_name = "NAME")]
    image: String,
    /// The folder of the signed catalogue and its images
    #[arg(long, value_name = "DIR")]
    images: PathBuf,
    /// Who may sign the catalogue
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/picket/allowed_signers"
    )]
    signers: PathBuf,
    /// The slot: a or b; by default the one that isn't active
    #[arg(long, value_name = "SLOT")]
    slot: Option<Slot>,
    /// The Pi's new hostname
    #[arg(long, value_name = "NAME")]
    hostname: Option<String>,
    /// A file of lines for authorized_keys; can be given several times
    #[arg(long = "ssh-key", value_name = "FILE")]
    ssh_keys: Vec<PathBuf>,
    /// The interface that the Pi's root filesystem comes over: no network manager of the image may touch it
    #[arg(long, value_name = "NAME", default_value = "eth0")]
    storage: String,
    /// Files of the operator's own, which beat the image's
    #[arg(long, value_name = "DIR")]
    overlay: Option<PathBuf>,
    /// The picketd for an image that has none or an older one; by default this one
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Read every file back and hold it against the archive, before the slot gets its name: what the disk changed without an error
    /// shows. It takes as long again, and 24 bytes of memory a file
    #[arg(long)]
    read_back: bool,
    #[command(flatten)]
    server: OnServer,
}

pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let (personal, around) = (personal(args)?, around(args)?);
    let operation = super::arm::random()?;
    let mut job = args.server.open(&args.export, "fill")?;
    let slot = match args.slot {
        Some(slot) => slot,
        None => idle(&job.export)?,
    };
    let removed = Content::of(job.export.root(), Stage::Whole.path(slot));
    let beside = beside(&job.export, slot);
    job.begin(Some(slot))?;
    let began = Instant::now();
    let filled = fill::fill(&Fill {
        export: &job.export,
        slot,
        images: &Images::Folder(args.images.clone()),
        signers: &args.signers,
        image: &args.image,
        personal: &personal,
        around: &around,
        read_back: args.read_back,
        operation,
    });
    let seconds = began.elapsed().as_secs_f64();
    let outcome = outcome(&filled, removed);
    job.end(Some(slot), outcome.clone())?;
    if let Ok(filled) = &filled {
        let warnings = filled.warnings.iter().chain(&beside);
        for warning in warnings {
            writeln!(out, "warning: {warning}").map_err(Failure::output)?;
        }
        tell((slot, seconds), filled, out).map_err(Failure::output)?;
    }
    match (outcome.failed, filled) {
        (None, _) => Ok(()),
        (Some(why), Ok(_)) => Err(Failure::Failed(format!(
            "slot {slot} is filled, but not on trial: {why}; try picketd slot arm"
        ))),
        // What an operator never makes, a tenant did.
        (Some(why), Err(Fault::Slots(_))) => Err(Failure::Failed(format!(
            "{why}; picketd slot wipe --all removes whatever lies in the export"
        ))),
        (Some(why), Err(_)) => Err(Failure::Failed(why)),
    }
}

fn outcome(filled: &Result<Filled, Fault>, removed: Content) -> Outcome {
    match filled {
        Ok(filled) => Outcome {
            removed,
            filled: Some(record::Filled {
                image: filled.manifest.name.clone(),
                sha256: filled.manifest.sha256.to_string(),
                content: content(filled),
                host_keys: filled.host_keys.clone(),
            }),
            failed: filled.not_armed.clone(),
        },
        Err(fault) => Outcome {
            removed: Content::default(),
            filled: None,
            failed: Some(fault.to_string()),
        },
    }
}

fn content(filled: &Filled) -> Content {
    Content {
        entries: filled.manifest.entries,
        bytes: filled.manifest.installed_size,
    }
}

/// What else is there, which is the tenant's: the next one's system could be led by it, or show it to him.
fn beside(export: &Export, slot: Slot) -> Option<String> {
    let other = Stage::Whole.path(slot.other());
    let found: Vec<_> = [other, PICKET.into()]
        .into_iter()
        .filter(|path| !matches!(export.root().stat(path), Ok(None)))
        .map(|path| path.display().to_string())
        .collect();
    (!found.is_empty()).then(|| {
        format!(
            "{} stays as it is: for another tenant, picketd slot wipe --all comes first",
            found.join(" and ")
        )
    })
}

fn tell(
    (slot, seconds): (Slot, f64),
    filled: &Filled,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let Content { entries, bytes } = content(filled);
    for key in &filled.host_keys {
        writeln!(out, "host key {key}")?;
    }
    let read_back = match filled.is_read_back {
        true => ", read back",
        false => "",
    };
    let then = match filled.not_armed {
        None => "; the Pi boots into it as a trial",
        Some(_) => "",
    };
    writeln!(
        out,
        "slot {slot} holds {}: {entries} entries with {bytes} bytes in {seconds:.1} s{read_back}{then}",
        filled.manifest.name
    )
}

fn personal(args: &Args) -> Result<Personal, Failure> {
    let mut ssh_keys = Vec::new();
    for path in &args.ssh_keys {
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| {
            Failure::Usage(format!(
                "can't read the ssh key {}: {error}",
                path.display()
            ))
        })?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        ssh_keys.extend(lines.map(str::to_owned));
    }
    let personal = Personal {
        hostname: args.hostname.clone(),
        ssh_keys,
        // The Pi itself knows which one it is.
        device_id: DeviceId([0; 8]),
    };
    personal
        .check()
        .map_err(|error| Failure::usage(chain(&error)))?;
    Ok(personal)
}

/// Nothing of the export's is in it: all of that is the last tenant's.
fn around(args: &Args) -> Result<Surroundings, Failure> {
    let program = match &args.program {
        Some(path) => Program::read(path),
        None => Program::this(),
    };
    let program = program.map_err(|error| Failure::usage(chain(&error)))?;
    let open = |path: &Path| Tree::open(path).map_err(|error| Failure::usage(chain(&error)));
    let mut around = Surroundings::only(program);
    around.overlay = args.overlay.as_deref().map(open).transpose()?;
    around.network = Some(Network {
        storage: Some(args.storage.clone()),
        ..Network::default()
    });
    Ok(around)
}

/// The slot that isn't active; without a boot record, the first that is empty.
fn idle(export: &Export) -> Result<Slot, Failure> {
    match boot_record::read(export) {
        Read::Record(record) => Ok(record.active.other()),
        Read::Absent => {
            let bootable = export.bootable();
            let empty = Slot::ALL.into_iter().find(|slot| !bootable.has(*slot));
            empty.ok_or_else(|| {
                Failure::Usage(
                    "both slots hold a system and there is no boot record; say which one to replace with --slot".to_owned(),
                )
            })
        }
        Read::Bad(why) => Err(Failure::Failed(format!(
            "which slot is idle can't be told: the boot record {why}; picketd slot wipe --all removes whatever lies in the export"
        ))),
    }
}
