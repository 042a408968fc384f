//! How a path in a machine's tree is followed: symlinks as chroot(2) would, never out of the tree. openat2(2) could do it,
//! but not every kernel that runs the tests has it. It opens nothing.
use std::{
    collections::VecDeque,
    ffi::OsString,
    fs, io,
    path::{Component, Path, PathBuf},
};

use rustix::io::Errno;

/// As many symlinks as Linux follows in one path (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// Where `path` leads, beneath `root`.
///
/// # Errors
/// `ELOOP` for too many symlinks.
pub(super) fn resolve(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let mut found = Vec::<OsString>::new();
    let mut rest: VecDeque<OsString> = path.iter().map(Into::into).collect();
    let mut links = 0;
    while let Some(name) = rest.pop_front() {
        match Path::new(&name).components().next() {
            Some(Component::RootDir) => found.clear(),
            Some(Component::ParentDir) => drop(found.pop()),
            Some(Component::Normal(_)) => match fs::read_link(beneath(root, &found).join(&name)) {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    target
                        .iter()
                        .rev()
                        .for_each(|part| rest.push_front(part.into()));
                }
                Err(_) => found.push(name),
            },
            _ => {}
        }
    }
    Ok(beneath(root, &found))
}

fn beneath(root: &Path, parts: &[OsString]) -> PathBuf {
    let mut path = root.to_path_buf();
    path.extend(parts);
    path
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use picket_proto::Gap;

    use super::*;
    use crate::world::World;

    #[test]
    fn a_tree_cannot_be_left_through_symlinks() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "outside").unwrap();
        let tree = tempfile::tempdir().unwrap();
        let link = |target: &str, name: &str| symlink(target, tree.path().join(name)).unwrap();
        fs::create_dir_all(tree.path().join("sys/class")).unwrap();
        fs::write(tree.path().join("sys/inside"), "inside").unwrap();
        link(
            outside.path().join("secret").to_str().unwrap(),
            "sys/absolute",
        );
        link("../../../../../../../../etc/hostname", "sys/upwards");
        link(outside.path().to_str().unwrap(), "directory");
        link("/sys/inside", "sys/class/rooted");
        link("../inside", "sys/class/relative");
        link("../../../../sys/inside", "sys/class/above");
        link("again", "again");
        link("nowhere", "dangling");
        for (path, read) in [
            ("sys/absolute", Err(Gap::Absent)),
            ("sys/upwards", Err(Gap::Absent)),
            ("directory/secret", Err(Gap::Absent)),
            ("../../../../../../etc/hostname", Err(Gap::Absent)),
            ("/etc/hostname", Err(Gap::Absent)),
            ("sys/class/rooted", Ok("inside")),
            ("sys/class/relative", Ok("inside")),
            ("sys/class/above", Ok("inside")),
            ("sys/./class//../inside", Ok("inside")),
            ("again", Err(Gap::Garbled)),
            ("dangling", Err(Gap::Absent)),
            ("sys/class", Err(Gap::Garbled)),
            ("sys/inside/below", Err(Gap::Garbled)),
        ] {
            assert_eq!(
                text(&World::new(tree.path()), path),
                read.map(String::from),
                "{path}"
            );
        }
        assert!(World::new(tree.path()).list("directory").is_err());
    }

    fn text(world: &World, path: &str) -> Result<String, Gap> {
        let bytes = world.read(path, 100)?;
        Ok(String::from_utf8(bytes).unwrap())
    }
}
