//! The sources against a server that does what servers do: drops the line, stalls, knows no ranges, changes the file, lies.
mod server;

use std::{fs, io::Read, time::Duration};

use super::*;
use server::{Act, Fixture, PATIENCE, bytes};

fn fetched(server: &Fixture, size: Option<u64>) -> Result<Vec<u8>, Fault> {
    let source = Source::open(&server.images(), None, PATIENCE, &Cancel::default())?;
    let mut found = Vec::new();
    let mut stream = source.stream("image", size)?;
    stream.read_to_end(&mut found).map_err(Fault::back)?;
    Ok(found)
}

#[test]
fn a_line_that_drops_is_taken_up_where_it_ended() {
    let whole = bytes(300_000);
    let size = Some(whole.len() as u64);
    for (what, acts) in [
        ("no fault", vec![Act::Whole]),
        ("dropped", vec![Act::Drop(100_000), Act::Range]),
        (
            "dropped again and again",
            vec![
                Act::Drop(10),
                Act::DropRange(1000),
                Act::DropRange(1000),
                Act::Range,
            ],
        ),
        ("no ranges", vec![Act::Drop(200_000), Act::Whole]),
        ("stalled", vec![Act::Stall(5000), Act::Range]),
        (
            "busy",
            vec![Act::Status(503), Act::Drop(7), Act::Status(429), Act::Range],
        ),
        (
            "closed without an answer",
            vec![Act::Close, Act::Drop(7), Act::Close, Act::Range],
        ),
        (
            "redirected",
            vec![Act::Redirect, Act::Drop(7), Act::Redirect, Act::Range],
        ),
        (
            "no validators",
            vec![
                Act::Anonymous(Box::new(Act::Drop(100))),
                Act::Anonymous(Box::new(Act::Range)),
            ],
        ),
    ] {
        let count = acts.len();
        let server = Fixture::start(whole.clone(), acts);
        let found = fetched(&server, size).unwrap_or_else(|fault| panic!("{what}: {fault}"));
        assert!(found == whole, "{what}: other bytes");
        assert_eq!(server.asked().len(), count, "{what}");
    }
}

#[test]
fn it_asks_for_what_is_missing_of_what_it_had() {
    let server = Fixture::start(bytes(1000), vec![Act::Drop(100), Act::Range]);
    fetched(&server, Some(1000)).unwrap();
    let asked = server.asked();
    assert!(
        !asked[0].contains("range:") && asked[0].contains("accept-encoding: identity"),
        "{}",
        asked[0]
    );
    assert!(
        asked[1].contains("range: bytes=100-") && asked[1].contains("if-range: \"1\""),
        "{}",
        asked[1]
    );
}

#[test]
fn what_no_further_try_can_help_is_told_at_once() {
    let whole = bytes(10_000);
    for (what, acts, why) in [
        ("absent", vec![Act::Status(404)], "404"),
        ("forbidden", vec![Act::Status(403)], "403"),
        (
            "another length",
            vec![Act::Longer],
            "10001 bytes, and 10000 by the catalogue",
        ),
        ("changed", vec![Act::Drop(100), Act::Changed], "changed"),
        (
            "a range of the changed",
            vec![Act::Drop(100), Act::ChangedRange],
            "changed",
        ),
        (
            "shorter meanwhile",
            vec![Act::Drop(100), Act::Status(416)],
            "changed",
        ),
        (
            "another range",
            vec![Act::Drop(100), Act::WrongRange],
            "from 0 on instead of 100",
        ),
        (
            "no Content-Range",
            vec![Act::Drop(100), Act::BareRange],
            "Content-Range",
        ),
        ("in circles", vec![Act::Circle; 6], "redirect"),
    ] {
        let count = acts.len();
        let server = Fixture::start(whole.clone(), acts);
        let fault = fetched(&server, Some(10_000)).unwrap_err();
        assert!(fault.to_string().contains(why), "{what}: {fault}");
        assert!(
            matches!(fault, Fault::Fetch(_) | Fault::Digest(_)),
            "{what}: {fault}"
        );
        assert_eq!(server.asked().len(), count, "{what}");
    }
}

#[test]
fn a_server_that_gives_nothing_is_given_up() {
    let server = Fixture::start(bytes(10), vec![Act::Status(500); 20]);
    let fault = fetched(&server, Some(10)).unwrap_err();
    assert!(
        fault.to_string().contains("given up after 4 tries"),
        "{fault}"
    );
    // Nobody listens any more.
    let images = server.images();
    drop(server);
    let source = Source::open(&images, None, PATIENCE, &Cancel::default()).unwrap();
    assert!(matches!(source.stream("image", None), Err(Fault::Fetch(_))));
}

#[test]
fn a_wish_to_give_up_ends_a_wait_for_bytes_and_for_the_next_try() {
    let patient = Patience {
        silence: Duration::from_secs(600),
        pause: Duration::from_secs(600),
        tries: 9,
    };
    for act in [Act::Stall(0), Act::Stall(10), Act::Status(500)] {
        let server = Fixture::start(bytes(1000), vec![act.clone()]);
        let cancel = Cancel::default();
        let source = Source::open(&server.images(), None, patient, &cancel).unwrap();
        let reader = std::thread::spawn(move || {
            let mut stream = source.stream("image", Some(1000))?;
            stream.read_to_end(&mut Vec::new()).map_err(Fault::back)
        });
        server.wait_for_request();
        cancel.wish();
        assert!(
            matches!(reader.join().unwrap(), Err(Fault::GivenUp)),
            "{act:?}"
        );
    }
}

#[test]
fn small_files_are_bounded() {
    let server = Fixture::start(bytes(1000), vec![Act::Whole, Act::Whole, Act::Endless]);
    let source = Source::open(&server.images(), None, PATIENCE, &Cancel::default()).unwrap();
    assert_eq!(source.small("image", 1000).unwrap().len(), 1000);
    for _ in 0..2 {
        let fault = source.small("image", 999).unwrap_err();
        assert!(fault.to_string().contains("longer than 999"), "{fault}");
    }
}

#[test]
fn a_folder_gives_regular_files_of_the_right_length() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("image"), "12345").unwrap();
    fs::create_dir(folder.path().join("d")).unwrap();
    let open = |path: &Path| {
        Source::open(
            &Images::Folder(path.to_owned()),
            None,
            PATIENCE,
            &Cancel::default(),
        )
    };
    let source = open(folder.path()).unwrap();
    assert_eq!(source.small("image", 5).unwrap(), b"12345");
    let refused = |name, size| {
        source
            .stream(name, size)
            .err()
            .map(|fault| fault.to_string())
            .unwrap_or_default()
    };
    assert!(refused("image", Some(6)).contains("5 bytes, and 6 by the catalogue"));
    assert!(refused("d", None).contains("no regular file"));
    assert!(refused("none", None).contains("No such file"));
    assert!(open(&folder.path().join("image")).is_err());
}

#[test]
fn what_is_no_url_or_has_no_authorities_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("ca.pem");
    fs::write(&empty, "none").unwrap();
    for (url, ca, why) in [
        ("ftp://x/", None, "no http:// or https://"),
        ("/srv", None, "no http:// or https://"),
        (
            "https://x/",
            Some(folder.path().join("none")),
            "can't be read",
        ),
        ("https://x/", Some(empty), "no certificate"),
    ] {
        let opened = Source::open(
            &Images::Url(url.to_owned()),
            ca.as_deref(),
            PATIENCE,
            &Cancel::default(),
        );
        let fault = opened.err().unwrap();
        assert!(fault.to_string().contains(why), "{url}: {fault}");
    }
}
