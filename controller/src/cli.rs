//! The command line of picket: which commands there are, and which function does each. What they do is theirs.
use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::cmd::{
    Exit, activate, authority, broker, cancel, configure, decode, demo, identify, image, keys, ops,
    options::Options, provision, query, reboot, reinstall, resume, watch,
};

/// Watch a fleet of netbooted Raspberry Pis, and act on it
///
/// Each Pi runs picketd, which sends its readings over MQTT. picket is the operator's side of it.
///
///   picket demo                              try it: this machine and five simulated Pis
///   picket watch --broker mqtt://broker      a live table of the fleet
///   picket watch --json --collector roof     receive for good, one JSON object a line
///   picket reboot shelf-3-07                 reboot a Pi, and see it come back
///   picket reboot --all --max-in-flight 4    the whole fleet, four at a time, up to the first failure
///   picket reinstall shelf-3-07 --image debian-13-arm64   another operating system
///   picket query shelf-3-07                  how its last operation stands
///   picket ops                               what was ordered, by whom, and how it went
///   picket keys                              which key signs, and a line for allowed_signers
///   picket authority new                     make what says who is let in at the broker
///   picket provision 00000000a1b2c3d4        what a Pi needs to be let in
///   picket broker mosquitto --name HOST      a broker's configuration for the fleet
///   picket image list                        which images there are, and making them
///   picket decode frame.bin                  what is in a message
#[derive(Debug, Parser)]
#[command(name = "picket", version, verbatim_doc_comment, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 succeeded, 2 wrong usage, 10 refused, 11 failed, 12 rolled back, 13 timed out (nothing was heard), \
     14 cancelled or left, 15 some of several failed";

#[derive(Debug, Subcommand)]
enum Command {
    Watch(watch::Watch),
    Reboot(reboot::Reboot),
    Reinstall(reinstall::Reinstall),
    Activate(activate::Activate),
    Cancel(cancel::Cancel),
    Query(query::Query),
    Identify(identify::Identify),
    Configure(configure::Configure),
    Resume(resume::Resume),
    Ops(ops::Ops),
    Keys(keys::Keys),
    Authority(authority::Authority),
    Provision(provision::Provision),
    Broker(broker::Broker),
    Image(image::Image),
    Decode(decode::Decode),
    Demo(demo::Demo),
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// The command's own, for [`crate::cmd::exit_code`].
    pub fn run(self) -> Result<Exit> {
        run(self)
    }
}

fn run(cli: Cli) -> Result<Exit> {
    match &cli.command {
        Command::Decode(args) => return decode::run(args),
        Command::Ops(args) => return ops::run(args, &cli.options),
        Command::Authority(args) => return authority::run(args, &cli.options),
        Command::Provision(args) => return provision::run(args, &cli.options),
        Command::Broker(args) => return broker::run(args, &cli.options),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Watch(args) => watch::run(&args, &cli.options).await,
            Command::Reboot(args) => reboot::run(&args, &cli.options).await,
            Command::Reinstall(args) => reinstall::run(&args, &cli.options).await,
            Command::Activate(args) => activate::run(&args, &cli.options).await,
            Command::Cancel(args) => cancel::run(&args, &cli.options).await,
            Command::Query(args) => query::run(&args, &cli.options).await,
            Command::Identify(args) => identify::run(&args, &cli.options).await,
            Command::Configure(args) => configure::run(&args, &cli.options).await,
            Command::Resume(args) => resume::run(&args, &cli.options).await,
            Command::Demo(args) => demo::run(&args, &cli.options).await,
            Command::Image(args) => image::run(&args, &cli.options).await,
            Command::Keys(args) => keys::run(&args, &cli.options).await,
            Command::Ops(args) => ops::run(&args, &cli.options),
            Command::Decode(args) => decode::run(&args),
            Command::Authority(args) => authority::run(&args, &cli.options),
            Command::Provision(args) => provision::run(&args, &cli.options),
            Command::Broker(args) => broker::run(&args, &cli.options),
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn help_that_keeps_its_lines_fits_a_terminal() {
        for command in Cli::command().get_subcommands() {
            let about = command.get_long_about().map(ToString::to_string);
            let about = about.unwrap_or_default();
            // A paragraph of one line is broken by clap.
            let kept = about.split("\n\n").filter(|text| text.contains('\n'));
            for line in kept.flat_map(str::lines) {
                assert!(line.len() <= 80, "{}: {line}", command.get_name());
            }
        }
    }
}
