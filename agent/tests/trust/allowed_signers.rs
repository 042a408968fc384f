//! `allowed_signers` as we and as the real ssh-keygen read it: a table of what we know, and random files.
use picket_proto::Privilege;
use picket_test_keys::{TOUCHED, TestKey};
use proptest::prelude::*;

use crate::{
    scene::{MIDNIGHT, OPERATE, by, judge, reboot, signed_in},
    ssh_keygen::{Query, SshKeygen},
};

/// What both say.
const BOTH: [bool; 2] = [true, true];
const NEITHER: [bool; 2] = [false, false];
/// We refuse what ssh-keygen accepts, and the row says why.
const STRICTER: [bool; 2] = [false, true];

/// An `allowed_signers` file (KEY is the signer's, OTHER another), who acts, and whether [we, ssh-keygen] accept.
const ROWS: &[(&str, &str, [bool; 2])] = &[
    // Principals.
    ("alice KEY", "alice", BOTH),
    ("bob KEY", "alice", NEITHER),
    ("alice OTHER", "alice", NEITHER),
    ("Alice KEY", "alice", NEITHER),
    ("bob,alice KEY", "alice", BOTH),
    ("bob,,alice KEY", "alice", BOTH),
    ("bob, alice KEY", "alice", NEITHER),
    ("*@example.org KEY", "alice@example.org", BOTH),
    ("*@example.org KEY", "alice@example.com", NEITHER),
    ("*@example.* KEY", "alice@example.com", BOTH),
    ("al?ce KEY", "alice", BOTH),
    ("al?ice KEY", "alice", NEITHER),
    ("?lic? KEY", "élice", NEITHER),
    ("??lic? KEY", "élice", BOTH),
    ("* KEY", "alice", BOTH),
    ("* KEY", "alice,bob", BOTH),
    ("alice,bob KEY", "alice,bob", NEITHER),
    ("*,!alice KEY", "alice", NEITHER),
    ("!alice,* KEY", "alice", NEITHER),
    ("*,!bob KEY", "alice", BOTH),
    ("!bob KEY", "alice", NEITHER),
    // Quotation marks.
    ("\"alice\" KEY", "alice", BOTH),
    ("\"alice smith\" KEY", "alice smith", BOTH),
    ("\"alice smith,bob\" KEY", "bob", BOTH),
    ("\"alice\"KEY", "alice", BOTH),
    ("al\"ice\" KEY", "alice", BOTH),
    ("\"alice KEY", "alice", NEITHER),
    ("\"\" KEY", "alice", NEITHER),
    // Blanks, comments, several lines.
    ("alice\tKEY\ta comment", "alice", BOTH),
    ("  alice   KEY   ", "alice", BOTH),
    ("alice KEY\r\n", "alice", BOTH),
    ("alice KEY", "alice", BOTH),
    ("\n# alice OTHER\n\n  # bob\nalice KEY\n", "alice", BOTH),
    ("#alice KEY", "alice", NEITHER),
    ("alice #KEY", "alice", NEITHER),
    ("bob OTHER\nalice OTHER\nalice KEY", "alice", BOTH),
    ("alice OTHER\nbob KEY", "alice", NEITHER),
    ("alice", "alice", NEITHER),
    // A wrong line costs only itself.
    ("alice nonsense\nalice KEY", "alice", BOTH),
    ("* namespaces=\"picket-*\nalice KEY", "alice", BOTH),
    ("alice KEY\nalice nonsense", "alice", BOTH),
    // Namespaces.
    ("alice namespaces=\"picket-operate@1\" KEY", "alice", BOTH),
    (
        "alice namespaces=\"picket-configure@1\" KEY",
        "alice",
        NEITHER,
    ),
    (
        "alice namespaces=\"git,picket-operate@1\" KEY",
        "alice",
        BOTH,
    ),
    ("alice namespaces=\"picket-*\" KEY", "alice", BOTH),
    (
        "alice namespaces=\"*,!picket-operate@1\" KEY",
        "alice",
        NEITHER,
    ),
    (
        "alice namespaces=\"Picket-Operate@1\" KEY",
        "alice",
        NEITHER,
    ),
    (
        "alice namespaces=\"a b,picket-operate@1\" KEY",
        "alice",
        BOTH,
    ),
    ("alice namespaces=\"\" KEY", "alice", NEITHER),
    ("alice NameSpaces=\"picket-operate@1\" KEY", "alice", BOTH),
    (
        "alice namespaces=\"git\" KEY\nalice namespaces=\"picket-*\" KEY",
        "alice",
        BOTH,
    ),
    ("alice namespaces=picket-operate@1 KEY", "alice", NEITHER),
    ("alice namespaces=\"picket-operate@1 KEY", "alice", NEITHER),
    (
        "alice namespaces=\"picket-*\",namespaces=\"picket-*\" KEY",
        "alice",
        NEITHER,
    ),
    ("alice namespaces=\"picket-*\", KEY", "alice", NEITHER),
    ("alice namespaces=\"picket-*\" , KEY", "alice", NEITHER),
    ("alice no-such-option KEY", "alice", NEITHER),
    // Times. Both ends are within.
    ("alice valid-after=\"20260101Z\" KEY", "alice", BOTH),
    (
        "alice valid-after=\"20260101000001Z\" KEY",
        "alice",
        NEITHER,
    ),
    ("alice valid-after=\"202512312359Z\" KEY", "alice", BOTH),
    ("alice valid-after=\"20251231z\" KEY", "alice", BOTH),
    ("alice valid-before=\"20260101Z\" KEY", "alice", BOTH),
    (
        "alice valid-before=\"20251231235959Z\" KEY",
        "alice",
        NEITHER,
    ),
    (
        "alice valid-after=\"20251201Z\",valid-before=\"20260201Z\" KEY",
        "alice",
        BOTH,
    ),
    (
        "alice valid-after=\"20260201Z\",valid-before=\"20251201Z\" KEY",
        "alice",
        NEITHER,
    ),
    (
        "alice valid-before=\"20251201Z\" KEY\nalice valid-after=\"20251201Z\" KEY",
        "alice",
        BOTH,
    ),
    ("alice valid-after=\"2025-12-01Z\" KEY", "alice", NEITHER),
    ("alice valid-after=20251201Z KEY", "alice", NEITHER),
    ("alice valid-after=\"20251301Z\" KEY", "alice", NEITHER),
    // Authorities vouch for certificates alone.
    ("alice cert-authority KEY", "alice", NEITHER),
    // A Pi's time zone is its customer's, so a time must say that it is UTC.
    ("alice valid-after=\"20251201\" KEY", "alice", STRICTER),
    ("alice valid-before=\"20260201\" KEY", "alice", STRICTER),
    // A day that doesn't exist is a mistake, and not a day of the next month.
    ("alice valid-after=\"20250231Z\" KEY", "alice", STRICTER),
    // Who says nobody acts, isn't somebody.
    ("* KEY", "", STRICTER),
];

