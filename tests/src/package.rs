//! The Debian packages that `scripts/deb` has made, and what dpkg makes of them in a root. It knows no container.
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the packages lie in a root under test.
const INSIDE: &str = "/packages";
/// What dpkg itself keeps, what a running Debian writes, and where the packages of the test lie.
const NOT_OURS: [&str; 7] = [
    "packages",
    "var/cache",
    "var/lib/dpkg",
    "var/lib/systemd",
    "var/log",
    "var/tmp",
    "tmp",
];

/// A folder of packages.
pub struct Debs(PathBuf);

impl Debs {
    /// Those of this build, in the folder that PICKET_DEBS names.
    pub fn of_this_build() -> Self {
        let folder = std::env::var_os("PICKET_DEBS");
        Self(folder.expect("PICKET_DEBS names the folder of the packages: `scripts/test packages` makes them and sets it").into())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Puts all of them into a root.
    pub fn copy_to(&self, root: &Path) {
        let folder = root.join(INSIDE.trim_start_matches('/'));
        fs::create_dir(&folder).expect("the root is ours");
        for deb in self.all() {
            let name = deb.file_name().expect("it is a file");
            fs::copy(&deb, folder.join(name)).expect("the root is ours");
        }
    }

    /// The path in a root of a package that was copied there.
    pub fn path(&self, package: &str, architecture: &str) -> String {
        let name = self.file(package, architecture);
        let name = name.file_name().expect("it is a file");
        format!("{INSIDE}/{}", name.to_str().expect("a name of Debian's"))
    }

    /// The path in `root` of the same package with a higher version, and another text in its configuration, which it puts there.
    pub fn newer_than(&self, package: &str, architecture: &str, root: &Path) -> String {
        let folder = tempfile::tempdir().expect("there is room");
        let tree = folder.path().join("tree");
        let deb = self.file(package, architecture);
        succeeded(Path::new("/"), &["dpkg-deb", "-R", text(&deb), text(&tree)]);
        let control = tree.join("DEBIAN/control");
        let said = fs::read_to_string(&control).expect("every package has one");
        let newer: Vec<_> = said
            .lines()
            .map(|line| match line.starts_with("Version: ") {
                true => format!("{line}+newer"),
                false => line.to_owned(),
            })
            .collect();
        fs::write(&control, newer.join("\n") + "\n").expect("the folder is ours");
        let config = tree.join("etc/picket/picketd.toml");
        let said = fs::read_to_string(&config).expect("picketd has one");
        fs::write(&config, format!("{said}\n# The newer one.\n")).expect("the folder is ours");
        let name = format!("{INSIDE}/newer.deb");
        let file = root.join(name.trim_start_matches('/'));
        let pack = ["dpkg-deb", "--root-owner-group", "-Znone", "-b"];
        succeeded(
            Path::new("/"),
            &[&pack[..], &[text(&tree), text(&file)]].concat(),
        );
        name
    }

    /// The paths of its files, without the leading slash.
    pub fn files_of(&self, package: &str, architecture: &str) -> Vec<String> {
        let deb = self.file(package, architecture);
        let listed = format!("dpkg-deb --fsys-tarfile '{}' | tar -t", text(&deb));
        let listed = succeeded(Path::new("/"), &["sh", "-c", &listed]);
        let files = listed.lines().filter(|line| !line.ends_with('/'));
        files
            .map(|line| line.trim_start_matches("./").to_owned())
            .collect()
    }

    /// The file of a package.
    pub fn file(&self, package: &str, architecture: &str) -> PathBuf {
        let (begin, end) = (format!("{package}_"), format!("_{architecture}.deb"));
        let mut all = self.all().into_iter();
        let found = all.find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(&begin) && name.ends_with(&end))
        });
        found.unwrap_or_else(|| panic!("no {package} for {architecture} in {:?}", self.0))
    }

    fn all(&self) -> Vec<PathBuf> {
        let read = fs::read_dir(&self.0).expect("PICKET_DEBS names a folder");
        let paths = read.map(|entry| entry.expect("the folder is readable").path());
        let debs = paths.filter(|path| path.extension().is_some_and(|name| name == "deb"));
        debs.collect()
    }
}

/// Runs a command in a root, which must succeed; what it printed.
pub fn succeeded(root: &Path, command: &[&str]) -> String {
    let output = Command::new("chroot")
        .arg(root)
        .args(command)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .expect("chroot is there, it is part of coreutils");
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything that lies in a root.
pub fn names(root: &Path) -> BTreeSet<String> {
    let list = [
        "find",
        text(root),
        "-xdev",
        "-mindepth",
        "1",
        "-printf",
        "%P\\n",
    ];
    let listed = succeeded(Path::new("/"), &list);
    listed.lines().map(str::to_owned).collect()
}

/// What is there now and wasn't before, but for what dpkg and a running Debian keep for themselves. Of the packages' own nothing
/// is left out: wherever `picket` stands in a name, it counts.
pub fn purged(now: &BTreeSet<String>, before: &BTreeSet<String>) -> BTreeSet<String> {
    let new = now.difference(before);
    let left = new.filter(|name| {
        let kept = NOT_OURS.iter().any(|place| name.starts_with(place));
        !kept || (name.contains("picket") && !name.starts_with("packages"))
    });
    left.cloned().collect()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the paths of tests are text")
}
