//! The operator's own command that switches a Pi off and on, with its placeholders. It runs nothing, and there is no shell: each
//! argument stays one argument.
use anyhow::{Result, bail};

use super::Pi;

/// What may stand in braces.
const PLACEHOLDERS: [&str; 4] = ["id", "name", "shelf", "position"];

/// The command with what it needs to know of that Pi; `None` when the Pi has none.
///
/// # Errors
/// A placeholder isn't known, or the Pi has nothing for it.
pub(super) fn fill(argv: &[String], pi: &Pi) -> Result<Option<Vec<String>>> {
    match argv.first() {
        None => Ok(None),
        Some(program) if program.is_empty() => bail!("power_cycle begins with no program"),
        Some(_) => {
            let filled = argv.iter().map(|argument| argument_of(argument, pi));
            filled.collect::<Result<_>>().map(Some)
        }
    }
}

fn argument_of(argument: &str, pi: &Pi) -> Result<String> {
    let mut out = String::new();
    let mut rest = argument;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        match rest.split_once('}').filter(|(word, _)| is_word(word)) {
            Some((word, after)) => {
                out.push_str(&value(word, pi)?);
                rest = after;
            }
            None => out.push('{'),
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Other braces, such as those of JSON, are text.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn value(word: &str, pi: &Pi) -> Result<String> {
    let id = pi.id;
    let found = match word {
        "id" => Some(id.to_string()),
        "name" => Some(pi.name.clone().unwrap_or_else(|| id.to_string())),
        "shelf" => pi.shelf.clone(),
        "position" => pi.position.map(|position| position.to_string()),
        _ => bail!(
            "power_cycle has the placeholder {{{word}}}; there are {{{}}}",
            PLACEHOLDERS.join("}, {")
        ),
    };
    match found {
        Some(value) => Ok(value),
        None => bail!(
            "power_cycle uses {{{word}}}, and the Pi {id} has no {word}: give it one, or a power_cycle of its own ([] for none)"
        ),
    }
}
