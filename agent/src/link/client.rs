//! One rumqttc client for one connection: how it is set up, and the task that pumps its events. It decides nothing.
use std::{io, net::SocketAddr};

use picket_proto::{Channel, Presence, Topic, frame};
use rumqttc::{
    AsyncClient, ConnectionError, Event, LastWill, MqttOptions, NetworkOptions, QoS, StateError,
    SubscribeFilter, TlsConfiguration, TlsError, Transport, mqttbytes,
};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Access, Cause, Distrust, Identity, Publish};
use crate::{
    config::{Broker, LinkSettings},
    lifeboat::Names,
};

/// The largest packet that is accepted, in bytes: a command for a whole shelf has less than a quarter of it, and a
/// reinstall with sixteen long ssh keys four fifths.
pub(super) const MAX_INBOUND: usize = 32 * 1024;
/// The largest packet that is sent, in bytes.
const MAX_OUTBOUND: usize = 1024 * 1024;
/// Unconfirmed publishes that rumqttc allows: so many that packet ids never collide and none ever waits. Owners keep within it:
/// telemetry with half a dozen, reports with 64, pongs and status with two a second until the broker is given up.
const IN_FLIGHT: u16 = 128;
/// Requests that wait for rumqttc; it takes them as they come.
const REQUESTS: usize = 128;
/// Packets that wait for the supervisor.
const EVENTS: usize = 16;
/// rumqttc's own timeout for connecting and writing, in s: longer than ours, which know what is awaited.
const CLIENT_TIMEOUT: u64 = 60;

/// How to make connections.
#[derive(Debug)]
pub(super) struct Client {
    settings: LinkSettings,
    access: Access,
    identity: Identity,
}

/// A connection, or the attempt at one. Dropping it throws everything away.
pub(super) struct Connection {
    requests: AsyncClient,
    pub(super) events: mpsc::Receiver<Result<Event, ConnectionError>>,
    pump: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

impl Client {
    pub(super) fn new(settings: LinkSettings, access: Access, identity: Identity) -> Self {
        Self {
            settings,
            access,
            identity,
        }
    }

    pub(super) fn names(&self) -> Option<Names> {
        self.access.names.clone()
    }

    /// Other credentials, for the connections to come; false if they are those at hand.
    pub(super) fn renew(&mut self, access: Access) -> bool {
        let changed = self.access != access;
        self.access = access;
        changed
    }

    /// Whether there is anything to connect with.
    pub(super) fn is_ready(&self) -> bool {
        self.access.is_known()
    }

    pub(super) fn broker(&self) -> &Broker {
        &self.settings.broker
    }

    pub(super) fn connect_spread(&self) -> std::time::Duration {
        self.settings.connect_spread
    }

    /// Begins to connect to that address.
    pub(super) fn connect(&self, address: SocketAddr, connection: u32) -> Connection {
        let (requests, mut event_loop) =
            AsyncClient::new(self.options(address, connection), REQUESTS);
        let mut network = NetworkOptions::new();
        network.set_connection_timeout(CLIENT_TIMEOUT);
        network.set_tcp_nodelay(true);
        event_loop.set_network_options(network);
        let (out, events) = mpsc::channel(EVENTS);
        let pump = tokio::spawn(async move {
            loop {
                let event = event_loop.poll().await;
                let over = event.is_err();
                if out.send(event).await.is_err() || over {
                    return;
                }
            }
        });
        Connection {
            requests,
            events,
            pump,
        }
    }

