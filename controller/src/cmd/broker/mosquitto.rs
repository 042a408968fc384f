//! A Mosquitto's configuration (mosquitto.conf(5), 2.0 and newer): two listeners, one for Pis, whose client id is their user name,
//! and one for people and collectors; who is let in; and who may read and write what.
use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Result;
use clap::Args;
use picket_proto::Channel;

use crate::{
    authority::{
        Authority, Branch, Credential, Login, Role, make_private_folder, write_private,
        write_public,
    },
    cmd::{Exit, authority::Place, options::Options, usage},
};

/// What a Pi publishes, its will too.
const UP: [Channel; 7] = [
    Channel::Telemetry,
    Channel::Backlog,
    Channel::Event,
    Channel::Report,
    Channel::Pong,
    Channel::Status,
    Channel::Presence,
];
/// What is for a Pi.
const DOWN: [Channel; 3] = [Channel::Command, Channel::Ping, Channel::Ack];
/// What a collector publishes.
const CONFIRMING: [Channel; 1] = [Channel::Ack];
/// What an operator publishes.
const COMMANDING: [Channel; 2] = [Channel::Command, Channel::Ping];

/// Write mosquitto.conf, ACLs, passwords and the broker's certificate
///
/// All of it goes into one folder, which is written anew each time: after each
/// change of who is let in, copy it to where the broker reads it (--at), and send
/// SIGHUP to the broker. A certificate that is there stays, if its names do.
///
///   picket broker mosquitto --name broker.example.net --out /etc/mosquitto/picket
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Mosquitto {
    #[command(flatten)]
    place: Place,
    /// A name or an address by which clients reach the broker; several are possible
    #[arg(long = "name", required = true, value_name = "HOST")]
    names: Vec<String>,
    /// The folder to write to
    #[arg(long, default_value = "mosquitto", value_name = "DIR")]
    out: PathBuf,
    /// Where these files will be on the broker's host [default: the folder]
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
    /// The port for Pis
    #[arg(long, default_value_t = 8883)]
    port: u16,
    /// The port for operators and collectors
    #[arg(long, default_value_t = 8884)]
    operators_port: u16,
    /// The address to listen at [default: all]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<std::net::IpAddr>,
    /// Give the broker a new certificate, by the newest key
    #[arg(long)]
    renew: bool,
}

/// Runs the command.
///
/// # Errors
/// There is no authority, or something can't be written.
pub(super) fn run(args: &Mosquitto, options: &Options) -> Result<Exit> {
    let authority = args.place.open()?;
    let root = options.link(&options.fleet()?)?.topic_root;
    make_private_folder(&args.out)?;
    let out = |name: &str| args.out.join(name);
    let at = match &args.at {
        Some(at) => at.clone(),
        None => std::path::absolute(&args.out)?,
    };
    if at.display().to_string().contains(char::is_whitespace) {
        return Err(usage(
            "Mosquitto takes no path with a blank; give another folder with --out or --at",
        ));
    }
    let names = args.names.join("\n");
    let same = std::fs::read_to_string(out("broker.names")).is_ok_and(|before| before == names);
    if args.renew || !same {
        let own = authority.vouch_for_broker(&args.names)?;
        write_private(&out("broker.key"), own.key.as_bytes())?;
        write_public(&out("broker.pem"), own.certificate.as_bytes())?;
        write_public(&out("broker.names"), names.as_bytes())?;
    }
    for group in [Group::Pis, Group::Others] {
        let (files, branch) = (group.files(), group.branch());
        write_public(
            &out(&files.authorities),
            authority.trust(branch)?.as_bytes(),
        )?;
        let revoked = authority.revocations(branch)?;
        write_public(&out(&files.revoked), revoked.as_bytes())?;
        write_private(
            &out(&files.passwords),
            passwords(&authority, group).as_bytes(),
        )?;
        write_private(&out(&files.acl), acl(&authority, group, &root).as_bytes())?;
    }
    let text = configuration(args, &at, authority.credential());
    write_public(&out("mosquitto.conf"), text.as_bytes())?;
    writeln!(
        io::stdout(),
        "{} is written; start Mosquitto with it, or send it SIGHUP. It must be able to read all of the folder",
        out("mosquitto.conf").display()
    )?;
    Ok(Exit::Succeeded)
}

