//! The bytes of one ONC RPC NULL call over TCP and of its answer (RFC 5531). No sockets here, and no clock.
use picket_proto::Gap;

/// An answer to NULL has 24 bytes, with a verifier of at most 400 (RFC 5531, section 8.2). More is no such answer.
pub(crate) const MAX_ANSWER: usize = 1024;

const NFS_PROGRAM: u32 = 100_003;
const RPC_VERSION: u32 = 2;
const LAST_FRAGMENT: u32 = 1 << 31;
const CALL: u32 = 0;
const REPLY: u32 = 1;
const ACCEPTED: u32 = 0;
const SUCCESS: u32 = 0;
const PROGRAM_MISMATCH: u32 = 2;
const CALL_LENGTH: u32 = 40;

/// A NULL call to that version of NFS, with its record mark: no credential, no verifier.
pub(crate) fn null_call(xid: u32, version: u32) -> [u8; 44] {
    let mark = LAST_FRAGMENT | CALL_LENGTH;
    let words = [
        mark,
        xid,
        CALL,
        RPC_VERSION,
        NFS_PROGRAM,
        version,
        0,
        0,
        0,
        0,
        0,
    ];
    let mut bytes = [0; 44];
    for (place, word) in bytes.chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// Looks whether `received` holds the whole answer to the call `xid`: `Ok(false)` means that more must come.
///
/// A server that serves another version of NFS has answered too: the round trip is what is asked for.
///
/// # Errors
/// [`Gap::Garbled`] for what can't be the answer to this call, [`Gap::Failed`] if the server denies it.
pub(crate) fn is_answered(received: &[u8], xid: u32) -> Result<bool, Gap> {
    match record(received)? {
        Some(message) => judge(&message, xid).map(|()| true),
        None => Ok(false),
    }
}

/// Joins the fragments of one record; none if it isn't complete. A peer that sends more than one record is not asked for.
fn record(received: &[u8]) -> Result<Option<Vec<u8>>, Gap> {
    let mut message = Vec::new();
    let mut rest = received;
    loop {
        let Some((mark, body)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let mark = u32::from_be_bytes(*mark);
        let length = (mark & !LAST_FRAGMENT) as usize;
        if length == 0 || message.len() + length > MAX_ANSWER {
            return Err(Gap::Garbled);
        }
        let Some((fragment, after)) = body.split_at_checked(length) else {
            return Ok(None);
        };
        message.extend_from_slice(fragment);
        rest = after;
        if mark & LAST_FRAGMENT != 0 {
            return rest.is_empty().then_some(Some(message)).ok_or(Gap::Garbled);
        }
    }
}

fn judge(message: &[u8], xid: u32) -> Result<(), Gap> {
    let (head, verifier) = message.split_first_chunk::<20>().ok_or(Gap::Garbled)?;
    let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    if word(0) != xid || word(4) != REPLY {
        return Err(Gap::Garbled);
    }
    if word(8) != ACCEPTED {
        return Err(Gap::Failed);
    }
    let padded = (word(16) as usize).checked_next_multiple_of(4);
    let status = padded.and_then(|length| verifier.get(length..)?.first_chunk());
    match status.map(|status| u32::from_be_bytes(*status)) {
        Some(SUCCESS | PROGRAM_MISMATCH) => Ok(()),
        Some(_) => Err(Gap::Failed),
        None => Err(Gap::Garbled),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const XID: u32 = 0xABCD;

    #[test]
    fn a_call_is_a_record_of_ten_words() {
        let call = null_call(XID, 3);
        assert_eq!(call[..4], [0x80, 0, 0, 40]);
        assert_eq!(call[4..8], [0, 0, 0xAB, 0xCD]);
        assert_eq!(call[12..16], [0, 0, 0, 2]);
        assert_eq!(call[16..20], 100_003_u32.to_be_bytes());
        assert_eq!(call[20..24], [0, 0, 0, 3]);
        assert_eq!(call[24..], [0; 20]);
    }

    #[test]
    fn an_answer_is_understood_or_refused() {
        let good = [XID, 1, 0, 0, 0, 0];
        for (name, received, answered) in [
            ("nothing", vec![], Ok(false)),
            ("half a mark", vec![0x80, 0], Ok(false)),
            ("success", whole(&good), Ok(true)),
            ("one byte short", whole(&good)[..27].to_vec(), Ok(false)),
            (
                "another version",
                whole(&[XID, 1, 0, 0, 0, 2, 3, 4]),
                Ok(true),
            ),
            ("a verifier", whole(&[XID, 1, 0, 1, 6, 9, 9, 0]), Ok(true)),
            (
                "two fragments",
                [fragment(&good[..2], false), fragment(&good[2..], true)].concat(),
                Ok(true),
            ),
            (
                "a fragment of nothing",
                [fragment(&[], false), whole(&good)].concat(),
                Err(Gap::Garbled),
            ),
            (
                "another call's",
                whole(&[XID + 1, 1, 0, 0, 0, 0]),
                Err(Gap::Garbled),
            ),
            ("a call", whole(&[XID, 0, 0, 0, 0, 0]), Err(Gap::Garbled)),
            ("denied", whole(&[XID, 1, 1, 0, 0, 0]), Err(Gap::Failed)),
            (
                "no such program",
                whole(&[XID, 1, 0, 0, 0, 1]),
                Err(Gap::Failed),
            ),
            ("too short", whole(&good[..5]), Err(Gap::Garbled)),
            (
                "a verifier beyond the end",
                whole(&[XID, 1, 0, 0, u32::MAX, 0]),
                Err(Gap::Garbled),
            ),
            ("a huge record", vec![0xFF; 4], Err(Gap::Garbled)),
            (
                "two answers",
                [whole(&good), whole(&good)].concat(),
                Err(Gap::Garbled),
            ),
            (
                "http",
                b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
                Err(Gap::Garbled),
            ),
        ] {
            assert_eq!(is_answered(&received, XID), answered, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(received in prop::collection::vec(any::<u8>(), 0..64), xid: u32) {
            let _ = is_answered(&received, xid);
            let _ = judge(&received, xid);
        }
    }

    fn whole(words: &[u32]) -> Vec<u8> {
        fragment(words, true)
    }

    fn fragment(words: &[u32], last: bool) -> Vec<u8> {
        let length = u32::try_from(words.len() * 4).unwrap();
        let mark = length | if last { LAST_FRAGMENT } else { 0 };
        let words = std::iter::once(&mark).chain(words);
        words.flat_map(|word| word.to_be_bytes()).collect()
    }
}
