//! `picket image import`: an image and its manifest from the image of a disk, as distributions publish it.
use std::{
    io::{self, BufWriter, IsTerminal},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use clap::Args;

use super::product::Product;
use crate::{
    cmd::Exit,
    image::{disk, pack_disk},
};

/// So often it says how far it is.
const EACH: Duration = Duration::from_secs(1);

/// Make an image of the root file system in a disk's image
///
/// FILE is the image of a disk as Raspberry Pi OS and Ubuntu publish it: .img,
/// also compressed by xz, gzip or zstd, with an MBR or a GPT and a root file
/// system of ext4. Nothing is mounted, and no privilege is needed. What it
/// decompresses to lies in the folder of --into meanwhile. The FAT partition that
/// firmware boots from isn't taken: kernel and firmware are on the TFTP side.
///
///   picket image import raspios-lite.img.xz --name raspios-13-armhf \
///       --image-version 2026-10-01
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Import {
    /// The image of the disk
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The number of the root partition, where several hold ext4
    #[arg(long, value_name = "N")]
    partition: Option<u32>,
    #[command(flatten)]
    product: Product,
}

pub(super) fn run(args: &Import) -> Result<Exit> {
    let shown = || format!("{}", args.file.display());
    let product = &args.product;
    let mut progress = Progress::new(&args.file);
    let disk = disk::open(&args.file, &product.into, &mut |read, of| {
        progress.tell(read, of);
    });
    drop(progress);
    let disk = disk.with_context(shown)?;
    let partition = disk.root(args.partition).with_context(shown)?;
    let root = disk.mount(partition).with_context(shown)?;
    let done = product.make(|file| {
        let packed = pack_disk(&root, product.format, BufWriter::new(file));
        packed.with_context(shown)
    })?;
    for number in disk.firmware() {
        eprintln!(
            "picket: partition {number} (FAT) isn't taken: a Pi that boots over the network has kernel, firmware and config.txt from its \
             TFTP server. Put them there if you want this distribution's; its modules are in the image and fit its own kernel only"
        );
    }
    Ok(done)
}

/// How far the decompression is, for somebody who watches.
struct Progress {
    file: String,
    last: Instant,
    told: bool,
}

impl Progress {
    fn new(file: &Path) -> Self {
        Self {
            file: file.display().to_string(),
            last: Instant::now(),
            told: false,
        }
    }

    fn tell(&mut self, read: u64, of: u64) {
        if self.last.elapsed() < EACH || !io::stderr().is_terminal() {
            return;
        }
        self.last = Instant::now();
        self.told = true;
        let percent = read.saturating_mul(100) / of.max(1);
        eprint!("\rpicket: {percent:3} % of {} is decompressed", self.file);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.told {
            eprintln!();
        }
    }
}
