//! The time by which certificates are judged on a machine without a real-time clock: what the wall clock says when the kernel
//! calls it synchronised, else the latest of it, the date of the build and the last time that was good. That one lies in the
//! state directory, which can be the tenant's to write. It doesn't know what a certificate is.
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::{
    fs::OFlags,
    time::{ClockId, clock_gettime},
};

use super::wall::NOT_BEFORE;
use crate::sys;

/// Unix time in s that had passed when this binary was built: SOURCE_DATE_EPOCH of its build, else [`NOT_BEFORE`].
pub const BUILT: i64 = match option_env!("SOURCE_DATE_EPOCH") {
    Some(digits) => later(decimal(digits), NOT_BEFORE),
    None => NOT_BEFORE,
};

/// The file in the state directory: Unix time in s, in digits.
const FILE: &str = "clock";
/// 20 digits are more than 64 bits have.
const MOST: u64 = 20;

/// The time now, Unix time in s, by which certificates are judged; `last_good` is what [`last_good`] read.
#[must_use]
pub fn now(last_good: Option<i64>) -> i64 {
    let clock = clock_gettime(ClockId::Realtime).tv_sec;
    judged_at(
        clock,
        sys::clock_is_synchronised().unwrap_or(false),
        last_good,
    )
}

/// A clock that is synchronised is believed, so that a good time which was in the future counts only until the clock is set.
fn judged_at(clock: i64, synchronised: bool, last_good: Option<i64>) -> i64 {
    match synchronised && clock >= BUILT {
        true => clock,
        false => clock.max(BUILT).max(last_good.unwrap_or(0)),
    }
}

/// The last good time that was kept in that directory, Unix time in s. `None` if there is none, or nothing that was kept.
#[must_use]
pub fn last_good(directory: &Path) -> Option<i64> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32)
        .open(directory.join(FILE))
        .ok()?;
    let mut text = String::new();
    file.take(MOST).read_to_string(&mut text).ok()?;
    text.trim_end().parse().ok()
}

/// Keeps a good time, Unix time in s, in that directory; after a crash the one before or this one is there.
///
/// # Errors
/// Whatever the file system says.
pub fn keep(directory: &Path, unix_s: i64) -> io::Result<()> {
    let temporary = directory.join("clock.new");
    // What a tenant put there is neither followed nor written to.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)?;
    writeln!(file, "{unix_s}")?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(FILE))?;
    File::open(directory)?.sync_all()
}

const fn later(one: i64, other: i64) -> i64 {
    if one > other { one } else { other }
}

/// 0 if it is no number.
const fn decimal(digits: &str) -> i64 {
    let digits = digits.as_bytes();
    let (mut value, mut at) = (0_i64, 0);
    while at < digits.len() {
        let digit = digits[at].wrapping_sub(b'0');
        if digit > 9 || value > i64::MAX / 100 {
            return 0;
        }
        value = value * 10 + digit as i64;
        at += 1;
    }
    value
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_clock_that_is_not_synchronised_never_goes_behind_what_was_good() {
        const NOW: i64 = BUILT + 1_000_000;
        for (clock, synchronised, last_good, expected) in [
            (0, false, None, BUILT),
            (0, true, None, BUILT),
            (0, false, Some(7), BUILT),
            (0, false, Some(NOW), NOW),
            (NOW, false, Some(BUILT), NOW),
            (NOW, false, Some(NOW + 9), NOW + 9),
            (NOW, true, Some(NOW + 9), NOW),
            (BUILT - 1, true, Some(NOW), NOW),
        ] {
            let judged = judged_at(clock, synchronised, last_good);
            assert_eq!(judged, expected, "{clock} {synchronised} {last_good:?}");
        }
    }

    #[test]
    fn a_good_time_is_kept_and_what_is_none_is_not_read() {
        let state = tempfile::tempdir().unwrap();
        let (kept, victim) = (state.path().join(FILE), state.path().join("victim"));
        assert_eq!(last_good(state.path()), None);
        fs::write(&victim, "1").unwrap();
        symlink(&victim, state.path().join("clock.new")).unwrap();
        keep(state.path(), BUILT).unwrap();
        assert_eq!(last_good(state.path()), Some(BUILT));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "1");
        for text in ["", "soon", "99999999999999999999999"] {
            fs::write(&kept, text).unwrap();
            assert_eq!(last_good(state.path()), None, "{text:?}");
        }
        fs::remove_file(&kept).unwrap();
        symlink(&victim, &kept).unwrap();
        assert_eq!(last_good(state.path()), None);
    }

    #[test]
    fn the_date_of_a_build_is_a_number_or_nothing() {
        for (digits, expected) in [
            ("1795359649", 1_795_359_649),
            ("", 0),
            ("-1", 0),
            ("99999999999999999999", 0),
        ] {
            assert_eq!(decimal(digits), expected, "{digits}");
        }
    }
}
