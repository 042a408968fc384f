//! Picket on the file server: slots are filled and wiped beneath the export only, whatever its last tenant has left there.
use std::{fs, os::unix::fs::MetadataExt, path::Path, process::Command, time::Instant};

use picket_proto::OperationId;
use picket_tests::{
    binaries,
    debian::Architecture,
    file_server::{KEY, Server, exchange, system, write},
    hostile_tree::Outside,
};
use picketd::slots::{
    Slot,
    boot_record::{self, BootRecord, Trial},
    layout::Export,
};
use serde_json::Value;

/// Puts something on an export.
type Leave = fn(&Path, &Outside);

/// What a tenant may leave, and whether a slot is filled beside it; if not, what is said.
const LEFT: [(&str, Leave, Result<(), &str>); 10] = [
    (
        "picket is a symlink",
        |export, outside| outside.lead(export, "picket", &outside.ways()[0]),
        Err("wipe --all"),
    ),
    (
        "the boot record is a symlink",
        |export, outside| outside.lead(export, "picket/boot-record", &outside.files()[0]),
        Err("wipe --all"),
    ),
    (
        "the boot record is a FIFO",
        |export, outside| outside.block(export, "picket/boot-record"),
        Err("wipe --all"),
    ),
    (
        "the boot record is garbage",
        |export, _| write(export, "picket/boot-record", "forged"),
        Err("wipe --all"),
    ),
    (
        "slots is a symlink",
        |export, outside| outside.lead(export, "slots", &outside.ways()[0]),
        Err("wipe --all"),
    ),
    (
        "the slot is a symlink",
        |export, outside| outside.lead(export, "slots/a", &outside.ways()[1]),
        Err("wipe --all"),
    ),
    (
        "what is being filled and removed are symlinks",
        |export, outside| {
            outside.lead(export, "slots/a.new", &outside.ways()[0]);
            outside.lead(export, "slots/a.old", &outside.ways()[1]);
        },
        Ok(()),
    ),
    (
        "the old slot has ways out, devices and a lying picketd",
        |export, outside| system(export, "slots/a", outside),
        Ok(()),
    ),
    (
        "a forged record has the slot on trial, and no attempt is left",
        |export, _| {
            let trial = Trial {
                slot: Slot::A,
                attempts_left: 0,
                operation: OperationId([1; 16]),
            };
            let forged = BootRecord {
                trial: Some(trial),
                rescue: true,
                ..BootRecord::of(Slot::B)
            };
            boot_record::write(&Export::open(export).expect("it is there"), &forged)
                .expect("it is ours");
        },
        Ok(()),
    ),
    (
        "the journal is forged",
        |export, _| write(export, "picket/journal", "forged"),
        Ok(()),
    ),
];

#[test]
fn a_tenant_leaves_and_the_next_one_gets_a_slot_with_nothing_of_his() {
    // A whole Debian, where somebody wants figures.
    let debian = match std::env::var_os("PICKET_FILL") {
        Some(_) => Architecture::Full,
        None => Architecture::Amd64,
    };
    let server = Server::of(debian);
    let outside = Outside::new();
    server.tenant(&outside);
    let wiped = server.slot("wipe", &["--all", "--force"]);
    assert!(wiped.status.success(), "{wiped:?}");
    assert_eq!(names(&server.export()), Vec::<String>::new());
    outside.check("the export", Path::new("wiped"));

    let began = Instant::now();
    let filled = server.fill(&[]);
    assert!(filled.status.success(), "{filled:?}");
    let said = String::from_utf8_lossy(&filled.stdout).into_owned();
    println!("{said}all of it in {:.1} s", began.elapsed().as_secs_f64());
    outside.check("the export", Path::new("filled"));
    let root = server.export().join("slots/a");
    server.is_clean("a");
    assert_eq!(
        fs::read_to_string(root.join("etc/hostname")).unwrap(),
        "shelf-3-pi-7\n"
    );
    assert_eq!(
        fs::read_to_string(root.join("root/.ssh/authorized_keys")).unwrap(),
        KEY
    );
    assert!(root.join("usr/bin/picketd").is_file());
    assert_eq!(names(&server.export().join("slots")), ["a"]);
    let show = server.slot_show();
    assert_eq!(show["trial"]["slot"], "a", "{show}");
    assert_eq!(show["slots"]["a"]["bootable"], true, "{show}");

    let lines = server.record();
    let states: Vec<_> = lines.iter().map(|line| line["state"].as_str()).collect();
    assert_eq!(states, ["begun", "done", "begun", "done"].map(Some));
    let (wipe, fill) = (&lines[1], &lines[3]);
    assert_eq!(
        (&wipe["action"], &wipe["slot"]),
        (&"wipe".into(), &Value::Null)
    );
    assert!(wipe["removed"]["entries"].as_u64() > Some(10), "{wipe}");
    assert_eq!(
        (&fill["action"], &fill["slot"]),
        (&"fill".into(), &"a".into())
    );
    assert_eq!(fill["filled"]["sha256"], server.digest.as_str());
    assert_eq!(fill["filled"]["entries"], server.entries);
    assert_eq!(fill["by"]["uid"], 0);
    let key = fill["filled"]["host_keys"][0].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("host key {key}\n")), "{said}");
    let listed = Command::new("ssh-keygen")
        .args(["-l", "-f"])
        .arg(root.join("etc/ssh/ssh_host_ed25519_key"))
        .output();
    assert!(String::from_utf8_lossy(&listed.unwrap().stdout).contains(&key));
}

