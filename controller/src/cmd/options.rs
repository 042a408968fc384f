//! Options that every command takes: the broker, who we are there, the inventory, the signing key and the audit log.
use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use picket_proto::topic::{self, DEFAULT_ROOT};

use super::usage;
use crate::{
    fleet::Fleet,
    link::{self, LinkSettings, Listening},
    signer::KeySource,
};

/// Used when neither --broker nor PICKET_BROKER says otherwise.
const DEFAULT_BROKER: &str = "mqtt://localhost:1883";

/// The broker, who we are there, the inventory, the signing key and the audit log.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of all commands")]
pub struct Options {
    /// The MQTT broker, mqtt://HOST[:PORT] or mqtts://HOST[:PORT]
    /// [env: PICKET_BROKER] [default: mqtt://localhost:1883]
    #[arg(long, global = true, value_name = "URL")]
    pub broker: Option<String>,
    /// First word of all topics [default: picket]
    #[arg(long, global = true, value_name = "WORD")]
    pub topic_root: Option<String>,
    /// The inventory: ids, names and places of the Pis [env: PICKET_FLEET]
    #[arg(long, global = true, value_name = "FILE")]
    pub fleet: Option<PathBuf>,
    /// User name at the broker; its password comes from --password-file or from PICKET_PASSWORD
    #[arg(long, global = true, value_name = "NAME")]
    pub user: Option<String>,
    /// File whose first line is the password at the broker
    #[arg(long, global = true, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// MQTT client id [default: a random one]
    #[arg(long, global = true, value_name = "ID")]
    pub client_id: Option<String>,
    /// PEM file of the authorities that the broker's certificate is checked against [default: the system's]
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// PEM file of our own certificate
    #[arg(long, global = true, value_name = "FILE", requires = "cert_key")]
    pub cert: Option<PathBuf>,
    /// PEM file of its private key
    #[arg(long, global = true, value_name = "FILE", requires = "cert")]
    pub cert_key: Option<PathBuf>,
    /// The key that signs commands: a private key file, FILE.pub or `agent` for a key of the ssh-agent, or
    /// agent:FINGERPRINT-OR-COMMENT [env: PICKET_KEY] [default: ~/.ssh/id_ed25519]
    #[arg(long, global = true, value_name = "FILE|agent")]
    pub key: Option<KeySource>,
    /// The audit log, which every command is written to before it is sent
    /// [env: PICKET_AUDIT] [default: ~/.local/state/picket/audit.jsonl]
    #[arg(long, global = true, value_name = "FILE")]
    pub audit: Option<PathBuf>,
}

impl Options {
    /// The inventory; an empty one when none is given.
    ///
    /// # Errors
    /// It can't be read or is not valid.
    pub fn fleet(&self) -> Result<Fleet> {
        let named = env::var_os("PICKET_FLEET").map(PathBuf::from);
        match self.fleet.clone().or(named) {
            None => Ok(Fleet::default()),
            Some(path) => Fleet::read(&path).map_err(|error| usage(format!("{error:#}"))),
        }
    }

    /// How to connect.
    ///
    /// # Errors
    /// An option is wrong, or the password can't be read.
    pub fn link(&self, fleet: &Fleet) -> Result<LinkSettings> {
        let broker = self
            .broker
            .clone()
            .or_else(|| env::var("PICKET_BROKER").ok())
            .unwrap_or_else(|| DEFAULT_BROKER.to_owned());
        let broker = broker
            .parse()
            .map_err(|why| usage(format!("the broker's address is wrong: {why}")))?;
        let topic_root = self.topic_root.clone();
        let topic_root = topic_root.unwrap_or_else(|| DEFAULT_ROOT.to_owned());
        if !topic::is_root(&topic_root) {
            return Err(usage(
                "--topic-root must be words of letters, digits or any of -_. with / between them, as in the agents' topic_root",
            ));
        }
        Ok(LinkSettings {
            broker,
            topic_root,
            client_id: match &self.client_id {
                Some(id) => id.clone(),
                None => link::fresh_client_id()?,
            },
            login: self.login()?,
            ca: self.ca.clone(),
            identity: self.cert.clone().zip(self.cert_key.clone()),
            listening: Listening::FLEET,
            known: fleet.ids().collect(),
        })
    }

