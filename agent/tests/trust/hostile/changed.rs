//! A good order whose signature is changed before or after it is made.
use picket_proto::{SignedCommand, frame};
use picket_test_keys::Blob;

use crate::scene::{OPERATE, alice, by, reboot, token};

/// The order with that blob, whatever it is.
pub(super) fn with_blob(signature: Vec<u8>) -> Vec<u8> {
    let payload = reboot().payload();
    frame::encode(&SignedCommand { payload, signature })
}

/// The order with Alice's signature, changed after she signed.
pub(super) fn changed(change: impl FnOnce(&mut Blob)) -> Vec<u8> {
    let mut blob = alice().blob(OPERATE, &reboot().payload());
    change(&mut blob);
    with_blob(blob.encode())
}

/// The order with Alice's signature over a changed blob.
pub(super) fn resigned(change: impl FnOnce(&mut Blob)) -> Vec<u8> {
    changed(|blob| {
        change(blob);
        blob.signature = alice().sign_data(&blob.signed_data(&reboot().payload()));
    })
}

/// Tom's order with a token whose flags are these, changed after it signed.
pub(super) fn of_token(flags: u8, change: impl FnOnce(&mut Blob)) -> Vec<u8> {
    let payload = by("tom").payload();
    let mut blob = token(flags).blob(OPERATE, &payload);
    change(&mut blob);
    frame::encode(&SignedCommand {
        payload,
        signature: blob.encode(),
    })
}
