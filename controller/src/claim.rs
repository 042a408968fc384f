//! Texts that come from a Pi, made safe for a person's terminal: escaped for tables, and for JSON as JSON escapes.
//!
//! A tenant controls these texts. What could move the cursor, colour the screen, reorder or hide text is spelt out.
use std::io;

use serde::Serialize;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with every character that a terminal would obey written as `\u{…}`.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// The escaped text in at most `width` columns of a terminal; what is cut off shows as `…`.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    let text = escape(text);
    if text.width() <= width {
        return text;
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used >= width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// Shortens the text to so many characters: who wrote it decides how long it is.
pub fn cut(text: &mut String, most: usize) {
    if let Some((at, _)) = text.char_indices().nth(most) {
        text.truncate(at);
        text.shrink_to_fit();
    }
}

/// `value` as one line of JSON. Characters that a terminal would obey are JSON escapes, so nothing is lost.
///
/// # Errors
/// What `serde_json` can't write, such as a map whose keys are no strings.
pub fn json_line<T: Serialize>(value: &T) -> serde_json::Result<String> {
    render(value, serde_json::ser::CompactFormatter)
}

/// `value` as indented JSON, escaped like [`json_line`].
///
/// # Errors
/// As [`json_line`].
pub fn json_pretty<T: Serialize>(value: &T) -> serde_json::Result<String> {
    render(value, serde_json::ser::PrettyFormatter::new())
}

fn render<T: Serialize, F: serde_json::ser::Formatter>(
    value: &T,
    formatter: F,
) -> serde_json::Result<String> {
    let mut out = Vec::new();
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out, formatter,
    ))?;
    let text = String::from_utf8(out).expect("serde_json writes UTF-8");
    Ok(escape_json(&text))
}

/// Outside of strings JSON is ASCII without control characters but line feeds, so all else is inside of one.
fn escape_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_unsafe(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters, and what Unicode lists as default-ignorable or bidirectional format characters.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Writes a line and says where it couldn't; a reader that went away (`| head`) is an error of kind `BrokenPipe`.
///
/// # Errors
/// The output can't be written.
pub fn print_line(out: &mut dyn io::Write, line: &str) -> io::Result<()> {
    writeln!(out, "{line}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_spelt_out() {
        for (text, safe) in [
            ("Raspberry Pi 3 Model B", "Raspberry Pi 3 Model B"),
            ("Gerät 日本", "Gerät 日本"),
            ("\x1b[2J\x1b]0;owned\x07", "\\u{1b}[2J\\u{1b}]0;owned\\u{7}"),
            ("a\nb\tc\r", "a\\u{a}b\\u{9}c\\u{d}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("pi\u{202e}drop", "pi\\u{202e}drop"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
            ("\u{e0041}", "\\u{e0041}"),
        ] {
            assert_eq!(escape(text), safe);
        }
    }

    #[test]
    fn a_text_fits_its_columns() {
        for (text, width, fitted) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("日本語", 5, "日本…"),
            ("日本語", 6, "日本語"),
            ("\x1b[31m", 4, "\\u{…"),
        ] {
            assert_eq!(fit(text, width), fitted);
        }
    }

    proptest! {
        #[test]
        fn json_means_the_same_and_holds_nothing_unsafe(text in any::<String>(), pretty in any::<bool>()) {
            let value = serde_json::json!({ "text": [text] });
            let json = if pretty { json_pretty(&value) } else { json_line(&value) }.unwrap();
            prop_assert_eq!(&serde_json::from_str::<serde_json::Value>(&json).unwrap(), &value);
            prop_assert!(!json.chars().any(|c| is_unsafe(c) && !(pretty && c == '\n')));
        }

        #[test]
        fn nothing_unsafe_fits(text in any::<String>(), width in 1usize..40) {
            let fitted = fit(&text, width);
            prop_assert!(!fitted.chars().any(is_unsafe) && fitted.width() <= width);
        }
    }
}
