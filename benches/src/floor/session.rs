//! An MQTT session that waits for each acknowledgement.
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use anyhow::{Result, ensure};
use picket_benches::mqtt::{self, Scanner};

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) struct Session {
    stream: TcpStream,
    scanner: Scanner,
    last_id: u16,
}

impl Session {
    /// Connects and waits to be accepted.
    pub(crate) fn connect(broker: SocketAddr, client_id: &str) -> Result<Self> {
        let mut session = Self {
            stream: TcpStream::connect(broker)?,
            scanner: Scanner::default(),
            last_id: 0,
        };
        session.stream.set_nodelay(true)?;
        session.stream.write_all(&mqtt::connect(client_id))?;
        session.wait_for(mqtt::CONNACK)?;
        Ok(session)
    }

    /// Publishes with QoS 1 and waits for the broker's `PUBACK`.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) -> Result<()> {
        self.last_id = self.last_id.wrapping_add(1).max(1);
        self.stream
            .write_all(&mqtt::publish(topic, self.last_id, payload))?;
        self.wait_for(mqtt::PUBACK)
    }

    fn wait_for(&mut self, kind: u8) -> Result<()> {
        let mut buffer = [0; 256];
        let mut found = false;
        while !found {
            let length = self.stream.read(&mut buffer)?;
            ensure!(length > 0, "the broker closed the connection");
            self.scanner
                .feed(&buffer[..length], |packet| found |= packet.kind == kind);
        }
        Ok(())
    }
}
