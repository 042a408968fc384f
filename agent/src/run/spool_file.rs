//! The saved spool in the state directory: written once at an orderly stop, read and deleted at the next start. The
//! directory may be the tenant's to write, so what is read is bounded and hostile. It doesn't know what the bytes mean.
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// A saved spool that is larger is no spool of ours, in bytes.
const MAX_IMAGE: u64 = 64 * 1024 * 1024;

/// Reads the saved spool and deletes it, so that it can't be used twice. `Ok(None)` if there is none.
///
/// # Errors
/// It can't be read, or not be deleted: then it is not used.
pub(super) fn take(directory: &Path) -> io::Result<Option<Vec<u8>>> {
    let path = path(directory);
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(&path);
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut image = Vec::new();
    let mut whole = 0;
    if file.metadata()?.is_file() {
        whole = file.take(MAX_IMAGE + 1).read_to_end(&mut image)?;
    }
    fs::remove_file(&path)?;
    File::open(directory)?.sync_all()?;
    match whole as u64 > MAX_IMAGE || whole == 0 {
        true => Err(io::ErrorKind::InvalidData.into()),
        false => Ok(Some(image)),
    }
}

/// Writes the spool so that after a crash either all of it is there or nothing.
///
/// # Errors
/// Whatever the file system says.
pub(super) fn save(directory: &Path, image: &[u8]) -> io::Result<()> {
    let temporary = directory.join("spool.new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(&temporary)?;
    file.write_all(image)?;
    file.sync_all()?;
    fs::rename(&temporary, path(directory))?;
    File::open(directory)?.sync_all()
}

fn path(directory: &Path) -> PathBuf {
    directory.join("spool")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_spool_is_there_once() {
        let directory = tempfile::tempdir().unwrap();
        assert!(take(directory.path()).unwrap().is_none());
        save(directory.path(), b"older").unwrap();
        save(directory.path(), b"image").unwrap();
        assert_eq!(take(directory.path()).unwrap().unwrap(), b"image");
        assert!(take(directory.path()).unwrap().is_none());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_symlink_or_a_fifo_in_its_place_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        std::os::unix::fs::symlink(&secret, path(directory.path())).unwrap();
        take(directory.path()).unwrap_err();
        fs::remove_file(path(directory.path())).unwrap();
        rustix::fs::mkfifoat(
            rustix::fs::CWD,
            path(directory.path()),
            rustix::fs::Mode::RUSR,
        )
        .unwrap();
        take(directory.path()).unwrap_err();
        assert_eq!(fs::read(&secret).unwrap(), b"secret");
    }

    #[test]
    fn a_directory_that_is_not_there_has_no_spool_and_takes_none() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        assert!(take(&missing).unwrap().is_none());
        save(&missing, b"image").unwrap_err();
    }
}
