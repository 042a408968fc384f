//! The way aboard, step by step. Only a process with a mount namespace of its own can take any step that mounts: each asks for the
//! [`Own`] that the first one gives. What fails is undone, and the process goes on where it was.
use std::{
    convert::Infallible,
    env, fs,
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::{
        fs::{DirBuilderExt, OpenOptionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Command,
};

use rustix::{
    fs::statfs,
    mount::{
        MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
        unmount,
    },
    process::{chdir, pivot_root},
};

use super::{
    binary,
    mark::{self, Mark},
    names,
    step::{self, NotBoarded, Step},
};
use crate::{
    sys,
    world::{HOST, World},
};

/// Beside the binary there are a few directories and the files that name the hosts: room for them, and what tmpfs adds.
const SPARE: u64 = 512 * 1024;
/// The name of the copy.
const COPY: &str = "picketd";

/// A process whose mounts nobody else sees.
struct Own(());

/// What the way aboard begins with.
struct Start {
    program: File,
    bytes: u64,
    started_in: PathBuf,
    /// Where the lifeboat is mounted.
    place: PathBuf,
}

/// Boards: returns only if that fails.
pub(super) fn board(world: &World) -> Result<Infallible, NotBoarded> {
    let start = look(world)?;
    let own = Own::namespace()?;
    own.separate()?;
    own.mount(&start)?;
    let ready = own
        .fit_out(world, &start)
        .and_then(|()| own.execute(&start));
    ready.inspect_err(|_| {
        // Nobody else sees it, so one that can't be taken away is only memory.
        let _ = unmount(&start.place, UnmountFlags::DETACH);
    })
}

/// Looks whether it can work, as far as that can be seen before anything is changed.
fn look(world: &World) -> Result<Start, NotBoarded> {
    let failed = NotBoarded::of(Step::Look);
    let program = File::open("/proc/self/exe").map_err(&failed)?;
    if let Some(interpreter) = binary::interpreter(&program).map_err(&failed)? {
        return Err(NotBoarded::Dynamic { interpreter });
    }
    let run_dir = world.run_dir();
    if !run_dir.starts_with("/run") {
        let path = run_dir.display().to_string();
        return Err(NotBoarded::RunDirectory { path });
    }
    for (path, wanted) in [
        ("/proc", "proc"),
        ("/sys", "sysfs"),
        ("/dev", "devtmpfs"),
        ("/run", "a tmpfs"),
    ] {
        let magic = statfs(path)
            .map_err(|error| NotBoarded::failed(Step::Look, error))?
            .f_type as u64;
        if !step::is_memory(magic) && !step::is_kernel(magic) {
            return Err(NotBoarded::OnDisk {
                path: path.to_owned(),
                kind: step::kind(magic),
                wanted,
            });
        }
    }
    Ok(Start {
        bytes: program.metadata().map_err(&failed)?.len(),
        program,
        started_in: env::current_dir().map_err(&failed)?,
        place: run_dir.join("lifeboat"),
    })
}

impl Own {
    /// Safety-order: first of all. Whoever pivots in a namespace that others share takes their root away.
    fn namespace() -> Result<Self, NotBoarded> {
        let before = mark::namespace().map_err(NotBoarded::of(Step::Look))?;
        sys::unshare_mounts().map_err(NotBoarded::of(Step::Unshare))?;
        // What the kernel says must be seen: an emulator that runs single programs may say it and not do it.
        match mark::namespace() {
            Ok(now) if now != before => Ok(Self(())),
            _ => Err(NotBoarded::failed(Step::Unshare, rustix::io::Errno::NOSYS)),
        }
    }

    /// Mounts of the machine still come here, and go here, but nothing goes from here.
    fn separate(&self) -> Result<(), NotBoarded> {
        let flags = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
        mount_change("/", flags).map_err(|error| NotBoarded::failed(Step::Separate, error))
    }

    fn mount(&self, start: &Start) -> Result<(), NotBoarded> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&start.place)
            .map_err(NotBoarded::of(Step::Place))?;
        let size = start.bytes + SPARE;
        let options = format!("mode=0755,size={size},nr_inodes=64\0");
        let options = std::ffi::CStr::from_bytes_with_nul(options.as_bytes());
        let options = options.expect("its only NUL is the last byte");
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        mount("picket-lifeboat", &start.place, "tmpfs", flags, options)
            .map_err(|error| NotBoarded::failed(Step::Memory, error))
    }

    /// Everything that the second life needs.
    fn fit_out(&self, world: &World, start: &Start) -> Result<(), NotBoarded> {
        // First /run, so that it can be seen without what is being made in it.
        for name in ["run", "proc", "sys", "dev"] {
            self.bind(name, start)?;
        }
        let place = |name: &str| start.place.join(name);
        fs::create_dir(place(&HOST[1..])).map_err(NotBoarded::of(Step::Memory))?;
        copy(&start.program, &place(COPY)).map_err(NotBoarded::of(Step::Copy))?;
        // Without them the broker's name can't be resolved, but its address may be known.
        let _ = names::Names::new(place("etc"), world).renew();
        Ok(())
    }

    /// The machine's own, with everything mounted on it: what a service manager or a container has taken away from this process, as
    /// the emergency key, must not come back by a mount of its own.
    fn bind(&self, name: &'static str, start: &Start) -> Result<(), NotBoarded> {
        let (from, to) = (Path::new("/").join(name), start.place.join(name));
        fs::create_dir(&to).map_err(NotBoarded::of(Step::Bind(name)))?;
        mount_bind_recursive(&from, &to)
            .map_err(|error| NotBoarded::failed(Step::Bind(name), error))?;
        match start.place.strip_prefix(&from) {
            // The lifeboat is not to be found in itself.
            Ok(place) => unmount(to.join(place), UnmountFlags::DETACH)
                .map_err(|error| NotBoarded::failed(Step::Bind(name), error)),
            Err(_) => Ok(()),
        }
    }

    /// Point of no return, but for what can be turned back.
    fn execute(&self, start: &Start) -> Result<Infallible, NotBoarded> {
        let mark = Mark {
            namespace: mark::namespace().map_err(NotBoarded::of(Step::Look))?,
            started_in: start.started_in.clone(),
        };
        let pivoted = chdir(&start.place)
            .and_then(|()| pivot_root(".", &HOST[1..]))
            .and_then(|()| chdir("/"));
        if let Err(error) = pivoted {
            let _ = chdir(&start.started_in);
            return Err(NotBoarded::failed(Step::Pivot, error));
        }
        let mut arguments = env::args_os();
        let (name, value) = mark.variable();
        let error = Command::new(Path::new("/").join(COPY))
            .arg0(arguments.next().unwrap_or_else(|| COPY.into()))
            .args(arguments)
            .env(name, value)
            .exec();
        turn_back(&start.started_in);
        Err(NotBoarded::of(Step::Execute)(error))
    }
}

/// Makes the disk the root again.
fn turn_back(started_in: &Path) {
    // pivot_root(2) with two dots puts the old root on top of the new one, from where it is taken off.
    let turned = chdir(HOST)
        .and_then(|()| pivot_root(".", "."))
        .and_then(|()| unmount(".", UnmountFlags::DETACH))
        .and_then(|()| chdir(started_in));
    turned.expect("what was the root a moment ago can be it again");
}

fn copy(program: &File, to: &Path) -> io::Result<()> {
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o500)
        .open(to)?;
    io::copy(&mut &*program, &mut copy)?;
    Ok(())
}
