//! Slots that are kept, as bytes, 35 each: operation (16), slot (u8), days (u8), 1 if they count already and else 0 (u8), from when on
//! (u64, s), inode number of the root (u64); where they don't count the last two are 0. It knows no fields.
use picket_proto::{OperationId, RootSlot};

use super::record::{Kept, MOST_KEPT, Since};
use crate::blocks::{array, u64_at};

const LENGTH: usize = 35;

pub(super) fn write(kept: &[Kept]) -> Vec<u8> {
    let newest = &kept[kept.len().saturating_sub(MOST_KEPT)..];
    newest.iter().flat_map(one).collect()
}

/// `None`: these bytes are none.
pub(super) fn read(bytes: &[u8]) -> Option<Vec<Kept>> {
    if bytes.is_empty() || bytes.len() % LENGTH != 0 || bytes.len() > MOST_KEPT * LENGTH {
        return None;
    }
    bytes.chunks(LENGTH).map(read_one).collect()
}

fn one(kept: &Kept) -> Vec<u8> {
    let mut out = kept.operation.0.to_vec();
    out.extend([kept.slot.code(), kept.days, kept.since.is_some().into()]);
    let (time_s, tree) = kept
        .since
        .map_or((0, 0), |since| (since.time_s, since.tree));
    out.extend(time_s.to_le_bytes());
    out.extend(tree.to_le_bytes());
    out
}

fn read_one(bytes: &[u8]) -> Option<Kept> {
    let since = Since {
        time_s: u64_at(bytes, 19),
        tree: u64_at(bytes, 27),
    };
    Some(Kept {
        operation: OperationId(array(bytes, 0)),
        slot: RootSlot::from_code(bytes[16]),
        days: bytes[17],
        since: match (bytes[18], since) {
            (0, Since { time_s: 0, tree: 0 }) => None,
            (1, since) => Some(since),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_whatever_else_is_not() {
        let counts = Kept {
            operation: OperationId([7; 16]),
            slot: RootSlot::A,
            days: 14,
            since: Some(Since {
                time_s: 1_795_385_000,
                tree: u64::MAX,
            }),
        };
        let waits = Kept {
            slot: RootSlot::B,
            since: None,
            ..counts
        };
        let bytes = write(&[counts, waits]);
        assert_eq!(read(&bytes), Some(vec![counts, waits]));
        assert_eq!(write(&[waits, counts, waits]), bytes, "the newest");
        for length in (0..bytes.len()).filter(|length| *length != LENGTH) {
            assert_eq!(read(&bytes[..length]), None, "{length}");
        }
        assert_eq!(read(&[&bytes[..], &bytes].concat()), None, "too many");
        for (at, byte) in [(18, 2), (18, 0), (LENGTH + 18, 2), (LENGTH + 20, 1)] {
            let mut wrong = bytes.clone();
            wrong[at] = byte;
            assert_eq!(read(&wrong), None, "byte {at} is {byte}");
        }
    }
}
