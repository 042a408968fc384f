//! A bell between threads: one of them sets when it rings, silences it, or rings it at once, and the loop hears it. It is one
//! timerfd, so that a bell that is silenced in time wakes nobody.
use std::{io, os::fd::OwnedFd, sync::Arc};

use tokio::io::{Interest, unix::AsyncFd};

use super::timers::{expirations, set, timer};

/// The loop's end.
#[derive(Debug)]
pub struct Bell {
    /// `None` for a bell that never rings.
    fd: Option<AsyncFd<Arc<OwnedFd>>>,
}

/// The other end, for any thread.
#[derive(Debug, Clone)]
pub struct Striker(Arc<OwnedFd>);

impl Bell {
    /// A bell that is silent.
    ///
    /// # Errors
    /// The kernel refuses a timer, or there is no tokio runtime with I/O.
    #[expect(
        deprecated,
        reason = "its successor is unsafe to call; the descriptor stays open as long as an end of the bell is there"
    )]
    pub fn new() -> io::Result<(Self, Striker)> {
        let fd = Arc::new(timer()?);
        let striker = Striker(Arc::clone(&fd));
        let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok((Self { fd: Some(fd) }, striker))
    }

    /// A bell that nobody can ring.
    #[must_use]
    pub fn mute() -> Self {
        Self { fd: None }
    }

    /// Waits until it rings. Cancel-safe: a ring that was not heard stays, until it is silenced or set to another time.
    ///
    /// # Errors
    /// The timer can't be read.
    pub async fn rang(&mut self) -> io::Result<()> {
        match &self.fd {
            Some(fd) => expirations(fd).await.map(drop),
            None => std::future::pending().await,
        }
    }
}

impl Striker {
    /// It rings when CLOCK_BOOTTIME is `due_ms`, and not at the time that was set before.
    ///
    /// # Errors
    /// The kernel refuses the timer.
    pub fn set(&self, due_ms: u64) -> io::Result<()> {
        set(&self.0, due_ms, 0)
    }

    /// It doesn't ring. A ring that was not heard yet is gone.
    ///
    /// # Errors
    /// The kernel refuses the timer.
    pub fn silence(&self) -> io::Result<()> {
        super::timers::disarm(&self.0)
    }

    /// It rings now.
    ///
    /// # Errors
    /// The kernel refuses the timer.
    pub fn ring(&self) -> io::Result<()> {
        // A time that has passed.
        set(&self.0, 1, 0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;
    use crate::clock::boottime_ms;

    #[tokio::test]
    async fn a_bell_rings_when_it_was_set_to_and_from_any_thread() {
        let (mut bell, striker) = Bell::new().unwrap();
        let due_ms = boottime_ms() + 20;
        striker.set(due_ms).unwrap();
        bell.rang().await.unwrap();
        assert!(boottime_ms() >= due_ms);
        striker.set(boottime_ms() + 3_600_000).unwrap();
        std::thread::spawn(move || striker.ring().unwrap());
        bell.rang().await.unwrap();
    }

    #[tokio::test]
    async fn a_silenced_bell_is_not_heard_even_if_it_has_rung() {
        let (mut bell, striker) = Bell::new().unwrap();
        striker.ring().unwrap();
        striker.silence().unwrap();
        let heard = timeout(Duration::from_millis(1), bell.rang()).await;
        assert!(heard.is_err(), "{heard:?}");
        let heard = timeout(Duration::ZERO, Bell::mute().rang()).await;
        assert!(heard.is_err(), "{heard:?}");
    }
}
