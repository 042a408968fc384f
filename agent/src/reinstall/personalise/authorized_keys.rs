//! Who may log in over ssh: `authorized_keys` of root and of the image's first user. The lines that were ordered replace the image's:
//! a key that came with the image lets nobody in.
use crate::tree::{NewFile, Tree};

use super::{Error, accounts, key_line};

/// Looks whether sshd would take every line.
///
/// # Errors
/// [`Error::Key`], for the first that it wouldn't.
pub(super) fn check(lines: &[String]) -> Result<(), Error> {
    for (index, line) in lines.iter().enumerate() {
        key_line::check(line).map_err(|flaw| Error::Key {
            line: index + 1,
            flaw,
        })?;
    }
    Ok(())
}

/// Writes them. Without any, the image's stay.
///
/// # Errors
/// Something can't be written.
pub(super) fn write(tree: &Tree, lines: &[String]) -> Result<(), Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let text: String = lines.iter().flat_map(|line| [line.trim(), "\n"]).collect();
    for account in accounts::of(tree)? {
        let folder = format!("{}/.ssh", account.home);
        tree.directory(&folder, 0o700, account.owner)?;
        let file = NewFile {
            bytes: text.as_bytes(),
            mode: 0o600,
            owner: account.owner,
        };
        tree.write_file(&format!("{folder}/authorized_keys"), &file)?;
        tree.remove(&format!("{folder}/authorized_keys2"))?;
    }
    Ok(())
}
