//! Ping and pong: how an operator learns the nonce that his next command must carry. Neither is signed: a pong says nothing
//! that is secret, and a nonce is of use only to whoever can sign.
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::{BootId, DecodeError, frame::Body, frame::Kind, json, wire};

/// Asks an agent for its nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// Chosen by the asker, who knows his answer by it.
    pub token: u64,
}

/// 16 random bytes of an agent, which a command must carry. The agent takes another once a command that acts was accepted, and at
/// each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce(pub [u8; 16]);

impl Serialize for Nonce {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => json::hex(&self.0, serializer),
            false => self.0.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return Deserialize::deserialize(deserializer).map(Self);
        }
        let bytes = json::bytes::deserialize(deserializer)?;
        let bytes = bytes.try_into();
        bytes
            .map(Self)
            .map_err(|_| de::Error::custom("expected a nonce of 32 hex digits"))
    }
}

/// The answer to a [`Ping`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The token of the ping.
    pub token: u64,
    /// What the next command must carry.
    pub nonce: Nonce,
    /// The boot that speaks.
    pub boot: BootId,
    /// CLOCK_BOOTTIME now, in ms: what [`crate::command::Target::not_after_ms`] is reckoned from.
    pub boottime_ms: u64,
}

impl Body for Ping {
    const KIND: Kind = Kind::Ping;

    fn write(&self, out: &mut Vec<u8>) {
        wire::put(self, out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::whole(bytes, "ping")
    }
}

impl Body for Pong {
    const KIND: Kind = Kind::Pong;

    fn write(&self, out: &mut Vec<u8>) {
        wire::put(self, out);
    }

    fn read(bytes: &[u8]) -> Result<Self, DecodeError> {
        wire::whole(bytes, "pong")
    }
}
