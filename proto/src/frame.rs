//! A frame: byte 0 the format version, byte 1 the message kind, then the body.
use alloc::vec::Vec;

use serde::Serialize;

use crate::{
    Ack, Batch, DecodeError, EventReport, Ping, Pong, Presence, Report, SignedCommand, Status,
};

/// The format version that this crate writes.
pub const FORMAT: u8 = 1;

/// What byte 1 of a frame names. A number is never used again for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Ticks with their readings.
    Batch = 1,
    /// Edges of states, with their time.
    Event = 2,
    /// What the agent is and how it is set up.
    Status = 3,
    /// Whether the agent is connected.
    Presence = 4,
    /// What a collector has.
    Ack = 5,
    /// Asks for a nonce.
    Ping = 6,
    /// The nonce.
    Pong = 7,
    /// A signed command.
    Command = 8,
    /// How an operation stands.
    Report = 9,
}

/// Any message of this format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Message {
    /// See [`Batch`].
    Batch(Batch),
    /// See [`EventReport`].
    Event(EventReport),
    /// See [`Status`].
    Status(Status),
    /// See [`Presence`].
    Presence(Presence),
    /// See [`Ack`].
    Ack(Ack),
    /// See [`Ping`].
    Ping(Ping),
    /// See [`Pong`].
    Pong(Pong),
    /// See [`SignedCommand`].
    Command(SignedCommand),
    /// See [`Report`].
    Report(Report),
}

/// A message that can stand in a frame.
pub trait Body: Sized {
    /// The kind that byte 1 names.
    const KIND: Kind;
    /// Appends the body.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads a body that fills `bytes` to the end.
    ///
    /// # Errors
    /// Names the part that is wrong.
    fn read(bytes: &[u8]) -> Result<Self, DecodeError>;
}

/// The frame of a message.
#[must_use]
pub fn encode<T: Body>(body: &T) -> Vec<u8> {
    let mut out = Vec::from([FORMAT, T::KIND as u8]);
    body.write(&mut out);
    out
}

/// The message of a frame that must be of kind `T`.
///
/// # Errors
/// Another format, another kind, or a body that is wrong.
pub fn decode<T: Body>(frame: &[u8]) -> Result<T, DecodeError> {
    let (kind, body) = split(frame)?;
    if kind != T::KIND as u8 {
        return Err(DecodeError::Unexpected {
            wanted: T::KIND as u8,
            found: kind,
        });
    }
    T::read(body)
}

impl Message {
    /// The message of any frame.
    ///
    /// # Errors
    /// An unknown format, an unknown kind, or a body that is wrong.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        let (kind, body) = split(frame)?;
        match kind {
            1 => Batch::read(body).map(Self::Batch),
            2 => EventReport::read(body).map(Self::Event),
            3 => Status::read(body).map(Self::Status),
            4 => Presence::read(body).map(Self::Presence),
            5 => Ack::read(body).map(Self::Ack),
            6 => Ping::read(body).map(Self::Ping),
            7 => Pong::read(body).map(Self::Pong),
            8 => SignedCommand::read(body).map(Self::Command),
            9 => Report::read(body).map(Self::Report),
            unknown => Err(DecodeError::Kind(unknown)),
        }
    }
}

fn split(frame: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    match frame {
        [FORMAT, kind, body @ ..] => Ok((*kind, body)),
        [format, _, ..] => Err(DecodeError::Format(*format)),
        _ => Err(DecodeError::Empty),
    }
}
