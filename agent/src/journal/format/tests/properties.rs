//! What holds of any record and any bytes.
use picket_proto::{BootId, OperationId, Reason, State};
use proptest::prelude::*;

use super::{super::*, DEVICE, file, sign};
use crate::{
    blocks::HEAD,
    config::Periods,
    journal::{MOST_OPERATIONS, Recorded},
};

proptest! {
    /// Of two blocks with any fields and a right checksum, so that the parser sees them.
    #[test]
    fn no_bytes_harm(
        fields in prop::collection::vec(any::<u8>(), 0..200),
        length in any::<u16>(),
        generation in prop_oneof![Just(7_u64), any::<u64>()],
    ) {
        let mut bytes = file([8, 7]);
        let second = &mut bytes[BLOCK..];
        second[6..8].copy_from_slice(&length.to_le_bytes());
        second[8..16].copy_from_slice(&generation.to_le_bytes());
        second[HEAD..HEAD + fields.len()].copy_from_slice(&fields);
        sign(second);
        let _ = read(&bytes, DEVICE);
    }

    #[test]
    fn no_file_harms(bytes in prop::collection::vec(any::<u8>(), SIZE - 1..=SIZE + 1)) {
        let _ = read(&bytes, DEVICE);
    }

    #[test]
    fn what_was_written_is_read(record in any_record(), generation in 0..u64::MAX) {
        let block = write(&record, generation, DEVICE).unwrap();
        let place = if generation % 2 == 0 { [block, vec![0; BLOCK]] } else { [vec![0; BLOCK], block] };
        let held = read(&place.concat(), DEVICE).unwrap();
        prop_assert_eq!((held.record, held.generation, held.torn), (record, generation, true));
    }
}

fn any_record() -> impl Strategy<Value = Record> {
    let periods =
        prop::option::of((100_u32..=600_000).prop_map(|ms| Periods::new(ms, ms).unwrap()));
    let numbers = prop::collection::btree_map(
        any::<[u8; 16]>(),
        (
            any::<u16>(),
            any::<u8>(),
            prop::option::of(any::<u16>()),
            any::<u64>(),
        ),
        0..=MOST_OPERATIONS,
    );
    (periods, numbers).prop_map(|(periods, numbers)| Record {
        periods,
        operations: numbers
            .into_iter()
            .map(|(id, (action, state, reason, fingerprint))| Recorded {
                operation: OperationId(id),
                action,
                state: State::from_code(state),
                reason: reason.map(Reason::from_code),
                fingerprint,
                boot: BootId([action as u8; 16]),
                boots: state,
            })
            .collect(),
        ..Record::default()
    })
}
