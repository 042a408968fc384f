//! The files of a netbooted Pi that this machine lacks: mountstats and mounts with an NFSv4.1 root, the NFS client's
//! counters, a thermal zone, the voltage alarm, a CPU frequency, a sunrpc transport. They move, as a Pi's do.
use std::{
    fmt::Write as _,
    fs::{self, File},
    net::SocketAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// The NFSv4.1 client's operations in the order of mountstats (Linux 6.1, `fs/nfs/nfs4xdr.c`), and for those that a quiet Pi
/// uses, how many it does a second.
const OPERATIONS: [(&str, u64); 63] = [
    ("NULL", 0),
    ("READ", 3),
    ("WRITE", 2),
    ("COMMIT", 1),
    ("OPEN", 2),
    ("OPEN_CONFIRM", 0),
    ("OPEN_NOATTR", 2),
    ("OPEN_DOWNGRADE", 0),
    ("CLOSE", 4),
    ("SETATTR", 1),
    ("FSINFO", 0),
    ("RENEW", 0),
    ("SETCLIENTID", 0),
    ("SETCLIENTID_CONFIRM", 0),
    ("LOCK", 0),
    ("LOCKT", 0),
    ("LOCKU", 0),
    ("ACCESS", 5),
    ("GETATTR", 9),
    ("LOOKUP", 3),
    ("LOOKUP_ROOT", 0),
    ("REMOVE", 1),
    ("RENAME", 0),
    ("LINK", 0),
    ("SYMLINK", 0),
    ("CREATE", 0),
    ("PATHCONF", 0),
    ("STATFS", 1),
    ("READLINK", 1),
    ("READDIR", 1),
    ("SERVER_CAPS", 0),
    ("DELEGRETURN", 1),
    ("GETACL", 0),
    ("SETACL", 0),
    ("FS_LOCATIONS", 0),
    ("RELEASE_LOCKOWNER", 0),
    ("SECINFO", 0),
    ("FSID_PRESENT", 0),
    ("EXCHANGE_ID", 0),
    ("CREATE_SESSION", 0),
    ("DESTROY_SESSION", 0),
    ("SEQUENCE", 0),
    ("GET_LEASE_TIME", 0),
    ("RECLAIM_COMPLETE", 0),
    ("LAYOUTGET", 0),
    ("GETDEVICEINFO", 0),
    ("LAYOUTCOMMIT", 0),
    ("LAYOUTRETURN", 0),
    ("SECINFO_NO_NAME", 0),
    ("TEST_STATEID", 0),
    ("FREE_STATEID", 0),
    ("GETDEVICELIST", 0),
    ("BIND_CONN_TO_SESSION", 0),
    ("DESTROY_CLIENTID", 0),
    ("SEEK", 0),
    ("ALLOCATE", 0),
    ("DEALLOCATE", 0),
    ("LAYOUTSTATS", 0),
    ("CLONE", 0),
    ("COPY", 0),
    ("OFFLOAD_CANCEL", 0),
    ("LOOKUPP", 0),
    ("LAYOUTERROR", 0),
];
/// Procedures of NFSv3.
const V3_PROCEDURES: u64 = 22;
/// Counters start here, so that they keep their width and a file can be overwritten in place.
const START: u64 = 1_000_000;

/// A directory that holds those files, gone when this is dropped.
#[derive(Debug)]
pub struct Stage {
    directory: TempDir,
}

impl Stage {
    /// Makes the files; the root mount's server is `nfs_server`.
    ///
    /// # Errors
    /// `/dev/shm` can't be written.
    pub fn new(nfs_server: SocketAddr) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("picket-bench.")
            .tempdir_in("/dev/shm")
            .context("make a directory in /dev/shm (the stage must lie in memory)")?;
        let stage = Self { directory };
        for directory in ["sys/kernel", "proc/net/rpc", "run/picket"] {
            fs::create_dir_all(stage.path().join(directory))?;
        }
        for (path, text) in fixed_files(nfs_server) {
            stage.put(path, &text)?;
        }
        for (path, text) in moving_files(0) {
            stage.put(path, &text)?;
        }
        stage.copy_cpu_lists()?;
        Ok(stage)
    }

    /// Where the files are.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Lets the counters move every `tick`, from a thread that lives as long as the process.
    pub fn live(&self, tick: Duration) {
        let stage = self.path().to_owned();
        thread::spawn(move || {
            for moment in 1.. {
                thread::sleep(tick);
                if overwrite(&stage, moment).is_err() {
                    return; // The stage is gone: the bench is over.
                }
            }
        });
    }

    /// Writes a file and the directories above it.
    ///
    /// # Errors
    /// `/dev/shm` is full.
    pub fn put(&self, path: &str, text: &str) -> Result<PathBuf> {
        let path = self.path().join(path);
        let parent = path.parent().expect("it lies beneath the stage");
        fs::create_dir_all(parent)?;
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        Ok(path)
    }

    /// glibc counts CPUs there.
    fn copy_cpu_lists(&self) -> Result<()> {
        for list in ["online", "possible", "present"] {
            let path = format!("/sys/devices/system/cpu/{list}");
            let text = fs::read_to_string(&path).with_context(|| path)?;
            self.put(&format!("sys/cpu/{list}"), &text)?;
        }
        Ok(())
    }
}

