//! A start whose configuration lies on a disk that doesn't answer: the agent says which file it waits for and goes on waiting, and so
//! does its service manager; and it starts when the disk answers. The disk is played by a FIFO, whose open(2) waits for a writer.
#![expect(clippy::unwrap_used, reason = "in a test, a failure is the message")]

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use picket_tests::{
    binaries, eventually, mosquitto::Mosquitto, process::Process, tree::Tree, watcher::Watcher,
};

const DEADLINE: Duration = Duration::from_secs(60);

#[test]
fn a_configuration_on_a_silent_disk_is_named_and_read_when_the_disk_answers() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Mosquitto::start(folder.path());
    let watcher = Watcher::start(&broker.url(), None, folder.path());
    let manager = Manager::listen(&folder.path().join("notify"));
    let fifo = fifo(folder.path());
    let tree = Tree::of("pi3-nfs3");
    let mut agent = agent(&fifo, &tree, folder.path());
    let says = |words: &str| {
        let what = format!("the agent says {words:?}");
        eventually(&what, DEADLINE, || {
            agent.stderr().contains(words).then_some(())
        });
    };
    says(&format!("{} has not been read for ", fifo.display()));
    says("Look at the server of the root file system");
    manager.hears("EXTEND_TIMEOUT_USEC=60000000");
    manager.hears(&format!(
        "STATUS=waits for the disk: {} has not been read for ",
        fifo.display()
    ));
    assert!(!manager.heard().contains("READY=1"), "{}", manager.heard());
    fs::write(&fifo, toml(&broker, folder.path())).unwrap();
    manager.hears("READY=1");
    says("the disk answers: ");
    eventually("ticks arrive", DEADLINE, || {
        (!watcher.ticks().is_empty()).then_some(())
    });
    assert!(agent.terminate().success());
    let said = agent.stderr();
    assert_eq!(said.matches("has not been read").count(), 1, "{said}");
}

/// Nothing of the waiting is to be seen where nothing is waited for, and a stop needs no answer of the disk.
#[test]
fn an_agent_that_waits_for_its_configuration_ends_when_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let tree = Tree::of("pi3-nfs3");
    let mut agent = agent(&fifo(folder.path()), &tree, folder.path());
    eventually("the agent says that it waits", DEADLINE, || {
        agent.stderr().contains("has not been read").then_some(())
    });
    assert!(!agent.terminate().success(), "it never ran");
}

/// What a service manager is told.
struct Manager {
    heard: Arc<Mutex<String>>,
}

impl Manager {
    fn listen(at: &Path) -> Self {
        let socket = UnixDatagram::bind(at).unwrap();
        let heard = Arc::new(Mutex::new(String::new()));
        let all = heard.clone();
        std::thread::spawn(move || {
            let mut word = [0; 4096];
            while let Ok(len) = socket.recv(&mut word) {
                let word = String::from_utf8_lossy(&word[..len]);
                *all.lock().unwrap() += &format!("{word}\n");
            }
        });
        Self { heard }
    }

    fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }

    fn hears(&self, words: &str) {
        let what = format!("the service manager hears {words:?}");
        eventually(&what, DEADLINE, || {
            self.heard().contains(words).then_some(())
        });
    }
}

fn fifo(folder: &Path) -> std::path::PathBuf {
    let fifo = folder.join("picketd.toml");
    let made = Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    fifo
}

fn agent(config: &Path, tree: &Tree, folder: &Path) -> Process {
    let mut run = Command::new(binaries::picketd());
    run.arg("run").arg("--config").arg(config);
    run.arg("--root").arg(tree.root());
    run.env("NOTIFY_SOCKET", folder.join("notify"));
    Process::start("picketd", folder, run)
}

fn toml(broker: &Mosquitto, folder: &Path) -> String {
    let state = folder.join("state");
    fs::create_dir_all(&state).unwrap();
    format!(
        "broker = {:?}\nstate_dir = {state:?}\nconnect_spread = \"0s\"\nnfs_probe = \"off\"\nsample_every = \"200ms\"\nwindow = \"1s\"\n",
        broker.url()
    )
}
