//! Calls that may never come back, such as those to a disk on a server that doesn't answer. Each is made in a thread of its own,
//! one at a time, and whoever wants it made waits for nothing. It doesn't know what the calls do.
use std::{io, thread, time::Duration};

use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until},
};

/// Makes calls of one kind. While there is nothing to do there is no thread.
#[derive(Debug)]
pub(crate) struct Errand<T> {
    name: &'static str,
    stack: usize,
    out: Option<Out<T>>,
}

#[derive(Debug)]
struct Out<T> {
    back: oneshot::Receiver<T>,
    /// When it counts as hanging; `None` once that was said.
    overdue: Option<Instant>,
}

/// What is heard of a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News<T> {
    /// It came back with that.
    Back(T),
    /// It has not come back in time. It may some day, and then that is told.
    Overdue,
}

impl<T: Send + 'static> Errand<T> {
    /// Calls in threads of that name (of at most 15 bytes) and with so many bytes of stack.
    pub(crate) fn new(name: &'static str, stack: usize) -> Self {
        Self {
            name,
            stack,
            out: None,
        }
    }

    /// Whether a call has not come back, in time or not.
    pub(crate) fn is_out(&self) -> bool {
        self.out.is_some()
    }

    /// Makes a call, which counts as hanging when it takes longer than `most`. [`Errand::news`] says what becomes of it.
    ///
    /// # Errors
    /// No thread can be had, or the call before is still out.
    pub(crate) fn begin(
        &mut self,
        most: Duration,
        call: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<()> {
        if self.is_out() {
            return Err(io::Error::other("the call before has not come back"));
        }
        let (answer, back) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(self.name.to_owned())
            .stack_size(self.stack);
        thread.spawn(move || {
            // Nobody waits any more when the agent stops.
            let _ = answer.send(call());
        })?;
        self.out = Some(Out {
            back,
            overdue: Some(Instant::now() + most),
        });
        Ok(())
    }

    /// What is heard next of the call that is out; nothing as long as none is. Cancel-safe.
    pub(crate) async fn news(&mut self) -> News<T> {
        let Some(out) = &mut self.out else {
            return std::future::pending().await;
        };
        tokio::select! {
            biased;
            // Cancel-safe: the receiver is only lent.
            back = &mut out.back => {
                self.out = None;
                News::Back(back.expect("a thread that panics ends the process"))
            }
            // Cancel-safe: a deadline keeps no state.
            () = at(out.overdue) => {
                out.overdue = None;
                News::Overdue
            }
        }
    }
}

/// At that moment, or never.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::timeout;

    use super::*;

    const MOST: Duration = Duration::from_secs(5);

    #[tokio::test]
    async fn a_call_that_hangs_is_told_once_and_again_when_it_comes_back_some_day() {
        let mut errand = Errand::new("errand", 64 * 1024);
        let (go_on, gate) = mpsc::channel::<u8>();
        tokio::time::pause();
        let start = Instant::now();
        errand.begin(MOST, move || gate.recv().unwrap()).unwrap();
        // Cancelled, and asked again.
        let early = timeout(Duration::from_secs(3), errand.news()).await;
        assert!(early.is_err());
        assert_eq!(errand.news().await, News::Overdue);
        assert_eq!(start.elapsed().as_secs(), MOST.as_secs());
        let later = timeout(Duration::from_secs(86_400), errand.news()).await;
        assert!(later.is_err(), "it is said once: {later:?}");
        errand
            .begin(MOST, || panic!("two threads hang"))
            .unwrap_err();
        // From here on the thread answers, which a clock that jumps doesn't wait for.
        tokio::time::resume();
        go_on.send(7).unwrap();
        assert_eq!(errand.news().await, News::Back(7));
        assert!(!errand.is_out());
        errand.begin(Duration::from_secs(60), || 8).unwrap();
        assert_eq!(errand.news().await, News::Back(8));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_heard_while_nothing_is_out() {
        let mut errand = Errand::<u8>::new("errand", 64 * 1024);
        let heard = timeout(Duration::from_secs(86_400), errand.news()).await;
        assert!(heard.is_err());
    }
}
