//! The broker's address as one writes it, for picketd and for picket: `mqtt://host:port` or `mqtts://host:port`. It resolves
//! nothing.
use std::{fmt, net::IpAddr, str::FromStr};

/// Where the broker is, and whether to speak TLS with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// TLS (`mqtts`).
    pub tls: bool,
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// 1883 or, with TLS, 8883 unless given.
    pub port: u16,
}

impl fmt::Display for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "mqtts" } else { "mqtt" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Broker {
    type Err = String;

    /// The error says what is wrong and how to write it, and never repeats a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let (tls, rest) = if let Some(rest) = text.strip_prefix("mqtt://") {
            (false, rest)
        } else if let Some(rest) = text.strip_prefix("mqtts://") {
            (true, rest)
        } else {
            return Err("write mqtt://host:port, or mqtts://host:port for TLS".to_owned());
        };
        if rest.contains('@') {
            return Err(
                "user and password don't belong in the address, where others can read them; each has a setting of its own, user and password_file (picket: --user and --password-file)"
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
                .ok_or("the port is not a number from 1 to 65535")?,
        };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port,
        })
    }
}

fn split(rest: &str) -> Result<(&str, Option<&str>), String> {
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (host, after) = bracketed
            .split_once(']')
            .ok_or("a bracket is not closed; write [address]:port")?;
        if !matches!(host.parse(), Ok(IpAddr::V6(_))) {
            return Err("only an IPv6 address stands in brackets".to_owned());
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err("only :port may follow the brackets".to_owned()),
        };
    }
    if rest.matches(':').count() > 1 {
        return Err("an IPv6 address needs brackets: mqtt://[2001:db8::1]:1883".to_owned());
    }
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || host.len() > 253 || !host.chars().all(valid) {
        return Err("the host is neither a name nor an address; write mqtt://host:port".to_owned());
    }
    Ok((host, port))
}
