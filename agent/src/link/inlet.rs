//! How many messages may come in: so many wait for the owner loop, and so many are passed on in a second. Whoever may
//! publish to this device's topics can then take neither its memory nor its time; acks that are dropped come again.
//! It doesn't know what the messages say.
use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// Messages that wait for the owner loop, at most: with the largest packets that are accepted this is 1 MiB.
const WAITING: usize = 32;
/// Messages passed on in a second, at most. A collector sends an ack a second, an operator a command.
const A_SECOND: u32 = 64;
/// Two warnings are at least this far apart.
const QUIET: Duration = Duration::from_secs(60);

/// A place among the waiting messages; free again when it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// Counts the messages that come in.
#[derive(Debug)]
pub(super) struct Inlet {
    room: Arc<Semaphore>,
    /// When the present second began, and what may still pass in it.
    second: Option<Instant>,
    left: u32,
    dropped: u64,
    warned: Option<Instant>,
}

impl Default for Inlet {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(WAITING)),
            second: None,
            left: A_SECOND,
            dropped: 0,
            warned: None,
        }
    }
}

impl Inlet {
    /// A place for one message; `None` if it must be dropped.
    pub(super) fn admit(&mut self, now: Instant) -> Option<Place> {
        if self
            .second
            .is_none_or(|began| now.duration_since(began) >= Duration::from_secs(1))
        {
            self.second = Some(now);
            self.left = A_SECOND;
        }
        let place = match self.left {
            0 => None,
            _ => self.room.clone().try_acquire_owned().ok(),
        };
        match place {
            Some(_) => self.left -= 1,
            None => self.dropped += 1,
        }
        place
    }

    /// How many were dropped since this was last said, if it is time to say it.
    pub(super) fn complaint(&mut self, now: Instant) -> Option<u64> {
        let quiet = self.warned.is_none_or(|at| now.duration_since(at) >= QUIET);
        if self.dropped == 0 || !quiet {
            return None;
        }
        self.warned = Some(now);
        Some(std::mem::take(&mut self.dropped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_wait_and_no_more() {
        let now = Instant::now();
        let mut inlet = Inlet::default();
        let mut places: Vec<Place> = (0..WAITING).filter_map(|_| inlet.admit(now)).collect();
        assert_eq!(places.len(), WAITING);
        assert!(inlet.admit(now).is_none());
        places.pop();
        assert!(inlet.admit(now).is_some());
    }

    #[test]
    fn so_many_pass_in_a_second_and_the_dropped_are_told_once_a_minute() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut inlet = Inlet::default();
        assert_eq!(inlet.complaint(at(0)), None);
        let passed = (0..100).filter(|_| inlet.admit(at(0)).is_some()).count();
        assert_eq!(passed, A_SECOND as usize);
        assert_eq!(inlet.complaint(at(0)), Some(36));
        assert!(inlet.admit(at(999)).is_none());
        assert_eq!(inlet.complaint(at(59_999)), None);
        assert!(inlet.admit(at(1_000)).is_some());
        assert_eq!(inlet.complaint(at(60_000)), Some(1));
        assert_eq!(inlet.complaint(at(200_000)), None);
    }
}
