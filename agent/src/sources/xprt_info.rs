//! RPC calls that wait for an answer at this moment, from sunrpc's `xprt_info` in sysfs (Linux 5.14 and later,
//! `net/sunrpc/sysfs.c`): lines of `key=number`. The counters of mountstats can't show them: they move on completion.
use picket_proto::{Gap, Reading};

use super::{decimal, search::Search};
use crate::{
    kernel_file::{Extent, KernelFile},
    world::World,
};

const SWITCHES: &str = "sys/kernel/sunrpc/xprt-switches";
/// More transports than this are not asked: 16 is the most that one mount can have.
const MAX_TRANSPORTS: usize = 64;

/// The transports of every RPC client of the kernel.
#[derive(Debug)]
pub struct XprtInfoSource {
    world: World,
    search: Search,
    transports: Result<Vec<KernelFile>, Gap>,
}

impl XprtInfoSource {
    /// The source of that machine.
    #[must_use]
    pub fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            search: Search::new(world),
            transports: Err(Gap::Absent),
        }
    }

    /// Calls that wait, of all transports together. A transport that is not connected, or gone since the last search,
    /// adds nothing.
    ///
    /// # Errors
    /// Why it can't be said: [`Gap::Absent`] without transports, [`Gap::Unreachable`] if none is connected, or what
    /// keeps one of them from being read: a sum without it would be too small.
    pub fn read(&mut self, buffer: &mut Vec<u8>, boottime_ms: u64) -> Reading {
        if self.search.is_due(boottime_ms) {
            self.transports = find(&self.world);
        }
        let transports = self.transports.as_mut().map_err(|gap| *gap)?;
        let mut sum = Err(Gap::Absent);
        for transport in transports {
            match transport.read(buffer).and_then(parse) {
                Ok(pending) => sum = Ok(sum.unwrap_or(0) + pending),
                Err(Gap::Absent) => {}
                Err(Gap::Unreachable) => sum = sum.or(Err(Gap::Unreachable)),
                Err(gap) => return Err(gap),
            }
        }
        sum
    }
}

fn find(world: &World) -> Result<Vec<KernelFile>, Gap> {
    let mut transports = Vec::new();
    for switch in world.list(SWITCHES)? {
        let switch = format!("{SWITCHES}/{switch}");
        let names = world.list(&switch).unwrap_or_default();
        for name in names.iter().filter(|name| name.starts_with("xprt-")) {
            let path = format!("{switch}/{name}/xprt_info");
            transports.push(KernelFile::new(world, path, Extent::Record));
        }
    }
    transports.truncate(MAX_TRANSPORTS);
    Ok(transports)
}

/// Understands one `xprt_info`: its `pending_q_len`.
///
/// # Errors
/// [`Gap::Unreachable`] for a transport that is not connected (newer kernels write `<closed>`, others give ENOTCONN).
pub fn parse(text: &[u8]) -> Reading {
    if text.starts_with(b"<closed>") {
        return Err(Gap::Unreachable);
    }
    text.split(|&byte| byte == b'\n')
        .find_map(|line| line.strip_prefix(b"pending_q_len="))
        .and_then(decimal::unsigned)
        .and_then(|pending| u32::try_from(pending).ok())
        .map(i64::from)
        .ok_or(Gap::Garbled)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const IDLE: &str = "last_used=4294950741\ncur_cong=0\ncong_win=256\nmax_num_slots=65536\n\
        min_num_slots=2\nnum_reqs=2\nbinding_q_len=0\nsending_q_len=0\npending_q_len=0\n\
        backlog_q_len=0\nmain_xprt=1\nsrc_port=940\ntasks_queuelen=0\ndst_port=2049\n\0";

    #[test]
    fn xprt_info_is_understood_or_refused() {
        let waiting = IDLE.replace("pending_q_len=0", "pending_q_len=17");
        let newer = format!("new=1\n{waiting}newer=x\n");
        for (text, reading) in [
            ("", Err(Gap::Garbled)),
            ("sending_q_len=0\n", Err(Gap::Garbled)),
            ("pending_q_len=\n", Err(Gap::Garbled)),
            ("pending_q_len=-1\n", Err(Gap::Garbled)),
            ("pending_q_len=4294967296\n", Err(Gap::Garbled)),
            ("<closed>\n", Err(Gap::Unreachable)),
            (IDLE, Ok(0)),
            (&waiting, Ok(17)),
            (&newer, Ok(17)),
        ] {
            assert_eq!(parse(text.as_bytes()), reading, "{text:?}");
        }
    }

    #[test]
    fn the_transports_of_all_switches_are_summed() {
        let tree = tempfile::tempdir().unwrap();
        let mut source = XprtInfoSource::new(&World::new(tree.path()));
        let mut read = || source.read(&mut Vec::new(), 0);
        assert_eq!(read(), Err(Gap::Absent));
        for (transport, info, reading) in [
            (
                "switch-0/not-a-transport",
                "pending_q_len=1\n",
                Err(Gap::Absent),
            ),
            ("switch-0/xprt-0-tcp", "<closed>\n", Err(Gap::Unreachable)),
            ("switch-1/xprt-1-tcp", "pending_q_len=3\n", Ok(3)),
            ("switch-1/xprt-2-tcp", "pending_q_len=4\n", Ok(7)),
            ("switch-2/xprt-3-tcp", "<closed>\n", Ok(7)),
            ("switch-2/xprt-4-udp", "garbage", Err(Gap::Garbled)),
        ] {
            let directory = tree.path().join(SWITCHES).join(transport);
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("xprt_info"), info).unwrap();
            assert_eq!(read(), reading, "{transport}");
        }
    }
}
