//! Who may command this Pi: `allowed_signers` in OpenSSH's format, and signatures in OpenSSH's format (SSHSIG) over the
//! bytes of a command. The signature's namespace is the privilege, its key must be on a line for it, and the command's actor
//! must be a principal of that line: what `ssh-keygen -Y verify -I ACTOR -n NAMESPACE` checks, and the rest of what makes a
//! command trustworthy. Files that an operator signs, as the catalogue of images, are judged by such lines, too.
//!
//! Pure but for [`load`]: it gets bytes and the time and returns a command or a refusal. It knows nothing of nonces, targets
//! and operations: whether a command is fresh, and for this Pi, others decide.

mod crypto;
mod line;
mod load;
mod options;
mod patterns;
mod problem;
mod refusal;
mod signed_file;
mod signers;
mod sshsig;
mod time;
mod verify;

pub use line::Signer;
pub use load::{LoadError, Loaded, load};
pub use problem::{LineFlaw, LineProblem};
pub use refusal::Refusal;
pub use signed_file::{MAX_ARMOURED, SignedFile, verify_file};
pub use signers::{AllowedSigners, Unjudged};
pub use verify::{Verified, decode, names_signer, verify};