/// Who shares a listener.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Pis,
    Others,
}

/// A group's files.
struct Files {
    passwords: String,
    acl: String,
    authorities: String,
    revoked: String,
}

impl Group {
    fn files(self) -> Files {
        let word = match self {
            Self::Pis => "pis",
            Self::Others => "operators",
        };
        Files {
            passwords: format!("{word}.passwords"),
            acl: format!("{word}.acl"),
            authorities: format!("{word}.pem"),
            revoked: format!("{word}.revoked.pem"),
        }
    }

    /// Whose word on certificates counts there.
    fn branch(self) -> Branch {
        match self {
            Self::Pis => Branch::Pis,
            Self::Others => Branch::Main,
        }
    }

    fn has(self, role: Role) -> bool {
        (role == Role::Pi) == (self == Self::Pis)
    }
}

fn configuration(args: &Mosquitto, at: &Path, credential: Credential) -> String {
    let at = at.display();
    let mut text = String::from(
        "# Written by `picket broker mosquitto`, which replaces it.\n\
         # A Pi's tenant has its credentials: what he sends is bounded here. Mosquitto has no limit on messages a second; the\n\
         # host's packet filter has one (docs/BROKERS.md).\n\
         per_listener_settings true\n\
         # Agents say again who they are when they connect.\n\
         persistence false\n\
         # No batch of an agent is larger.\n\
         message_size_limit 131072\n\
         max_packet_size 135168\n\
         # For each client that doesn't take what it subscribed to.\n\
         max_inflight_messages 100\n\
         max_queued_messages 20000\n\
         max_queued_bytes 33554432\n\
         memory_limit 536870912\n\
         set_tcp_nodelay true\n",
    );
    for (group, port, words) in [
        (
            Group::Pis,
            args.port,
            "Pis. Their client id is their user name, so that none can take another's place.",
        ),
        (
            Group::Others,
            args.operators_port,
            "Operators and collectors, who may have several connections each.",
        ),
    ] {
        let files = group.files();
        let listen = args
            .listen
            .map(|address| format!(" {address}"))
            .unwrap_or_default();
        let _ = write!(
            text,
            "\n# {words}\n\
             listener {port}{listen}\n\
             certfile {at}/broker.pem\n\
             keyfile {at}/broker.key\n\
             tls_version tlsv1.2\n\
             allow_anonymous false\n\
             acl_file {at}/{}\n",
            files.acl
        );
        text += &match credential {
            Credential::Password => format!("password_file {at}/{}\n", files.passwords),
            Credential::Certificate => format!(
                "cafile {at}/{}\ncrlfile {at}/{}\nrequire_certificate true\nuse_identity_as_username true\n",
                files.authorities, files.revoked
            ),
        };
        if group == Group::Pis {
            text += "use_username_as_clientid true\n";
        }
    }
    text
}

fn passwords(authority: &Authority, group: Group) -> String {
    let given = authority.given().iter();
    given
        .filter(|(_, given)| group.has(given.role))
        .filter_map(|(name, given)| match &given.login {
            Login::Password(hash) => Some(format!("{name}:{hash}\n")),
            Login::Certificate(_) => None,
        })
        .collect()
}

/// Each Pi by its name and not by a pattern for all: a reload that takes a name away leaves its open connections without any right,
/// also where Mosquitto doesn't end them.
fn acl(authority: &Authority, group: Group, root: &str) -> String {
    let mut text = "# Written by `picket broker mosquitto`, which replaces it.\n".to_owned();
    for (name, given) in authority.given() {
        if !group.has(given.role) {
            continue;
        }
        let (whose, write, read) = match given.role {
            Role::Pi => (name.as_str(), &UP[..], &DOWN[..]),
            Role::Collector => ("+", &CONFIRMING[..], &UP[..]),
            Role::Operator => ("+", &COMMANDING[..], &UP[..]),
        };
        let _ = writeln!(text, "user {name}");
        for (may, channels) in [("write", write), ("read", read)] {
            for channel in channels {
                let _ = writeln!(text, "topic {may} {root}/1/{channel}/{whose}");
            }
        }
    }
    text
}
