//! Signatures that are right in form and are none of this command, by somebody who may give it.
use picket_proto::{
    Action, Command,
    Reason::{BadSignature, NoTouch, UnknownSigner, WrongNamespace},
    SignedCommand, frame,
};
use picket_test_keys::{Blob, TOUCHED, TestKey};

use super::{
    Hostile,
    changed::{changed, of_token, resigned, with_blob},
    of,
};
use crate::scene::{OPERATE, alice, by, carol, mallory, reboot};

/// The order of Ed25519's group, little end first (RFC 8032, section 5.1).
const ORDER: [u8; 32] = {
    let mut order = *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    order[31] = 0x10;
    order
};

pub(super) fn forgeries() -> Vec<Hostile> {
    let good = reboot().payload();
    let forced = Command {
        action: Action::Reboot { force: true },
        ..reboot()
    };
    let forced = forced.payload();
    let of_message = |message: &[u8], payload: &[u8]| {
        frame::encode(&SignedCommand {
            payload: payload.to_vec(),
            signature: alice().sign(OPERATE, message),
        })
    };
    let bare = changed(|blob| blob.signature = alice().sign_data(&reboot().payload()));
    let renamed = changed(|blob| blob.namespace = b"picket-reinstall@1".to_vec());
    let mallorys = changed(|blob| {
        blob.signature = mallory().sign_data(&blob.signed_data(&reboot().payload()));
    });
    let second_form = changed(|blob| {
        let at = blob.signature.len() - 32;
        add_order(&mut blob.signature[at..]);
    });
    // Nobody learns whose key is out of date without having it.
    let expired = {
        let mut blob = carol().blob(OPERATE, &good);
        zeros(&mut blob);
        with_blob(blob.encode())
    };
    let rehashed = changed(|blob| blob.hash = b"sha256".to_vec());
    of(
        BadSignature,
        [
            ("zeros for a signature", changed(zeros), "changed"),
            (
                "a signature over other bytes",
                of_message(&forced, &good),
                "sign again",
            ),
            (
                "a command changed after it was signed",
                of_message(&good, &forced),
                "changed",
            ),
            (
                "a signature of the payload without its frame",
                bare,
                "changed",
            ),
            (
                "the right key with another namespace",
                renamed,
                "another namespace",
            ),
            (
                "a stranger's signature under Alice's key",
                mallorys,
                "SHA256:",
            ),
            ("a forgery under a key of yesterday", expired, "SHA256:"),
            ("another hash than was signed", rehashed, "changed"),
            ("a signature in its second form", second_form, "changed"),
        ],
    )
}

pub(super) fn tokens() -> Vec<Hostile> {
    let pretended = of_token(0, |blob| {
        let at = blob.signature.len() - 5;
        blob.signature[at] = TOUCHED;
    });
    let counted = of_token(TOUCHED, |blob| {
        *blob.signature.last_mut().expect("not empty") += 1;
    });
    let elsewhere = of_token(TOUCHED, |blob| {
        blob.key.truncate(blob.key.len() - 4);
        blob.key.extend(b"web:");
    });
    let in_a_file = TestKey::new(6).frame(&by("tom"));
    let untouched = of_token(0, |_| {});
    let verified = of_token(4, |_| {});
    [
        of(
            NoTouch,
            [
                ("a token that nobody touched", untouched, "touched"),
                ("a token with its PIN and no touch", verified, "touched"),
            ],
        ),
        of(
            BadSignature,
            [
                ("a touch that was added later", pretended, "SHA256:"),
                ("a token's counter changed", counted, "changed"),
            ],
        ),
        of(
            UnknownSigner,
            [
                (
                    "a token's point as the key of a file",
                    in_a_file,
                    "add a line",
                ),
                (
                    "a token's key for another application",
                    elsewhere,
                    "SHA256:",
                ),
            ],
        ),
    ]
    .concat()
}

pub(super) fn strangers() -> Vec<Hostile> {
    let namespace = |name: &[u8]| resigned(|blob| blob.namespace = name.to_vec());
    let stranger = mallory().frame(&reboot());
    let mut rows = of(UnknownSigner, [("a stranger", stranger, "SHA256:")]);
    rows.extend(of(
        WrongNamespace,
        [
            ("no namespace", namespace(b""), "\"\""),
            ("the namespace of files", namespace(b"file"), "\"file\""),
            (
                "a newer version's namespace",
                namespace(b"picket-operate@2"),
                "@2",
            ),
            (
                "a namespace that is no text",
                namespace(b"picket-operate@1\xff"),
                "@1\u{fffd}",
            ),
            (
                "a namespace of a novel's length",
                namespace(&[b'x'; 700]),
                "xxx…",
            ),
        ],
    ));
    rows
}

fn zeros(blob: &mut Blob) {
    let at = blob.signature.len() - 64;
    blob.signature[at..].fill(0);
}

/// Adds the group's order to a scalar: the sum is the same scalar in a form that RFC 8032 forbids.
fn add_order(scalar: &mut [u8]) {
    let mut carry = 0;
    for (byte, order) in scalar.iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}
