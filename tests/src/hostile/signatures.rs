//! Commands whose signature is wrong, or who signed may not.
use picket_proto::{Action, Command, Reason};
use picket_test_keys::{Blob, TestKey, string};

use super::{CONFIGURE, Case, Forge, OPERATE, case};

const REBOOT: Action = Action::Reboot { force: true };
const CONFIGURING: Action = Action::Configure {
    sample_every_ms: Some(1_000),
    window_ms: None,
};

impl Forge<'_> {
    /// Commands whose signature is wrong, or who signed may not.
    pub fn signatures(&self) -> Vec<Case> {
        let mut cases = self.wrong_blobs();
        cases.extend(self.wrong_signers());
        cases
    }

    fn wrong_blobs(&self) -> Vec<Case> {
        let key = self.operator.key();
        let blob = |change: fn(&mut Blob)| {
            let command = self.good();
            let mut blob = key.blob(OPERATE, &command.payload());
            change(&mut blob);
            (command, blob.encode())
        };
        let last = |blob: &mut Blob| *blob.signature.last_mut().expect("it has bytes") ^= 1;
        let cut = |blob: &mut Blob| blob.signature.truncate(60);
        let rsa = |blob: &mut Blob| blob.key = [string(b"ssh-rsa"), string(&[1; 259])].concat();
        let other = (self.good(), key.sign(OPERATE, &self.good().payload()));
        [
            (
                "a bit of the signature is flipped",
                Reason::BadSignature,
                blob(last),
            ),
            (
                "it is the signature of another command",
                Reason::BadSignature,
                other,
            ),
            ("the signature is cut", Reason::Malformed, blob(cut)),
            (
                "there is no signature",
                Reason::SignatureKind,
                (self.good(), Vec::new()),
            ),
            (
                "it is armoured",
                Reason::SignatureKind,
                blob(|blob| blob.magic = b"-----B".to_vec()),
            ),
            (
                "it is of version 2",
                Reason::SignatureKind,
                blob(|blob| blob.version = 2),
            ),
            (
                "its hash is weak",
                Reason::SignatureKind,
                blob(|blob| blob.hash = b"md5".to_vec()),
            ),
            ("it is by an RSA key", Reason::SignatureKind, blob(rsa)),
            ("it is by a certificate", Reason::Certificate, blob(certify)),
        ]
        .map(|(why, reason, (command, signature))| case(why, reason, &command, signature))
        .into()
    }

    fn wrong_signers(&self) -> Vec<Case> {
        let (anna, stranger) = (self.operator.key(), &TestKey::new(99));
        let of_annas = |namespace, action| self.by(anna, namespace, "anna", action);
        let as_anna = |actor| self.by(anna, OPERATE, actor, REBOOT);
        let clerks = self.by(&self.clerk, CONFIGURE, "clerk", CONFIGURING);
        let [old, lazy] = [(&self.veteran, "veteran"), (&self.untouched, "token")]
            .map(|(key, actor)| self.by(key, OPERATE, actor, REBOOT));
        let strange = self.by(stranger, OPERATE, "anna", REBOOT);
        let operate = of_annas(CONFIGURE, REBOOT);
        let configure = of_annas(OPERATE, CONFIGURING);
        let files = of_annas("file", REBOOT);
        [
            (
                "it was changed after it was signed",
                Reason::BadSignature,
                self.changed(),
            ),
            ("nobody knows the key", Reason::UnknownSigner, strange),
            (
                "the key is another actor's",
                Reason::WrongActor,
                as_anna("clerk"),
            ),
            ("the actor is nobody", Reason::WrongActor, as_anna("")),
            ("the key may not configure", Reason::WrongNamespace, clerks),
            ("it was signed for files", Reason::WrongNamespace, files),
            (
                "it was signed for configuring",
                Reason::WrongPrivilege,
                operate,
            ),
            (
                "it was signed for operating",
                Reason::WrongPrivilege,
                configure,
            ),
            ("the key is valid no more", self.over, old),
            ("nobody touched the token", Reason::NoTouch, lazy),
        ]
        .map(|(why, reason, (command, signature))| case(why, reason, &command, signature))
        .into()
    }

    fn by(
        &self,
        key: &TestKey,
        namespace: &str,
        actor: &str,
        action: Action,
    ) -> (Command, Vec<u8>) {
        let command = Command {
            actor: actor.to_owned(),
            ..self.of(action)
        };
        let signature = key.sign(namespace, &command.payload());
        (command, signature)
    }

    fn changed(&self) -> (Command, Vec<u8>) {
        let mut command = self.good();
        let signature = self.operator.key().sign(OPERATE, &command.payload());
        command.targets[0].not_after_ms += 1;
        (command, signature)
    }
}

/// Puts a certificate of the key in place of the key (PROTOCOL.certkeys).
fn certify(blob: &mut Blob) {
    let point = blob.key[blob.key.len() - 32..].to_vec();
    let kind = b"ssh-ed25519-cert-v01@openssh.com";
    blob.key = [string(kind), string(&[7; 32]), string(&point)].concat();
    // Serial, type, id, principals, validity, options, the authority's key and its signature.
    blob.key.extend([&[0; 8][..], &[0, 0, 0, 1]].concat());
    for part in [&b"anna"[..], b"", &[0; 16], b"", b"", b"", b"", b""] {
        blob.key.extend(string(part));
    }
}