    /// The key that signs: --key, else PICKET_KEY, else `~/.ssh/id_ed25519`.
    ///
    /// # Errors
    /// PICKET_KEY names none, or there is no home.
    pub fn key_source(&self) -> Result<KeySource> {
        if let Some(source) = &self.key {
            return Ok(source.clone());
        }
        match env::var("PICKET_KEY") {
            Ok(text) => text
                .parse()
                .map_err(|why| usage(format!("PICKET_KEY is wrong: {why}"))),
            Err(env::VarError::NotUnicode(path)) => Ok(KeySource::File(path.into())),
            Err(env::VarError::NotPresent) => {
                let home = home().ok_or_else(|| usage("HOME is not set; give --key FILE"))?;
                Ok(KeySource::File(home.join(".ssh/id_ed25519")))
            }
        }
    }

    /// Where the audit log is: --audit, else PICKET_AUDIT, else `picket/audit.jsonl` below XDG_STATE_HOME or `~/.local/state`.
    ///
    /// # Errors
    /// There is no home.
    pub fn audit_path(&self) -> Result<PathBuf> {
        let named = env::var_os("PICKET_AUDIT").map(PathBuf::from);
        if let Some(path) = self.audit.clone().or(named) {
            return Ok(path);
        }
        // The XDG base directory specification: what is not absolute counts as unset.
        let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let state = state
            .filter(|path| path.is_absolute())
            .or_else(|| Some(home()?.join(".local/state")))
            .ok_or_else(|| usage("HOME is not set; give --audit FILE"))?;
        Ok(state.join("picket/audit.jsonl"))
    }

    fn login(&self) -> Result<Option<(String, String)>> {
        let Some(user) = &self.user else {
            if self.password_file.is_some() {
                return Err(usage("--password-file needs --user"));
            }
            return Ok(None);
        };
        let password = match &self.password_file {
            Some(path) => {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("the password file {}", path.display()))
                    .map_err(|error| usage(format!("{error:#}")))?;
                text.lines().next().unwrap_or_default().to_owned()
            }
            None => env::var("PICKET_PASSWORD").map_err(|_| {
                usage("--user needs a password: give --password-file, or set PICKET_PASSWORD")
            })?,
        };
        Ok(Some((user.clone(), password)))
    }
}

fn home() -> Option<PathBuf> {
    let home = env::var_os("HOME").map(PathBuf::from);
    home.filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_are_wrong_are_errors_of_usage() {
        let table: [(&str, Options); 4] = [
            (
                "address is wrong",
                Options {
                    broker: Some("broker".into()),
                    ..Options::default()
                },
            ),
            (
                "--topic-root",
                Options {
                    topic_root: Some("a/#".into()),
                    ..Options::default()
                },
            ),
            (
                "needs --user",
                Options {
                    password_file: Some("/x".into()),
                    ..Options::default()
                },
            ),
            (
                "/no/such/file",
                Options {
                    user: Some("me".into()),
                    password_file: Some("/no/such/file".into()),
                    ..Options::default()
                },
            ),
        ];
        for (words, options) in table {
            let error = options.link(&Fleet::default()).unwrap_err();
            assert!(error.is::<super::super::Usage>(), "{words}");
            assert!(format!("{error:#}").contains(words), "{error:#}");
        }
    }

    #[test]
    fn the_password_is_the_first_line_of_its_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "secret word\nrest\n").unwrap();
        let options = Options {
            user: Some("me".into()),
            password_file: Some(file.path().into()),
            broker: Some("mqtt://b".into()),
            ..Options::default()
        };
        let link = options.link(&Fleet::default()).unwrap();
        assert_eq!(
            link.login,
            Some(("me".to_owned(), "secret word".to_owned()))
        );
    }
}
