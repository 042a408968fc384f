//! Mounts this machine's export in the initramfs, by mount(2): no mount.nfs is needed there, and klibc's knows NFSv3 only. Not for
//! a running system, whose mounts are somebody else's.
use std::{
    fs, io,
    net::{IpAddr, ToSocketAddrs, UdpSocket},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use picket_proto::DeviceId;
use rustix::mount::MountFlags;

use super::export_word::ExportWord;

/// Clients of one NFSv4 server that share a name evict one another, and every initramfs is called `(none)`. Source:
/// admin-guide/kernel-parameters.rst, `nfs.nfs4_unique_id`.
const UNIQUE_ID: &str = "/sys/module/nfs/parameters/nfs4_unique_id";

/// Why the export isn't mounted.
#[derive(Debug, thiserror::Error)]
pub enum NotMounted {
    /// Its server's name leads nowhere.
    #[error("the NFS server {0} has no address: {1}")]
    NoAddress(String, io::Error),
    /// No way leads to it.
    #[error("no way leads to the NFS server {0}: {1}")]
    NoWay(IpAddr, io::Error),
    /// The place can't be made.
    #[error("{0} can't be made: {1}")]
    Place(String, io::Error),
    /// The kernel says no.
    #[error("mounting {0} failed: {1}")]
    Mount(String, io::Error),
}

/// Gives this machine names of its own, as an NFS client and else. The modules of NFS must be loaded; a kernel that has no such
/// parameter takes the host name alone.
///
/// # Errors
/// The kernel takes neither.
pub fn name_this_machine(id: DeviceId) -> io::Result<()> {
    rustix::system::sethostname(format!("pi-{id}").as_bytes())?;
    match fs::write(UNIQUE_ID, id.to_string()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Mounts the export at that place, once, and lets root alone in.
///
/// # Errors
/// [`NotMounted`]; worth trying again, since a server may come back.
pub fn mount(word: &ExportWord, at: &Path) -> Result<(), NotMounted> {
    let server = address(word)?;
    let client = own_address(server, word.port())?;
    let place = |error| NotMounted::Place(at.display().to_string(), error);
    fs::create_dir_all(at).map_err(place)?;
    let data =
        std::ffi::CString::new(word.data(server, client)).expect("a command line has no NUL");
    rustix::mount::mount(
        word.source(),
        at,
        "nfs4",
        MountFlags::empty(),
        Some(data.as_c_str()),
    )
    .map_err(|error| NotMounted::Mount(word.source(), error.into()))?;
    // A server that doesn't let it be changed has said so before by its own mode.
    let _ = fs::set_permissions(at, fs::Permissions::from_mode(0o700));
    Ok(())
}

fn address(word: &ExportWord) -> Result<IpAddr, NotMounted> {
    if let Ok(address) = word.server.parse() {
        return Ok(address);
    }
    let no_address = |error| NotMounted::NoAddress(word.server.clone(), error);
    let mut found = (word.server.as_str(), word.port())
        .to_socket_addrs()
        .map_err(no_address)?;
    let first = found.next();
    first
        .map(|address| address.ip())
        .ok_or_else(|| no_address(io::ErrorKind::NotFound.into()))
}

/// By which of its addresses this machine speaks to the server. Nothing is sent.
fn own_address(server: IpAddr, port: u16) -> Result<IpAddr, NotMounted> {
    let any = match server {
        IpAddr::V4(_) => "0.0.0.0:0",
        IpAddr::V6(_) => "[::]:0",
    };
    let own = UdpSocket::bind(any).and_then(|socket| {
        socket.connect((server, port))?;
        socket.local_addr()
    });
    own.map(|address| address.ip())
        .map_err(|error| NotMounted::NoWay(server, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_address_is_the_one_on_the_way_to_the_server() {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(own_address(loopback, 2049).unwrap(), loopback);
        let word = ExportWord::find("picket.export=127.0.0.1:/x").unwrap();
        assert_eq!(address(&word).unwrap(), loopback);
    }
}
