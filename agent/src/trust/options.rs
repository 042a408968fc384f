//! The options of a line of `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS): read as OpenSSH reads them, names in upper or
//! lower case, values in quotation marks. They don't know whose options they are.
use super::{
    patterns::Patterns,
    problem::LineFlaw,
    time::{BadTime, UnixTime},
};

const NAMESPACES: &str = "namespaces";
const AFTER: &str = "valid-after";
const BEFORE: &str = "valid-before";
const CERT_AUTHORITY: &str = "cert-authority";
/// This much of a word that isn't understood is shown.
const SHOWN: usize = 40;

/// What a line restricts its key to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Options {
    /// In which namespaces; `None` is all.
    pub(super) namespaces: Option<Patterns>,
    /// From this second on.
    pub(super) after: Option<UnixTime>,
    /// Until the end of this second.
    pub(super) before: Option<UnixTime>,
}

impl Options {
    /// Reads `text`, which is all of the options.
    pub(super) fn parse(text: &str) -> Result<Self, LineFlaw> {
        let mut options = Self::default();
        let mut rest = text;
        loop {
            rest = options.take(rest)?;
            rest = match rest.strip_prefix(',') {
                Some("") => return Err(LineFlaw::Comma),
                Some(next) => next,
                None if rest.is_empty() => break,
                None => return Err(unknown(rest)),
            };
        }
        match (options.after, options.before) {
            (Some(after), Some(before)) if before <= after => Err(LineFlaw::NeverValid),
            _ => Ok(options),
        }
    }

    /// Takes one option from the front of `text`, and returns what follows. OpenSSH lets one be empty, but not the last.
    fn take<'a>(&mut self, text: &'a str) -> Result<&'a str, LineFlaw> {
        if text.starts_with(',') {
            return Ok(text);
        }
        if strip_name(text, CERT_AUTHORITY).is_some() {
            return Err(LineFlaw::CertAuthority);
        }
        for name in [NAMESPACES, AFTER, BEFORE] {
            if let Some(value) = strip_name(text, name).and_then(|rest| rest.strip_prefix('=')) {
                let (value, rest) = dequote(value, name)?;
                self.set(name, value)?;
                return Ok(rest);
            }
        }
        Err(unknown(text))
    }

    fn set(&mut self, name: &'static str, value: String) -> Result<(), LineFlaw> {
        let again = match name {
            NAMESPACES => self.namespaces.replace(Patterns::new(value)).is_some(),
            AFTER => self.after.replace(time(name, value)?).is_some(),
            _ => self.before.replace(time(name, value)?).is_some(),
        };
        match again {
            true => Err(LineFlaw::Twice(name)),
            false => Ok(()),
        }
    }
}

fn strip_name<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

/// The value in quotation marks at the front of `text`, in which `\"` stands for one of them, and what follows.
fn dequote<'a>(text: &'a str, name: &'static str) -> Result<(String, &'a str), LineFlaw> {
    let mut rest = text.strip_prefix('"').ok_or(LineFlaw::Unquoted(name))?;
    let mut value = String::new();
    loop {
        let end = rest.find('"').ok_or(LineFlaw::Quote)?;
        let (part, next) = (&rest[..end], &rest[end + 1..]);
        rest = next;
        match part.strip_suffix('\\') {
            Some(part) => {
                value += part;
                value.push('"');
            }
            None => return Ok((value + part, rest)),
        }
    }
}

fn time(name: &'static str, text: String) -> Result<UnixTime, LineFlaw> {
    UnixTime::parse(&text).map_err(|bad| match bad {
        BadTime::Local => LineFlaw::LocalTime { name, text },
        BadTime::Garbled => LineFlaw::Time { name, text },
    })
}

fn unknown(text: &str) -> LineFlaw {
    let word = text.split([',', '=']).next().unwrap_or_default();
    LineFlaw::Option(word.chars().take(SHOWN).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_openssh_reads_them() {
        let noon = UnixTime(1_767_225_600 + 43_200);
        for (text, namespaces, after, before) in [
            (r#"namespaces="a""#, Some("a"), None, None),
            (r#"NameSpaces="a,b*""#, Some("a,b*"), None, None),
            (r#"namespaces="a b""#, Some("a b"), None, None),
            (r#"namespaces="""#, Some(""), None, None),
            (r#",,namespaces="a""#, Some("a"), None, None),
            (r#"namespaces="a\"b\c""#, Some(r#"a"b\c"#), None, None),
            (r#"valid-after="202601011200Z""#, None, Some(noon), None),
            (r#"valid-before="202601011200Z""#, None, None, Some(noon)),
            (
                r#"valid-after="20260101Z",namespaces="a",valid-before="202601011200Z""#,
                Some("a"),
                Some(UnixTime(1_767_225_600)),
                Some(noon),
            ),
        ] {
            let expected = Options {
                namespaces: namespaces.map(Patterns::new),
                after,
                before,
            };
            assert_eq!(Options::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_wrong_option_is_named() {
        let option = |word: &str| LineFlaw::Option(word.to_owned());
        let time = |text: &str| LineFlaw::Time {
            name: AFTER,
            text: text.to_owned(),
        };
        for (text, flaw) in [
            ("", option("")),
            ("cert-authority", LineFlaw::CertAuthority),
            (r#"namespaces="a",CERT-authority"#, LineFlaw::CertAuthority),
            ("no-touch-required", option("no-touch-required")),
            ("namespaces", option("namespaces")),
            ("namespaces=a", LineFlaw::Unquoted(NAMESPACES)),
            (r#"namespaces="a"#, LineFlaw::Quote),
            (r#"namespaces="a\""#, LineFlaw::Quote),
            (r#"namespaces="a","#, LineFlaw::Comma),
            (",", LineFlaw::Comma),
            (",x", option("x")),
            (r#"namespaces="a"b"#, option("b")),
            (
                r#"namespaces="a",namespaces="b""#,
                LineFlaw::Twice(NAMESPACES),
            ),
            (
                r#"valid-before="20260101Z",valid-before="20270101Z""#,
                LineFlaw::Twice(BEFORE),
            ),
            (r#"valid-after="soon""#, time("soon")),
            (r#"valid-after="""#, time("")),
            (
                r#"valid-after="20260101""#,
                LineFlaw::LocalTime {
                    name: AFTER,
                    text: "20260101".to_owned(),
                },
            ),
            (
                r#"valid-after="20260101Z",valid-before="20260101Z""#,
                LineFlaw::NeverValid,
            ),
        ] {
            assert_eq!(Options::parse(text), Err(flaw), "{text}");
        }
    }
}
