//! Files that nobody but their owner may read. It knows nothing of what is in them.
use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use zeroize::Zeroizing;

/// No key of ours takes more; OpenSSH reads at most 1 MiB.
const MAX_BYTES: u64 = 64 * 1024;

/// What is in the file, which messages call `what`.
pub(super) fn read(mut file: File, what: &str, path: &Path) -> Result<Zeroizing<String>> {
    let name = path.display();
    let found = file.metadata()?;
    // OpenSSH's rule: a secret of ours that others may read is none any more; one of another's is his business.
    let is_ours = found.uid() == rustix::process::getuid().as_raw();
    let mode = found.mode() & 0o777;
    ensure!(
        !is_ours || mode & 0o077 == 0,
        "the {what} {name} has mode {mode:04o}, so others may read it: `chmod 600 {name}`, and a new one if somebody did"
    );
    bounded(&mut file).with_context(|| format!("the {what} {name} can't be read"))
}

/// The whole text, if it is no longer than a key.
pub(super) fn bounded(file: &mut File) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    match text.len() as u64 > MAX_BYTES {
        true => Err(io::Error::other("it is too large")),
        false => Ok(text),
    }
}
