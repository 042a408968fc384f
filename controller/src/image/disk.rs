//! The image of a disk, as distributions publish it: from its file to the root file system in one of its partitions. Nothing is mounted,
//! so it needs no privilege, and nothing in the image can harm this machine's kernel.
mod content;
mod ext4;
mod inodes;
mod partitions;
mod plain;

use std::{fs::File, path::Path, rc::Rc};

use anyhow::{Result, bail, ensure};

pub use content::Content;
pub use ext4::DiskRoot;
pub use partitions::Partition;
pub use plain::plain;

/// A disk's image.
#[derive(Debug)]
pub struct Disk {
    file: Rc<File>,
    length: u64,
    partitions: Vec<(Partition, Content)>,
}

impl Disk {
    /// The one in that file, which isn't compressed.
    ///
    /// # Errors
    /// It has no partition table, or a broken one.
    pub fn open(file: File) -> Result<Self> {
        let length = file.metadata()?.len();
        let found = partitions::read(&file, length)?;
        let partitions = found
            .into_iter()
            .map(|partition| {
                let content = content::of(&file, &partition, length)?;
                Ok((partition, content))
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            file: Rc::new(file),
            length,
            partitions,
        })
    }

    /// The partition of that number, or the only one with ext4.
    ///
    /// # Errors
    /// There is none, or several, or it isn't ext4: each with what is there.
    pub fn root(&self, number: Option<u32>) -> Result<&Partition> {
        if let Some(number) = number {
            let found = self.partitions.iter().find(|(one, _)| one.number == number);
            return match found {
                None => bail!("it has no partition {number}: {}", self.told()),
                Some((partition, Content::Ext4)) => Ok(partition),
                Some((_, content)) => {
                    bail!("partition {number} holds {content}, and only ext4 can be imported")
                }
            };
        }
        let mut candidates = self.partitions.iter();
        let mut candidates = candidates
            .by_ref()
            .filter(|(_, content)| *content == Content::Ext4);
        match (candidates.next(), candidates.next()) {
            (Some((only, _)), None) => Ok(only),
            (None, _) => bail!(
                "no partition holds ext4: {}. Mount the root partition, read-only, and pack that folder with picket image pack",
                self.told()
            ),
            (Some(_), Some(_)) => bail!(
                "several partitions hold ext4: {}. Say which one is the root: --partition N",
                self.told()
            ),
        }
    }

    /// The root file system in that partition.
    ///
    /// # Errors
    /// It can't be read, or its journal must be replayed before.
    pub fn mount(&self, partition: &Partition) -> Result<DiskRoot> {
        let end = partition.start.saturating_add(partition.length);
        ensure!(
            end <= self.length,
            "partition {} ends at byte {end}, and the image at {}: it is truncated",
            partition.number,
            self.length
        );
        DiskRoot::open(&self.file, partition)
    }

    /// The numbers of the partitions with FAT, which firmware boots from.
    #[must_use]
    pub fn firmware(&self) -> Vec<u32> {
        let fat = self.partitions.iter();
        fat.filter(|(_, content)| *content == Content::Fat)
            .map(|(partition, _)| partition.number)
            .collect()
    }

    fn told(&self) -> String {
        if self.partitions.is_empty() {
            return "its partition table is empty".to_owned();
        }
        let told: Vec<_> = self
            .partitions
            .iter()
            .map(|(partition, content)| {
                let mib = partition.length >> 20;
                format!("partition {} ({mib} MiB) {content}", partition.number)
            })
            .collect();
        told.join(", ")
    }
}

/// Opens an image's file, decompressed if it must be.
///
/// # Errors
/// It can't be read; no room in `beside` for what it decompresses to.
pub fn open(path: &Path, beside: &Path, tell: &mut dyn FnMut(u64, u64)) -> Result<Disk> {
    Disk::open(plain(path, beside, tell)?)
}