/// Each by itself, and without a wipe: refused, with the way out, or filled; and never led outside.
#[test]
fn whatever_a_tenant_has_left_a_fill_goes_nowhere_else() {
    let server = Server::new();
    for (what, leave, expected) in LEFT {
        server.renew();
        let outside = Outside::new();
        leave(&server.export(), &outside);
        let filled = server.fill(&["--slot", "a", "--force"]);
        outside.check(what, Path::new("filled"));
        let error = String::from_utf8_lossy(&filled.stderr).into_owned();
        match expected {
            Ok(()) => {
                assert!(filled.status.success(), "{what}: {error}");
                server.is_clean("a");
                assert_eq!(server.slot_show()["trial"]["attempts_left"], 3, "{what}");
                assert_eq!(server.slot_show()["rescue"], false, "{what}");
            }
            Err(says) => {
                assert!(
                    !filled.status.success() && error.contains(says),
                    "{what}: {error}"
                );
                let wiped = server.slot("wipe", &["--all", "--force"]);
                assert!(wiped.status.success(), "{what}: {wiped:?}");
                outside.check(what, Path::new("wiped"));
                assert_eq!(names(&server.export()), Vec::<String>::new());
            }
        }
    }
}

/// A Pi that was not switched off, and whose tenant exchanges what is being worked on for ways out. What comes of the work is open; it
/// ends when he does.
#[test]
fn a_tenant_who_exchanges_folders_for_symlinks_meanwhile_leads_nothing_outside() {
    let (server, outside) = (Server::new(), Outside::new());
    system(&server.export(), "slots/b", &outside);
    for work in ["fill", "wipe", "fill", "wipe"] {
        let mut command = match work {
            "fill" => server.filling(&["--slot", "a", "--force"]),
            _ => server.working("wipe", &["--slot", "b", "--force"]),
        };
        let mut child = command.spawn().expect("picketd can be started");
        let mut exchanged = 0;
        while exchanged < 20_000 && child.try_wait().expect("it is ours").is_none() {
            for top in ["slots/a.new", "slots/b.old"] {
                exchanged += exchange(&server.export().join(top), &outside);
            }
        }
        child.wait().expect("it is ours");
        outside.check(work, Path::new("exchanged"));
        println!("{work}: {exchanged} exchanged");
    }
}

#[test]
fn while_the_pi_seems_to_run_nothing_is_done_without_force() {
    let server = Server::new();
    assert!(server.fill(&[]).status.success());
    let root = server.export().join("slots/a");
    let log = root.join("var/log");
    let changed = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.ctime(), metadata.ctime_nsec())
    };
    // As soon as the file system's clock has gone on.
    while changed(&log) <= changed(&root) {
        fs::write(log.join("syslog"), "alive").unwrap();
        fs::remove_file(log.join("syslog")).unwrap();
    }
    fs::write(log.join("syslog"), "alive").unwrap();
    for refused in [
        server.slot("wipe", &["--all"]),
        server.fill(&["--slot", "b"]),
    ] {
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success());
        assert!(
            error.contains("slots/a/var/log") && error.contains("--force"),
            "{error}"
        );
    }
    assert!(log.join("syslog").exists());
    let again = server.fill(&["--slot", "a", "--force"]);
    assert!(again.status.success(), "a trial is filled anew: {again:?}");
    let wiped = server.slot("wipe", &["--slot", "a", "--force"]);
    assert!(wiped.status.success(), "{wiped:?}");
    assert_eq!(names(&server.export()), ["picket", "slots"]);
    assert_eq!(names(&server.export().join("slots")), Vec::<String>::new());
}

#[test]
fn only_one_pis_export_is_ever_wiped_and_never_the_folder_of_them_all() {
    let server = Server::new();
    let above = server.path("exports");
    for pi in ["1", "2"] {
        fs::create_dir_all(above.join(pi).join("slots/a")).unwrap();
    }
    let mut command = Command::new(binaries::picketd());
    command.args(["slot", "wipe", "--all", "--force", "--record"]);
    let refused = command
        .arg(server.path("record"))
        .arg(&above)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{error}");
    assert!(error.contains("neither slots nor picket"), "{error}");
    assert!(above.join("2/slots/a").is_dir());
}

#[test]
fn what_can_not_be_recorded_is_not_done() {
    let (server, outside) = (Server::new(), Outside::new());
    system(&server.export(), "slots/b", &outside);
    for record in ["/dev/full", "/nowhere/record"] {
        let mut command = Command::new(binaries::picketd());
        command.args(["slot", "wipe", "--all", "--force", "--record", record]);
        let refused = command.arg(server.export()).output().unwrap();
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(error.contains("nothing is done"), "{error}");
        assert!(server.export().join("slots/b/usr/bin/sshd").exists());
    }
}

#[test]
fn what_is_not_signed_or_not_valid_fills_nothing() {
    let server = Server::new();
    fs::write(
        server.path("bad-key"),
        "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    )
    .unwrap();
    let bad_key = server.path("bad-key");
    let stranger = server.path("stranger");
    fs::write(
        &stranger,
        format!("eve namespaces=\"picket-image@1\" {KEY}"),
    )
    .unwrap();
    for (arguments, says) in [
        (
            vec!["--ssh-key", bad_key.to_str().unwrap()],
            "line 2 of the ssh keys",
        ),
        (
            vec!["--signers", stranger.to_str().unwrap()],
            "the catalogue isn't trusted",
        ),
        (vec!["--program", "/etc/passwd"], "is no program"),
        (vec!["--hostname", "a b"], "hostname"),
    ] {
        let refused = server.fill(&arguments);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && error.contains(says), "{error}");
        assert!(!server.export().join("slots/a").exists());
        assert!(!server.export().join("slots/a.new").exists());
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is ours");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("the folder is ours")
                .file_name()
                .into_string()
                .expect("the folder is ours")
        })
        .collect();
    names.sort_unstable();
    names
}
