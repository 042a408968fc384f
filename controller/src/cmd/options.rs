//! Options that every command takes: the broker, who we are there, and the inventory.
use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use picket_proto::topic::{self, DEFAULT_ROOT};

use super::usage;
use crate::{
    fleet::Fleet,
    link::{self, LinkSettings},
};

/// Used when neither --broker nor PICKET_BROKER says otherwise.
const DEFAULT_BROKER: &str = "mqtt://localhost:1883";

/// The broker, who we are there, and the inventory.
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
    #[arg(long, global = true, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// PEM file of its private key
    #[arg(long, global = true, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
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
            identity: self.cert.clone().zip(self.key.clone()),
            known: fleet.ids().collect(),
        })
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
