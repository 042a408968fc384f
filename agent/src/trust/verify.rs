//! From bytes to a command that somebody may give: decoded, signed, and the signer admitted.
//!
//! Invariant: what is returned was parsed from the very bytes that were verified. A payload is never encoded again: numbers
//! have more than one form on the wire.
use picket_proto::{Command, Privilege, SignedCommand, WallClock, frame};

use super::{
    crypto,
    refusal::{Distrust, Refusal},
    signers::{AllowedSigners, Moment, Unjudged},
    sshsig::Sshsig,
};

/// A command that its actor may give. Whether it is fresh, and for this Pi, is another question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The command.
    pub command: Command,
    /// What the signature entitles to; enough for the action, if this version knows the action.
    pub privilege: Privilege,
    /// The fingerprint of the key that signed, as `ssh-keygen -l` shows it.
    pub key: String,
}

/// The signed command of a message.
///
/// # Errors
/// What is wrong with the message; it names no operation.
pub fn decode(message: &[u8]) -> Result<SignedCommand, Refusal> {
    frame::decode(message).map_err(|error| Refusal::new(&Distrust::Undecodable(error), None))
}

/// Whether the signature names a key of `signers`; nobody has looked yet whether it is by that key. Costs next to nothing.
#[must_use]
pub fn names_signer(signers: &AllowedSigners, signed: &SignedCommand) -> bool {
    Sshsig::parse(&signed.signature).is_ok_and(|signature| signers.knows(signature.key()))
}

/// Whether the command may be given by who signed it, at that time. A line of `signers` with times needs a clock that is
/// synchronised, or else `unjudged` decides.
///
/// # Errors
/// What speaks against it first: the payload, the kind of the signature, its key, the signature itself, the touch, the actor,
/// the namespace, the time, and at last what the action needs. About the file's lines nothing is said to whoever has no key of
/// theirs.
pub fn verify(
    signers: &AllowedSigners,
    signed: &SignedCommand,
    wall: WallClock,
    boottime_ms: u64,
    unjudged: Unjudged,
) -> Result<Verified, Refusal> {
    let moment = Moment::new(wall, boottime_ms, unjudged);
    judge(signers, signed, moment)
        .map_err(|distrust| Refusal::new(&distrust, Command::operation_of(&signed.payload)))
}

fn judge(
    signers: &AllowedSigners,
    signed: &SignedCommand,
    moment: Moment,
) -> Result<Verified, Distrust> {
    let command = Command::parse(&signed.payload).map_err(Distrust::Undecodable)?;
    let signature = Sshsig::parse(&signed.signature)?;
    let privilege = Privilege::of_namespace(signature.namespace())
        .ok_or_else(|| Distrust::StrangeNamespace(signature.namespace().into()))?;
    let fingerprint = || crypto::fingerprint(signature.key());
    if !signers.knows(signature.key()) {
        return Err(Distrust::UnknownSigner(fingerprint()));
    }
    if !signature.is_of(&signed.payload) {
        return Err(Distrust::BadSignature(fingerprint()));
    }
    if !signature.touched() {
        return Err(Distrust::NoTouch(fingerprint()));
    }
    signers.admit(signature.key(), &command.actor, privilege, moment)?;
    entitled(&command, privilege)?;
    Ok(Verified {
        command,
        privilege,
        key: fingerprint().to_string(),
    })
}

fn entitled(command: &Command, has: Privilege) -> Result<(), Distrust> {
    match command.action.privilege() {
        Some(needs) if needs != has => Err(Distrust::WrongPrivilege {
            action: command.action.id(),
            needs,
            has,
        }),
        Some(_) | None => Ok(()),
    }
}
