//! An image is made one Pi's: a real Debian, trees laid out like other distributions' images, and hostile ones.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]
mod hostile;
mod layouts;
mod overlay;
mod real;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    process::{Command, Output},
};

use picket_proto::DeviceId;
use picket_tests::{binaries, hostile_tree::small_program};
use picketd::{
    install::Program,
    reinstall::{
        personalise::{
            Error, Network, Personalised, Surroundings,
            network::{Public, Vlan},
            personalise,
        },
        wire::Personal,
    },
    tree::Tree,
};

/// A key that a customer might have.
const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPOBLIS0Jb9OAX4VmkZqOZXf3uQ8Y2FhC2RD0WqKVqXH anna@example.org";

fn personal() -> Personal {
    Personal {
        hostname: Some("shelf-3-pi-7".to_owned()),
        ssh_keys: vec![KEY.to_owned()],
        device_id: DeviceId([7; 8]),
    }
}

/// Those of a Pi with the two networks of a data centre.
fn around() -> Surroundings {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("picketd");
    small_program(&program);
    around_with(&program)
}

fn around_with(program: &Path) -> Surroundings {
    let mut around = Surroundings::only(Program::read(program).unwrap());
    around.network = Some(Network {
        storage: Some("eth0".to_owned()),
        public: Some(Public {
            interface: "eth0.131".to_owned(),
            vlan: Some(Vlan {
                id: 131,
                parent: "eth0".to_owned(),
            }),
            addresses: vec![("2001:db8::7".parse().unwrap(), 64)],
            gateway: Some("2001:db8::1".parse().unwrap()),
        }),
        resolver: "nameserver 2001:db8::53\n".to_owned(),
    });
    around
}

fn make(root: &Path, around: &Surroundings) -> Result<Personalised, Error> {
    personalise(&Tree::open(root).unwrap(), &personal(), around)
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn read(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Permissions and owner, as in `600 0:0`.
fn rights(root: &Path, path: &str) -> String {
    let found = fs::symlink_metadata(root.join(path)).unwrap();
    let mode = found.permissions().mode() & 0o7777;
    format!("{mode:o} {}:{}", found.uid(), found.gid())
}

/// Where a symlink leads, or nothing.
fn target(root: &Path, path: &str) -> String {
    let target = fs::read_link(root.join(path)).unwrap_or_default();
    target.to_string_lossy().into_owned()
}

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| panic!("{program} is needed: {error}"))
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
