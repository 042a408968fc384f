//! Who runs this program, as the system says: `USER@HOST`. For the audit log.
use std::fs;

/// `USER@HOST`; the user's number when he has no name.
pub(super) fn by() -> String {
    let uid = rustix::process::getuid().as_raw();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = name(&passwd, uid).map_or_else(|| format!("uid-{uid}"), str::to_owned);
    let host = rustix::system::uname();
    format!("{user}@{}", host.nodename().to_string_lossy())
}

/// The user's name in the text of a passwd file (passwd(5)).
fn name(passwd: &str, uid: u32) -> Option<&str> {
    let users = passwd
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let mut users = users.filter(|fields| fields.get(2).is_some_and(|id| id.parse() == Ok(uid)));
    users.next().and_then(|fields| fields.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_the_name_of_his_number() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\nbroken\nanna:x:1000:1000::/home/anna:/bin/sh\n";
        for (uid, user) in [(0, Some("root")), (1000, Some("anna")), (7, None)] {
            assert_eq!(name(passwd, uid), user);
        }
        assert!(by().contains('@'));
    }
}
