//! What becomes of a root file system, wherever it was: an archive, read back as a Pi will read it, and its manifest.
use std::{
    fs::{self, File},
    io::{self, Seek, Write},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use picket_proto::image::{Architecture, Format, Manifest};

use crate::{
    catalogue,
    cmd::{Exit, usage},
    image::{Left, Survey, survey},
};

/// So many names are told of what an archive or an export can't hold.
const SHOWN: usize = 5;

/// The image that is made.
#[derive(Debug, Clone, Args)]
pub(super) struct Product {
    /// What operators call the image
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Its version, as you count
    #[arg(long, value_name = "VERSION")]
    image_version: String,
    /// For which machines: armel, armhf, arm64 or amd64 [default: as its programs are]
    #[arg(long, value_name = "NAME", value_parser = architecture)]
    architecture: Option<Architecture>,
    /// tar.zst, tar.xz or tar.gz
    #[arg(long, value_name = "FORMAT", default_value = "tar.zst", value_parser = format)]
    pub(super) format: Format,
    /// The folder that the archive NAME.FORMAT and NAME.manifest are written to
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(super) into: PathBuf,
}

impl Product {
    /// Makes it of what `write` writes.
    pub(super) fn make(&self, write: impl FnOnce(&mut File) -> Result<Left>) -> Result<Exit> {
        let file = format!("{}.{}", self.name, self.format);
        let mut draft = tempfile::Builder::new()
            .prefix(".image")
            .tempfile_in(&self.into)
            .with_context(|| format!("the folder {}", self.into.display()))?;
        tell(&write(draft.as_file_mut())?);
        draft.as_file_mut().rewind()?;
        let found = survey(self.format, draft.as_file_mut())?;
        let image = manifest(self, &file, &found)?;
        image.check().map_err(usage)?;
        warn(&found.extended);
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        draft.as_file().set_permissions(readable)?;
        draft.as_file().sync_all()?;
        let path = self.into.join(file);
        draft
            .persist(&path)
            .with_context(|| format!("{}", path.display()))?;
        let text = catalogue::manifest(&image);
        let path = self.into.join(format!("{}.manifest", self.name));
        fs::write(&path, &text).with_context(|| format!("{}", path.display()))?;
        io::stdout().write_all(text.trim_start().as_bytes())?;
        Ok(Exit::Succeeded)
    }
}

fn manifest(args: &Product, file: &str, found: &Survey) -> Result<Manifest> {
    let architecture = match (args.architecture, found.architecture) {
        (Some(said), Some(found)) if said != found => {
            bail!("--architecture {said} was given, and the image's programs are for {found}")
        }
        (said, found) => said.or(found),
    };
    let architecture = architecture
        .ok_or_else(|| usage("the image has no programs that tell: give --architecture"))?;
    Ok(Manifest {
        name: args.name.clone(),
        version: args.image_version.clone(),
        architecture,
        file: file.to_owned(),
        format: args.format,
        sha256: found.sha256,
        size: found.size,
        installed_size: found.installed_size,
        entries: found.entries,
    })
}

/// Says what the folder has and the archive hasn't.
fn tell(left: &Left) {
    for (paths, words) in [
        (&left.sockets, "sockets are left out"),
        (
            &left.mounts,
            "folders are packed empty, since other file systems are mounted there",
        ),
    ] {
        let names: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        note(&names, words);
    }
    warn(&left.extended);
}

/// Says what the archive has and an NFS export can't hold.
fn warn(extended: &[String]) {
    note(
        extended,
        "entries have extended attributes, as file capabilities, which an NFS export can't hold: without them they are for root \
         alone, unless you give them set-user-id",
    );
}

fn note(names: &[String], words: &str) {
    if !names.is_empty() {
        let more = if names.len() > SHOWN { ", …" } else { "" };
        let shown = names[..names.len().min(SHOWN)].join(", ");
        let line = format!("{} {words}: {shown}{more}", names.len());
        eprintln!("picket: {}", crate::claim::escape(&line));
    }
}

fn architecture(name: &str) -> Result<Architecture, String> {
    Architecture::from_name(name).ok_or_else(|| "write armel, armhf, arm64 or amd64".to_owned())
}

fn format(name: &str) -> Result<Format, String> {
    Format::from_name(name).ok_or_else(|| "write tar.zst, tar.xz or tar.gz".to_owned())
}
