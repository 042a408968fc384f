//! `picket provision`: what a Pi needs to be let in at the broker, and to know who may command it. It reaches no Pi.
mod tarball;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use jiff::Timestamp;
use picket_proto::{DeviceId, topic};
use picketd::{config::Broker, trust};

use super::{
    Exit,
    authority::{Place, write_credentials},
    options::Options,
    usage,
};
use crate::authority::{Role, Secret, make_private_folder, write_private, write_public};

/// Write what Pis need: configuration, signers and credentials
///
/// A folder for each Pi, with files to put into picket/ of its NFS export (its
/// owner root, mode 0700), and cmdline.txt with what of them isn't secret, for the
/// kernel's command line. Credentials that a Pi had before are worth nothing once
/// the broker has heard of the new ones (`picket broker mosquitto`, and a reload).
/// Without --signers, a Pi only observes.
///
///   picket provision 00000000a1b2c3d4 --broker mqtts://broker.example.net
///   picket provision --fleet fleet.toml --signers allowed_signers --tar
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Provision {
    /// Ids of Pis [default: all of --fleet]
    ids: Vec<DeviceId>,
    #[command(flatten)]
    place: Place,
    /// Where to write: a folder for each Pi in this one
    #[arg(long, default_value = "provisioned", value_name = "DIR")]
    out: PathBuf,
    /// Write ID.tar in the place of a folder, with picket/ in it
    #[arg(long)]
    tar: bool,
    /// Who may command these Pis, in OpenSSH's allowed_signers format
    #[arg(long, value_name = "FILE")]
    signers: Option<PathBuf>,
    /// The collector that must confirm what the Pis say [default: the broker]
    #[arg(long, value_name = "NAME")]
    ack: Option<String>,
    /// Where the files will be on the Pi. Beside them it keeps its state, unless this is in /etc
    #[arg(long, default_value = "/run/picket/export/picket", value_name = "DIR")]
    at: PathBuf,
}

/// What is the same for all of them.
struct Common<'a> {
    broker: Broker,
    root: String,
    signers: Option<Vec<u8>>,
    args: &'a Provision,
}

/// Runs the command.
///
/// # Errors
/// An option is wrong, or something can't be written.
pub fn run(args: &Provision, options: &Options) -> Result<Exit> {
    let fleet = options.fleet()?;
    let link = options.link(&fleet)?;
    if !link.broker.tls {
        return Err(usage(
            "give --broker mqtts://HOST: without TLS, everybody on the way could read a Pi's password",
        ));
    }
    if let Some(name) = args
        .ack
        .as_deref()
        .filter(|name| !topic::is_collector(name))
    {
        return Err(usage(format!("{name:?} can't be a collector's name")));
    }
    let common = Common {
        broker: link.broker,
        root: link.topic_root,
        signers: args.signers.as_deref().map(signers).transpose()?,
        args,
    };
    let ids: Vec<DeviceId> = match args.ids.is_empty() {
        true => fleet.ids().collect(),
        false => args.ids.clone(),
    };
    if ids.is_empty() {
        return Err(usage(
            "which Pis? Give their ids, or --fleet FILE for all of its",
        ));
    }
    let mut authority = args.place.open()?;
    make_private_folder(&args.out)?;
    for id in &ids {
        let folder = args.out.join(id.to_string());
        make_private_folder(&folder)?;
        let secret = authority.give(&id.to_string(), Role::Pi)?;
        write_credentials(&authority, &secret, &folder)?;
        common.write(*id, &secret, &folder)?;
        if args.tar {
            tarball::of(&folder, &args.out.join(format!("{id}.tar")))?;
            fs::remove_dir_all(&folder)?;
        }
    }
    writeln!(
        io::stdout(),
        "{} Pis are provisioned in {}; they are let in after `picket broker mosquitto` and a reload there",
        ids.len(),
        args.out.display()
    )?;
    Ok(Exit::Succeeded)
}

