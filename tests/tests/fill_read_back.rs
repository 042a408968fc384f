//! `picketd slot fill --read-back`: what the disk changed without an error shows.
use std::{fs, io::Write, path::Path, process::Command, thread, time::Duration};

use picket_proto::{DeviceId, OperationId};
use picket_tests::{
    binaries, eventually,
    file_server::Server,
    image_server::{ImageServer, Place},
};
use picketd::{
    install::Program,
    reinstall::{
        fault::Fault,
        fill::{self, Fill, Filled},
        personalise::Surroundings,
        wire::{Images, Personal},
    },
    slots::{Slot, layout::Export},
};

/// The slot's folder is changed while it is filled, and no error tells.
#[test]
fn what_changed_on_the_disk_shows_where_it_is_read_back() {
    for read_back in [false, true] {
        let server = Server::new();
        let http = ImageServer::start(&server.path("images"));
        http.hold(Place::Within(900));
        let filled = thread::scope(|scope| {
            let filled = scope.spawn(|| fill_by_http(&server, &http, read_back));
            http.wait_for_held();
            change_a_file(&server.export().join("slots/a.new"));
            http.go_on();
            filled.join().expect("it doesn't panic")
        });
        match filled {
            Ok(filled) => assert!(!read_back && !filled.is_read_back, "it was not read back"),
            Err(fault) => {
                let said = fault.to_string();
                assert!(read_back && said.contains("not what was written"), "{said}");
                let left = fs::read_dir(server.export().join("slots"));
                assert_eq!(left.expect("the folder is ours").count(), 0);
            }
        }
    }
    let server = Server::new();
    for (arguments, is_said) in [(vec![], false), (vec!["--read-back", "--force"], true)] {
        let filled = server.fill(&arguments);
        assert!(filled.status.success(), "{filled:?}");
        let said = String::from_utf8_lossy(&filled.stdout).into_owned();
        assert_eq!(
            said.contains(" s, read back; the Pi boots"),
            is_said,
            "{said}"
        );
    }
}

fn fill_by_http(server: &Server, http: &ImageServer, read_back: bool) -> Result<Filled, Fault> {
    let export = Export::open(&server.export()).expect("the folder is ours");
    let program = Program::read(&binaries::picketd()).expect("it was built");
    fill::fill(&Fill {
        export: &export,
        slot: Slot::A,
        images: &Images::Url(http.url()),
        signers: &server.path("allowed_signers"),
        image: "debian",
        personal: &Personal {
            hostname: None,
            ssh_keys: Vec::new(),
            device_id: DeviceId([0; 8]),
        },
        around: &Surroundings::only(program),
        read_back,
        operation: OperationId([7; 16]),
    })
}

/// The oldest of many: nobody writes it any more.
fn change_a_file(below: &Path) {
    let oldest = eventually("there are files", Duration::from_secs(120), || {
        let list = "find \"$0\" -type f -size +0 -printf '%C@ %p\\n' | sort -n";
        let found = Command::new("sh").args(["-c", list]).arg(below).output();
        let found = String::from_utf8(found.ok()?.stdout).ok()?;
        let paths: Vec<_> = found
            .lines()
            .filter_map(|line| line.split_once(' '))
            .collect();
        (paths.len() > 20).then(|| paths[0].1.to_owned())
    });
    let mut file = fs::File::options().append(true).open(oldest);
    let file = file.as_mut().expect("the folder is ours");
    file.write_all(b"!").expect("the folder is ours");
}
