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

#[test]
fn a_tree_that_names_no_device_still_gives_its_readings() {
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir(tree.path().join("proc")).unwrap();
    fs::write(tree.path().join("proc/loadavg"), "0.25 0.50 1.00 1/99 77\n").unwrap();
    let root = tree.path().to_str().unwrap();
    let sampled = |more: &[&str]| {
        let output = picketd(&[&["sample", "--root", root], more].concat());
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{error}");
        String::from_utf8(output.stdout).unwrap()
    };
    let line = sampled(&["--json"]);
    assert!(
        line.starts_with("{\"device\":null,\"readings\":{"),
        "{line}"
    );
    assert!(line.contains("\"load1\":25,"), "{line}");
    let table = sampled(&[]);
    assert!(
        table.contains("nothing names this machine") && table.contains("--config"),
        "{table}"
    );

    let config = tree.path().join("picketd.toml");
    let text = "id = \"00000000a1b2c3d4\"\nnfs_probe = \"off\"\n\
        [[sensor]]\nname = \"aisle\"\nkind = \"lm75\"\nbus = 1\naddress = 0x48\n";
    fs::write(&config, text).unwrap();
    let line = sampled(&["--json", "--config", config.to_str().unwrap()]);
    assert!(
        line.starts_with("{\"device\":\"00000000a1b2c3d4\","),
        "{line}"
    );
    assert!(line.contains("\"ambient_temperature_1\":"), "{line}");
    fs::write(&config, "brocker = 1\n").unwrap();
    let output = picketd(&[
        "sample",
        "--root",
        root,
        "--config",
        config.to_str().unwrap(),
    ]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("did you mean `broker`"), "{error}");
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
