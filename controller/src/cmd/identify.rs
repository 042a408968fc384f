//! `picket identify`: a lamp that blinks, so that a person finds the Pi.
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use picket_proto::Action;

use super::{
    Exit,
    options::Options,
    order::{self, Going, How, Signature},
    targets::Targets,
    usage,
};
use crate::duration;

/// Let the lamps of Pis blink
///
///   picket identify shelf-3-07 --for 2m
///   picket identify shelf-3-07 --for 0s      end it
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub struct Identify {
    #[command(flatten)]
    targets: Targets,
    /// For how long, in whole seconds; 0s ends it
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::parse, default_value = "30s")]
    duration: Duration,
    #[command(flatten)]
    signature: Signature,
    #[command(flatten)]
    going: Going,
}

/// Runs the command.
///
/// # Errors
/// As [`order::give`].
pub async fn run(args: &Identify, options: &Options) -> Result<Exit> {
    let how = How {
        signature: &args.signature,
        going: &args.going,
        options,
    };
    let seconds = seconds(args.duration)?;
    order::give(Action::Identify { seconds }, &args.targets, how).await
}

fn seconds(duration: Duration) -> Result<u16> {
    let whole = duration.subsec_nanos() == 0;
    let seconds = u16::try_from(duration.as_secs()).ok().filter(|_| whole);
    seconds.ok_or_else(|| usage("--for takes whole seconds, 65535s at most"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_blinks_for_whole_seconds() {
        for (ms, seconds_) in [
            (0, Some(0)),
            (30_000, Some(30)),
            (65_535_000, Some(65_535)),
            (65_536_000, None),
            (500, None),
        ] {
            assert_eq!(seconds(Duration::from_millis(ms)).ok(), seconds_, "{ms}");
        }
    }
}
