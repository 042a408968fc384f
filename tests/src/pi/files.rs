//! What `scripts/bed` put into the cache: kernels, busybox, and programs that run from there. It starts nothing.
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The environment variable with the folder.
const VARIABLE: &str = "PICKET_BED";

/// The folder that `scripts/bed` prints.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// The folder that the environment names. A test that needs it fails without it.
    pub fn find() -> Self {
        let folder = env::var_os(VARIABLE).map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| {
            panic!("{VARIABLE} is not set: `make test` sets it, and so does export {VARIABLE}=$(scripts/bed)")
        });
        assert!(
            folder.join("busybox").is_file(),
            "{VARIABLE} names {}, where no busybox is: run scripts/bed, which prints the right folder",
            folder.display()
        );
        Self { folder }
    }

    /// The guest's static busybox.
    pub fn busybox(&self) -> PathBuf {
        self.folder.join("busybox")
    }

    /// A file of a machine: `Image`, `initramfs`, `board.dtb`.
    pub fn of(&self, machine: &str, file: &str) -> PathBuf {
        self.folder.join(machine).join(file)
    }

    /// Where Ganesha's plugins are, if Ganesha is from the cache and not installed.
    pub fn ganesha_plugins(&self) -> Option<PathBuf> {
        let folder = self.libraries().join("ganesha");
        folder.is_dir().then_some(folder)
    }

    /// QEMU for 64-bit ARM.
    pub fn qemu(&self) -> Command {
        let mut command = self.program("qemu-system-aarch64");
        let data = self.host().join("usr/share/qemu");
        if data.is_dir() {
            command.arg("-L").arg(data);
        }
        command
    }

    /// NFS-Ganesha.
    pub fn ganesha(&self) -> Command {
        self.program("ganesha.nfsd")
    }

    /// A program of the cache, with the libraries beside it, else the installed one. It is killed with the thread that
    /// starts it, also when a test is killed and drops nothing.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        let ours = self.host().join("usr/bin").join(name);
        if !ours.is_file() {
            command.arg(name);
            return command;
        }
        command.arg(ours);
        let libraries = [
            self.host().join("usr/lib/ganesha"),
            self.libraries(),
            self.host().join("lib").join(triple()),
        ];
        let path = env::join_paths(libraries).expect("a cache's path has no colon");
        command.env("LD_LIBRARY_PATH", path);
        command
    }

    fn libraries(&self) -> PathBuf {
        self.host().join("usr/lib").join(triple())
    }

    fn host(&self) -> PathBuf {
        self.folder.join("host")
    }
}

/// Debian's name for this machine's architecture, as its library folders have it.
fn triple() -> &'static Path {
    Path::new(if cfg!(target_arch = "aarch64") {
        "aarch64-linux-gnu"
    } else {
        "x86_64-linux-gnu"
    })
}
