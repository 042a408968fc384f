//! `picket authority`: makes and keeps the fleet's authority, and gives and takes the credentials of people. Credentials of Pis are
//! `provision`'s.
use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::{Args, Subcommand};
use picket_proto::topic;

use super::{Exit, options::Options, usage};
use crate::authority::{
    self, Branch, Credential, Login, Role, Secret, write_private, write_public,
};

/// Used when neither --authority nor PICKET_AUTHORITY says otherwise.
const DEFAULT_FOLDER: &str = "authority";

/// Say who is let in at the broker: Pis, collectors and operators
///
/// The authority is a folder with a key, which vouches for the broker (and for
/// clients, if they have certificates), and a register of what was given to
/// whom. Keep it where only operators read, and copy it elsewhere. What it
/// decides holds at the broker after `picket broker mosquitto` and a reload.
///
///   picket authority new                          make one
///   picket authority admit anna --role operator   credentials for a person
///   picket authority revoke 00000000a1b2c3d4      they are worth nothing now
///   picket authority renew                        a new key beside the old one
///   picket authority retire                       trust the new key alone
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Authority {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    what: What,
}

/// Where the authority is.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The authority's folder [env: PICKET_AUTHORITY] [default: authority]
    #[arg(long = "authority", value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
enum What {
    /// Make an authority
    New {
        /// Its name in certificates
        #[arg(long, default_value = "Picket authority", value_name = "TEXT")]
        name: String,
        /// How clients say who they are
        #[arg(long, default_value = "password", value_name = "WHAT")]
        with: Credential,
    },
    /// Give a person or a collector credentials; those from before are worth nothing then
    Admit {
        /// Its user name
        name: String,
        /// What it may do
        #[arg(long)]
        role: Role,
        /// The folder to write them to [default: the name]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Tell who has credentials
    List,
    /// Take credentials back
    Revoke {
        /// Of whom: ids of Pis, and names
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Make a new key; the ones before are trusted until they are retired
    Renew,
    /// Trust the newest key alone
    Retire,
}

impl Place {
    /// The folder.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        let named = env::var_os("PICKET_AUTHORITY").map(PathBuf::from);
        let folder = self.folder.clone().or(named);
        folder.unwrap_or_else(|| DEFAULT_FOLDER.into())
    }

    /// The authority that is there.
    ///
    /// # Errors
    /// There is none.
    pub fn open(&self) -> Result<authority::Authority> {
        authority::Authority::open(&self.folder()).map_err(|error| usage(format!("{error:#}")))
    }
}

/// Runs the command.
///
/// # Errors
/// There is no authority, or something can't be written.
pub fn run(args: &Authority, _options: &Options) -> Result<Exit> {
    match &args.what {
        What::New { name, with } => {
            let folder = args.place.folder();
            authority::Authority::create(&folder, name, *with)?;
            say(&format!(
                "the authority is in {}; who has its key can be anybody at the broker",
                folder.display()
            ))?;
        }
        What::Admit { name, role, out } => {
            if !topic::is_collector(name) || name.parse::<picket_proto::DeviceId>().is_ok() {
                return Err(usage(format!(
                    "{name:?} can't be a user name: write letters, digits or any of -_. that are no id of a Pi"
                )));
            }
            let out = out.clone().unwrap_or_else(|| name.into());
            admit(&mut args.place.open()?, (name, *role), &out)?;
        }
        What::List => list(&args.place.open()?)?,
        What::Revoke { names } => {
            let mut authority = args.place.open()?;
            let unknown: Vec<_> = names
                .iter()
                .filter(|name| !authority.given().contains_key(*name))
                .collect();
            if let Some(name) = unknown.first() {
                return Err(usage(format!(
                    "nobody called {name} has credentials; `picket authority list` tells who has"
                )));
            }
            names.iter().try_for_each(|name| authority.revoke(name))?;
            say("it holds at the broker after `picket broker mosquitto` and a reload there")?;
        }
        What::Renew => {
            args.place.open()?.renew()?;
            say(
                "give every client the new ca.pem (`picket provision`, `picket authority admit`), then the broker its new certificate (`picket broker mosquitto`), and then retire the old key",
            )?;
        }
        What::Retire => {
            args.place.open()?.retire()?;
            say(
                "it holds at the broker after `picket broker mosquitto` and a reload, and at clients with their next ca.pem",
            )?;
        }
    }
    Ok(Exit::Succeeded)
}

/// Writes what a client gets to a folder: `ca.pem` and its secret. The names of the files of the secret.
///
/// # Errors
/// Something can't be written.
pub fn write_credentials(
    authority: &authority::Authority,
    secret: &Secret,
    folder: &Path,
) -> Result<()> {
    write_public(
        &folder.join("ca.pem"),
        authority.trust(Branch::Main)?.as_bytes(),
    )?;
    match secret {
        Secret::Password(password) => {
            write_private(&folder.join("password"), format!("{password}\n").as_bytes())
        }
        Secret::Certificate(certificate) => {
            write_private(&folder.join("key.pem"), certificate.key.as_bytes())?;
            let chain = certificate.certificate.as_bytes();
            write_public(&folder.join("certificate.pem"), chain)
        }
    }
}

fn admit(
    authority: &mut authority::Authority,
    (name, role): (&str, Role),
    out: &Path,
) -> Result<()> {
    authority::make_private_folder(out)?;
    let secret = authority.give(name, role)?;
    write_credentials(authority, &secret, out)?;
    let out = out.display();
    let login = match secret {
        Secret::Password(_) => format!("--user {name} --password-file {out}/password"),
        Secret::Certificate(_) => {
            format!("--cert {out}/certificate.pem --cert-key {out}/key.pem")
        }
    };
    say(&format!(
        "{name} comes in with: --ca {out}/ca.pem {login}\nonce the broker has heard of it: `picket broker mosquitto` and a reload"
    ))
}

fn list(authority: &authority::Authority) -> Result<()> {
    let mut out = io::stdout().lock();
    for (name, given) in authority.given() {
        let login = match &given.login {
            Login::Password(_) => "password".to_owned(),
            Login::Certificate(serial) => format!("certificate {serial}"),
        };
        writeln!(out, "{name:<24} {:<10} {login}", given.role)?;
    }
    Ok(())
}

fn say(words: &str) -> Result<()> {
    Ok(writeln!(io::stdout(), "{words}")?)
}