impl Common<'_> {
    fn write(&self, id: DeviceId, secret: &Secret, folder: &Path) -> Result<()> {
        let keys = self.keys(id, secret);
        write_public(&folder.join("picketd.toml"), self.toml(&keys).as_bytes())?;
        write_public(&folder.join("cmdline.txt"), command_line(&keys).as_bytes())?;
        if self.keeps_state() {
            // The time until which a certificate that ended is taken for one that has ended, whatever the Pi's clock says.
            let now = Timestamp::now().as_second();
            write_private(&folder.join("clock"), format!("{now}\n").as_bytes())?;
        }
        match &self.signers {
            Some(bytes) => write_public(&folder.join("allowed_signers"), bytes),
            None => Ok(()),
        }
    }

    /// Whether the Pi's state lies beside these files. No service writes into /etc: there it has its own state directory.
    fn keeps_state(&self) -> bool {
        !self.args.at.starts_with("/etc")
    }

    /// Keys of the configuration with their values; none is secret.
    fn keys(&self, id: DeviceId, secret: &Secret) -> Vec<(&'static str, String)> {
        let at = |name: &str| self.args.at.join(name).display().to_string();
        let mut keys = vec![
            ("id", id.to_string()),
            ("broker", self.broker.to_string()),
            ("topic_root", self.root.clone()),
        ];
        if self.keeps_state() {
            keys.push(("state_dir", self.args.at.display().to_string()));
        }
        if let Some(name) = &self.args.ack {
            keys.push(("ack", name.clone()));
        }
        if self.signers.is_some() {
            keys.push(("allowed_signers", at("allowed_signers")));
        }
        match secret {
            Secret::Password(_) => keys.extend([
                ("user", id.to_string()),
                ("password_file", at("password")),
                ("tls.ca", at("ca.pem")),
            ]),
            Secret::Certificate(_) => keys.extend([
                ("tls.ca", at("ca.pem")),
                ("tls.certificate", at("certificate.pem")),
                ("tls.key", at("key.pem")),
            ]),
        }
        keys
    }

    fn toml(&self, keys: &[(&'static str, String)]) -> String {
        let mut text = String::from(
            "# Written by `picket provision`; picketd's own picketd.toml explains every key.\n",
        );
        if self.signers.is_none() {
            text += "# Nobody may command this Pi: it only observes. allowed_signers would say who may.\n";
        }
        let (tls, plain): (Vec<_>, Vec<_>) =
            keys.iter().partition(|(name, _)| name.starts_with("tls."));
        let lines = |keys: &[&(&str, String)], prefix: &str| -> String {
            let line = |(name, value): &&(&str, String)| {
                let name = name.strip_prefix(prefix).unwrap_or(name);
                format!("{name} = {value:?}\n")
            };
            keys.iter().map(line).collect::<Vec<_>>().concat()
        };
        text + &lines(&plain, "") + "\n[tls]\n" + &lines(&tls, "tls.")
    }
}

/// As the kernel quotes (admin-guide/kernel-parameters.rst).
fn command_line(keys: &[(&'static str, String)]) -> String {
    let words: Vec<String> = keys
        .iter()
        .map(|(name, value)| match value.contains(char::is_whitespace) {
            true => format!("picket.{name}=\"{value}\""),
            false => format!("picket.{name}={value}"),
        })
        .collect();
    words.join(" ") + "\n"
}

/// The file, if Pis understand each line of it.
fn signers(path: &Path) -> Result<Vec<u8>> {
    let shown = path.display();
    let loaded = trust::load(path).map_err(|error| usage(error.to_string()))?;
    if let Some(problem) = loaded.problems.first() {
        return Err(usage(format!("{shown}, {problem}")));
    }
    if loaded.signers.is_empty() {
        return Err(usage(format!(
            "{shown} lets nobody sign; leave --signers away for Pis that only observe, or add what `picket keys` prints"
        )));
    }
    fs::read(path).with_context(|| format!("{shown} can't be read"))
}
