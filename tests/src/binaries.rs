//! Where the programs under test are: beside the executable that asks, or where an environment variable says.
use std::path::PathBuf;

/// `picketd` of this build.
pub fn picketd() -> PathBuf {
    beside("picketd")
}

/// What starts the agent of a test: `picketd` of this build, or, for a round under QEMU, the command in PICKET_AGENT, whose words
/// are parted by spaces.
pub fn agent() -> Vec<PathBuf> {
    match std::env::var("PICKET_AGENT") {
        Ok(command) => command.split(' ').map(PathBuf::from).collect(),
        Err(_) => vec![picketd()],
    }
}

/// `picket` of this build.
pub fn picket() -> PathBuf {
    beside("picket")
}

/// A cross-built `picketd`, named by an environment variable. A test that needs it fails without it.
pub fn from_environment(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: it names the cross-built picketd; `make test` builds it and sets it"));
    let path = PathBuf::from(path);
    assert!(
        path.is_file(),
        "{variable} names {}, which is no file: run `make cross`",
        path.display()
    );
    path
}

/// A folder that a script prepared and names in an environment variable; `script` is what sets it.
pub fn folder_from_environment(variable: &str, script: &str) -> PathBuf {
    let path = std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: `{script}` sets it"));
    PathBuf::from(path)
}

fn beside(name: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a program knows its own path");
    // Tests lie in target/PROFILE/deps, programs above.
    let folder = this.parent().expect("a program lies in a folder");
    let folder = match folder.file_name() {
        Some(name) if name == "deps" => folder.parent().expect("it lies in target/PROFILE"),
        _ => folder,
    };
    let path = folder.join(name);
    assert!(
        path.is_file(),
        "{} is missing: run `cargo build --workspace` first",
        path.display()
    );
    path
}
