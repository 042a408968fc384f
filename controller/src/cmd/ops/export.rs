//! The signed commands of an operation as files that `ssh-keygen -Y verify` takes. It judges nothing itself.
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result, bail};

use crate::audit::{Entry, Line, Signed, armour};

/// Writes them into the folder, and returns the commands that verify them, one a line.
pub(super) fn write(lines: &[Line], folder: &Path) -> Result<Vec<String>> {
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} can't be made", folder.display()))?;
    let mut commands = Vec::new();
    for line in lines {
        if let Entry::Signed(signed) = &line.entry {
            let name = format!("{}-{:03}", line.operation, commands.len() + 1);
            file(
                &folder.join(format!("{name}.payload")),
                &signed.payload,
                0o644,
            )?;
            let signature = armour(&signed.signature);
            file(
                &folder.join(format!("{name}.payload.sig")),
                signature.as_bytes(),
                0o644,
            )?;
            commands.push(command(line, signed, &name));
        }
    }
    let Some(first) = lines.first().filter(|_| !commands.is_empty()) else {
        bail!("nothing of it was signed, so there is nothing to export");
    };
    let script = format!(
        "#!/bin/sh\n# Verifies what was signed for the operation {}: sh verify.sh ALLOWED_SIGNERS\nset -eu\n\
         signers=$(realpath \"${{1:?name the allowed_signers file of that time}}\")\ncd \"$(dirname \"$0\")\"\n{}\n",
        first.operation,
        commands.join("\n")
    );
    file(&folder.join("verify.sh"), script.as_bytes(), 0o755)?;
    Ok(commands)
}

/// Judged by the time when it was signed: the key may be valid no more.
fn command(line: &Line, signed: &Signed, name: &str) -> String {
    let actor = signed.command().map(|command| command.actor);
    format!(
        "ssh-keygen -Y verify -f \"$signers\" -I {} -n {} -O verify-time={} -s {name}.payload.sig < {name}.payload",
        quote(&actor.unwrap_or_default()),
        quote(&signed.namespace),
        line.time.strftime("%Y%m%d%H%M%SZ"),
    )
}

/// One word for a shell, whatever is in it.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn file(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| file.write_all(bytes));
    written.with_context(|| format!("{} can't be written; name an empty folder", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_word_is_one_word() {
        for (text, quoted) in [
            ("anna", "'anna'"),
            ("a b", "'a b'"),
            ("$(id)'; rm", "'$(id)'\\''; rm'"),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }
}