    fn options(&self, address: SocketAddr, connection: u32) -> MqttOptions {
        let ip = match (address, self.access.tls.is_some()) {
            // rumqttc takes the text for a server name too, and there brackets are an error.
            (SocketAddr::V6(address), false) => format!("[{}]", address.ip()),
            (address, _) => address.ip().to_string(),
        };
        let mut options = MqttOptions::new(self.identity.device.to_string(), ip, address.port());
        options
            .set_keep_alive(self.settings.keep_alive)
            .set_clean_session(true)
            .set_inflight(IN_FLIGHT)
            .set_max_packet_size(MAX_INBOUND, MAX_OUTBOUND)
            .set_last_will(LastWill::new(
                self.topic(Channel::Presence),
                self.presence(connection, Online::Gone),
                QoS::AtLeastOnce,
                true,
            ));
        if let Some((user, password)) = &self.access.login {
            options.set_credentials(user, password);
        }
        if let Some(tls) = &self.access.tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(tls.clone())));
        }
        options
    }

    /// Why the client gave up before the broker answered CONNECT.
    pub(super) fn cause_before_answer(&self, error: &ConnectionError) -> Cause {
        let answer = match error {
            ConnectionError::MqttState(StateError::Io(failure)) => failure.to_string(),
            ConnectionError::MqttState(state) => state.to_string(),
            ConnectionError::NotConnAck(_) => "another packet came".to_owned(),
            error => return cause(error),
        };
        match (&self.access.tls, error) {
            (None, _) => Cause::NoMqtt(answer),
            // A client's certificate is judged after the client took the handshake for done (RFC 8446, section 4.4.2).
            (Some(_), error) => match failure(error) {
                Some(failure) => Distrust::of(failure).map_or(Cause::HungUp(answer), Cause::from),
                None => cause(error),
            },
        }
    }

    /// Asks for these channels of this device.
    pub(super) fn subscribe(
        &self,
        connection: &Connection,
        channels: &[Channel],
    ) -> Result<(), Cause> {
        let filters = channels
            .iter()
            .map(|channel| SubscribeFilter::new(self.topic(*channel), QoS::AtLeastOnce));
        connection
            .requests
            .try_subscribe_many(filters)
            .map_err(|_| Cause::Full)
    }

    /// Hands a publish to the client, which never waits.
    pub(super) fn publish(&self, connection: &Connection, publish: Publish) -> Result<(), Cause> {
        let topic = self.topic(publish.channel);
        connection
            .requests
            .try_publish(topic, QoS::AtLeastOnce, publish.retained, publish.payload)
            .map_err(|_| Cause::Full)
    }

    /// Asks for an orderly end.
    pub(super) fn disconnect(&self, connection: &Connection) {
        // If there is no room for it, dropping the connection ends it too.
        let _ = connection.requests.try_disconnect();
    }

    /// A presence of that connection, as a retained publish.
    pub(super) fn announce(&self, connection: u32, online: Online) -> Publish {
        Publish {
            delivery: None,
            channel: Channel::Presence,
            payload: self.presence(connection, online),
            retained: true,
        }
    }

    /// The channel that a topic names, if it is this device's.
    pub(super) fn channel(&self, topic: &str) -> Option<Channel> {
        let topic = Topic::parse(topic, &self.settings.topic_root)?;
        (topic.device == self.identity.device).then_some(topic.channel)
    }

    fn presence(&self, connection: u32, online: Online) -> Vec<u8> {
        frame::encode(&Presence {
            boot: self.identity.boot,
            connection,
            online: online == Online::Here,
        })
    }

    fn topic(&self, channel: Channel) -> String {
        let device = self.identity.device;
        Topic { channel, device }.name(&self.settings.topic_root)
    }
}

/// What a presence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Online {
    Here,
    Gone,
}

/// Why the client gave up.
pub(super) fn cause(error: &ConnectionError) -> Cause {
    use mqttbytes::Error::PayloadSizeLimitExceeded;
    match error {
        ConnectionError::ConnectionRefused(code) => Cause::Refused(format!("{code:?}")),
        ConnectionError::MqttState(StateError::Deserialization(PayloadSizeLimitExceeded(size))) => {
            Cause::Oversized(*size)
        }
        ConnectionError::Tls(TlsError::Io(failure)) => match Distrust::of(failure) {
            Some(why) => why.into(),
            None if is_no_tls(failure) => Cause::NoTls(error.to_string()),
            None => Cause::Broken(error.to_string()),
        },
        error => Cause::Broken(error.to_string()),
    }
}

/// What the connection's socket said: rumqttc passes a failed read on as one of its decoder.
fn failure(error: &ConnectionError) -> Option<&io::Error> {
    match error {
        ConnectionError::MqttState(
            StateError::Io(failure) | StateError::Deserialization(mqttbytes::Error::Io(failure)),
        ) => Some(failure),
        _ => None,
    }
}

/// Whether the peer hung up in the handshake or doesn't speak TLS; one that does says in an alert what it dislikes.
fn is_no_tls(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let hung_up = matches!(
        error.kind(),
        BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof
    );
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    hung_up || matches!(inner, Some(rustls::Error::InvalidMessage(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_without_tls_is_told_from_one_that_dislikes_the_agent() {
        use rustls::{AlertDescription, Error, InvalidMessage};
        let tls = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        for (error, no_tls) in [
            (io::ErrorKind::ConnectionReset.into(), true),
            (io::ErrorKind::UnexpectedEof.into(), true),
            (
                tls(Error::InvalidMessage(InvalidMessage::InvalidContentType)),
                true,
            ),
            (
                tls(Error::AlertReceived(AlertDescription::CertificateRequired)),
                false,
            ),
            (io::ErrorKind::TimedOut.into(), false),
        ] {
            let cause = cause(&ConnectionError::Tls(TlsError::Io(error)));
            assert_eq!(matches!(cause, Cause::NoTls(_)), no_tls, "{cause}");
        }
    }
}
