//! sshd: enabled under systemd, and whether its configuration lets in whoever was ordered to get in. It changes no configuration.
use crate::{
    install::{enable, find_unit},
    tree::{Kind, Tree},
};

use super::{Error, host_keys};

/// Debian's and everybody else's name.
const SERVICES: [&str; 2] = ["ssh.service", "sshd.service"];
const SOCKET: &str = "etc/systemd/system/sockets.target.wants/ssh.socket";
const CONFIG: &str = "etc/ssh/sshd_config";
const PARTS: &str = "etc/ssh/sshd_config.d";
const MAX: u64 = 1024 * 1024;
const OWN_KEY: &str = "/etc/ssh/";

/// Enables it, unless a socket starts it, as Ubuntu has it.
///
/// # Errors
/// Something can't be read or written.
pub(super) fn enable_under_systemd(tree: &Tree) -> Result<(), Error> {
    if tree.kind(SOCKET)?.is_some() {
        return Ok(());
    }
    for service in SERVICES {
        if let Some(units) = find_unit(tree, service)? {
            return Ok(enable(tree, units, service)?);
        }
    }
    Ok(())
}

/// What keeps people out, in words.
///
/// # Errors
/// Something can't be read.
pub(super) fn look(tree: &Tree) -> Result<Vec<String>, Error> {
    let Some(mut text) = tree.text(CONFIG, MAX)? else {
        return Ok(vec![
            "the image has no etc/ssh/sshd_config: is there an sshd in it?".to_owned(),
        ]);
    };
    for name in tree.names(PARTS)? {
        let path = format!("{PARTS}/{name}");
        if name.ends_with(".conf") && tree.kind(&path)? == Some(Kind::File) {
            text += "\n";
            text += &tree.text(&path, MAX)?.unwrap_or_default();
        }
    }
    Ok(warnings(&text))
}

/// sshd_config(5): a keyword in any case, blanks or one `=`, its values.
fn warnings(config: &str) -> Vec<String> {
    let values = |wanted: &str| -> Vec<String> {
        let mut found = Vec::new();
        for line in config.lines() {
            let mut words = line.split(|c: char| c.is_ascii_whitespace() || c == '=' || c == '"');
            let mut words = words.by_ref().filter(|word| !word.is_empty());
            if words
                .next()
                .is_some_and(|key| key.eq_ignore_ascii_case(wanted))
            {
                found.extend(words.map(str::to_owned));
            }
        }
        found
    };
    let mut warnings = Vec::new();
    let keys = values("HostKey");
    let own = format!("{OWN_KEY}{}", host_keys::OWN);
    if !keys.is_empty() && !keys.contains(&own) {
        warnings.push(format!(
            "the image's sshd_config names other host keys than {own}"
        ));
    }
    let files = values("AuthorizedKeysFile");
    let usual = |file: &String| file.ends_with(".ssh/authorized_keys");
    if !files.is_empty() && !files.iter().any(usual) {
        warnings.push(
            "the image's sshd_config has another AuthorizedKeysFile than .ssh/authorized_keys"
                .to_owned(),
        );
    }
    if values("PubkeyAuthentication")
        .iter()
        .any(|value| value.eq_ignore_ascii_case("no"))
    {
        warnings.push("the image's sshd_config takes no keys: PubkeyAuthentication no".to_owned());
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_keeps_people_out_is_told_of() {
        for (config, told) in [
            ("", 0),
            ("#HostKey /etc/ssh/ssh_host_rsa_key\nPermitRootLogin no", 0),
            (
                "HostKey /etc/ssh/ssh_host_rsa_key\nHostKey=\"/etc/ssh/ssh_host_ed25519_key\"",
                0,
            ),
            (
                "AuthorizedKeysFile\t.ssh/authorized_keys .ssh/authorized_keys2",
                0,
            ),
            ("hostkey /etc/ssh/ssh_host_rsa_key", 1),
            (
                "AuthorizedKeysFile /etc/ssh/keys/%u\nPubkeyAuthentication no",
                2,
            ),
        ] {
            assert_eq!(warnings(config).len(), told, "{config:?}");
        }
    }
}
