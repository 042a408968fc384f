//! The steps on the way aboard, and what is said when one fails: the step, the kernel's word, and the way out. It takes none of them.
use std::{fmt, io};

use rustix::{fs::NFS_SUPER_MAGIC, io::Errno};

/// A step on the way aboard, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Looking at what is there.
    Look,
    /// A mount namespace of its own. If that fails nothing else is tried, since it would change the whole machine.
    Unshare,
    /// Mounts of this namespace don't reach any other.
    Separate,
    /// The place where the lifeboat is mounted.
    Place,
    /// The memory that it lies in.
    Memory,
    /// A directory of the kernel's, or /run.
    Bind(&'static str),
    /// The copy of the binary.
    Copy,
    /// The new root.
    Pivot,
    /// The copy's execution.
    Execute,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Look => f.write_str("look"),
            Self::Unshare => f.write_str("unshare"),
            Self::Separate => f.write_str("rslave"),
            Self::Place => f.write_str("mkdir"),
            Self::Memory => f.write_str("tmpfs"),
            Self::Bind(name) => write!(f, "bind /{name}"),
            Self::Copy => f.write_str("copy"),
            Self::Pivot => f.write_str("pivot_root"),
            Self::Execute => f.write_str("exec"),
        }
    }
}

impl Step {
    /// What was tried, and what helps.
    fn words(self) -> (String, &'static str) {
        let bind = |name| format!("/{name} could not be mounted in it");
        let (tried, way_out) = match self {
            Self::Look => (
                "what it needs could not be looked at",
                "see that /proc is mounted",
            ),
            Self::Unshare => (
                "the kernel gives no mount namespace of its own",
                "give picketd CAP_SYS_ADMIN and allow mount namespaces (RestrictNamespaces=mnt)",
            ),
            Self::Separate => (
                "its mounts could not be kept to itself",
                "allow picketd to mount (SystemCallFilter=@mount)",
            ),
            Self::Place => (
                "its directory could not be made",
                "let picketd write its run directory (RuntimeDirectory=picket)",
            ),
            Self::Memory => (
                "its tmpfs could not be mounted",
                "allow picketd to mount (SystemCallFilter=@mount)",
            ),
            Self::Bind(name) => return (bind(name), "see that it is mounted, and readable"),
            Self::Copy => (
                "the binary could not be copied into it",
                "see that there is memory enough",
            ),
            Self::Pivot => (
                "it could not become the root",
                "start picketd after the initramfs has handed over, and in no chroot",
            ),
            Self::Execute => (
                "the copy of the binary could not be started",
                "see that no policy forbids to execute from /run",
            ),
        };
        (tried.to_owned(), way_out)
    }
}

/// Why the agent is not aboard.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBoarded {
    /// A step failed.
    #[error("no lifeboat: {} ({step}: {}); {}, or set lifeboat = \"off\"", step.words().0, errno(*.error), step.words().1)]
    Failed {
        /// The step.
        step: Step,
        /// The kernel's word.
        error: Errno,
    },
    /// The binary needs others from the disk.
    #[error(
        "no lifeboat: this picketd is linked dynamically, and needs {interpreter} from the root file system; install the static one, or set lifeboat = \"off\""
    )]
    Dynamic {
        /// What would load it.
        interpreter: String,
    },
    /// Something that the agent goes on to use would still lie on the disk.
    #[error(
        "no lifeboat: {path} lies on the disk ({kind}); mount {wanted} there, or set lifeboat = \"off\""
    )]
    OnDisk {
        /// What.
        path: String,
        /// The type of its file system.
        kind: String,
        /// What should be there.
        wanted: &'static str,
    },
    /// The run directory is where the lifeboat has no part of the machine.
    #[error(
        "no lifeboat: the run directory {path} is not below /run; see RUNTIME_DIRECTORY in picketd's environment, or set lifeboat = \"off\""
    )]
    RunDirectory {
        /// The run directory.
        path: String,
    },
}

