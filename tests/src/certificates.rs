//! Certificates for TLS tests, made by the openssl command: an authority, and what it vouches for. They last a day.
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// An authority with its key.
pub struct Authority {
    folder: PathBuf,
    name: String,
}

/// A certificate and its key, as PEM files.
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// The key.
    pub key: PathBuf,
}

impl Authority {
    /// Makes one; its files lie in `folder`.
    pub fn new(folder: &Path, name: &str) -> Self {
        let extensions = "basicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign";
        make(folder, name, extensions, &[]);
        Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Its own certificate, for those who are to trust it.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(&self.name).with_extension("pem")
    }

    /// Vouches for `host`; the files are named after it and the authority.
    pub fn vouch(&self, host: &str) -> Certificate {
        let name = format!("{host}-by-{}", self.name);
        let extensions =
            format!("basicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:{host}");
        let ca = self.certificate();
        let key = ca.with_extension("key");
        let signer = ["-CA".as_ref(), ca.as_path(), "-CAkey".as_ref(), &key];
        make(&self.folder, &name, &extensions, &signer);
        Certificate {
            certificate: self.folder.join(format!("{name}.pem")),
            key: self.folder.join(format!("{name}.key")),
        }
    }
}

fn make(folder: &Path, name: &str, extensions: &str, signer: &[&Path]) {
    let config = folder.join(format!("{name}.cnf"));
    let text = format!(
        "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n[name]\nCN = {name}\n[extensions]\n{extensions}\n"
    );
    std::fs::write(&config, text).expect("the folder is writable");
    let output = Command::new("openssl")
        .args(["req", "-x509", "-days", "1", "-nodes", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-config"])
        .arg(&config)
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")))
        .args(signer)
        .output()
        .unwrap_or_else(|error| panic!("cannot start openssl: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl makes {name}: {said}");
}
