//! Bytes of files on their way from the archive to the threads that write them: never more than a few megabytes in all, however many
//! files and threads there are.
use std::sync::{Arc, Condvar, Mutex, mpsc::Receiver};

/// A piece of a file is at most this long, in bytes.
pub(super) const PIECE: usize = 64 * 1024;
/// All pieces that are on their way together, in bytes.
const MOST: usize = 3 * 1024 * 1024;

/// A file's bytes.
pub(super) enum Content {
    /// All of them, in one piece, or none.
    Whole(Option<Piece>),
    /// Piece by piece; the sender's end is the end.
    Stream(Receiver<Piece>),
}

/// Some bytes of a file.
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
    /// Gives the room back.
    pub(super) _room: Room,
}

/// Room for pieces. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Rooms(Arc<(Mutex<usize>, Condvar)>);

/// Room that is taken until this is dropped.
pub(super) struct Room {
    rooms: Rooms,
    bytes: usize,
}

impl Rooms {
    /// So much room, as soon as it is there. At most [`PIECE`].
    pub(super) fn take(&self, bytes: usize) -> Room {
        let (taken, given_back) = &*self.0;
        let mut taken = taken.lock().expect("nobody panics with it");
        while *taken + bytes > MOST {
            taken = given_back.wait(taken).expect("nobody panics with it");
        }
        *taken += bytes;
        Room {
            rooms: self.clone(),
            bytes,
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let (taken, given_back) = &*self.rooms.0;
        *taken.lock().expect("nobody panics with it") -= self.bytes;
        given_back.notify_all();
    }
}
