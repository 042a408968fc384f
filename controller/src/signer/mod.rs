//! The operator's signing key: from a file or from the ssh-agent, and the signatures made with it. It knows nothing of what a
//! payload means.
mod source;

pub use source::{Choice, KeySource};
