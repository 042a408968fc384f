//! The NULL probe: the round trip of an RPC call that does nothing, on a connection of the agent's own. It sees a server
//! that hangs, which the kernel's counters can't, and it can never block the process as a call on the mount would.
//!
//! A task of its own makes the calls, one at a time. At every tick, [`Probe::take`] gives what the last call found and
//! [`Probe::start`] asks for the next: neither waits. A call that failed breaks the connection; after failed connects the
//! next 1, 3, 7, 15 and then always 31 calls are passed over and give the same gap again.
use std::{io, time::Duration};

use picket_proto::{Gap, Reading};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{nfs_server::Server, rpc};

/// A call, its connect included, ends after this.
const DEADLINE: Duration = Duration::from_secs(2);
const MAX_BACKOFF_SHIFT: u32 = 5;

/// A running probe; it ends when this is dropped.
#[derive(Debug)]
pub struct Probe {
    asks: mpsc::Sender<()>,
    results: watch::Receiver<Reading>,
    asked: bool,
    task: JoinHandle<()>,
}

impl Probe {
    /// Starts the probe's task; it connects at the first call. Must be called within a tokio runtime.
    #[must_use]
    pub fn spawn(server: Server) -> Self {
        let (asks, mut asked) = mpsc::channel(1);
        let (result, results) = watch::channel(Err(Gap::FirstInterval));
        let task = tokio::spawn(async move {
            let mut caller = Caller::new(server);
            while asked.recv().await.is_some() {
                if result.send(caller.call().await).is_err() {
                    return;
                }
            }
        });
        Self {
            asks,
            results,
            asked: false,
            task,
        }
    }

    /// Asks for a call. While one is outstanding this does nothing.
    pub fn start(&mut self) {
        if !self.asked && self.asks.try_send(()).is_ok() {
            self.asked = true;
        }
    }

    /// What the call found that ended since the last `take`, in µs.
    ///
    /// # Errors
    /// The call's gap; [`Gap::FirstInterval`] before the first call, [`Gap::TimedOut`] if it is still outstanding.
    pub fn take(&mut self) -> Reading {
        if self.results.has_changed().unwrap_or(false) {
            self.asked = false;
            return *self.results.borrow_and_update();
        }
        Err(if self.asked {
            Gap::TimedOut
        } else {
            Gap::FirstInterval
        })
    }

    /// Waits until the outstanding call has ended; at once if there is none. For who asks once and not at every tick.
    pub async fn ended(&mut self) {
        if self.asked {
            // Cancel-safe: the result stays in the channel. An error means that the task is gone.
            let mut results = self.results.clone();
            let _ = results.changed().await;
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Makes calls, one after the other.
struct Caller {
    server: Server,
    connection: Option<TcpStream>,
    xid: u32,
    /// Connects that failed in a row, the last one's gap, and how many calls are passed over before the next.
    failures: u32,
    failure: Gap,
    pass_over: u32,
}

impl Caller {
    fn new(server: Server) -> Self {
        Self {
            server,
            connection: None,
            xid: std::process::id() << 16,
            failures: 0,
            failure: Gap::Unreachable,
            pass_over: 0,
        }
    }

    async fn call(&mut self) -> Reading {
        if self.connection.is_none() && self.pass_over > 0 {
            self.pass_over -= 1;
            return Err(self.failure);
        }
        let deadline = Instant::now() + DEADLINE;
        let reused = self.connection.is_some();
        match self.call_until(deadline).await {
            // The server has closed an idle connection, which says nothing about its health.
            Err(Gap::Unreachable) if reused => self.call_until(deadline).await,
            reading => reading,
        }
    }

    async fn call_until(&mut self, deadline: Instant) -> Reading {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect(deadline).await?,
        };
        self.xid = self.xid.wrapping_add(1);
        let begin = Instant::now();
        let exchange = exchange(&mut connection, self.xid, self.server.version);
        timeout_at(deadline, exchange)
            .await
            .map_err(|_| Gap::TimedOut)??;
        let rtt = begin.elapsed();
        self.connection = Some(connection);
        i64::try_from(rtt.as_micros()).map_err(|_| Gap::TimedOut)
    }

    async fn connect(&mut self, deadline: Instant) -> Result<TcpStream, Gap> {
        let connect = TcpStream::connect(self.server.address);
        let connected = match timeout_at(deadline, connect).await {
            Err(_) => Err(Gap::TimedOut),
            Ok(Err(error)) => Err(broken(&error)),
            Ok(Ok(connection)) => connection
                .set_nodelay(true)
                .map(|()| connection)
                .map_err(|error| broken(&error)),
        };
        match &connected {
            Ok(_) => self.failures = 0,
            Err(gap) => {
                self.failures = (self.failures + 1).min(MAX_BACKOFF_SHIFT);
                self.failure = *gap;
                self.pass_over = (1 << self.failures) - 1;
            }
        }
        connected
    }
}

/// One call and its answer. After an error the connection is of no use: what comes next on it can't be told apart.
async fn exchange(connection: &mut TcpStream, xid: u32, version: u32) -> Result<(), Gap> {
    let call = rpc::null_call(xid, version);
    connection
        .write_all(&call)
        .await
        .map_err(|error| broken(&error))?;
    let mut received = [0; rpc::MAX_ANSWER];
    let mut length = 0;
    while length < received.len() {
        match connection.read(&mut received[length..]).await {
            Ok(0) => return Err(Gap::Unreachable),
            Ok(more) => length += more,
            Err(error) => return Err(broken(&error)),
        }
        if rpc::is_answered(&received[..length], xid)? {
            return Ok(());
        }
    }
    Err(Gap::Garbled)
}

fn broken(error: &io::Error) -> Gap {
    match error.kind() {
        io::ErrorKind::TimedOut => Gap::TimedOut,
        io::ErrorKind::PermissionDenied => Gap::Denied,
        _ => Gap::Unreachable,
    }
}

#[cfg(test)]
mod tests;
