//! Calls that may not come back, each in a thread of its own. It doesn't know what they do.
use std::{sync::mpsc, thread, time::Duration};

const STACK: usize = 64 * 1024;

/// What became of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<T> {
    /// It came back with that.
    Back(T),
    /// It goes on in its thread, perhaps for ever.
    Away,
    /// No thread can be had, so it was not made.
    NotMade,
}

/// Makes a call, and waits so long for it at most. `name` is the thread's, of at most 15 bytes.
pub(super) fn within<T: Send + 'static>(
    most: Duration,
    name: &str,
    call: impl FnOnce() -> T + Send + 'static,
) -> Call<T> {
    let (back, waits) = mpsc::channel();
    let thread = thread::Builder::new()
        .name(name.to_owned())
        .stack_size(STACK);
    let spawned = thread.spawn(move || {
        // Nobody waits any more if the time is over.
        let _ = back.send(call());
    });
    match spawned {
        Ok(_) => waits.recv_timeout(most).map_or(Call::Away, Call::Back),
        Err(_) => Call::NotMade,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_does_not_come_back_is_left_alone() {
        let (release, held) = mpsc::channel::<()>();
        let hangs = within(Duration::ZERO, "hangs", move || held.recv());
        assert_eq!(hangs, Call::Away);
        drop(release);
        let comes_back = within(Duration::from_secs(60), "comes back", || 7);
        assert_eq!(comes_back, Call::Back(7));
    }
}
