//! `picket decode`: any frame as JSON. It needs no broker.
mod command;

use std::{
    fs,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;
use picket_proto::Message;
use serde::Serialize;

use super::Exit;
use crate::claim;

/// What is read at most; no frame is larger.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Show what a frame says, as JSON
///
/// A frame is the payload of one MQTT message of Picket: `mosquitto_sub -t 'picket/1/#' -C 1 -N > frame` catches one.
/// Metrics, events and status fields that this version doesn't know are shown by their numbers. A command is shown with its
/// signature: the namespace, the key's fingerprint, and whether it is one of these bytes; who may command a Pi is said by its
/// allowed_signers alone.
#[derive(Debug, Args)]
pub struct Decode {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The file holds hex digits; white space between them is ignored
    #[arg(long)]
    pub hex: bool,
}

/// Runs the command.
///
/// # Errors
/// The file can't be read, its hex digits are wrong, or it is no frame.
pub fn run(args: &Decode) -> Result<Exit> {
    let (bytes, origin) = read(&args.file)?;
    let frame = match args.hex {
        true => unhex(&bytes).with_context(|| format!("{origin} is no hex"))?,
        false => bytes,
    };
    let json = decode(&frame, io::stdout().is_terminal())
        .with_context(|| format!("{origin}, {} bytes, is no frame", frame.len()))?;
    writeln!(io::stdout(), "{json}")?;
    Ok(Exit::Succeeded)
}

fn read(file: &Path) -> Result<(Vec<u8>, String)> {
    let mut bytes = Vec::new();
    let origin = if file == Path::new("-") {
        io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        "standard input".to_owned()
    } else {
        let name = file.display().to_string();
        let open = fs::File::open(file).with_context(|| format!("{name} can't be opened"))?;
        let read = open.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        read.with_context(|| format!("{name} can't be read"))?;
        name
    };
    if bytes.len() as u64 > MAX_BYTES {
        bail!("{origin} is larger than any frame");
    }
    Ok((bytes, origin))
}

/// The JSON of a frame.
fn decode(frame: &[u8], pretty: bool) -> Result<String> {
    let message = Message::decode(frame).map_err(|error| anyhow::anyhow!("{error}"))?;
    match &message {
        Message::Command(signed) => json(&command::describe(signed), pretty),
        message => json(message, pretty),
    }
}

fn json<T: Serialize>(value: &T, pretty: bool) -> Result<String> {
    Ok(match pretty {
        true => claim::json_pretty(value)?,
        false => claim::json_line(value)?,
    })
}

/// The bytes that hex digits spell.
fn unhex(text: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, &c) in text.iter().enumerate() {
        if c.is_ascii_whitespace() {
            continue;
        }
        let Some(digit) = char::from(c).to_digit(16) else {
            let shown = claim::escape(&char::from(c).to_string());
            bail!("character {} is {shown:?}, not a hex digit", at + 1);
        };
        let digit = u8::try_from(digit).expect("a hex digit is below 16");
        match high.take() {
            None => high = Some(digit),
            Some(high) => bytes.push(high << 4 | digit),
        }
    }
    match high {
        None => Ok(bytes),
        Some(_) => bail!("there is an odd number of hex digits"),
    }
}

#[cfg(test)]
mod tests {
    use picket_proto::{BootId, Presence, frame::encode};

    use super::*;

    #[test]
    fn hex_is_read_with_any_white_space() {
        for (text, bytes) in [
            ("", Ok(vec![])),
            ("0a Ff\n\t01\r\n", Ok(vec![10, 255, 1])),
            ("0 a", Ok(vec![10])),
            ("0a0", Err("odd number")),
            ("0x0a", Err("character 2 is \"x\"")),
            ("\u{1b}", Err("\\u{1b}")),
        ] {
            match (unhex(text.as_bytes()), bytes) {
                (Ok(read), Ok(expect)) => assert_eq!(read, expect, "{text:?}"),
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
                (got, _) => panic!("{text:?} gave {got:?}"),
            }
        }
    }

    #[test]
    fn a_frame_becomes_json_and_says_what_is_wrong_with_it() {
        let presence = Presence {
            boot: BootId([1; 16]),
            connection: 3,
            online: true,
        };
        let frame = encode(&presence);
        let json = r#"{"kind":"presence","boot":"01010101-0101-0101-0101-010101010101","connection":3,"online":true}"#;
        assert_eq!(decode(&frame, false).unwrap(), json);
        assert_eq!(decode(&frame, true).unwrap().lines().count(), 6);
        for (bytes, words) in [
            (&[][..], "shorter than two bytes"),
            (&[9, 1][..], "format 9"),
            (&[1, 99][..], "kind 99"),
            (&frame[..frame.len() - 1], "ends inside its presence"),
        ] {
            let error = decode(bytes, false).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
