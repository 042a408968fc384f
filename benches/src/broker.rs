//! A real Mosquitto on a free loopback port, one for each contender, so that its work for each can be told apart.
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// A running Mosquitto; killed when dropped.
#[derive(Debug)]
pub struct Broker {
    child: Child,
    address: SocketAddr,
}

impl Broker {
    /// Starts one and waits until it takes connections. Its configuration goes into that directory.
    ///
    /// # Errors
    /// There is no `mosquitto`, or it does not listen within five seconds.
    pub fn start(directory: &Path, name: &str) -> Result<Self> {
        let address = free_address()?;
        let config = directory.join(format!("mosquitto-{name}.conf"));
        let port = address.port();
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type error\nuser root\n"
        );
        std::fs::write(&config, text)?;
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("run mosquitto (scripts/setup bench installs it)")?;
        let broker = Self { child, address };
        broker.wait_until_it_listens()?;
        Ok(broker)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_it_listens(&self) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(5);
        while TcpStream::connect(self.address).is_err() {
            if Instant::now() > until {
                bail!("mosquitto does not listen on {}", self.address);
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Mosquitto takes no port 0: a port that was free a moment ago is as near as one gets.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
