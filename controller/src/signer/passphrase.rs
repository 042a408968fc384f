//! The passphrase of an encrypted key: the first line of a file, or what somebody types without seeing it. It knows no keys.
use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

/// Ctrl-C, as a terminal sends it.
const INTERRUPT: u8 = 3;

/// The passphrase of the key at `key`.
pub(super) fn get(file: Option<&Path>, key: &Path) -> Result<Zeroizing<String>> {
    if let Some(file) = file {
        let text = fs::read_to_string(file).map(Zeroizing::new);
        let text = text.with_context(|| {
            let file = file.display();
            format!("the passphrase file {file} of PICKET_KEY_PASSPHRASE_FILE can't be read")
        })?;
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
    let mut line = Zeroizing::new(Vec::new());
    let read = BufReader::with_capacity(1024, terminal)
        .read_until(b'\n', &mut line)
        .context("the terminal can't be read");
    drop(silence);
    terminal.write_all(b"\n")?;
    read?;
    ensure!(line.last() != Some(&INTERRUPT), "no passphrase was given");
    let text =
        String::from_utf8(line.to_vec()).map_err(|_| anyhow!("the passphrase is no UTF-8"))?;
    let text = Zeroizing::new(text);
    Ok(Zeroizing::new(
        text.trim_end_matches(['\r', '\n']).to_owned(),
    ))
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
