//! Writes what packages hold of documentation for people at a terminal: manual pages and completions, made from the parsers of
//! the command lines, so that they say what the programs do. A program of its own, so that the two carry none of it.
#![forbid(unsafe_code)]
use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;

/// The sections of the manual: what anybody may call, and what belongs to the machine.
const USERS: &str = "1";
const SYSTEM: &str = "8";

fn main() -> Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        bail!(
            "name the folder to write to: it gets a folder for each program, as it lies in /usr/share"
        )
    };
    write(picketd::cli::Cli::command(), SYSTEM, &folder)?;
    write(picket::cli::Cli::command(), USERS, &folder)
}

/// The pages and completions of one program, in a folder with its name.
fn write(mut program: Command, section: &str, folder: &Path) -> Result<()> {
    let folder = folder.join(program.get_name());
    // With it `picket help watch` has a page too, which nobody looks for.
    program = program.disable_help_subcommand(true);
    program.build();
    let pages = made(&folder.join(format!("man/man{section}")))?;
    write_page(&program, section, &pages)?;
    write_completions(&mut program, &folder)
}

/// A page for this command, and for each of its own. A hidden one is for programs, and has none.
fn write_page(command: &Command, section: &str, folder: &Path) -> Result<()> {
    // As git has it: `picketd slot show` is picketd-slot-show(8).
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let file = folder.join(format!("{name}.{section}"));
    let page = Man::new(command.clone())
        .title(name.to_uppercase())
        .section(section)
        .source(concat!("Picket ", env!("CARGO_PKG_VERSION")))
        .manual("Picket")
        .date(""); // one of today would make two packages of one source differ
    let mut text = Vec::new();
    page.render(&mut text).context("memory can be written")?;
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| write_page(command, section, folder))
}

/// Where Debian's shells look for what packages bring.
fn write_completions(program: &mut Command, folder: &Path) -> Result<()> {
    let name = program.get_name().to_owned();
    for (shell, place) in [
        (Shell::Bash, "bash-completion/completions"),
        (Shell::Zsh, "zsh/vendor-completions"),
        (Shell::Fish, "fish/vendor_completions.d"),
    ] {
        let place = made(&folder.join(place))?;
        let written = generate_to(shell, program, &name, &place)?;
        if shell == Shell::Bash {
            // bash-completion finds it by the program's name alone.
            fs::rename(&written, place.join(&name))?;
        }
    }
    Ok(())
}

fn made(folder: &Path) -> Result<PathBuf> {
    let error = |error: io::Error| {
        anyhow::Error::new(error).context(format!("cannot make {}", folder.display()))
    };
    fs::create_dir_all(folder).map_err(error)?;
    Ok(folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_shows_itself_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let hidden = Command::new("secret").hide(true);
        let show = Command::new("show").about("Say which one it is");
        let slot = Command::new("slot").subcommand(show);
        let program = Command::new("tool").subcommands([slot, hidden]);
        write(program, SYSTEM, folder.path()).unwrap();
        let files = |place: &str| {
            let read = fs::read_dir(folder.path().join("tool").join(place)).unwrap();
            let names = read.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.collect();
            names.sort();
            names
        };
        let pages = ["tool-slot-show.8", "tool-slot.8", "tool.8"];
        assert_eq!(files("man/man8"), pages);
        assert_eq!(files("bash-completion/completions"), ["tool"]);
        assert_eq!(files("zsh/vendor-completions"), ["_tool"]);
        assert_eq!(files("fish/vendor_completions.d"), ["tool.fish"]);
        let page = folder.path().join("tool/man/man8/tool-slot-show.8");
        let page = fs::read_to_string(page).unwrap();
        assert!(page.contains("Say which one it is"), "{page}");
    }
}
