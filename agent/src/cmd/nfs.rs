//! `picketd nfs`: prints what mountstats says of each NFS mount, since the mount or between two captures.
//!
//! The JSON is one line:
//! ```json
//! {"mounts":[{"device":"127.0.0.1:/srv/pi","mountpoint":"/","version":"4.1",
//!   "transports":[{"kind":"tcp","connects":2}],"malformed_lines":0,"covers":"lifetime",
//!   "total":{"ops":3,"retransmits":0,"timeouts":0,"errors":1,"queue_ms":0.333,"rtt_ms":6.667,"execute_ms":7.0},
//!   "ops":[{"name":"READ","ops":3, ...as in total}]}]}
//! ```
//! `covers` is `lifetime` without `--then`. With it: `interval` between the captures; `reset` if the mount's age or a
//! counter went back (the numbers are those since the remount then); `new` if the first capture lacks the mount;
//! `nothing_in_common` if it has the mount and none of its operations. `version`, `errors` (before
//! Linux 5.3) and `connects` (UDP) are null where the kernel doesn't say; means are null without operations. `ops` lists
//! what did anything; times are means per operation in ms.
//!
//! Exit codes: 0 printed, 1 mountstats can't be read, 2 the root is no machine.
mod report;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use picket_proto::Gap;

use super::{failure::Failure, readings};
use crate::{
    sources::{
        nfs_interval,
        nfs_mounts::{self, Mount},
    },
    world::World,
};
use report::{Reports, report, table};

/// What `picketd nfs` takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The machine's root, or a tree that stands for a machine
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub root: PathBuf,
    /// A later capture of the same machine: print what happened between the two
    #[arg(long, value_name = "DIR")]
    pub then: Option<PathBuf>,
    /// Print one line of JSON
    #[arg(long)]
    pub json: bool,
}

const MOUNTSTATS: &str = "proc/self/mountstats";
const MAX_FILE: usize = 16 * 1024 * 1024;

/// Prints the NFS mounts.
///
/// # Errors
/// [`Failure::Usage`] if a root is no machine, [`Failure::Failed`] if its mountstats can't be read or understood.
pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Failure> {
    let first = mounts(&args.root)?;
    let reports: Vec<_> = match &args.then {
        None => first
            .iter()
            .map(|mount| report(mount, nfs_interval::lifetime(mount)))
            .collect(),
        Some(then) => mounts(then)?
            .iter()
            .map(|now| report(now, nfs_interval::between(&first, now)))
            .collect(),
    };
    if args.json {
        let line = Reports { mounts: &reports };
        serde_json::to_writer(&mut *out, &line).map_err(Failure::output)?;
        return writeln!(out).map_err(Failure::output);
    }
    reports
        .iter()
        .try_for_each(|report| table(report, out))
        .map_err(Failure::output)
}

fn mounts(root: &Path) -> Result<Vec<Mount>, Failure> {
    let world = World::new(root);
    world.check().map_err(Failure::usage)?;
    let file = root.join(MOUNTSTATS);
    let file = file.display();
    let text = world
        .read(MOUNTSTATS, MAX_FILE)
        .map_err(|gap| Failure::Failed(unreadable(&file.to_string(), gap)))?;
    nfs_mounts::parse(&text).ok_or_else(|| {
        Failure::Failed(format!(
            "{file} is no mountstats: no line begins with device"
        ))
    })
}

