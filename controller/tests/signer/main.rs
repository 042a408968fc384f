//! The signing key against OpenSSH's own tools: what they make we read, and what we sign they verify.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]
mod agents;
mod files;
mod openssh;
mod tokens;
