//! The lines of `/proc/self/mountstats` (`fs/nfs/super.c` nfs_show_stats, `net/sunrpc/stats.c`, `net/sunrpc/xprtsock.c`).
//!
//! This file understands one line at a time and adds nothing up. A line may have more fields than are known here, since
//! kernels append; statvers 1.0 and 1.1 differ in nothing that is read. Paths are escaped as in proc_mounts(5).
use super::decimal;

/// What stands before the statistics of one mount:
/// `device SERVER:/PATH mounted on /PATH with fstype nfs4 statvers=1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// Server and exported path, escaped.
    pub device: &'a [u8],
    /// Where it is mounted, escaped.
    pub mountpoint: &'a [u8],
    /// The type of the file system.
    pub fstype: &'a [u8],
}

/// The counters of one operation, since the mount. Times are sums in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpCounters {
    /// Operations that completed.
    pub ops: u64,
    /// Times that a request was sent, retransmissions included.
    pub transmissions: u64,
    /// Major timeouts.
    pub timeouts: u64,
    /// Time that requests waited to be sent.
    pub queue_ms: u64,
    /// Time from sending to the answer.
    pub rtt_ms: u64,
    /// Time from the start to the end of the operations.
    pub execute_ms: u64,
    /// Operations that ended in an error; since Linux 5.3.
    pub errors: Option<u64>,
}

/// One connection to the server; a mount with `nconnect` has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport<'a> {
    /// `tcp`, `udp`, `rdma`, `local`, or what a newer kernel has.
    pub kind: &'a [u8],
    /// How often it connected; UDP never does.
    pub connects: Option<u64>,
}

impl Header<'_> {
    /// True if the mount is an NFS client's.
    #[must_use]
    pub fn is_nfs(&self) -> bool {
        matches!(self.fstype, b"nfs" | b"nfs4")
    }
}

/// Understands the line that begins a mount. A mount without a device (`no device mounted on ..`) has no header.
#[must_use]
pub fn header(line: &[u8]) -> Option<Header<'_>> {
    let mut words = line.strip_prefix(b"device ")?.split(|&byte| byte == b' ');
    let device = words.next()?;
    for expected in [&b"mounted"[..], b"on"] {
        (words.next()? == expected).then_some(())?;
    }
    let mountpoint = words.next()?;
    for expected in [&b"with"[..], b"fstype"] {
        (words.next()? == expected).then_some(())?;
    }
    let fstype = words.next()?;
    Some(Header {
        device,
        mountpoint,
        fstype,
    })
}

/// Understands `NAME: ops transmissions timeouts sent received queue rtt execute [errors]`. Names are in capitals, and a
/// number where the kernel has no name for the operation; keys in small letters are not operations.
#[must_use]
pub fn op(line: &[u8]) -> Option<(&[u8], OpCounters)> {
    let line = line.trim_ascii_start();
    let colon = memchr::memchr(b':', line)?;
    let (name, rest) = line.split_at(colon);
    let is_name = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
    if name.is_empty() || !name.iter().all(is_name) {
        return None;
    }
    let mut columns = [0; 9];
    let count = decimal::numbers(&rest[1..], &mut columns)?;
    let [
        ops,
        transmissions,
        timeouts,
        _,
        _,
        queue_ms,
        rtt_ms,
        execute_ms,
        errors,
    ] = columns;
    (count >= 8).then_some(())?;
    let counters = OpCounters {
        ops,
        transmissions,
        timeouts,
        queue_ms,
        rtt_ms,
        execute_ms,
        errors: (count >= 9).then_some(errors),
    };
    Some((name, counters))
}

/// Understands `xprt: KIND numbers`: `tcp` and `rdma` begin with port, binds and connects, `local` has no port.
#[must_use]
pub fn transport(line: &[u8]) -> Option<Transport<'_>> {
    let rest = line.trim_ascii_start().strip_prefix(b"xprt:")?;
    let rest = rest.trim_ascii_start();
    let end = rest.iter().position(u8::is_ascii_whitespace)?;
    let (kind, rest) = rest.split_at(end);
    let connects = match kind {
        b"tcp" | b"rdma" => Some(3),
        b"local" => Some(2),
        _ => None,
    };
    let mut columns = [0; 3];
    let connects = match connects {
        Some(column) => {
            let count = decimal::numbers(rest, &mut columns[..column])?;
            (count == column).then_some(())?;
            Some(columns[column - 1])
        }
        None => None,
    };
    Some(Transport { kind, connects })
}

/// Understands `age: SECONDS`, the time since the mount.
#[must_use]
pub fn age(line: &[u8]) -> Option<u64> {
    let rest = line.trim_ascii_start().strip_prefix(b"age:")?;
    let mut columns = [0; 1];
    let count = decimal::numbers(rest, &mut columns)?;
    (count == 1).then_some(columns[0])
}

