//! The passphrase of an encrypted key: the first line of a file, or what somebody types without seeing it. It knows no keys.
use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    path::Path,
};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

use super::private;

/// Ctrl-C, as a terminal sends it.
const INTERRUPT: u8 = 3;

/// The passphrase of the key at `key`.
pub(super) fn get(file: Option<&Path>, key: &Path) -> Result<Zeroizing<String>> {
    if let Some(file) = file {
        let what = "passphrase file of PICKET_KEY_PASSPHRASE_FILE";
        let opened = File::open(file)
            .with_context(|| format!("the {what} {} can't be read", file.display()))?;
        let text = private::read(opened, what, file)?;
        let line = text.lines().next().unwrap_or_default();
        return Ok(Zeroizing::new(line.to_owned()));
    }
    let name = key.display();
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let terminal = terminal.map_err(|_| {
        anyhow!(
            "{name} is encrypted and there is no terminal to ask for its passphrase: set PICKET_KEY_PASSPHRASE_FILE, or \
             `ssh-add {name}` and give --key {name}.pub"
        )
    })?;
    ask(&terminal, &format!("Passphrase of {name}: "))
}

/// Asks on that terminal.
fn ask(mut terminal: &File, prompt: &str) -> Result<Zeroizing<String>> {
    let silence = Silence::of(terminal)?;
    terminal.write_all(prompt.as_bytes())?;
    // A terminal gives a line at a time; a longer one than this is no passphrase.
    let mut line = Zeroizing::new([0; 4096]);
    let read = terminal.read(&mut line[..]);
    drop(silence);
    terminal.write_all(b"\n")?;
    let line = &line[..read.context("the terminal can't be read")?];
    ensure!(
        !line.is_empty() && line.last() != Some(&INTERRUPT),
        "no passphrase was given"
    );
    let text = std::str::from_utf8(line).context("the passphrase is no UTF-8")?;
    let text = text.trim_end_matches(['\r', '\n']);
    Ok(Zeroizing::new(text.to_owned()))
}

/// While it lives, the terminal shows nothing of what is typed; then it is as it was.
///
/// Signals from the keyboard are off meanwhile, since one that ends us would leave the terminal silent. Ctrl-C ends the line
/// instead (termios(3), VEOL).
struct Silence<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silence<'a> {
    fn of(terminal: &'a File) -> Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // The terminal went away: nobody sees it.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, thread};

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    const PROMPT: &str = "Passphrase of key: ";

    #[test]
    fn what_is_typed_is_not_shown_and_the_terminal_is_as_before() {
        for (typed, expect) in [
            (&b"open sesame\n"[..], Some("open sesame")),
            ("schlüssel\r".as_bytes(), Some("schlüssel")),
            (b"wrong\x7f\x7f\x7f\x7f\x7fright\n", Some("right")),
            (b" spaces \n", Some(" spaces ")),
            (b"\n", Some("")),
            (b"open\x03", None),
            (b"\x03", None),
            (b"\xff\n", None),
        ] {
            let (mut keyboard, terminal) = pair();
            let before = tcgetattr(&terminal).unwrap();
            let (given, shown) = thread::scope(|scope| {
                let asked = scope.spawn(|| ask(&terminal, PROMPT));
                let prompt = read_up_to(&mut keyboard, PROMPT);
                keyboard.write_all(typed).unwrap();
                let given = asked.join().unwrap();
                (&terminal).write_all(b"end").unwrap();
                (given, prompt + &read_up_to(&mut keyboard, "end"))
            });
            assert_eq!(
                given.ok().as_ref().map(|it| it.as_str()),
                expect,
                "{typed:?}"
            );
            assert_eq!(shown, format!("{PROMPT}\r\nend"), "{typed:?}");
            let after = tcgetattr(&terminal).unwrap();
            assert_eq!(after.local_modes, before.local_modes, "{typed:?}");
        }
    }

    fn pair() -> (File, File) {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let name = OsStr::from_bytes(name.as_bytes());
        let terminal = rustix::fs::open(
            name,
            rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
            rustix::fs::Mode::empty(),
        );
        (keyboard.into(), terminal.unwrap().into())
    }

    fn read_up_to(from: &mut File, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let mut byte = [0];
            from.read_exact(&mut byte).unwrap();
            text.push(char::from(byte[0]));
        }
        text
    }
}
