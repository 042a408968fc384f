//! An image is unpacked onto a real NFS mount whose server is far away: by one writer and by many, and through a line that changes a
//! byte on its way.
#![expect(
    clippy::unwrap_used,
    reason = "a failed step of a test is a failed test"
)]
use std::{
    fs, num::NonZeroU8, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration,
};

use picket_proto::{OperationId, Reason};
use picket_test_keys::TestKey;
use picket_tests::{
    binaries,
    dice::setting,
    pi::{EXPORT, Fate, Machine, Pi, Run},
    say,
};
use picketd::{
    reinstall::wire::{Event, Images, Install, Personal, Stage, WRITERS},
    slots::Slot,
};

const FOLDERS: usize = 16;
/// Of one file, again and again.
const MARK: &[u8] = b"What is written here comes back.";
/// The child's limit, in bytes.
const MOST_MEMORY: u64 = 32_000_000;

/// Of how many rounds the medians are taken, unless PICKET_UNPACKS says otherwise. Only more than one say what a third is: for one on a
/// busy machine the server is further away, and less is asked.
const ROUNDS: u64 = 1;

#[test]
fn many_writers_take_a_fraction_of_the_time_of_one_and_a_changed_byte_is_read_back() {
    let rounds = setting("PICKET_UNPACKS", ROUNDS);
    let (delay, files, most) = match rounds {
        1 => (40, 2, 0.67),
        _ => (20, 8, 0.334),
    };
    let pi = Pi::builder(Machine::Virt)
        .slots(&[(Slot::A, Fate::Well)])
        .start();
    let order = publish(&pi, "small", |root| tree(root, files));
    pi.nfs().delay(Duration::from_millis(delay));
    let (mut serial, mut parallel) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        for (writers, times) in [(NonZeroU8::MIN, &mut serial), (WRITERS, &mut parallel)] {
            let run = pi.run_child_until_sealed(&Install {
                writers,
                ..order.clone()
            });
            say(&format!(
                "{FOLDERS} folders of {files} files, server {delay} ms away, {writers:>2} writers: {:>6.2?}, peak {} kB",
                run.unpacked_in(),
                run.peak / 1000
            ));
            assert!(run.peak < MOST_MEMORY, "{run:#?}");
            times.push(run.unpacked_in());
        }
    }
    let ratio = median(parallel).div_duration_f64(median(serial));
    say(&format!(
        "of the medians of {rounds}, {WRITERS} writers took {ratio:.3} of the time of one"
    ));
    assert!(ratio <= most, "{ratio} and not at most {most}");
    if rounds > 1 {
        weigh(&pi);
    }
    pi.nfs().heal();
    a_changed_byte_is_read_back(&pi, &order);
}

/// An archive of several windows.
fn weigh(pi: &Pi) {
    let order = publish(pi, "large", |root| {
        tree(root, 8);
        let mut state = 7_u64;
        let mut random = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 56) as u8
        };
        fs::write(
            root.join("large"),
            (0..24_000_000).map(|_| random()).collect::<Vec<_>>(),
        )
        .unwrap();
    });
    let run = pi.run_child_until_sealed(&order);
    let took = run.unpacked_in();
    say(&format!(
        "24 MB more, of which none compress: {took:.2?}, peak {} kB",
        run.peak / 1000
    ));
    assert!(run.peak < MOST_MEMORY, "{run:#?}");
}

/// The line to the server changes what is written, and no error tells.
fn a_changed_byte_is_read_back(pi: &Pi, order: &Install) {
    for read_back in [false, true] {
        pi.nfs().change(MARK);
        let run = pi.run_child_until_sealed(&Install {
            read_back,
            ..order.clone()
        });
        assert!(!pi.nfs().is_to_change(), "nothing was changed: {run:#?}");
        assert_eq!(differs(&run), read_back, "{run:#?}");
    }
    let run = pi.run_child_until_sealed(&Install {
        read_back: true,
        ..order.clone()
    });
    assert!(run.began(Stage::Sealed).is_some(), "{run:#?}");
    let took = run.unpacked_in();
    say(&format!(
        "nothing was changed: unpacked and read back in {took:.2?}"
    ));
}

/// Whether it has failed with that file. The child's sign of life may come after it.
fn differs(run: &Run) -> bool {
    run.events.iter().any(|(_, event)| match event {
        Event::Failed {
            reason: Reason::Disk,
            detail,
        } => detail.starts_with("usr/mark is not what was written"),
        _ => false,
    })
}

/// What a root filesystem has at least, and files in many folders.
fn tree(root: &Path, files: usize) {
    for folder in ["etc", "root", "sbin", "usr/sbin", "usr/lib/systemd/system"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(root.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::write(root.join("usr/mark"), MARK.repeat(1000)).unwrap();
    for folder in 0..FOLDERS {
        let folder = root.join(format!("usr/share/{folder}"));
        fs::create_dir_all(&folder).unwrap();
        for file in 0..files {
            fs::write(folder.join(format!("{file}")), vec![b'x'; 2000]).unwrap();
        }
    }
}

/// Packs and signs a tree with the real `picket`, into a folder of the export.
fn publish(pi: &Pi, name: &str, fill: impl FnOnce(&Path)) -> Install {
    let (folder, key) = (tempfile::tempdir().unwrap(), TestKey::new(3));
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fill(&root);
    let private = folder.path().join("key");
    fs::write(&private, key.private_file()).unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).unwrap();
    let store = pi.export().join(name);
    fs::create_dir(&store).unwrap();
    let picket = |words: &[&str], paths: &[&Path]| {
        let mut command = Command::new(binaries::picket());
        command.arg("--key").arg(&private).args(words).args(paths);
        let output = command.env_remove("SSH_AUTH_SOCK").output().unwrap();
        assert!(output.status.success(), "{command:?}: {output:?}");
    };
    let pack = [
        "image",
        "pack",
        "--architecture",
        "arm64",
        "--image-version",
        "1",
        "--name",
        name,
    ];
    picket(&pack, &[&root, Path::new("--into"), &store]);
    let manifest = store.join(format!("{name}.manifest"));
    picket(
        &["image", "add"],
        &[&manifest, Path::new("--catalogue"), &store],
    );
    let signers = format!("images namespaces=\"picket-image@1\" {}\n", key.public());
    fs::write(store.join("signers"), signers).unwrap();
    let text = fs::read_to_string(manifest).unwrap();
    let digest = text
        .lines()
        .find_map(|line| line.strip_prefix("sha256 = \"")?.strip_suffix('"'));
    Install {
        export: EXPORT.into(),
        slot: Slot::B,
        images: Images::Folder(format!("{EXPORT}/{name}").into()),
        ca: None,
        signers: format!("{EXPORT}/{name}/signers").into(),
        catalogue_at_least: 0,
        image: name.to_owned(),
        digest: digest.unwrap().parse().unwrap(),
        personal: Personal {
            hostname: None,
            ssh_keys: Vec::new(),
            device_id: pi.id(),
        },
        discard_old: false,
        writers: WRITERS,
        read_back: false,
        operation: OperationId([9; 16]),
        lock: None,
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
