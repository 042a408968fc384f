//! Whether what the process writes to stdout and stderr goes to the server that it wants to outlive. Only the log's thread writes there,
//! so the agent goes on; but what is dirty there keeps the process from ending. It changes nothing.
use std::{io, os::fd::AsFd};

use rustix::fs::{NFS_SUPER_MAGIC, fstatfs};

/// What an operator should know.
pub(super) fn warnings() -> Vec<String> {
    let outputs = [
        ("stdout", is_on_nfs(io::stdout())),
        ("stderr", is_on_nfs(io::stderr())),
    ];
    let on_nfs = outputs.into_iter().filter(|(_, on_nfs)| *on_nfs);
    on_nfs
        .map(|(name, _)| {
            format!(
                "{name} is a file on NFS: while its server hangs, lines that go there are lost, and this process can't be ended; \
                 let {name} go to journald, to a pipe or to a file in /run"
            )
        })
        .collect()
}

fn is_on_nfs(output: impl AsFd) -> bool {
    fstatfs(output).is_ok_and(|fs| fs.f_type as u64 == NFS_SUPER_MAGIC as u64)
}
