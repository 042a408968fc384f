//! The catalogue of images as it lies in a folder: read, changed as a whole, signed. What may be in one `picket_proto::image` says;
//! whether a Pi believes it is the Pi's business.
use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use picket_proto::image::{CATALOGUE_FILE, Catalogue, MAX_CATALOGUE, Manifest, SIGNATURE_FILE};
use picketd::reinstall::catalogue::parse;

/// The image of that name in the catalogue at `path`: a folder, or the file itself.
///
/// # Errors
/// The catalogue can't be read, or has no such image; the message names those that it has.
pub fn image(path: &Path, name: &str) -> Result<Manifest> {
    let file = match path.is_dir() {
        true => path.join(CATALOGUE_FILE),
        false => path.to_owned(),
    };
    let catalogue = read(&file)?;
    if let Some(image) = catalogue.named(name) {
        return Ok(image.clone());
    }
    let names: Vec<_> = catalogue.images.iter().map(|image| &*image.name).collect();
    match names.as_slice() {
        [] => bail!("the catalogue {} has no image yet", file.display()),
        names => bail!(
            "the catalogue {} has no image {name:?}; it has {}",
            file.display(),
            names.join(", ")
        ),
    }
}

/// Reads a catalogue, whoever wrote it.
///
/// # Errors
/// It can't be read, or is none.
pub fn read(file: &Path) -> Result<Catalogue> {
    let shown = file.display();
    let bytes = bytes(file).with_context(|| format!("the catalogue {shown} can't be read"))?;
    parse(&bytes).with_context(|| format!("{shown}"))
}

/// The bytes of a catalogue or its signature.
///
/// # Errors
/// It can't be read.
pub fn bytes(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than any: whoever parses sees that it is too long.
    let most = MAX_CATALOGUE as u64 + 1;
    File::open(file)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The folder of a catalogue, while its files are changed.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    /// Held against another picket, until this is dropped.
    _lock: File,
}

impl Store {
    /// The folder, locked.
    ///
    /// # Errors
    /// There is none, it can't be written, or another picket is at it.
    pub fn open(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        let lock = File::open(folder).with_context(|| format!("the folder {shown}"))?;
        if let Err(why) =
            rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive)
        {
            bail!("the folder {shown} is locked ({why}): another picket changes the catalogue");
        }
        Ok(Self {
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// The catalogue; one of version 0, without images, where there is none yet.
    ///
    /// # Errors
    /// It is there and can't be read.
    pub fn catalogue(&self) -> Result<Catalogue> {
        let file = self.folder.join(CATALOGUE_FILE);
        match file.exists() {
            true => read(&file),
            false => Ok(Catalogue::default()),
        }
    }

    /// Replaces both files. Each is whole at any moment; between the two renames the signature isn't the catalogue's, and a Pi that
    /// comes just then refuses them.
    ///
    /// # Errors
    /// A file can't be written; the catalogue before is still there then.
    pub fn publish(&self, text: &str, signature: &str) -> Result<()> {
        let both = [(SIGNATURE_FILE, signature), (CATALOGUE_FILE, text)];
        let write = |(name, text): (&str, &str)| -> Result<_> {
            let mut file = tempfile::Builder::new()
                .prefix(".catalogue")
                .tempfile_in(&self.folder)?;
            file.write_all(text.as_bytes())?;
            let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
            file.as_file().set_permissions(readable)?;
            file.as_file().sync_all()?;
            Ok((file, self.folder.join(name)))
        };
        let written: Result<Vec<_>> = both.into_iter().map(write).collect();
        let shown = self.folder.display();
        for (file, path) in written.with_context(|| format!("the folder {shown}"))? {
            file.persist(&path)
                .with_context(|| format!("{}", path.display()))?;
        }
        let folder = File::open(&self.folder)?;
        Ok(folder.sync_all()?)
    }

    /// Where a file of the folder lies.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The text that is signed.
///
/// # Errors
/// It is out of its range.
pub fn text(catalogue: &Catalogue) -> Result<String> {
    let mut text = format!("version = {}\n", catalogue.version);
    catalogue.check()?;
    for image in &catalogue.images {
        image.check()?;
        text.push_str(&manifest(image));
    }
    Ok(text)
}

/// One image, as it stands in a catalogue. Its words need no escapes: they are checked.
#[must_use]
pub fn manifest(image: &Manifest) -> String {
    format!(
        "\n[[image]]\nname = \"{}\"\nversion = \"{}\"\narchitecture = \"{}\"\nfile = \"{}\"\nformat = \"{}\"\nsha256 = \"{}\"\n\
         size = {}\ninstalled_size = {}\nentries = {}\n",
        image.name,
        image.version,
        image.architecture,
        image.file,
        image.format,
        image.sha256,
        image.size,
        image.installed_size,
        image.entries
    )
}

#[cfg(test)]
mod tests;