fn overwrite(stage: &Path, moment: u64) -> std::io::Result<()> {
    for (path, text) in moving_files(moment) {
        let file = File::options().write(true).open(stage.join(path))?;
        file.write_all_at(text.as_bytes(), 0)?;
    }
    Ok(())
}

fn fixed_files(nfs_server: SocketAddr) -> [(&'static str, String); 4] {
    let (ip, port) = (nfs_server.ip(), nfs_server.port());
    let mounts = format!(
        "{ip}:/export/pi-17 / nfs4 rw,relatime,vers=4.1,rsize=262144,wsize=262144,namlen=255,hard,proto=tcp,port={port},\
         timeo=600,retrans=2,sec=sys,clientaddr=127.0.0.1,local_lock=none,addr={ip} 0 0\n\
         proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n\
         sysfs /sys sysfs rw,nosuid,nodev,noexec,relatime 0 0\n\
         tmpfs /run tmpfs rw,nosuid,nodev,size=94220k,mode=755 0 0\n"
    );
    [
        ("proc/mounts", mounts),
        (
            "sys/class/thermal/thermal_zone0/type",
            "cpu-thermal\n".into(),
        ),
        ("sys/class/hwmon/hwmon0/name", "rpi_volt\n".into()),
        ("sys/class/hwmon/hwmon0/in0_lcrit_alarm", "0\n".into()),
    ]
}

/// The files whose content changes, as they are at that moment; each keeps its length.
fn moving_files(moment: u64) -> [(&'static str, String); 5] {
    let temperature = 48_312 + 538 * (moment % 3);
    let frequency = 1_200_000 - 200_000 * (moment % 2);
    [
        ("proc/mountstats", mountstats(moment)),
        ("proc/net/rpc/nfs", rpc_nfs(moment)),
        (
            "sys/class/thermal/thermal_zone0/temp",
            format!("{temperature}\n"),
        ),
        (
            "sys/cpu/cpu0/cpufreq/scaling_cur_freq",
            format!("{frequency}\n"),
        ),
        (
            "sys/kernel/sunrpc/xprt-switches/switch-0/xprt-0-tcp/xprt_info",
            xprt_info(moment),
        ),
    ]
}

/// As `net/sunrpc/stats.c` and `fs/nfs/super.c` of Linux 6.1 write it.
fn mountstats(moment: u64) -> String {
    let mut out = String::from(
        "device proc mounted on /proc with fstype proc\n\
         device sysfs mounted on /sys with fstype sysfs\n\
         device devtmpfs mounted on /dev with fstype devtmpfs\n\
         device tmpfs mounted on /run with fstype tmpfs\n\
         device 10.64.0.1:/export/pi-17 mounted on / with fstype nfs4 statvers=1.1\n\
         \topts:\trw,vers=4.1,rsize=262144,wsize=262144,namlen=255,acregmin=3,acregmax=60,acdirmin=30,acdirmax=60,hard,\
         proto=tcp,timeo=600,retrans=2,sec=sys,clientaddr=10.64.0.17,local_lock=none\n\
         \tage:\t83520\n\
         \timpl_id:\tname='',domain='',date='0,0'\n\
         \tcaps:\tcaps=0x3ffbffff,wtmult=512,dtsize=262144,bsize=0,namlen=255\n\
         \tnfsv4:\tbm0=0xfdffbfff,bm1=0xf9be3e,bm2=0x60800,acl=0x3,sessions,pnfs=not configured,lease_time=90,\
         lease_expired=0\n\
         \tsec:\tflavor=1,pseudoflavor=1\n\
         \tevents:\t52472 472680 16671 57552 2104 9565 749555 9568641 168 24103 1 267134 3350 20097 116581 18214 43757 \
         111141 0 28 9563845 34 0 0 0 0 0 \n\
         \tbytes:\t2021340783 39056395530 0 0 1788561151 39087991255 442605 9557343 \n\
         \tRPC iostats version: 1.1  p/v: 100003/4 (nfs)\n",
    );
    let calls = START + moment * OPERATIONS.iter().map(|(_, rate)| rate).sum::<u64>();
    let _ = writeln!(
        out,
        "\txprt:\ttcp 940 0 2 0 1 {calls} {calls} 0 {} 0 32 254729 {}",
        calls * 3,
        calls * 2
    );
    out.push_str("\tper-op statistics\n");
    for (name, rate) in OPERATIONS {
        let ops = if rate == 0 { 0 } else { START + moment * rate };
        let (sent, received, rtt) = (ops * 176, ops * 241, ops * 2);
        let _ = writeln!(
            out,
            "\t{name:>12}: {ops} {ops} 0 {sent} {received} {ops} {rtt} {} 0",
            ops * 3
        );
    }
    out.push('\n');
    out
}

/// As `net/sunrpc/stats.c` writes `/proc/net/rpc/nfs` where only NFSv3 is in use. collectd 5.12 refuses the line of NFSv4 of
/// Linux 6.1 ("Unexpected number of fields") and would report nothing of it; of NFSv3 it understands all 22 procedures.
fn rpc_nfs(moment: u64) -> String {
    let counts: Vec<u64> = (0..V3_PROCEDURES)
        .map(|procedure| START + moment * procedure)
        .collect();
    let calls: u64 = counts.iter().sum();
    let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
    format!(
        "net 0 0 0 0\nrpc {calls} 0 {calls}\nproc3 {V3_PROCEDURES} {}\n",
        counts.join(" ")
    )
}

/// As `net/sunrpc/sysfs.c` of Linux 6.1 writes it.
fn xprt_info(moment: u64) -> String {
    let pending = moment % 3;
    format!(
        "last_used=4294941312\ncur_cong=0\ncong_win=256\nmax_num_slots=65536\nmin_num_slots=2\nnum_reqs=2\n\
         binding_q_len=0\nsending_q_len=0\npending_q_len={pending}\nbacklog_q_len=0\nmain_xprt=1\nsrc_port=940\n\
         tasks_queuelen={pending}\ndst_port=2049\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_move_keep_their_length_for_an_hour() {
        for moment in [1, 2, 3, 3600] {
            for (before, after) in moving_files(0).into_iter().zip(moving_files(moment)) {
                assert_eq!(before.1.len(), after.1.len(), "{} at {moment}", before.0);
            }
        }
    }
}
