//! The units that images install, as systemd-analyze reads it: nothing is started.

use std::{fs, path::Path, process::Command};

use picket_tests::binaries;

#[test]
fn the_units_are_valid_and_expose_little() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // 0 is a sealed box, 100 a program that may do anything; without its hardening picketd.service has 96. CAP_SYS_ADMIN and mount
    // namespaces, which the lifeboat needs and then gives up, are 5 of these.
    for (name, most) in [("picketd.service", 35), ("picketd-guard.service", 25)] {
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
        said(&["security", "--offline=true", &threshold], &unit);
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
    match arguments {
        ["verify"] => text,
        _ => String::new(),
    }
}
