//! Everything that Picket says on the wire: frames, batches, events, status, presence, acks, topics.
//!
//! This crate turns bytes into values and back. It does no I/O, reads no clock and knows neither MQTT clients nor
//! kernel files. `docs/PROTOCOL.md` describes the same formats byte by byte.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod ack;
pub mod batch;
pub mod column;
pub mod command;
mod error;
pub mod event;
pub mod fields;
pub mod frame;
pub mod id;
pub mod image;
mod json;
pub mod lifeboat;
pub mod metric;
mod named;
pub mod nfs;
pub mod packed;
pub mod ping;
pub mod presence;
pub mod ranges;
pub mod reading;
pub mod reinstall;
pub mod report;
pub mod status;
pub mod topic;
mod wire;

pub use ack::{Ack, BootAck, TickRange};
pub use batch::{Batch, BatchHeader, Column, Quality, WallClock};
pub use command::{Action, Command, Privilege, SignedCommand, Target};
pub use error::DecodeError;
pub use event::{Event, EventKind, EventReport};
pub use fields::UnknownField;
pub use frame::Message;
pub use id::{BootId, DeviceId, OperationId};
pub use lifeboat::{Lifeboat, LifeboatState};
pub use metric::{Metric, MetricId};
pub use nfs::{DiskFault, DiskTrouble, NfsState, NfsVerdict};
pub use packed::Packed;
pub use ping::{Nonce, Ping, Pong};
pub use presence::Presence;
pub use ranges::TickRanges;
pub use reading::{Gap, Reading};
pub use reinstall::{Progress, Reinstall, RootSlot};
pub use report::{Reason, Report, State};
pub use status::{Sensor, Status};
pub use topic::{Channel, Topic};
