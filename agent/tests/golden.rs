//! The real binary on each machine in a directory, against the JSON that lies beside it. `UPDATE_GOLDEN=1` rewrites that.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const MACHINES: [&str; 4] = ["pc", "pi3-nfs3", "pi4-nfs41", "pi5-debian"];

#[test]
fn every_machine_reads_as_its_golden_file_says() {
    for machine in MACHINES {
        let tree = fixtures().join(machine);
        let output = picketd(&["sample", "--json", "--root", tree.to_str().unwrap()]);
        assert!(output.status.success(), "{machine}: {output:?}");
        let golden = fixtures().join(format!("{machine}.json"));
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &output.stdout).unwrap();
        }
        let expected = fs::read_to_string(&golden).unwrap();
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            expected,
            "{machine}"
        );
    }
}

#[test]
fn every_tree_among_the_fixtures_is_tested() {
    let mut trees: Vec<_> = fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("proc").is_dir())
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    trees.sort();
    assert_eq!(trees, MACHINES);
}

#[test]
fn a_root_that_is_no_machine_is_named_and_ends_with_code_2() {
    let empty = tempfile::tempdir().unwrap();
    let missing = empty.path().join("missing");
    for (root, words) in [
        (missing.as_path(), "is not a directory"),
        (empty.path(), "holds no proc directory"),
    ] {
        let root = root.to_str().unwrap();
        let output = picketd(&["sample", "--root", root]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(root) && error.contains(words), "{error}");
        assert!(output.stdout.is_empty());
    }
}

fn picketd(arguments: &[&str]) -> Output {
    // Cross-built tests run under an emulator, and the kernel beneath cannot execute the agent without it.
    let program = env!("CARGO_BIN_EXE_picketd");
    let mut command = match env::var_os("PICKET_RUNNER") {
        Some(runner) => {
            let mut command = Command::new(runner);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command.args(arguments).output().unwrap()
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}