/// A path as people write it: `\040` and the like become the bytes that they stand for.
#[must_use]
pub fn unescape(path: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let escaped = match rest {
            [b'\\', digits @ ..] => digits.get(..3).and_then(octal),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0_u8, |value, digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(digit - b'0'),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_understood_or_refused() {
        for (line, parsed) in [
            ("", None),
            ("no device mounted on / with fstype rootfs", None),
            ("device proc mounted on /proc", None),
            ("device proc mounted at /proc with fstype proc", None),
            (
                "device proc mounted on /proc with fstype proc",
                Some(["proc", "/proc", "proc"]),
            ),
            (
                "device 127.0.0.1:/srv/pi mounted on / with fstype nfs statvers=1.0",
                Some(["127.0.0.1:/srv/pi", "/", "nfs"]),
            ),
            (
                "device [fd00::1]:/a\\040b mounted on /mnt/c\\040d with fstype nfs4 statvers=1.1 new",
                Some(["[fd00::1]:/a\\040b", "/mnt/c\\040d", "nfs4"]),
            ),
        ] {
            let header = header(line.as_bytes());
            let words = header.map(|h| [h.device, h.mountpoint, h.fstype]);
            assert_eq!(
                words,
                parsed.map(|words| words.map(str::as_bytes)),
                "{line}"
            );
        }
        let is_nfs = |text: &str| header(text.as_bytes()).unwrap().is_nfs();
        assert!(is_nfs(
            "device x mounted on / with fstype nfs4 statvers=1.1"
        ));
        assert!(!is_nfs(
            "device x mounted on /proc/fs/nfsd with fstype nfsd"
        ));
    }

    #[test]
    fn an_operation_is_understood_or_refused() {
        let counters = |errors| OpCounters {
            ops: 1,
            transmissions: 2,
            timeouts: 3,
            queue_ms: 6,
            rtt_ms: 7,
            execute_ms: 8,
            errors,
        };
        for (line, parsed) in [
            ("", None),
            ("READ", None),
            ("READ:", None),
            ("READ: 1 2 3 4 5 6 7", None),
            ("READ: 1 2 3 4 x 6 7 8", None),
            ("READ: 1 2 3 4 -5 6 7 8", None),
            ("READ: 1 2 3 4 5 6 7 99999999999999999999", None),
            (": 1 2 3 4 5 6 7 8", None),
            ("events: 1 2 3 4 5 6 7 8 9", None),
            ("RPC iostats version: 1.1  p/v: 100003/4 (nfs)", None),
            (
                "\t        READ: 1 2 3 4 5 6 7 8\n",
                Some(("READ", counters(None))),
            ),
            (
                "\tREAD_PLUS: 1 2 3 4 5 6 7 8 9",
                Some(("READ_PLUS", counters(Some(9)))),
            ),
            (
                "\t 77: 1 2 3 4 5 6 7 8 9 10 new\n",
                Some(("77", counters(Some(9)))),
            ),
        ] {
            let parsed = parsed.map(|(name, counters)| (name.as_bytes(), counters));
            assert_eq!(op(line.as_bytes()), parsed, "{line:?}");
        }
    }

    #[test]
    fn a_transport_is_understood_or_refused() {
        for (line, parsed) in [
            ("xprt:", None),
            ("xprt:\ttcp", None),
            ("xprt:\ttcp 940 0", None),
            ("xprt:\ttcp 940 0 x 0", None),
            (
                "\txprt:\ttcp 940 0 2 0 1 938505 938504 0 12756069 0 32 254729 10823602",
                Some(("tcp", Some(2))),
            ),
            (
                "\txprt:\ttcp 0 1 3 0 -1 5 5 0 5 0\n",
                Some(("tcp", Some(3))),
            ),
            ("\txprt:\tudp 830 0 5 5 0 5 0 2 0 0", Some(("udp", None))),
            (
                "        xprt:   rdma 0 0 5808 62 0 494490723",
                Some(("rdma", Some(5808))),
            ),
            ("\txprt:\tlocal 1 4 0 0 5 5 0", Some(("local", Some(4)))),
            ("\txprt:\tquic 1 2 3 4 5", Some(("quic", None))),
        ] {
            let transport = transport(line.as_bytes()).map(|t| (t.kind, t.connects));
            let parsed = parsed.map(|(kind, connects): (&str, _)| (kind.as_bytes(), connects));
            assert_eq!(transport, parsed, "{line:?}");
        }
    }

    #[test]
    fn escaped_paths_become_readable() {
        for (escaped, plain) in [
            ("", ""),
            ("/srv/pi", "/srv/pi"),
            ("/a\\040b\\011c\\012d\\134e", "/a b\tc\nd\\e"),
            ("/caf\\303\\251", "/café"),
            ("/end\\04", "/end\\04"),
            ("/\\999", "/\\999"),
            ("/\\777", "/\\777"),
            ("\\", "\\"),
        ] {
            assert_eq!(unescape(escaped.as_bytes()), plain, "{escaped}");
        }
    }
}
