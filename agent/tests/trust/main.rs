//! Who may command a Pi, from the bytes that arrive to the word about them.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod allowed_signers;
mod document;
mod good;
mod hostile;
mod mutations;
mod openssh;
mod scene;
mod ssh_keygen;
