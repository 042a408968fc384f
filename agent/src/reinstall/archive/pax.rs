//! Extended headers of pax (POSIX.1-2017, pax, "pax Extended Header"), and what GNU tar and libarchive keep in them. It knows no
//! reader.
use crate::reinstall::fault::Fault;

/// More entries than a sparse file of a sane image has.
pub(super) const MAX_MAP: usize = 65_536;

/// What extended headers say; `None` where they don't.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pax {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) mtime: Option<(i64, u32)>,
    /// Extended attributes' names.
    pub(super) extended: Vec<String>,
    pub(super) sparse: Sparse,
}

/// What GNU tar says of a sparse file, in its formats 0.0, 0.1 and 1.0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sparse {
    pub(super) name: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) map: Vec<(u64, u64)>,
    pub(super) major: Option<u64>,
    offset: Option<u64>,
}

impl Sparse {
    /// Whether the file's map is at the beginning of its data (format 1.0).
    pub(super) fn has_map_in_data(&self) -> bool {
        self.major == Some(1)
    }

    /// Whether the entry is a sparse file at all.
    pub(super) fn is_any(&self) -> bool {
        self.size.is_some()
    }
}

impl Pax {
    /// Takes what the records say, over what was there.
    pub(super) fn take(&mut self, mut records: &[u8]) -> Result<(), Fault> {
        while !records.is_empty() && records[0] != 0 {
            let (key, value, rest) =
                record(records).ok_or_else(|| malformed("a record that isn't LENGTH KEY=VALUE"))?;
            self.set(key, value)?;
            records = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        let bytes = || Some(value.to_vec());
        match key {
            b"path" => self.path = bytes(),
            b"linkpath" => self.link = bytes(),
            b"size" => self.size = Some(number(value)?),
            b"uid" => self.uid = Some(number(value)?),
            b"gid" => self.gid = Some(number(value)?),
            b"mtime" => self.mtime = Some(time(value)?),
            b"GNU.sparse.name" => self.sparse.name = bytes(),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse.size = Some(number(value)?),
            b"GNU.sparse.major" => self.sparse.major = Some(number(value)?),
            b"GNU.sparse.offset" => self.sparse.offset = Some(number(value)?),
            b"GNU.sparse.numbytes" => self.numbytes(value)?,
            b"GNU.sparse.map" => self.map(value)?,
            key => self.extended_attribute(key),
        }
        Ok(())
    }

    fn numbytes(&mut self, value: &[u8]) -> Result<(), Fault> {
        let offset = self.sparse.offset.take();
        let offset =
            offset.ok_or_else(|| malformed("a sparse file's length without its offset"))?;
        self.piece(offset, number(value)?)
    }

    fn map(&mut self, value: &[u8]) -> Result<(), Fault> {
        let mut numbers = value.split(|&byte| byte == b',');
        while let Some(offset) = numbers.next().filter(|text| !text.is_empty()) {
            let length = numbers.next().unwrap_or_default();
            self.piece(number(offset)?, number(length)?)?;
        }
        Ok(())
    }

    fn piece(&mut self, offset: u64, length: u64) -> Result<(), Fault> {
        if self.sparse.map.len() >= MAX_MAP {
            return Err(malformed("a sparse file of too many pieces"));
        }
        self.sparse.map.push((offset, length));
        Ok(())
    }

    fn extended_attribute(&mut self, key: &[u8]) {
        const MOST: usize = 32;
        let name = [&b"SCHILY.xattr."[..], b"LIBARCHIVE.xattr.", b"SCHILY.acl."]
            .iter()
            .find_map(|prefix| key.strip_prefix(*prefix));
        if let Some(name) = name.filter(|_| self.extended.len() < MOST) {
            let name = name.escape_ascii().to_string();
            if !self.extended.contains(&name) {
                self.extended.push(name);
            }
        }
    }
}

/// The first record's key and value, and what follows.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(8).position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&records[..space]).ok()?.parse().ok()?;
    let (record, rest) = records.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

/// A decimal number.
pub(super) fn number(text: &[u8]) -> Result<u64, Fault> {
    let plain = std::str::from_utf8(text).ok();
    let plain = plain.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    plain.and_then(|text| text.parse().ok()).ok_or_else(|| {
        malformed(&format!(
            "{:?} is no number",
            text.escape_ascii().to_string()
        ))
    })
}

/// Seconds with a fraction, perhaps negative.
fn time(text: &[u8]) -> Result<(i64, u32), Fault> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let seconds: i64 = whole.parse().ok()?;
        let digits: String = fraction
            .chars()
            .chain("000000000".chars())
            .take(9)
            .collect();
        let nanoseconds: u32 = digits.parse().ok()?;
        Some(match (whole.starts_with('-'), nanoseconds) {
            (true, 1..) => (seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds),
            _ => (seconds, nanoseconds),
        })
    });
    parsed.ok_or_else(|| malformed("a time that is no number"))
}

fn malformed(what: &str) -> Fault {
    Fault::Archive(format!("an extended header is malformed: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(records: &[(&str, &str)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let length = (1..).find(|length| length.to_string().len() + rest.len() == *length);
            bytes.extend(format!("{}{rest}", length.unwrap()).bytes());
        }
        bytes
    }

    fn taken(records: &[(&str, &str)]) -> Result<Pax, Fault> {
        let mut pax = Pax::default();
        pax.take(&written(records)).map(|()| pax)
    }

    #[test]
    fn records_say_what_a_header_has_no_room_for() {
        let pax = taken(&[
            ("path", "a=b\nc"),
            ("size", "8589934592"),
            ("mtime", "-1.25"),
            ("uid", "70000"),
            ("SCHILY.xattr.security.capability", "x"),
            ("LIBARCHIVE.xattr.security.capability", "x"),
            ("comment", "ignored"),
        ]);
        let pax = pax.unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"a=b\nc"[..]));
        assert_eq!((pax.size, pax.uid), (Some(8_589_934_592), Some(70_000)));
        assert_eq!(pax.mtime, Some((-2, 750_000_000)));
        assert_eq!(pax.extended, ["security.capability"]);
    }

    #[test]
    fn the_three_forms_of_a_sparse_map_are_known() {
        for records in [
            &[
                ("GNU.sparse.size", "100"),
                ("GNU.sparse.offset", "0"),
                ("GNU.sparse.numbytes", "10"),
                ("GNU.sparse.offset", "50"),
                ("GNU.sparse.numbytes", "5"),
            ][..],
            &[("GNU.sparse.size", "100"), ("GNU.sparse.map", "0,10,50,5")],
        ] {
            let sparse = taken(records).unwrap().sparse;
            assert_eq!(
                (sparse.size, &*sparse.map),
                (Some(100), &[(0, 10), (50, 5)][..])
            );
        }
        let sparse = taken(&[("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "7")]);
        assert!(sparse.unwrap().sparse.has_map_in_data());
    }

    #[test]
    fn malformed_records_are_refused() {
        for bytes in [
            &b"x"[..],
            b"5 a=b",
            b"99 a=b\n",
            b"0 a=b\n",
            b"2 a=b\n",
            b"6 ab\n\n",
            b"18446744073709551616 a=b\n",
            b"12 size=-12\n",
            b"11 mtime=x\n",
            b"25 GNU.sparse.numbytes=1\n",
        ] {
            assert!(
                Pax::default().take(bytes).is_err(),
                "{}",
                bytes.escape_ascii()
            );
        }
    }
}
