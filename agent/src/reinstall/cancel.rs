//! A wish to give up, which any thread may have and every step of the work looks for. It knows neither signals nor pipes.
use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use super::fault::Fault;

/// Whether the work is to be given up. Clones are the same wish.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Wish>);

#[derive(Default)]
struct Wish {
    wished: AtomicBool,
    /// What wakes those who wait for something else.
    wakers: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_wished()).finish()
    }
}

impl Cancel {
    /// Give up, once and for all.
    pub fn wish(&self) {
        self.0.wished.store(true, SeqCst);
        let wakers = std::mem::take(&mut *self.0.wakers.lock().expect("no waker panics"));
        wakers.into_iter().for_each(|wake| wake());
    }

    /// Whether it is wished.
    #[must_use]
    pub fn is_wished(&self) -> bool {
        self.0.wished.load(SeqCst)
    }

    /// Goes on unless it is wished.
    ///
    /// # Errors
    /// [`Fault::GivenUp`].
    pub fn check(&self) -> Result<(), Fault> {
        match self.is_wished() {
            true => Err(Fault::GivenUp),
            false => Ok(()),
        }
    }

    /// Calls that when it is wished, at once if it is.
    pub(crate) fn wake(&self, wake: impl FnOnce() + Send + 'static) {
        self.0
            .wakers
            .lock()
            .expect("no waker panics")
            .push(Box::new(wake));
        if self.is_wished() {
            self.wish();
        }
    }

    /// Waits so long, or until it is wished.
    ///
    /// # Errors
    /// [`Fault::GivenUp`].
    pub(crate) fn wait(&self, time: Duration) -> Result<(), Fault> {
        let waiter = thread::current();
        self.wake(move || waiter.unpark());
        let end = Instant::now() + time;
        loop {
            self.check()?;
            match end.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => thread::park_timeout(left),
                _ => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_wakes_who_waits_and_stays() {
        let cancel = Cancel::default();
        cancel.wait(Duration::from_millis(1)).unwrap();
        let waiter = thread::spawn({
            let cancel = cancel.clone();
            move || cancel.wait(Duration::from_secs(3600))
        });
        cancel.wish();
        assert!(matches!(waiter.join().unwrap(), Err(Fault::GivenUp)));
        assert!(cancel.check().is_err() && cancel.wait(Duration::from_secs(3600)).is_err());
    }
}
