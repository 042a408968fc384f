//! The saved spool in the state directory: written once at an orderly stop, read at the next start, and deleted when
//! everything in it is settled: a crash before that must not lose it. The directory may be the tenant's to write, so what is read is bounded and hostile. It doesn't know what the bytes mean.
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// Reads the saved spool, of at most `most` bytes. It stays there. `Ok(None)` if there is none.
///
/// # Errors
/// It can't be read, or is nothing that was saved.
pub(super) fn read(directory: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(path(directory));
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut image = Vec::new();
    match file.take(most + 1).read_to_end(&mut image)? as u64 {
        0 => Err(io::Error::other("it is empty")),
        size if size > most => Err(io::Error::other(format!(
            "it has more than {most} bytes, the most that an image for this spool_bytes has"
        ))),
        _ => Ok(Some(image)),
    }
}

/// Deletes the saved spool.
///
/// # Errors
/// Whatever the file system says.
pub(super) fn delete(directory: &Path) -> io::Result<()> {
    fs::remove_file(path(directory))?;
    File::open(directory)?.sync_all()
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

    const MOST: u64 = 10;

    #[test]
    fn a_saved_spool_is_there_until_it_is_deleted() {
        let directory = tempfile::tempdir().unwrap();
        assert!(read(directory.path(), MOST).unwrap().is_none());
        save(directory.path(), b"older").unwrap();
        save(directory.path(), b"image").unwrap();
        for _ in 0..2 {
            assert_eq!(read(directory.path(), MOST).unwrap().unwrap(), b"image");
        }
        delete(directory.path()).unwrap();
        assert!(read(directory.path(), MOST).unwrap().is_none());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_spool_is_not_read_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let secret = directory.path().join("secret");
        let spool = path(directory.path());
        fs::write(&secret, "secret").unwrap();
        let refused = |why: &str| {
            let error = read(directory.path(), MOST).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            fs::remove_file(&spool).unwrap();
        };
        std::os::unix::fs::symlink(&secret, &spool).unwrap();
        // ELOOP, which every libc words in its own way.
        refused("os error 40");
        rustix::fs::mkfifoat(rustix::fs::CWD, &spool, rustix::fs::Mode::RUSR).unwrap();
        refused("no regular file");
        fs::write(&spool, "").unwrap();
        refused("it is empty");
        fs::write(&spool, [0; MOST as usize + 1]).unwrap();
        refused("more than 10 bytes");
    }

    #[test]
    fn a_directory_that_is_not_there_has_no_spool_and_takes_none() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        assert!(read(&missing, MOST).unwrap().is_none());
        save(&missing, b"image").unwrap_err();
    }
}
