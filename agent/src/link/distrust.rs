//! Why one side of a TLS connection doesn't trust the other's certificate, with the way out. It knows rustls' errors and alerts,
//! and no MQTT.
use std::io;

use rustls::{AlertDescription, CertificateError, Error, pki_types::UnixTime};

use crate::clock;

/// Whose certificate isn't trusted, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// No authority of ours vouches for the broker.
    #[error(
        "the broker's certificate is from an authority that this agent doesn't trust; look at which one the broker shows, and at ca in [tls]"
    )]
    Authority,
    /// The broker's certificate was valid once.
    #[error(
        "the broker's certificate has expired, by the time {0} of this Pi (Unix time in s); renew it at the broker, or look at this Pi's clock"
    )]
    Expired(i64),
    /// The broker's certificate will be valid some day.
    #[error(
        "the broker's certificate isn't valid yet, by the time {0} of this Pi (Unix time in s); look at this Pi's clock, or at the broker's certificate"
    )]
    NotYet(i64),
    /// The broker's certificate is for others.
    #[error(
        "the broker's certificate is for another name ({0}); write that one in broker, or have the broker show one for the name that is there"
    )]
    Name(String),
    /// Something else is wrong with the broker's certificate.
    #[error("the broker's certificate can't be accepted: {0}; have the broker show another one")]
    Other(String),
    /// The broker doesn't take ours.
    #[error(
        "the broker refuses this agent's certificate, or that it shows none ({0}); look at certificate and key in [tls], at whether it was revoked, and at the broker's log"
    )]
    Ours(String),
}

impl Distrust {
    /// What that failure of a TLS connection says of trust, if it does.
    pub(super) fn of(failure: &io::Error) -> Option<Self> {
        match failure.get_ref()?.downcast_ref()? {
            Error::InvalidCertificate(error) => Some(Self::of_certificate(error)),
            Error::AlertReceived(alert) if is_about_us(*alert) => {
                Some(Self::Ours(format!("{alert:?}")))
            }
            _ => None,
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError::{
            Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
            NotValidYetContext, UnknownIssuer,
        };
        match error {
            UnknownIssuer => Self::Authority,
            Expired => Self::Expired(clock::certificates::now(None)),
            ExpiredContext { time, .. } => Self::Expired(seconds(*time)),
            NotValidYet => Self::NotYet(clock::certificates::now(None)),
            NotValidYetContext { time, .. } => Self::NotYet(seconds(*time)),
            NotValidForName => Self::Name("it doesn't say which".to_owned()),
            NotValidForNameContext { presented, .. } => Self::Name(presented.join(", ")),
            other => Self::Other(other.to_string()),
        }
    }
}

/// Alerts by which a server tells what it thinks of a client's certificate (RFC 8446, section 6.2).
fn is_about_us(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
    )
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_trust_says_whose_certificate_it_is() {
        let error = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        let certificate = |why| error(Error::InvalidCertificate(why));
        let ours = |alert| Some(Distrust::Ours(format!("{alert:?}")));
        use AlertDescription::{CertificateRevoked, HandshakeFailure, UnknownCA};
        for (failure, expected) in [
            (
                certificate(CertificateError::UnknownIssuer),
                Some(Distrust::Authority),
            ),
            (
                certificate(CertificateError::ExpiredContext {
                    time: UnixTime::since_unix_epoch(std::time::Duration::from_secs(7)),
                    not_after: UnixTime::since_unix_epoch(std::time::Duration::from_secs(5)),
                }),
                Some(Distrust::Expired(7)),
            ),
            (
                error(Error::AlertReceived(CertificateRevoked)),
                ours(CertificateRevoked),
            ),
            (error(Error::AlertReceived(UnknownCA)), ours(UnknownCA)),
            (error(Error::AlertReceived(HandshakeFailure)), None),
            (io::ErrorKind::ConnectionReset.into(), None),
        ] {
            assert_eq!(Distrust::of(&failure), expected, "{failure}");
        }
    }
}
