//! Entries as they come out of headers; whole archives of real tools are in `unpack`'s tests.
use super::*;

#[test]
fn what_is_not_read_of_an_entry_is_skipped_and_what_is_read_is_its_data() {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, data) in [("a", &b"first"[..]), ("b", &[7; 1000]), ("c", b"")] {
        let mut header = Header::new_gnu();
        for set in [Header::set_uid, Header::set_gid, Header::set_mtime] {
            set(&mut header, 3);
        }
        header.set_mode(0o100_644);
        header.set_size(data.len() as u64);
        builder.append_data(&mut header, path, data).unwrap();
    }
    let tar = builder.into_inner().unwrap();
    let mut archive = Archive::new(&tar[..]);
    let first = archive.next_entry().unwrap().unwrap();
    let attributes = Attributes {
        mode: 0o644,
        uid: 3,
        gid: 3,
        mtime: (3, 0),
    };
    assert_eq!((first.path, first.attributes), (b"a".to_vec(), attributes));
    let second = archive.next_entry().unwrap().unwrap();
    let size = Kind::File {
        size: 1000,
        map: None,
    };
    assert_eq!(second.kind, size);
    let mut data = [0; 600];
    assert_eq!(archive.read(&mut data).unwrap(), 600);
    assert_eq!(data, [7; 600]);
    assert_eq!(archive.next_entry().unwrap().unwrap().path, b"c");
    assert_eq!(archive.next_entry().unwrap(), None);
    assert!(archive.finish().unwrap().is_empty());
}

#[test]
fn global_headers_hold_for_all_that_follow_and_an_entrys_own_come_first() {
    let record = |text: &str| format!("{} {text}\n", text.len() + 3);
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |kind, data: &[u8]| {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_path("x").unwrap();
        for set in [Header::set_uid, Header::set_gid, Header::set_mtime] {
            set(&mut header, 0);
        }
        header.set_mode(0o600);
        header.set_size(data.len() as u64);
        header.set_cksum();
        builder.append(&header, data).unwrap();
    };
    add(EntryType::XGlobalHeader, record("uid=7").as_bytes());
    add(EntryType::Regular, b"");
    add(EntryType::XHeader, record("uid=8").as_bytes());
    add(EntryType::Regular, b"");
    add(EntryType::Regular, b"");
    let tar = builder.into_inner().unwrap();
    let mut archive = Archive::new(&tar[..]);
    let mut owners = Vec::new();
    while let Some(entry) = archive.next_entry().unwrap() {
        owners.push(entry.attributes.uid);
    }
    assert_eq!(owners, [7, 8, 7]);
}
