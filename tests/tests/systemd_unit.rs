//! The units that images install, as systemd-analyze reads it: nothing is started.

use std::{fs, path::Path, process::Command};

use picket_tests::binaries;
use serde_json::Value;

#[test]
fn the_units_are_valid_and_expose_little() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // 0 is a sealed box, 100 a program that may do anything; without its hardening picketd.service has 96. CAP_SYS_ADMIN and mount
    // namespaces, which the lifeboat needs and then gives up, are 5 of these; what the child needs that unpacks images is 6.
    for (name, most) in [("picketd.service", 42), ("picketd-guard.service", 25)] {
        let unit = folder.path().join(name);
        let text = fs::read_to_string(repository.join("systemd").join(name)).unwrap();
        // systemd-analyze looks whether the program is there.
        let program = binaries::picketd();
        let installed = text.replace("/usr/bin/picketd", program.to_str().unwrap());
        assert_ne!(installed, text, "the unit starts /usr/bin/picketd");
        fs::write(&unit, installed).unwrap();
        let verified = said(&["verify"], &unit);
        assert_eq!(
            verified, "",
            "systemd-analyze verify is silent about a good unit"
        );
        let threshold = format!("--threshold={most}");
        let score = said(&["security", "--offline=true", &threshold], &unit);
        println!("{}", score.lines().last().unwrap_or_default());
    }
}

/// Whatever systemd-analyze would have and the unit doesn't: the unit speaks of it.
#[test]
fn each_way_to_harden_a_unit_that_is_left_out_has_its_reason() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for name in ["picketd.service", "picketd-guard.service"] {
        let unit = repository.join("systemd").join(name);
        let text = fs::read_to_string(&unit).unwrap();
        let assessed = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--json=short"])
            .arg(&unit)
            .output();
        let assessed: Vec<Value> = serde_json::from_slice(&assessed.unwrap().stdout).unwrap();
        assert!(assessed.len() > 50, "{assessed:?}");
        let unset = assessed.iter().filter(|one| one["set"] == false);
        for one in unset {
            let directive = one["name"].as_str().unwrap();
            let (directive, _) = directive.split_once('=').unwrap();
            let spoken_of = text.contains(&format!("{directive}="));
            assert!(spoken_of, "{name} doesn't say why it has no {one}");
        }
    }
}

fn said(arguments: &[&str], unit: &Path) -> String {
    let output = Command::new("systemd-analyze")
        .args(arguments)
        .arg(unit)
        .output()
        .expect("systemd-analyze is there: run scripts/setup test");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}
