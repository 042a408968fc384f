//! A real NFS server, NFS-Ganesha, for one export over NFSv4 on a loopback port that it keeps: it can be stopped, killed
//! and started again.
use std::{
    fmt::Write,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::process::Signal;

use super::{export::Export, files::Files};
use crate::{eventually, mosquitto::free_port, process::Process};

/// It takes 0.3 s on a quiet machine.
const START: Duration = Duration::from_secs(30);

/// A running server.
pub struct Ganesha {
    files: Files,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Ganesha {
    /// Serves `export`; its own files lie in `folder`.
    pub fn start(files: &Files, export: &Export, folder: &Path) -> Self {
        let mut server = Self {
            files: files.clone(),
            folder: folder.to_owned(),
            port: free_port(),
            process: None,
        };
        let recovery = folder.join("ganesha-recovery");
        std::fs::create_dir_all(&recovery).expect("the folder is writable");
        std::fs::write(server.config(), server.text(export, &recovery))
            .expect("the folder is writable");
        server.restart();
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Stops it with SIGSTOP: lines stay open, nothing is answered.
    pub fn stop(&self) {
        self.process().signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn cont(&self) {
        self.process().signal(Signal::CONT);
    }

    /// Kills it at once, as a crash would.
    pub fn kill(&mut self) {
        self.process.take().expect("the server runs").kill();
    }

    /// Starts it again on the same port, and waits until it listens.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the server runs already");
        let mut command = self.files.ganesha();
        command
            .arg("-F")
            .arg("-f")
            .arg(self.config())
            .args(["-L", "STDERR"])
            .arg("-p")
            .arg(self.folder.join("ganesha.pid"));
        self.process = Some(Process::start("ganesha", &self.folder, command));
        let address = self.address();
        eventually("Ganesha listens", START, || {
            TcpStream::connect(address).ok()
        });
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("the server runs")
    }

    fn config(&self) -> PathBuf {
        self.folder.join("ganesha.conf")
    }

    /// Grace would hold up every start for 90 s; numbers instead of names spare a daemon; the guest's port is QEMU's.
    fn text(&self, export: &Export, recovery: &Path) -> String {
        let mut core = format!(
            "NFS_Port = {}; Bind_addr = 127.0.0.1; Protocols = 4; Enable_NLM = false; Enable_RQUOTA = false;",
            self.port
        );
        if let Some(plugins) = self.files.ganesha_plugins() {
            write!(core, " Plugins_Dir = {plugins:?};").expect("memory can be written");
        }
        let export = format!(
            "Export_Id = 1; Path = {:?}; Pseudo = /; Protocols = 4; Transports = TCP; Access_Type = RW; \
             Squash = No_Root_Squash; SecType = sys; PrivilegedPort = false; FSAL {{ Name = VFS; }}",
            export.path()
        );
        format!(
            "NFS_CORE_PARAM {{ {core} }}\n\
             NFSV4 {{ Graceless = true; Only_Numeric_Owners = true; UseGetpwnam = true; Minor_Versions = 0,1,2; RecoveryBackend = fs; \
             RecoveryRoot = {recovery:?}; }}\n\
             EXPORT {{ {export} }}\n\
             LOG {{ Default_Log_Level = EVENT; }}\n"
        )
    }
}
