//! All NFS mounts of one capture of mountstats, with every operation: what `picketd nfs` shows.
//!
//! It parses everything, so it is not for the tick; the root mount's sums come from `nfs_counters`.
use super::mountstats::{self, OpCounters};

/// One NFS mount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mount {
    /// Server and exported path.
    pub device: String,
    /// Where it is mounted.
    pub mountpoint: String,
    /// Protocol version of the mount options (`vers=`), `3` or `4.1`; none if they don't say.
    pub version: Option<String>,
    /// Seconds since it was mounted.
    pub age: Option<u64>,
    /// Its connections, in the kernel's order.
    pub transports: Vec<Transport>,
    /// Its operations, in the kernel's order.
    pub ops: Vec<(String, OpCounters)>,
    /// Lines among the operations that could not be understood.
    pub malformed: usize,
}

/// One connection of a mount.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Transport {
    /// `tcp`, `udp`, `rdma`, `local`.
    pub kind: String,
    /// How often it connected; UDP never does.
    pub connects: Option<u64>,
}

/// Understands a whole mountstats file. None if it is no such file; a machine without NFS has no mounts.
#[must_use]
pub fn parse(text: &[u8]) -> Option<Vec<Mount>> {
    let is_mount = |line: &[u8]| line.starts_with(b"device ") || line.starts_with(b"no device ");
    is_mount(text).then_some(())?;
    let mut mounts = Vec::new();
    let mut open = None;
    let mut in_ops = false;
    for line in text.split(|&byte| byte == b'\n') {
        if is_mount(line) {
            mounts.extend(open.take());
            open = mountstats::header(line)
                .filter(mountstats::Header::is_nfs)
                .map(mount);
            in_ops = false;
        } else if let Some(mount) = &mut open {
            in_ops |= line.trim_ascii().starts_with(b"per-op statistics");
            mount.take(line, in_ops);
        }
    }
    mounts.extend(open);
    Some(mounts)
}

fn mount(header: mountstats::Header<'_>) -> Mount {
    Mount {
        device: mountstats::unescape(header.device),
        mountpoint: mountstats::unescape(header.mountpoint),
        ..Mount::default()
    }
}

impl Mount {
    fn take(&mut self, line: &[u8], in_ops: bool) {
        let text = line.trim_ascii();
        if in_ops {
            match mountstats::op(text) {
                Some((name, counters)) => self.ops.push((lossy(name), counters)),
                None if text.is_empty() || text.starts_with(b"per-op statistics") => {}
                None => self.malformed += 1,
            }
        } else if let Some(transport) = mountstats::transport(line) {
            self.transports.push(Transport {
                kind: lossy(transport.kind),
                connects: transport.connects,
            });
        } else if let Some(options) = text.strip_prefix(b"opts:") {
            self.version = version(options);
        } else if let Some(age) = mountstats::age(line) {
            self.age = Some(age);
        }
    }
}

fn version(options: &[u8]) -> Option<String> {
    options
        .trim_ascii()
        .split(|&byte| byte == b',')
        .find_map(|option| option.strip_prefix(b"vers="))
        .map(lossy)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_mountstats_is_told_from_a_machine_without_nfs() {
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"\xff\xfe garbage"), None);
        let text = b"no device mounted on / with fstype rootfs\ndevice proc mounted on /proc with fstype proc\n";
        assert_eq!(parse(text), Some(vec![]));
    }

    #[test]
    fn every_nfs_mount_is_there_with_its_lines() {
        let text = "device none mounted on /sys with fstype sysfs\n\
            device [fd00::1]:/a\\040b mounted on /mnt/c\\040d with fstype nfs4 statvers=1.1\n\
            \topts:\trw,vers=4.2,rsize=1,proto=tcp6\n\
            \tnew line of a newer kernel: 1 2 3\n\
            \txprt:\ttcp 0 0 2 0 1 5 5 0 5 0 1 0 0 newer\n\
            \txprt:\ttcp 0 0 3 0 1 5 5 0 5 0 1 0 0\n\
            \tper-op statistics\n\
            \t        READ: 1 2 3 4 5 6 7 8 9 10\n\
            \t       WRITE: 1 2 broken\n\
            \n\
            no device mounted on /x with fstype nfs\n\
            device 127.0.0.1:/e mounted on /e with fstype nfs statvers=1.0\n\
            \topts:\tro,vers=3\n\
            \txprt:\tudp 830 0 5 5 0 5 0\n\
            \tper-op statistics\n\
            \t        NULL: 0 0 0 0 0 0 0 0";
        let mounts = parse(text.as_bytes()).unwrap();
        let [first, second] = &mounts[..] else {
            panic!("two mounts in {mounts:?}")
        };
        assert_eq!(first.device, "[fd00::1]:/a b");
        assert_eq!(first.mountpoint, "/mnt/c d");
        assert_eq!(first.version.as_deref(), Some("4.2"));
        let connects: Vec<_> = first.transports.iter().map(|t| t.connects).collect();
        assert_eq!(connects, [Some(2), Some(3)]);
        assert_eq!((first.ops.len(), first.malformed), (1, 1));
        assert_eq!(first.ops[0].1.errors, Some(9));
        assert_eq!(second.version.as_deref(), Some("3"));
        assert_eq!(second.transports[0].kind, "udp");
        assert_eq!(second.ops[0].1.errors, None);
    }
}
