//! Why bytes could not be decoded. Every variant names the part that is wrong.
use alloc::boxed::Box;
use core::fmt;

use crate::MetricId;

/// Why a received frame could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeError {
    /// The frame is shorter than its two leading bytes.
    Empty,
    /// Byte 0 names a format version that this reader does not know.
    Format(u8),
    /// Byte 1 names a message kind that this reader does not know.
    Kind(u8),
    /// Byte 1 names another message kind than the caller asked for.
    Unexpected {
        /// The kind that the caller wanted.
        wanted: u8,
        /// The kind that the frame has.
        found: u8,
    },
    /// The bytes end inside the named part.
    Truncated(&'static str),
    /// The named part breaks a rule of its format.
    Invalid(&'static str),
    /// The named part is larger than a reader accepts.
    TooLarge(&'static str),
    /// The column of a metric is wrong.
    Column {
        /// Which metric.
        metric: MetricId,
        /// What is wrong with its column.
        problem: Box<DecodeError>,
    },
    /// Bytes follow after the end of the message.
    Trailing(usize),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the frame is shorter than two bytes"),
            Self::Format(v) => write!(
                f,
                "frame format {v} is not known here; a newer reader is needed"
            ),
            Self::Kind(k) => write!(
                f,
                "message kind {k} is not known here; a newer reader is needed"
            ),
            Self::Unexpected { wanted, found } => {
                write!(
                    f,
                    "message kind {found} stands where kind {wanted} was expected"
                )
            }
            Self::Truncated(part) => write!(f, "the frame ends inside its {part}"),
            Self::Invalid(part) => write!(f, "the {part} is not valid"),
            Self::TooLarge(part) => write!(f, "the {part} is larger than a reader accepts"),
            Self::Column { metric, problem } => {
                let name = metric
                    .metric()
                    .map_or("a newer agent's", |known| known.name);
                write!(
                    f,
                    "in the column of metric {} ({name}): {problem}",
                    metric.0
                )
            }
            Self::Trailing(n) => write!(f, "{n} bytes follow after the end of the message"),
        }
    }
}

impl core::error::Error for DecodeError {}
