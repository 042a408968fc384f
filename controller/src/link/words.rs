//! Why a connection ended, in words for people.
use rumqttc::{ConnectReturnCode, ConnectionError, StateError};

/// Why a connection ended, for people.
pub(super) fn words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword => "the broker refuses user and password",
            ConnectReturnCode::NotAuthorized => "the broker lets this user or client id not in",
            ConnectReturnCode::BadClientId => "the broker refuses the client id; see --client-id",
            ConnectReturnCode::RefusedProtocolVersion => "the broker does not speak MQTT 3.1.1",
            _ => "the broker is not available",
        }
        .to_owned(),
        ConnectionError::NetworkTimeout => "no connection within the time allowed".to_owned(),
        ConnectionError::FlushTimeout => "the broker does not take what is sent".to_owned(),
        ConnectionError::Io(error) => error.to_string(),
        ConnectionError::MqttState(StateError::Io(error)) => error.to_string(),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            "the broker has gone silent".to_owned()
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            "the broker closed the connection".to_owned()
        }
        other => other.to_string(),
    }
}
