//! `picket image pack`: an archive and its manifest from a root file system.
use std::{
    fs::{self, File},
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use picket_proto::image::{Architecture, Format, Manifest};
use picketd::reinstall::decompress::Decompressed;

use crate::{
    catalogue,
    cmd::{Exit, usage},
    image::{Left, Survey, pack_folder, pack_tar, survey},
};

/// So many names are told of what an archive or an export can't hold.
const SHOWN: usize = 5;

/// Pack a root file system into an image, with its manifest
///
/// SOURCE is a folder with a whole root file system, or a tar archive of one
/// (also compressed, by zstd, xz or gzip; `-` is the standard input), as
/// mmdebstrap makes it. Run it as root, so that everything can be read and owners
/// are right. The same folder makes the same bytes each time.
///
///   mmdebstrap trixie - | picket image pack - --name debian-13-arm64 \
///       --image-version 13.2
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Pack {
    /// The folder or the archive
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
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
    format: Format,
    /// The folder that the archive NAME.FORMAT and NAME.manifest are written to
    #[arg(long, value_name = "DIR", default_value = ".")]
    into: PathBuf,
}

pub(super) fn run(args: &Pack) -> Result<Exit> {
    let file = format!("{}.{}", args.name, args.format);
    let mut draft = tempfile::Builder::new()
        .prefix(".image")
        .tempfile_in(&args.into)
        .with_context(|| format!("the folder {}", args.into.display()))?;
    tell(&write(args, draft.as_file_mut())?);
    draft.as_file_mut().rewind()?;
    let found = survey(args.format, draft.as_file_mut())?;
    let image = manifest(args, &file, &found)?;
    image.check().map_err(usage)?;
    warn(&found.extended);
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    draft.as_file().set_permissions(readable)?;
    draft.as_file().sync_all()?;
    let path = args.into.join(file);
    draft
        .persist(&path)
        .with_context(|| format!("{}", path.display()))?;
    let text = catalogue::manifest(&image);
    let path = args.into.join(format!("{}.manifest", args.name));
    fs::write(&path, &text).with_context(|| format!("{}", path.display()))?;
    io::stdout().write_all(text.trim_start().as_bytes())?;
    Ok(Exit::Succeeded)
}

/// Writes the archive.
fn write(args: &Pack, file: &mut File) -> Result<Left> {
    let source = &args.source;
    let into = BufWriter::new(file);
    if source.is_dir() {
        return pack_folder(source, args.format, into);
    }
    let tar: Box<dyn Read> = match source.as_path() == Path::new("-") {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(source).with_context(|| format!("{}", source.display()))?),
    };
    pack_tar(plain(tar)?, args.format, into)?;
    Ok(Left::default())
}

/// The archive without its compression, which its first bytes tell (RFC 8878, RFC 1952, and xz's file format).
fn plain(mut packed: Box<dyn Read>) -> Result<Box<dyn Read>> {
    let mut head = Vec::new();
    packed.by_ref().take(6).read_to_end(&mut head)?;
    let format = match head.as_slice() {
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Format::TarZst),
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Some(Format::TarXz),
        [0x1f, 0x8b, ..] => Some(Format::TarGz),
        _ => None,
    };
    let packed = io::Cursor::new(head).chain(packed);
    Ok(match format {
        None => Box::new(packed),
        Some(format) => Box::new(Decompressed::new(format, BufReader::new(packed))?),
    })
}

fn manifest(args: &Pack, file: &str, found: &Survey) -> Result<Manifest> {
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
