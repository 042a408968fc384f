//! What the kernel command line says of this machine's export: `picket.export=[nfs4:]SERVER:/path[,options]`. It mounts nothing.
use std::net::IpAddr;

const KEY: &str = "picket.export=";
/// Before the first option that was given.
const VERSION: &str = "vers=4.1";

/// An export, and how it is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportWord {
    /// The server: a name or an address, without brackets.
    pub server: String,
    /// The path there.
    pub path: String,
    /// Options as mount(8) has them, without those that name addresses.
    pub options: String,
}

/// The word can't be used. The errors name it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WrongWord {
    /// It isn't there.
    #[error("the kernel command line names no export; add picket.export=SERVER:/path to it")]
    Missing,
    /// It has no server or no path.
    #[error("picket.export={0} is no SERVER:/path; an IPv6 address is in brackets")]
    Malformed(String),
}

impl ExportWord {
    /// The word of that command line; of several the last counts.
    ///
    /// # Errors
    /// There is none, or it names nothing.
    pub fn find(command_line: &str) -> Result<Self, WrongWord> {
        let words = command_line.split_ascii_whitespace();
        let word = words.rev().find_map(|word| word.strip_prefix(KEY));
        Self::parse(word.ok_or(WrongWord::Missing)?)
    }

    fn parse(word: &str) -> Result<Self, WrongWord> {
        let malformed = || WrongWord::Malformed(word.to_owned());
        let place = word.strip_prefix("nfs4:").unwrap_or(word);
        let (place, options) = place.split_once(',').unwrap_or((place, ""));
        let (server, path) = place.split_once(":/").ok_or_else(malformed)?;
        let server = match server.strip_prefix('[') {
            Some(inside) => inside.strip_suffix(']').ok_or_else(malformed)?,
            None => server,
        };
        let is_address = server.parse::<IpAddr>().is_ok();
        if server.is_empty() || (!is_address && server.contains([':', '[', ']'])) {
            return Err(malformed());
        }
        Ok(Self {
            server: server.to_owned(),
            path: format!("/{path}"),
            options: options.to_owned(),
        })
    }

    /// The device as mount(2) takes it.
    #[must_use]
    pub fn source(&self) -> String {
        match self.server.contains(':') {
            true => format!("[{}]:{}", self.server, self.path),
            false => format!("{}:{}", self.server, self.path),
        }
    }

    /// The options as mount(2) takes them. What was given comes last, and so wins.
    ///
    /// Source: nfs(5); `addr` and `clientaddr` are what mount.nfs adds.
    #[must_use]
    pub fn data(&self, server: IpAddr, client: IpAddr) -> String {
        let given = match self.options.is_empty() {
            true => String::new(),
            false => format!(",{}", self.options),
        };
        format!(
            "{VERSION},proto={},addr={server},clientaddr={client}{given}",
            proto(server)
        )
    }

    /// The port that the options name, else NFS's.
    #[must_use]
    pub fn port(&self) -> u16 {
        let ports = self
            .options
            .split(',')
            .filter_map(|option| option.strip_prefix("port="));
        ports
            .filter_map(|port| port.parse().ok())
            .last()
            .unwrap_or(2049)
    }
}

fn proto(server: IpAddr) -> &'static str {
    match server {
        IpAddr::V4(_) => "tcp",
        IpAddr::V6(_) => "tcp6",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_names_server_path_and_options() {
        let (v4, v6) = ("192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        for (line, source, server, data) in [
            (
                "quiet picket.export=192.0.2.1:/srv/pi/1 ro",
                "192.0.2.1:/srv/pi/1",
                v4,
                "vers=4.1,proto=tcp,addr=192.0.2.1,clientaddr=192.0.2.1",
            ),
            (
                "picket.export=x:/ picket.export=nfs4:[2001:db8::1]:/srv,port=99,vers=4.2",
                "[2001:db8::1]:/srv",
                v6,
                "vers=4.1,proto=tcp6,addr=2001:db8::1,clientaddr=2001:db8::1,port=99,vers=4.2",
            ),
            (
                "picket.export=store:/a:/b,hard",
                "store:/a:/b",
                v4,
                "vers=4.1,proto=tcp,addr=192.0.2.1,clientaddr=192.0.2.1,hard",
            ),
        ] {
            let word = ExportWord::find(line).unwrap();
            assert_eq!(word.source(), source, "{line}");
            assert_eq!(word.data(server, server), data, "{line}");
            assert_eq!(word.port(), if line.contains("99") { 99 } else { 2049 });
        }
    }

    #[test]
    fn what_names_no_export_is_said() {
        assert_eq!(ExportWord::find("quiet"), Err(WrongWord::Missing));
        for word in ["", ":/x", "x", "x:y", "2001:db8::1:x", "a:b:/x", "[::1:/x"] {
            let found = ExportWord::find(&format!("picket.export={word}"));
            assert_eq!(found, Err(WrongWord::Malformed(word.to_owned())), "{word}");
        }
    }
}
