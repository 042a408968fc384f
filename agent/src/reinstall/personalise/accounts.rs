//! Who gets into an image over ssh: root, and the user whom the image was made with. From /etc/passwd (passwd(5)); it writes nothing.
use crate::tree::{Error, Owner, Tree};

/// Somebody's home in the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// The path of his home, without a leading slash.
    pub(super) home: String,
    pub(super) owner: Owner,
}

const PASSWD: &str = "etc/passwd";
const MAX: u64 = 1024 * 1024;
/// What Raspberry Pi OS (`pi`), Debian and Ubuntu give to the first user of a system.
const FIRST_USER: u32 = 1000;
const NO_SHELLS: [&str; 2] = ["nologin", "false"];

/// Root, and the image's first user if he has a home and a shell.
pub(super) fn of(tree: &Tree) -> Result<Vec<Account>, Error> {
    let passwd = tree.text(PASSWD, MAX)?.unwrap_or_default();
    let root = find(&passwd, 0).unwrap_or_else(|| Account {
        home: "root".to_owned(),
        owner: Owner::ROOT,
    });
    let mut accounts = vec![root];
    if let Some(first) = find(&passwd, FIRST_USER) {
        if tree.has_directory(&first.home)? {
            accounts.push(first);
        }
    }
    Ok(accounts)
}

fn find(passwd: &str, wanted: u32) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let [_, _, user, group, _, home, shell] = fields[..] else {
            return None;
        };
        let user: u32 = user.parse().ok().filter(|user| *user == wanted)?;
        let may_log_in = !NO_SHELLS.iter().any(|none| shell.ends_with(none));
        let home = home.trim_matches('/');
        (may_log_in && !home.is_empty()).then_some(Account {
            home: home.to_owned(),
            owner: Owner {
                user,
                group: group.parse().ok()?,
            },
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_his_number_and_needs_a_shell_and_a_home() {
        let passwd = "root:x:0:0:root:/root:/bin/bash\n\
                      broken:x:1000:1000\n\
                      daemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
                      pi:x:1000:1001:,,,:/home/pi:/bin/bash\n\
                      homeless:x:1002:1002::/:/bin/sh\n";
        let account = |home: &str, user, group| {
            Some(Account {
                home: home.to_owned(),
                owner: Owner { user, group },
            })
        };
        for (wanted, found) in [
            (0, account("root", 0, 0)),
            (1000, account("home/pi", 1000, 1001)),
            (1, None),
            (1002, None),
            (7, None),
        ] {
            assert_eq!(find(passwd, wanted), found, "{wanted}");
        }
    }
}
