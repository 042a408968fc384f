//! Pattern lists as ssh_config(5) defines them: `alice@*,!*@evil.example,bob?`. They know nothing of what they match.

/// A list of patterns, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patterns(String);

impl Patterns {
    pub(super) fn new(written: impl Into<String>) -> Self {
        Self(written.into())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a pattern matches `word` and none with a `!` does. Upper and lower case differ.
    pub(super) fn matches(&self, word: &str) -> bool {
        let mut matched = false;
        for pattern in self.0.split(',') {
            let (negated, pattern) = match pattern.strip_prefix('!') {
                Some(pattern) => (true, pattern),
                None => (false, pattern),
            };
            if matches(pattern.as_bytes(), word.as_bytes()) {
                if negated {
                    return false;
                }
                matched = true;
            }
        }
        matched
    }
}

/// `*` stands for any bytes and `?` for one, as in OpenSSH. The time is the product of both lengths at most, whatever is written.
fn matches(pattern: &[u8], word: &[u8]) -> bool {
    let (mut at, mut next) = (0, 0);
    // Where to go on when what follows the last star didn't match: the pattern after the star, one byte further in the word.
    let mut retry = None;
    while next < word.len() {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                retry = Some((at, next));
            }
            Some(&byte) if byte == b'?' || byte == word[next] => {
                at += 1;
                next += 1;
            }
            _ => {
                let Some((star, from)) = retry else {
                    return false;
                };
                at = star;
                next = from + 1;
                retry = Some((at, next));
            }
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_matches_when_a_pattern_does_and_no_negated_one() {
        for (list, word, expected) in [
            ("alice", "alice", true),
            ("alice", "Alice", false),
            ("alice", "alic", false),
            ("alice", "alicee", false),
            ("alice,bob", "bob", true),
            ("alice,,bob", "bob", true),
            ("alice, bob", "bob", false),
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "alice", false),
            ("*@example.org", "alice@example.org", true),
            ("*@example.org", "alice@example.com", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXcXb", false),
            ("**a", "bca", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("?", "é", false),
            ("??", "é", true),
            ("!alice", "bob", false),
            ("*,!alice", "bob", true),
            ("*,!alice", "alice", false),
            ("!alice,*", "alice", false),
            ("*@example.org,!root@*", "root@example.org", false),
            ("a!b", "a!b", true),
        ] {
            assert_eq!(Patterns::new(list).matches(word), expected, "{list} {word}");
        }
    }

    #[test]
    fn a_list_full_of_stars_is_matched_at_once() {
        let list = "a*".repeat(2_000) + "b";
        assert!(!Patterns::new(list).matches(&"a".repeat(4_000)));
    }
}
