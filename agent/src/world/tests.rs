//! Tests of the world: machines, trees, and the machine aboard the lifeboat.
use std::os::unix::fs::symlink;

use super::*;

#[test]
fn only_the_root_directory_is_the_machine() {
    for (root, machine) in [
        ("/", true),
        ("//", true),
        ("/.", true),
        ("/tmp", false),
        (".", false),
        ("", false),
    ] {
        assert_eq!(World::new(root).is_machine(), machine, "{root}");
    }
}

#[test]
fn the_run_directory_of_a_tree_stays_in_the_tree() {
    let tree = tempfile::tempdir().unwrap();
    let world = World::new(tree.path());
    assert_eq!(world.run_dir(), tree.path().join("run/picket"));
    symlink("/tmp", tree.path().join("run")).unwrap();
    assert_eq!(world.run_dir(), tree.path().join("tmp/picket"));
}

#[test]
fn systemd_names_the_run_directory_of_the_machine_and_of_no_tree() {
    let tree = tempfile::tempdir().unwrap();
    let own = tree.path().join("run/picket");
    for (root, named, expected) in [
        (Path::new("/"), None, Path::new("/run/picket")),
        (Path::new("/"), Some("/run/other"), Path::new("/run/other")),
        (Path::new("/"), Some("other"), Path::new("/run/picket")),
        (Path::new("/"), Some(""), Path::new("/run/picket")),
        (tree.path(), Some("/run/other"), &own),
        (tree.path(), None, &own),
    ] {
        let found = World::new(root).run_dir_named(named.map(PathBuf::from));
        assert_eq!(found, expected, "{} {named:?}", root.display());
    }
}

#[test]
fn a_fifo_is_garbled_and_never_waited_for() {
    let tree = tempfile::tempdir().unwrap();
    rustix::fs::mkfifoat(
        rustix::fs::CWD,
        tree.path().join("fifo"),
        rustix::fs::Mode::RUSR,
    )
    .unwrap();
    assert_eq!(text(&World::new(tree.path()), "fifo"), Err(Gap::Garbled));
}

#[test]
fn a_root_without_proc_is_no_machine() {
    let tree = tempfile::tempdir().unwrap();
    let world = World::new(tree.path());
    assert!(matches!(world.check(), Err(NotAMachine::NoProc { .. })));
    fs::create_dir(tree.path().join("proc")).unwrap();
    world.check().unwrap();
    let missing = World::new(tree.path().join("missing"));
    assert!(matches!(missing.check(), Err(NotAMachine::NoRoot { .. })));
    World::new("/").check().unwrap();
}

#[test]
fn aboard_the_kernels_files_are_at_the_root_and_the_disks_at_host() {
    let disk = tempfile::tempdir().unwrap();
    let at = |path: &str| disk.path().join(path);
    for directory in ["data/picket", "var", "etc/ssl", "boot/firmware"] {
        fs::create_dir_all(at(directory)).unwrap();
    }
    symlink("/data", at("var/lib")).unwrap();
    symlink("/run", at("var/run")).unwrap();
    symlink("/data/ca.pem", at("etc/ssl/ca.pem")).unwrap();
    let world = World::with_disk(disk.path().to_owned(), "/var/lib".into());
    assert!(world.is_machine());
    for (path, found) in [
        ("proc/self/mounts", "/proc/self/mounts".into()),
        ("/sys/class", "/sys/class".into()),
        ("dev/vcio", "/dev/vcio".into()),
        ("run/picket", "/run/picket".into()),
        ("var/run/picket", "/run/picket".into()),
        ("processes", at("processes")),
        ("etc/os-release", at("etc/os-release")),
        ("boot/firmware", at("boot/firmware")),
        ("", at("")),
    ] {
        assert_eq!(world.resolve(path).unwrap(), found, "{path}");
    }
    for (named, found) in [
        ("/etc/picket/picketd.toml", at("etc/picket/picketd.toml")),
        ("/etc/ssl/ca.pem", at("data/ca.pem")),
        ("/var/lib/picket", at("data/picket")),
        ("picket", at("data/picket")),
        ("../x", at("x")),
        ("/run/state", "/run/state".into()),
        ("/var/run/state", "/run/state".into()),
    ] {
        let file = world.on_disk(named);
        assert_eq!(file.to_path_buf(), found, "{named}");
        assert_eq!(file.display().to_string(), named);
        let below = file.join("x");
        assert_eq!(below.to_path_buf(), found.join("x"));
        assert_eq!(below.display().to_string(), format!("{named}/x"));
    }
}

#[test]
fn mounts_are_called_as_the_kernel_calls_them() {
    let aboard = World::aboard("/");
    assert_eq!(
        (aboard.root_mount(), World::new("/").root_mount()),
        ("/host", "/")
    );
    for (path, without, within) in [
        ("boot/firmware", "/boot/firmware", "/host/boot/firmware"),
        ("run/picket", "/run/picket", "/run/picket"),
    ] {
        assert_eq!(World::new("/").mount_point(path), without);
        assert_eq!(aboard.mount_point(path), within);
    }
}

#[test]
fn without_a_lifeboat_a_file_of_the_disk_is_where_it_is_called() {
    let tree = tempfile::tempdir().unwrap();
    for world in [World::new("/"), World::new(tree.path())] {
        for path in ["/etc/picket/picketd.toml", "picketd.toml"] {
            assert_eq!(world.on_disk(path), OnDisk::from(Path::new(path)));
        }
        assert_eq!(world.root_mount(), "/");
    }
}

fn text(world: &World, path: &str) -> Result<String, Gap> {
    let bytes = world.read(path, 100)?;
    Ok(String::from_utf8(bytes).unwrap())
}