impl NotBoarded {
    /// A step failed with that error.
    pub(super) fn failed(step: Step, error: Errno) -> Self {
        Self::Failed { step, error }
    }

    /// The same, for an error of std.
    pub(super) fn of(step: Step) -> impl Fn(io::Error) -> Self {
        // Errors of std without a number are of short reads and writes.
        move |error| Self::failed(step, Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// In a few words, for `status`.
    #[must_use]
    pub fn short(&self) -> String {
        match self {
            Self::Failed { step, error } => format!("{step}: {}", errno(*error)),
            Self::Dynamic { .. } => "dynamically linked".to_owned(),
            Self::OnDisk { path, kind, .. } => format!("{path} lies on {kind}"),
            Self::RunDirectory { path } => format!("{path} is not below /run"),
        }
    }
}

/// The name of an error number, as errno(3) has it; of those that are to be expected here.
fn errno(error: Errno) -> String {
    let name = match error {
        Errno::PERM => "EPERM",
        Errno::ACCESS => "EACCES",
        Errno::INVAL => "EINVAL",
        Errno::BUSY => "EBUSY",
        Errno::NOENT => "ENOENT",
        Errno::NOTDIR => "ENOTDIR",
        Errno::NODEV => "ENODEV",
        Errno::NOSPC => "ENOSPC",
        Errno::NOMEM => "ENOMEM",
        Errno::ROFS => "EROFS",
        Errno::NOSYS => "ENOSYS",
        Errno::IO => "EIO",
        Errno::NOEXEC => "ENOEXEC",
        other => return format!("errno {}", other.raw_os_error()),
    };
    name.to_owned()
}

/// A file system whose files lie in memory (statfs(2), linux/magic.h): tmpfs (devtmpfs is one too), ramfs (the initramfs's root).
pub(super) fn is_memory(magic: u64) -> bool {
    matches!(magic, 0x0102_1994 | 0x8584_58f6)
}

/// A file system that the kernel makes up: proc, sysfs.
pub(super) fn is_kernel(magic: u64) -> bool {
    matches!(magic, 0x9fa0 | 0x6265_6572)
}

/// What a file system is called in messages.
pub(super) fn kind(magic: u64) -> String {
    match magic {
        nfs if nfs == NFS_SUPER_MAGIC as u64 => "NFS".to_owned(),
        magic => format!("a file system of type {magic:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_names_the_step_the_errno_and_the_way_out() {
        let failed = NotBoarded::of(Step::Unshare)(Errno::PERM.into());
        assert_eq!(
            failed.to_string(),
            "no lifeboat: the kernel gives no mount namespace of its own (unshare: EPERM); give picketd CAP_SYS_ADMIN and allow mount namespaces (RestrictNamespaces=mnt), or set lifeboat = \"off\""
        );
        for step in [
            Step::Look,
            Step::Separate,
            Step::Place,
            Step::Memory,
            Step::Bind("sys"),
            Step::Copy,
            Step::Pivot,
            Step::Execute,
        ] {
            let told = NotBoarded::failed(step, Errno::from_raw_os_error(117)).to_string();
            let named = told.contains(&format!("({step}: errno 117)"));
            assert!(
                named && told.ends_with(", or set lifeboat = \"off\""),
                "{told}"
            );
        }
    }

    #[test]
    fn memory_is_told_from_disks() {
        for (path, memory, kernel) in [("/proc", false, true), ("/sys", false, true)] {
            let magic = rustix::fs::statfs(path).unwrap().f_type as u64;
            assert_eq!(
                (is_memory(magic), is_kernel(magic)),
                (memory, kernel),
                "{path}"
            );
        }
        assert!(is_memory(0x0102_1994) && !is_memory(0xef53) && !is_kernel(0x6969));
        assert_eq!(
            (kind(0x6969), kind(0xef53)),
            ("NFS".to_owned(), "a file system of type 0xef53".to_owned())
        );
    }
}
