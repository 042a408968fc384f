//! A broker's address as people write it: `mqtt://host:port` or `mqtts://host:port`. It resolves nothing.
use std::{fmt, net::Ipv6Addr, str::FromStr};

/// Where a broker is, and whether to speak TLS with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// `mqtts`.
    pub tls: bool,
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// 1883, or 8883 with TLS, unless given.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        if self.host.contains(':') {
            return write!(f, "{scheme}://[{}]:{}", self.host, self.port);
        }
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

impl FromStr for Address {
    type Err = String;

    /// The error says how to write it, and repeats nothing: there may be a password in it.
    fn from_str(text: &str) -> Result<Self, String> {
        let (tls, rest) = match (text.strip_prefix("mqtt://"), text.strip_prefix("mqtts://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => return Err("write mqtt://host:port, or mqtts://host:port for TLS".to_owned()),
        };
        if rest.contains('@') {
            return Err(
                "user and password don't belong in an address, where others can read them; use --user and --password-file"
                    .to_owned(),
            );
        }
        let (host, port) = split(rest.strip_suffix('/').unwrap_or(rest))?;
        let port = match port {
            None if tls => 8883,
            None => 1883,
            Some(port) => port
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or("the port is no number from 1 to 65535")?,
        };
        Ok(Self { tls, host, port })
    }
}

fn split(rest: &str) -> Result<(String, Option<&str>), String> {
    let (host, port) = match rest.strip_prefix('[').map(|inner| inner.split_once(']')) {
        Some(Some((host, after))) => {
            host.parse::<Ipv6Addr>()
                .map_err(|_| "only an IPv6 address stands in brackets".to_owned())?;
            let port = after.strip_prefix(':');
            if port.is_none() && !after.is_empty() {
                return Err("only :port may follow the brackets".to_owned());
            }
            (host, port)
        }
        Some(None) => return Err("a bracket is not closed; write [address]:port".to_owned()),
        None => match rest.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err("an IPv6 address needs brackets: mqtt://[2001:db8::1]:1883".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#');
    if host.is_empty() || host.contains(is_odd) {
        return Err("the host's name is missing or has characters that no name has".to_owned());
    }
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_perhaps_a_port() {
        for (text, whole) in [
            ("mqtt://broker", "mqtt://broker:1883"),
            ("mqtts://broker/", "mqtts://broker:8883"),
            ("mqtt://10.0.0.1:1884", "mqtt://10.0.0.1:1884"),
            ("mqtts://[2001:db8::1]", "mqtts://[2001:db8::1]:8883"),
            ("mqtt://[::1]:99", "mqtt://[::1]:99"),
        ] {
            assert_eq!(
                text.parse::<Address>().map(|a| a.to_string()),
                Ok(whole.to_owned())
            );
        }
    }

    #[test]
    fn a_wrong_address_is_explained_and_no_password_repeated() {
        for (text, words) in [
            ("broker:1883", "write mqtt://host:port"),
            ("http://broker", "write mqtt://host:port"),
            ("mqtt://me:secret@broker", "--password-file"),
            ("mqtt://", "host's name"),
            ("mqtt://a b", "host's name"),
            ("mqtt://broker/path", "host's name"),
            ("mqtt://broker:0", "1 to 65535"),
            ("mqtt://broker:65536", "1 to 65535"),
            ("mqtt://2001:db8::1", "needs brackets"),
            ("mqtt://[::1", "not closed"),
            ("mqtt://[::1]x", "may follow"),
            ("mqtt://[broker]", "only an IPv6"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(
                error.contains(words) && !error.contains("secret"),
                "{text}: {error}"
            );
        }
    }
}