#[test]
fn both_read_allowed_signers_alike_but_where_we_say_so() {
    let keygen = SshKeygen::new();
    let (key, other) = (TestKey::new(1), TestKey::new(2));
    let mut wrong = Vec::new();
    for &(text, actor, expected) in ROWS {
        let text = text
            .replace("KEY", &key.public())
            .replace("OTHER", &other.public());
        let found = [
            judges(&key, &text, actor),
            verifies(&keygen, &key, &text, actor),
        ];
        if found != expected {
            wrong.push(format!(
                "{actor:?} by {text:?}: {found:?}, not {expected:?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn both_refuse_the_kinds_of_keys_that_are_not_what_they_say() {
    let keygen = SshKeygen::new();
    let key = TestKey::new(1);
    let (kind, body) = (key.public(), TestKey::of_token(1, TOUCHED).public());
    let (kind, body) = (
        kind.split_once(' ').unwrap().0,
        body.split_once(' ').unwrap().1,
    );
    for line in [
        format!("alice {kind} {body}\n"),
        format!("alice {kind} \n"),
        format!("alice {kind} AAAA\n"),
        format!("alice {kind} {}\n", &key.public()[12..40]),
        format!("alice {kind} {}\n", key.public()[12..].replace('A', "!")),
        format!("alice ssh-rsa {}\n", &key.public()[12..]),
    ] {
        assert!(!judges(&key, &line, "alice"), "{line}");
        assert!(!verifies(&keygen, &key, &line, "alice"), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_read_random_files_alike(lines in prop::collection::vec(line(), 1..5), actor in actor()) {
        let keygen = SshKeygen::new();
        let key = TestKey::new(1);
        let text = lines.join("\n");
        let (ours, theirs) = (judges(&key, &text, actor), verifies(&keygen, &key, &text, actor));
        prop_assert_eq!(ours, theirs, "{} by {:?}", actor, text);
    }
}

fn actor() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&["alice", "bob", "alice bob", "eve"][..])
}

/// A line that looks like one, out of parts on which both agree; about every third admits somebody.
fn line() -> impl Strategy<Value = String> {
    let principals = prop::sample::select(
        &[
            "alice",
            "bob",
            "*",
            "*",
            "al?ce",
            "a*,b*",
            "!alice,*",
            "*,!bob",
            "!bob",
            "\"alice\"",
            "\"alice bob\"",
            "\"*,!eve\"",
            "ali\"ce\"",
            "ali\"ce bob\"",
            "\"",
            "\"\"",
            "#alice",
        ][..],
    );
    let option = prop::sample::select(
        &[
            "namespaces=\"picket-operate@1\"",
            "namespaces=\"picket-*\"",
            "NAMESPACES=\"*,!git\"",
            "namespaces=\"git\"",
            "namespaces=\"a\\\"b,*\"",
            "namespaces=*",
            "valid-after=\"20251231Z\"",
            "valid-after=\"20260102Z\"",
            "Valid-After=\"202601010000Z\"",
            "valid-before=\"20260101000000Z\"",
            "valid-before=\"20251231235959Z\"",
            "valid-before=\"20270101Z\"",
            "valid-before=\"soon\"",
            "cert-authority",
            "unknown",
            "",
        ][..],
    );
    let one = TestKey::new(1).public();
    let (kind, body) = one.split_once(' ').expect("kind and key");
    let key = prop::sample::select(vec![
        one.clone(),
        one.clone(),
        one.clone() + " comment \"quoted\"",
        format!("{kind}\t {body}"),
        TestKey::new(2).public(),
        TestKey::of_token(1, TOUCHED).public(),
        body.to_owned(),
        kind.to_owned(),
    ]);
    let blank = || prop::sample::select(&[" ", " ", "\t", "  ", ""][..]);
    let options = prop::collection::vec(option, 0..3).prop_map(|options| options.join(","));
    (blank(), principals, blank(), options, blank(), key).prop_map(
        |(a, principals, b, options, c, key)| format!("{a}{principals}{b}{options}{c}{key}"),
    )
}

pub(crate) fn judges(key: &TestKey, text: &str, actor: &str) -> bool {
    judge(text, &signed_in(key, Privilege::Operate, &by(actor))).is_ok()
}

pub(crate) fn verifies(keygen: &SshKeygen, key: &TestKey, text: &str, actor: &str) -> bool {
    let message = reboot().payload();
    let query = Query {
        actor,
        namespace: OPERATE,
        time: MIDNIGHT,
        blob: &key.sign(OPERATE, &message),
        message: &message,
    };
    keygen.verifies(text, &query)
}
