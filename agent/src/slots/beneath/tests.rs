//! Tests of what must never lead out of a directory, in both ways of walking.
use std::{
    fs,
    ops::ControlFlow,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::PathBuf,
};

use super::*;

const WAYS: [Way; 2] = [Way::AtOnce, Way::NameByName];

/// A tree to be worked in, and what lies outside and must stay as it is.
struct Scene {
    folder: tempfile::TempDir,
    tree: Dir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("outside/deep")).unwrap();
        fs::write(folder.path().join("outside/secret"), "untouched").unwrap();
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("etc/ssh")).unwrap();
        fs::write(tree.join("etc/hostname"), "pi").unwrap();
        symlink("../../outside", tree.join("etc/up")).unwrap();
        symlink(folder.path().join("outside"), tree.join("etc/absolute")).unwrap();
        symlink("ssh", tree.join("etc/inside")).unwrap();
        symlink("nowhere", tree.join("etc/dangling")).unwrap();
        symlink("/proc/self/root", tree.join("etc/magic")).unwrap();
        let tree = Dir::open_root(&tree).unwrap();
        Self { folder, tree }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn outside_is_untouched(&self) {
        let mut names: Vec<_> = fs::read_dir(self.path("outside"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["deep", "secret"]);
        let secret = fs::read_to_string(self.path("outside/secret")).unwrap();
        assert_eq!(secret, "untouched");
    }
}

fn code<T: std::fmt::Debug>(result: io::Result<T>) -> Errno {
    let error = result.unwrap_err();
    Errno::from_io_error(&error).unwrap_or_else(|| panic!("{error:?}"))
}

#[test]
fn both_ways_open_the_same_directories_and_refuse_the_same_paths() {
    let scene = Scene::new();
    for way in WAYS {
        let inode = |path: &str| {
            let dir = scene.tree.dir_by(Path::new(path), way).unwrap();
            rustix::fs::fstat(&dir).unwrap().st_ino
        };
        let expected = fs::metadata(scene.path("tree/etc/ssh")).unwrap().ino();
        assert_eq!(inode("etc/ssh"), expected, "{way:?}");
        assert_eq!(inode("etc//ssh/"), expected, "{way:?}");
        for (path, error) in [
            ("etc/up", Errno::LOOP),
            ("etc/up/deep", Errno::LOOP),
            ("etc/absolute/deep", Errno::LOOP),
            ("etc/inside", Errno::LOOP),
            ("etc/dangling", Errno::LOOP),
            ("etc/magic", Errno::LOOP),
            ("etc/magic/etc", Errno::LOOP),
            ("etc/hostname", Errno::NOTDIR),
            ("etc/hostname/x", Errno::NOTDIR),
            ("etc/none", Errno::NOENT),
            ("none/none", Errno::NOENT),
        ] {
            let opened = scene.tree.dir_by(Path::new(path), way);
            assert_eq!(code(opened), error, "{path} {way:?}");
        }
        for path in [
            "",
            ".",
            "..",
            "/",
            "/etc",
            "../outside",
            "etc/../../outside",
            "etc/..",
        ] {
            let opened = scene.tree.dir_by(Path::new(path), way);
            let kind = opened.unwrap_err().kind();
            assert_eq!(kind, io::ErrorKind::InvalidInput, "{path:?} {way:?}");
        }
    }
}

#[test]
fn nothing_is_made_read_or_removed_through_a_symlink() {
    let scene = Scene::new();
    let tree = &scene.tree;
    for link in ["etc/up", "etc/absolute"] {
        let beneath = |name: &str| format!("{link}/{name}");
        assert_eq!(code(tree.make_dir(beneath("new"), 0o755)), Errno::LOOP);
        assert_eq!(code(tree.ensure_dir(beneath("deep"), 0o755)), Errno::LOOP);
        assert_eq!(code(tree.create_file(beneath("new"), 0o644)), Errno::LOOP);
        assert_eq!(
            code(tree.put_file(beneath("secret"), 0o644, b"x")),
            Errno::LOOP
        );
        assert_eq!(code(tree.open_file(beneath("secret"))), Errno::LOOP);
        assert_eq!(code(tree.change_file(beneath("secret"))), Errno::LOOP);
        assert_eq!(code(tree.symlink("x", beneath("new"))), Errno::LOOP);
        assert_eq!(
            code(tree.rename("etc/hostname", beneath("new"))),
            Errno::LOOP
        );
        assert_eq!(code(tree.rename(beneath("secret"), "etc/new")), Errno::LOOP);
        assert_eq!(code(tree.remove(beneath("secret"))), Errno::LOOP);
        assert_eq!(
            code(tree.remove_tree(beneath("deep"), &mut at_once)),
            Errno::LOOP
        );
        assert_eq!(code(tree.stat(beneath("secret"))), Errno::LOOP);
    }
    scene.outside_is_untouched();
}

#[test]
fn a_symlink_at_the_end_is_itself_and_never_what_it_leads_to() {
    let scene = Scene::new();
    let tree = &scene.tree;
    symlink("../../outside/secret", scene.path("tree/etc/file")).unwrap();
    assert_eq!(tree.kind("etc/file").unwrap(), Some(Kind::Symlink));
    assert_eq!(code(tree.open_file("etc/file")), Errno::LOOP);
    assert_eq!(code(tree.change_file("etc/file")), Errno::LOOP);
    assert_eq!(code(tree.create_file("etc/file", 0o644)), Errno::EXIST);
    assert_eq!(code(tree.create_file("etc/dangling", 0o644)), Errno::EXIST);
    assert_eq!(code(tree.make_dir("etc/up", 0o755)), Errno::EXIST);
    assert_eq!(code(tree.ensure_dir("etc/up", 0o755)), Errno::LOOP);
    let target = tree.read_link("etc/file").unwrap();
    assert_eq!(target, Path::new("../../outside/secret"));
    tree.put_file("etc/file", 0o640, b"ours").unwrap();
    assert_eq!(tree.kind("etc/file").unwrap(), Some(Kind::File));
    assert_eq!(tree.read_file("etc/file", 10).unwrap(), b"ours");
    tree.remove("etc/absolute").unwrap();
    tree.remove_tree("etc/up", &mut at_once).unwrap();
    assert_eq!(tree.kind("etc/up").unwrap(), None);
    scene.outside_is_untouched();
}

