//! Why an image can't be installed, each with the words for the operator and the code of the report. It knows no step of the work.
use std::io;

use picket_proto::Reason;
use rustix::io::Errno;

use super::catalogue::CatalogueError;
use crate::log::chain;

/// Why an image can't be installed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The agent wished it, or is gone.
    #[error("given up before it was done; the idle slot is empty")]
    GivenUp,
    /// The export or its slots aren't as they must be.
    #[error("{0}")]
    Slots(String),
    /// The slot is in use.
    #[error("{0}")]
    SlotInUse(String),
    /// There is not enough room or memory, as it looks before the work.
    #[error("{0}")]
    NoRoom(String),
    /// A call to the disk failed.
    #[error("{attempt}: {}", disk_words(.source))]
    Disk {
        /// What was attempted, with the path.
        attempt: String,
        /// The call's error.
        source: io::Error,
    },
    /// What was read back, or is there, isn't what was written.
    #[error("{0}")]
    Differs(String),
    /// The image or the catalogue can't be fetched.
    #[error("{0}")]
    Fetch(String),
    /// The archive isn't the one that the catalogue names.
    #[error("{0}")]
    Digest(String),
    /// The archive is malformed, would leave its slot, or is not what its manifest says.
    #[error("the archive is refused: {0}")]
    Archive(String),
    /// There is no catalogue that counts, or it has no such image.
    #[error("{0}")]
    Catalogue(#[from] CatalogueError),
    /// The image is for other machines.
    #[error("{0}")]
    Architecture(String),
    /// The image can't be made this Pi's.
    #[error("{0}")]
    Personalise(String),
}

impl Fault {
    /// The code of the report.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::GivenUp => Reason::GivenUp,
            Self::Slots(_) => Reason::NoSlots,
            Self::SlotInUse(_) => Reason::SlotInUse,
            Self::NoRoom(_) => Reason::NoRoom,
            Self::Disk { source, .. } if is_full(source) => Reason::NoRoom,
            Self::Disk { .. } | Self::Differs(_) => Reason::Disk,
            Self::Fetch(_) => Reason::Fetch,
            Self::Digest(_) => Reason::Digest,
            Self::Archive(_) => Reason::Archive,
            Self::Catalogue(error) => error.reason(),
            Self::Architecture(_) => Reason::Architecture,
            Self::Personalise(_) => Reason::Personalise,
        }
    }

    /// A call to the disk that failed; for `map_err`.
    pub(crate) fn disk<E: Into<io::Error>>(attempt: impl Into<String>) -> impl FnOnce(E) -> Self {
        move |error| Self::Disk {
            attempt: attempt.into(),
            source: error.into(),
        }
    }

    /// What kept the image from being made this Pi's: the disk, or something about the image.
    pub(crate) fn personal(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let mut attempt = Vec::new();
        for cause in causes {
            let errno = cause
                .downcast_ref::<io::Error>()
                .and_then(Errno::from_io_error);
            match errno {
                Some(
                    errno @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG | Errno::ROFS | Errno::IO),
                ) => return Self::disk(attempt.join(": "))(errno),
                _ => attempt.push(cause.to_string()),
            }
        }
        Self::Personalise(chain(error))
    }

    /// A fault of the archive at one of its entries.
    pub(crate) fn entry(path: &[u8], why: impl std::fmt::Display) -> Self {
        Self::Archive(format!("{}: {why}", shown(path)))
    }

    /// As an error of reading, for what lies between the one who fails and the one who hears of it. [`Fault::back`] undoes it.
    pub(crate) fn carried(self) -> io::Error {
        io::Error::other(self)
    }

    /// What an error of reading carries; of any other the archive is the cause.
    pub(crate) fn back(error: io::Error) -> Self {
        if error.get_ref().is_some_and(|inner| inner.is::<Self>()) {
            let carried = error.into_inner().and_then(|inner| inner.downcast().ok());
            return carried.map_or_else(
                || Self::Fetch("the source failed".to_owned()),
                |fault| *fault,
            );
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Archive("it ends too early".to_owned()),
            _ => Self::Archive(format!("it can't be decompressed: {error}")),
        }
    }
}

/// A path for messages: what isn't printable text is escaped, and it is cut.
pub(crate) fn shown(path: &[u8]) -> String {
    const MOST: usize = 200;
    let cut = if path.len() > MOST { "…" } else { "" };
    format!("{}{cut}", path[..path.len().min(MOST)].escape_ascii())
}

fn is_full(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG))
}

fn disk_words(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC) => {
            "the export is full (no room or no inodes): make room, or order with --discard-old"
                .to_owned()
        }
        Some(Errno::DQUOT) => {
            "the export's quota is used up: raise it, or order with --discard-old".to_owned()
        }
        Some(Errno::ROFS) => "the export is read-only".to_owned(),
        Some(Errno::IO) => "the disk or its server failed (EIO)".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_of_the_disk_has_its_code_and_its_way_out() {
        for (errno, reason, words) in [
            (Errno::NOSPC, Reason::NoRoom, "--discard-old"),
            (Errno::DQUOT, Reason::NoRoom, "quota"),
            (Errno::IO, Reason::Disk, "EIO"),
            (Errno::ROFS, Reason::Disk, "read-only"),
            (Errno::ACCESS, Reason::Disk, "denied"),
        ] {
            let fault = Fault::disk("can't write etc/fstab")(errno);
            assert_eq!(fault.reason(), reason, "{fault}");
            let said = fault.to_string();
            assert!(
                said.starts_with("can't write etc/fstab: ") && said.contains(words),
                "{said}"
            );
        }
    }

    #[test]
    fn a_disk_that_fails_while_an_image_is_made_somebodys_is_the_disks_fault() {
        #[derive(Debug, thiserror::Error)]
        #[error("can't write etc/hostname")]
        struct Attempt(#[source] io::Error);
        for (errno, reason, words) in [
            (Errno::NOSPC, Reason::NoRoom, "--discard-old"),
            (Errno::IO, Reason::Disk, "EIO"),
            (Errno::LOOP, Reason::Personalise, "ymbolic link"),
        ] {
            let fault = Fault::personal(&Attempt(errno.into()));
            assert_eq!(fault.reason(), reason, "{fault}");
            let said = fault.to_string();
            assert!(
                said.starts_with("can't write etc/hostname: ") && said.contains(words),
                "{said}"
            );
        }
    }

    #[test]
    fn a_fault_comes_through_a_reader_as_it_was_and_any_other_error_is_the_archives() {
        let carried = Fault::Digest("other".to_owned()).carried();
        assert!(matches!(Fault::back(carried), Fault::Digest(said) if said == "other"));
        let early = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(Fault::back(early).to_string().contains("ends too early"));
        assert!(matches!(
            Fault::back(io::Error::other("x")),
            Fault::Archive(_)
        ));
    }

    #[test]
    fn paths_in_messages_have_no_control_characters_and_an_end() {
        assert_eq!(shown(b"a\x1b[31m\xff"), "a\\x1b[31m\\xff");
        assert!(shown(&[b'x'; 5000]).len() < 210);
    }
}
