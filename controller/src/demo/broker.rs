//! An MQTT broker in this process, on a free port of the loopback interface. For demonstrations and tests: it keeps
//! everything in memory and lets anybody in. It ends with the process.
use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// How long it may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts a broker and returns its address once it accepts connections.
///
/// # Errors
/// No port is free, or the broker does not come up.
pub fn start() -> Result<SocketAddr> {
    // rumqttd doesn't tell which port it got, so a free one is looked for first.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .context("no free port on the loopback interface")?;
    let broker = thread::Builder::new().name("broker".to_owned());
    let running = broker.spawn(move || Broker::new(config(address)).start().is_ok())?;
    let begun = Instant::now();
    while TcpStream::connect_timeout(&address, PATIENCE).is_err() {
        if running.is_finished() || begun.elapsed() > PATIENCE {
            bail!("the broker in this process did not come up on {address}");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(address)
}

fn config(listen: SocketAddr) -> Config {
    let server = ServerSettings {
        name: "loopback".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections: ConnectionSettings {
            connection_timeout_ms: 5_000,
            max_payload_size: 1024 * 1024,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    Config {
        router: RouterConfig {
            max_connections: 100,
            max_outgoing_packet_count: 200,
            max_segment_size: 1024 * 1024,
            max_segment_count: 10,
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("loopback".to_owned(), server)])),
        ..Config::default()
    }
}
