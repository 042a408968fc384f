//! The command line of picketd.
fn main() {}
