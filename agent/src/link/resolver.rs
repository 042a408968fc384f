//! Resolves the broker's name in a thread of its own, because the C library may wait for ever; whoever asks waits for a
//! deadline. It knows nothing of MQTT.
use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

use crate::lifeboat::Names;

/// How long to wait for an answer.
const DEADLINE: Duration = Duration::from_secs(5);
/// Enough for the C library's resolver and its modules.
const STACK: usize = 256 * 1024;

/// Asks for one name, at most one question at a time.
#[derive(Debug, Default)]
pub(super) struct Resolver {
    busy: Arc<AtomicBool>,
    names: Option<Names>,
}

impl Resolver {
    /// `names` are renewed before each question.
    pub(super) fn new(names: Option<Names>) -> Self {
        Self {
            busy: Arc::default(),
            names,
        }
    }

    /// The addresses; empty if there are none, or no answer came in time. An address as `host` needs no thread.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> Vec<SocketAddr> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return vec![(address, port).into()];
        }
        let name = host.to_owned();
        let names = self.names.clone();
        let lookup = move || {
            // What is there of them may do.
            let _ = names.map(|names| names.renew());
            Ok((name.as_str(), port).to_socket_addrs()?.collect())
        };
        self.ask(host, lookup).await
    }

    async fn ask(
        &self,
        host: &str,
        lookup: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> Vec<SocketAddr> {
        if self.busy.swap(true, Ordering::AcqRel) {
            return failed(host, "the resolver still hangs on it");
        }
        let (answer, asked) = oneshot::channel();
        let busy = self.busy.clone();
        let thread = thread::Builder::new()
            .name("resolver".to_owned())
            .stack_size(STACK);
        let spawned = thread.spawn(move || {
            let found = lookup();
            busy.store(false, Ordering::Release);
            // Nobody waits any more if the deadline has passed.
            let _ = answer.send(found);
        });
        if let Err(error) = spawned {
            self.busy.store(false, Ordering::Release);
            return failed(host, &format!("its thread can't start: {error}"));
        }
        match timeout(DEADLINE, asked).await {
            Ok(Ok(Ok(found))) => found,
            Ok(Ok(Err(error))) => failed(host, &error.to_string()),
            _ => failed(host, &format!("no answer within {} s", DEADLINE.as_secs())),
        }
    }
}

/// No addresses, and why.
fn failed(host: &str, why: &str) -> Vec<SocketAddr> {
    tracing::warn!("can't resolve {host}: {why}; trying the addresses known from before");
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn an_address_is_its_own_answer_and_a_name_has_some() {
        let resolver = Resolver::default();
        assert_eq!(
            resolver.resolve("::1", 1883).await,
            ["[::1]:1883".parse().unwrap()]
        );
        let found = resolver.resolve("localhost", 1883).await;
        assert!(found.iter().all(|address| address.ip().is_loopback()) && !found.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_hangs_is_given_up_and_asked_again_only_when_it_is_back() {
        let resolver = Resolver::default();
        let (answer, hanging) = mpsc::channel();
        let start = Instant::now();
        let found = resolver.ask("broker", move || hanging.recv().map_err(io::Error::other));
        assert!(found.await.is_empty());
        assert_eq!(start.elapsed().as_secs(), DEADLINE.as_secs());
        let again = resolver.ask("broker", || panic!("two threads hang"));
        assert!(again.await.is_empty());
        assert_eq!(start.elapsed().as_secs(), DEADLINE.as_secs(), "it waited");
        // From here on a thread answers, which a clock that jumps doesn't wait for.
        tokio::time::resume();
        answer.send(Vec::new()).unwrap();
        while resolver.busy.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let address: SocketAddr = ([192, 0, 2, 1], 1883).into();
        let back = resolver.ask("broker", move || Ok(vec![address])).await;
        assert_eq!(back, [address]);
    }
}
