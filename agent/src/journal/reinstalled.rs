//! A reinstall as bytes: operation (16), slot (u8), 1 if what ran before is kept and else 0 (u8), SHA-256 (32); the image's name, and then
//! each fingerprint of a host key, as length (u8) and text. It knows no fields.
use picket_proto::{OperationId, RootSlot};

use super::record::Reinstalled;

pub(super) fn write(reinstall: &Reinstalled) -> Vec<u8> {
    let mut bounded = reinstall.clone();
    bounded.bound();
    let mut out = bounded.operation.0.to_vec();
    out.push(bounded.slot.code());
    out.push(bounded.keep_old.into());
    out.extend_from_slice(&bounded.digest);
    for text in [&bounded.image].into_iter().chain(&bounded.host_keys) {
        // Bounded, so its length fits.
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    }
    out
}

/// `None`: these bytes are none.
pub(super) fn read(bytes: &[u8]) -> Option<Reinstalled> {
    let (operation, rest) = bytes.split_first_chunk()?;
    let ([slot, keep_old], rest) = rest.split_first_chunk()?;
    let (digest, mut rest) = rest.split_first_chunk()?;
    let mut texts = Vec::new();
    while let Some((length, after)) = rest.split_first() {
        let (text, after) = after.split_at_checked(usize::from(*length))?;
        texts.push(String::from_utf8(text.to_vec()).ok()?);
        rest = after;
    }
    let keep_old = match keep_old {
        0 => false,
        1 => true,
        _ => return None,
    };
    let mut texts = texts.into_iter();
    let read = Reinstalled {
        operation: OperationId(*operation),
        slot: RootSlot::from_code(*slot),
        keep_old,
        digest: *digest,
        image: texts.next()?,
        host_keys: texts.collect(),
    };
    // What is longer than it may be was written by nobody, and wouldn't fit when it is written again.
    (write(&read) == bytes).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reinstall() -> Reinstalled {
        Reinstalled {
            operation: OperationId([7; 16]),
            slot: RootSlot::B,
            keep_old: true,
            digest: [0xd1; 32],
            image: "debian-13".to_owned(),
            host_keys: vec!["256 SHA256:q83v pi-12 (ED25519)".to_owned(); 3],
        }
    }

    #[test]
    fn what_is_written_is_read_again_and_whatever_else_is_not() {
        let bytes = write(&reinstall());
        assert_eq!(read(&bytes), Some(reinstall()));
        for length in 0..bytes.len() {
            let cut = read(&bytes[..length]);
            assert!(
                cut.is_none_or(|cut| write(&cut) == bytes[..length]),
                "{length}"
            );
        }
        let mut wrong = bytes.clone();
        wrong[17] = 2;
        assert_eq!(read(&wrong), None, "neither kept nor not");
        let mut wrong = bytes.clone();
        wrong[51] = 0xff;
        assert_eq!(read(&wrong), None, "no text");
        let many = [&bytes[..], &[0; 3]].concat();
        assert_eq!(read(&many), None, "too many keys");
    }

    #[test]
    fn what_is_too_long_is_cut_and_fits_beside_a_full_journal() {
        let long = Reinstalled {
            image: "\u{e4}".repeat(200),
            host_keys: vec!["k".repeat(1000); 100],
            ..reinstall()
        };
        let bytes = write(&long);
        assert!(bytes.len() <= 605, "{}", bytes.len());
        assert!(read(&bytes).is_some());
    }
}