fn unreadable(file: &str, gap: Gap) -> String {
    let why = match gap {
        Gap::Absent => "is proc mounted there?",
        gap => readings::meaning(gap),
    };
    format!("{file} can't be read: {gap}; {why}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{report::printable, *};

    #[test]
    fn two_captures_give_the_means_of_their_interval() {
        let (first, then) = (
            capture("10 11 1 0 0 20 30 40 2"),
            capture("13 15 2 0 0 21 50 61 3"),
        );
        let found = json(&first, Some(&then));
        let mount = &found["mounts"][0];
        assert_eq!(mount["covers"], "interval");
        assert_eq!(mount["device"], "127.0.0.1:/srv/pi");
        assert_eq!(mount["transports"][0]["connects"], 2);
        let total = serde_json::json!({"ops":3,"retransmits":1,"timeouts":1,"errors":1,
            "queue_ms":0.333,"rtt_ms":6.667,"execute_ms":7.0});
        assert_eq!(mount["total"], total);
        assert_eq!(mount["ops"][0]["name"], "READ");
        let back = json(&then, Some(&first));
        assert_eq!(back["mounts"][0]["covers"], "reset");
        assert_eq!(json(&first, None)["mounts"][0]["covers"], "lifetime");
    }

    #[test]
    fn a_remount_shows_by_its_age_and_strangers_are_not_compared() {
        let aged = |age: u32, name: &str, ops: u32| {
            let tree = capture(&format!("{ops} {ops} 0 0 0 1 1 1 0"));
            let file = tree.path().join(MOUNTSTATS);
            let text = fs::read_to_string(&file).unwrap();
            let text = text
                .replace("\txprt:", &format!("\tage:\t{age}\n\txprt:"))
                .replace("READ", name)
                .replace("WRITE", &format!("{name}_PLUS"));
            fs::write(&file, text).unwrap();
            tree
        };
        let first = aged(50, "READ", 10);
        for (then, covers, ops) in [
            (aged(20, "READ", 5000), "reset", 5000),
            (aged(60, "READ", 5000), "interval", 4990),
            (aged(60, "OTHER", 5000), "nothing_in_common", 5000),
        ] {
            let found = json(&first, Some(&then));
            let mount = &found["mounts"][0];
            assert_eq!(
                (mount["covers"].as_str(), mount["total"]["ops"].as_u64()),
                (Some(covers), Some(ops))
            );
        }
    }

    #[test]
    fn the_way_out_of_an_unreadable_mountstats_fits_what_is_wrong() {
        for (gap, way_out) in [
            (Gap::Denied, "run as root"),
            (Gap::Absent, "is proc mounted"),
            (Gap::Garbled, "format"),
            (Gap::TooLarge, "more than"),
        ] {
            let said = unreadable("/x/proc/self/mountstats", gap);
            assert!(said.contains(way_out) && said.contains("/x/proc"), "{said}");
            assert_eq!(said.contains("root"), gap == Gap::Denied, "{said}");
        }
    }

    #[test]
    fn a_table_names_the_mount_and_hides_control_characters() {
        let tree = capture("10 11 1 0 0 20 30 40");
        let text = print(&tree, None, false).unwrap();
        assert!(
            text.contains("127.0.0.1:/srv/pi on / (NFS 4.1, 1 x tcp), since the mount"),
            "{text}"
        );
        assert!(
            text.lines()
                .any(|line| line.contains("READ") && line.contains("3.000")),
            "{text}"
        );
        assert_eq!(printable("/a\u{1b}[31m\n"), "/a\u{fffd}[31m\u{fffd}");
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_exit_code() {
        let tree = tempfile::tempdir().unwrap();
        let failure = || print(&tree, None, true).unwrap_err();
        assert_eq!(failure().exit_code(), 2);
        fs::create_dir_all(tree.path().join("proc/self")).unwrap();
        assert_eq!(failure().exit_code(), 1);
        assert!(
            failure()
                .to_string()
                .contains("proc/self/mountstats can't be read: absent")
        );
        fs::write(tree.path().join(MOUNTSTATS), "garbage").unwrap();
        assert!(failure().to_string().contains("is no mountstats"));
    }

    fn json(root: &tempfile::TempDir, then: Option<&tempfile::TempDir>) -> serde_json::Value {
        serde_json::from_str(&print(root, then, true).unwrap()).unwrap()
    }

    fn print(
        root: &tempfile::TempDir,
        then: Option<&tempfile::TempDir>,
        json: bool,
    ) -> Result<String, Failure> {
        let args = Args {
            root: root.path().into(),
            then: then.map(|then| then.path().into()),
            json,
        };
        let mut out = Vec::new();
        run(&args, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn capture(read: &str) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("proc/self")).unwrap();
        let text = format!(
            "device 127.0.0.1:/srv/pi mounted on / with fstype nfs4 statvers=1.1\n\topts:\trw,vers=4.1,rsize=1\n\
             \txprt:\ttcp 940 0 2 0 1 5 5 0\n\tper-op statistics\n\t        READ: {read}\n\t       WRITE: 0 0 0 0 0 0 0 0\n"
        );
        fs::write(tree.path().join(MOUNTSTATS), text).unwrap();
        tree
    }
}