#[test]
fn files_and_directories_have_exactly_the_mode_that_was_asked_for() {
    let scene = Scene::new();
    let mode = |path: &str| {
        fs::metadata(scene.path("tree").join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    };
    scene.tree.put_file("etc/file", 0o666, b"x").unwrap();
    scene.tree.create_file("etc/created", 0o622).unwrap();
    scene.tree.make_dir("etc/made", 0o777).unwrap();
    scene.tree.ensure_dir("etc/deep/er", 0o770).unwrap();
    scene.tree.ensure_dir("etc/ssh/er", 0o700).unwrap();
    assert_eq!(mode("etc/file"), 0o666);
    assert_eq!(mode("etc/created"), 0o622);
    assert_eq!(mode("etc/made"), 0o777);
    assert_eq!([mode("etc/deep"), mode("etc/deep/er")], [0o770; 2]);
    assert_eq!(mode("etc/ssh/er"), 0o700);
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let scene = Scene::new();
    let tree = &scene.tree;
    rustix::fs::mkfifoat(tree, "fifo", Mode::RUSR).unwrap();
    let kind = |path: &str| tree.open_file(path).unwrap_err().kind();
    // One that was opened would wait for a writer.
    assert_eq!(kind("fifo"), io::ErrorKind::InvalidInput);
    assert_eq!(code(tree.open_file("etc")), Errno::ISDIR);
    assert_eq!(code(tree.put_file("etc", 0o644, b"x")), Errno::ISDIR);
    assert_eq!(code(tree.remove("etc")), Errno::ISDIR);
    assert_eq!(tree.entries(10).unwrap().len(), 2, "nothing is left behind");
    let long = tree.read_file("etc/hostname", 1);
    assert_eq!(code(long), Errno::FBIG);
}

#[test]
fn a_rename_takes_nothings_place() {
    let scene = Scene::new();
    let tree = &scene.tree;
    tree.make_dir("etc/empty", 0o755).unwrap();
    for (from, to) in [("etc/ssh", "etc/empty"), ("etc/hostname", "etc/dangling")] {
        assert_eq!(code(tree.rename(from, to)), Errno::EXIST);
    }
    tree.rename("etc/ssh", "ssh").unwrap();
    assert_eq!(tree.kind("ssh").unwrap(), Some(Kind::Directory));
    assert_eq!(code(tree.rename("etc/ssh", "etc/x")), Errno::NOENT);
}

#[test]
fn a_tree_goes_whole_however_deep_and_wide_it_is_and_nothing_that_it_names() {
    let scene = Scene::new();
    let tree = &scene.tree;
    let mut dir = tree.make_dir("old", 0o755).unwrap();
    for number in 0..600 {
        dir.create_file(format!("{number}"), 0o000).unwrap();
    }
    for _ in 0..300 {
        dir.symlink("/", "root").unwrap();
        dir.create_file(".picket-deep-1", 0o644).unwrap();
        dir = dir.make_dir("deeper", 0o755).unwrap();
    }
    drop(dir);
    symlink(scene.path("outside"), scene.path("tree/old/link")).unwrap();
    rustix::fs::mkfifoat(tree, "old/fifo", Mode::RUSR).unwrap();
    let gone = tree.remove_tree("old", &mut at_once).unwrap();
    assert_eq!(gone, Some(600 + 3 * 300 + 1 + 2));
    assert_eq!(tree.kind("old").unwrap(), None);
    assert_eq!(tree.remove_tree("old", &mut at_once).unwrap(), Some(0));
    assert_eq!(tree.remove_tree("none/old", &mut at_once).unwrap(), Some(0));
    scene.outside_is_untouched();
}

#[test]
fn a_removal_can_be_ended_and_goes_on_where_it_was() {
    let scene = Scene::new();
    let mut asked = 0;
    let mut pace = |gone: u64| {
        assert_eq!(gone, asked);
        asked += 1;
        match asked {
            3 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    };
    assert_eq!(scene.tree.remove_tree("etc", &mut pace).unwrap(), None);
    assert_eq!(asked, 3);
    // Seven names and the directory itself, of which two are gone.
    let rest = scene.tree.remove_tree("etc", &mut at_once).unwrap();
    assert_eq!(rest, Some(8 - 2));
}

#[test]
fn the_mode_of_what_is_not_opened_is_set_and_never_that_of_what_a_symlink_leads_to() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_root(folder.path()).unwrap();
    let mode = |name: &str| dir.stat(name).unwrap().unwrap().st_mode & 0o7777;
    let fifo = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(&dir, "fifo", fifo, Mode::from(0o600), 0).unwrap();
    set_mode(&dir, "fifo", Mode::from(0o666)).unwrap();
    assert_eq!(mode("fifo"), 0o666);
    drop(dir.create_file("secret", 0o600).unwrap());
    dir.symlink("secret", "link").unwrap();
    assert_eq!(set_mode(&dir, "link", Mode::from(0o666)), Err(Errno::LOOP));
    assert_eq!(mode("secret"), 0o600);
}
