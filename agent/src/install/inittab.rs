//! picketd where no systemd is: a line of /etc/inittab, so that init starts it again whenever it ends.
//!
//! No guard is installed there: killall5 ends it with everything else on the way down, so it could guard nothing.
use crate::tree::{Error, Tree};

use super::init::INITTAB;

const MAX: u64 = 64 * 1024;
const COMMENT: &str = "# Keeps watch on this Raspberry Pi.";
/// What systemd would do with RuntimeDirectory= and StateDirectory=. Both inits put `exec` before a line with such characters and hand
/// it to sh (sysvinit's spawn(), busybox's init_exec()): without a shell of its own, mkdir would be all that is executed.
const PROCESS: &str =
    "/bin/sh -c '/bin/mkdir -p -m 0700 /run/picket /var/lib/picket; exec /usr/bin/picketd run'";

/// How a line begins: id, run levels, action (inittab(5)).
pub(super) const SYSV: &str = "pkt:2345:respawn:";
/// For busybox the first field is a terminal, and none is meant.
pub(super) const BUSYBOX: &str = "::respawn:";

/// Makes sure of the line.
///
/// # Errors
/// The file can't be read or written.
pub(super) fn install(tree: &Tree, begin: &str) -> Result<(), Error> {
    let text = tree.text(INITTAB, MAX)?.unwrap_or_default();
    match with_line(&text, begin) {
        Some(text) => tree.write(INITTAB, text, 0o644),
        None => Ok(()),
    }
}

fn with_line(text: &str, begin: &str) -> Option<String> {
    let line = format!("{begin}{PROCESS}");
    if text.lines().any(|other| other == line) {
        return None;
    }
    let ours = |other: &&str| {
        let command = other.trim_end_matches('\'');
        *other != COMMENT && !command.ends_with("/usr/bin/picketd run")
    };
    let mut lines: Vec<_> = text.lines().filter(ours).collect();
    lines.extend([COMMENT, &line]);
    Some(lines.join("\n") + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_added_once_and_an_older_one_replaced() {
        let before = "id:2:initdefault:\nsi::sysinit:/etc/init.d/rcS";
        let once = with_line(before, SYSV).unwrap();
        assert_eq!(once, format!("{before}\n{COMMENT}\n{SYSV}{PROCESS}\n"));
        assert_eq!(with_line(&once, SYSV), None);
        let other = once.replace("mkdir", "true");
        assert_eq!(with_line(&other, SYSV).unwrap(), once);
        let other = once.replace("/bin/sh -c '", "").replace('\'', "");
        assert_eq!(with_line(&other, SYSV).unwrap(), once);
    }

    #[test]
    fn the_agent_is_what_runs_when_init_puts_exec_before_the_line() {
        let traced = PROCESS
            .replace("/bin/mkdir -p -m 0700", "true")
            .replace("/usr/bin/picketd run", "echo begun");
        let mut sh = std::process::Command::new("/bin/sh");
        let output = sh.args(["-c", &format!("exec {traced}")]).output().unwrap();
        assert_eq!(output.stdout, b"begun\n", "{output:?}");
    }
}
