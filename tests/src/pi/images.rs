//! Images for emulated Pis: small systems of busybox, some with Debian's sshd, without an agent and without anything of one Pi's; packed
//! and signed by the real `picket image`, served over HTTP. It knows no guests.
use std::{fs, os::unix::fs::symlink, path::Path};

use tempfile::TempDir;

use super::{Fate, Root, files::Files, root};
use crate::{
    debian::{self, Architecture},
    image_server::ImageServer,
    images,
};

/// A folder of images with its catalogue, and the server that has it.
pub struct Images {
    folder: TempDir,
    catalogue: images::Images,
    server: ImageServer,
}

/// What is in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// busybox, Debian's sshd and small files: some 400 entries.
    Sshd,
    /// What Debian's installer would make of a Pi, with sshd: some 22 000 entries.
    Debian,
    /// busybox alone: some 40 entries.
    Small,
    /// The same, and that becomes of it.
    Fated(Fate),
    /// The same, and its start takes the network down.
    Offline,
}

/// The start of every image: the hostname that the Pi was given, and whether it is whole. `etc/last` is the last entry of the
/// archive; agent and host key come after it.
const RC: &str = "#!/bin/sh\n\
    PATH=/bin:/usr/bin\n\
    busybox hostname -F /etc/hostname\n\
    mkdir -p /run/picket /run/sshd\n\
    busybox chmod 755 /run/sshd\n\
    if [ -e /etc/last ] && [ -x /usr/bin/picketd ] && [ -s /etc/ssh/ssh_host_ed25519_key ]\n\
    then echo \"rc: whole, $(cat /etc/image)\"; else echo 'rc: half a slot'; fi\n";
/// No agent: a reinstall brings it along.
const INITTAB: &str = "::sysinit:/etc/rc\n::respawn:-/bin/sh\n::shutdown:/bin/umount -a -r\n";
const SSHD: &str = "::respawn:/usr/sbin/sshd -D -e\n";
const OFFLINE: &str = "busybox ip link set eth0 down\n";

impl Images {
    /// None yet.
    pub fn serve() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let catalogue = images::Images::new(folder.path());
        let server = ImageServer::start(catalogue.folder());
        Self {
            folder,
            catalogue,
            server,
        }
    }

    /// Makes an image, and puts it into the catalogue.
    pub fn add(&self, name: &str, content: Content) {
        let root = self.folder.path().join(name);
        fs::create_dir(&root).expect("names are used once");
        content.fill(&root, name);
        self.catalogue.pack_for("arm64", name, &root);
        self.catalogue.publish(name);
        fs::remove_dir_all(&root).expect("the folder is ours");
    }

    /// The folder with the catalogue.
    pub fn store(&self) -> &Path {
        self.catalogue.folder()
    }

    /// Who serves them.
    pub fn server(&self) -> &ImageServer {
        &self.server
    }

    /// The section of a guest's picketd.toml.
    pub(super) fn toml(&self) -> String {
        let port = self.server.port();
        format!("[reinstall]\nimages = \"http://10.0.2.2:{port}/\"\n")
    }

    /// The line of a guest's `allowed_signers`: that key signs images and nothing else.
    pub(super) fn signer(&self) -> String {
        self.catalogue.line()
    }
}

impl Content {
    fn fill(self, root: &Path, name: &str) {
        if self == Self::Debian {
            debian::copy(Architecture::FullArm64, root);
            fs::write(root.join("etc/image"), format!("{name}\n")).expect("the folder is ours");
            return;
        }
        Root::Busybox.install(&Files::find(), root);
        fs::create_dir_all(root.join("etc/ssh")).expect("the folder is ours");
        let rc = match self {
            Self::Offline => format!("{RC}{OFFLINE}"),
            _ => RC.to_owned(),
        };
        let inittab = match self {
            Self::Sshd => {
                debian::lay_sshd_over(root);
                documentation(root);
                format!("{INITTAB}{SSHD}")
            }
            _ => INITTAB.to_owned(),
        };
        for (file, text) in [
            ("rc", rc.as_str()),
            ("inittab", &inittab),
            ("image", &format!("{name}\n")),
            ("last", ""),
        ] {
            let path = root.join("etc").join(file);
            fs::write(&path, text).expect("the folder is ours");
            root::make_executable(&path);
        }
        if let Self::Fated(fate) = self {
            fate.befall(root);
        }
    }
}

/// What a distribution has besides its programs: 300 small files and symlinks in 12 folders.
fn documentation(root: &Path) {
    for number in 0..300 {
        let folder = root.join(format!("usr/share/doc/package-{}", number % 12));
        fs::create_dir_all(&folder).expect("the folder is ours");
        let path = folder.join(format!("file-{number}"));
        match number % 3 {
            0 => symlink("/bin/busybox", &path).expect("the folder is ours"),
            _ => fs::write(&path, "What is written here.\n".repeat(number))
                .expect("the folder is ours"),
        }
    }
}
