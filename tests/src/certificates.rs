//! Certificates for TLS tests, made by the openssl command: an authority, and what it vouches for. They last a day.
use std::{
    net::IpAddr,
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
        Self::of(folder, name)
    }

    /// One that somebody else made: `NAME.pem` and `NAME.key` in that folder.
    pub fn of(folder: &Path, name: &str) -> Self {
        Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Its own certificate, for those who are to trust it.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(&self.name).with_extension("pem")
    }

    /// Vouches for `host`, a name or an address; the files are named after it and the authority.
    pub fn vouch(&self, host: &str) -> Certificate {
        let name = format!("{host}-by-{}", self.name);
        let extensions = format!(
            "basicConstraints = critical, CA:FALSE\nsubjectAltName = {}",
            alternative(host)
        );
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

impl Authority {
    /// Vouches for `host` as it did for a month of the year 2024, before any picketd was built.
    pub fn vouched(&self, host: &str) -> Certificate {
        let name = format!("{host}-once-by-{}", self.name);
        let at = |extension: &str| self.folder.join(format!("{name}.{extension}"));
        let text = format!(
            "[ca]\ndefault_ca = authority\n[authority]\ndatabase = {}\nnew_certs_dir = {}\npolicy = any\nrand_serial = yes\ndefault_md = sha256\n\
             [any]\ncommonName = supplied\n[extensions]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = {}\n",
            at("database").display(),
            self.folder.display(),
            alternative(host)
        );
        std::fs::write(at("cnf"), text).expect("the folder is writable");
        std::fs::write(at("database"), "").expect("the folder is writable");
        let subject = format!("/CN={host}");
        let mut request = Command::new("openssl");
        request
            .args(["req", "-new", "-nodes", "-newkey", "ec", "-pkeyopt"])
            .args(["ec_paramgen_curve:prime256v1", "-subj", &subject]);
        run(request
            .arg("-keyout")
            .arg(at("key"))
            .arg("-out")
            .arg(at("csr")));
        let mut vouch = Command::new("openssl");
        vouch
            .args(["ca", "-batch", "-notext", "-extensions", "extensions"])
            .args([
                "-startdate",
                "20240601000000Z",
                "-enddate",
                "20240701000000Z",
            ])
            .arg("-config")
            .arg(at("cnf"))
            .arg("-cert")
            .arg(self.certificate())
            .arg("-keyfile")
            .arg(self.certificate().with_extension("key"));
        run(vouch.arg("-in").arg(at("csr")).arg("-out").arg(at("pem")));
        Certificate {
            certificate: at("pem"),
            key: at("key"),
        }
    }
}

fn alternative(host: &str) -> String {
    match host.parse::<IpAddr>() {
        Ok(address) => format!("IP:{address}"),
        Err(_) => format!("DNS:{host}"),
    }
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("cannot start openssl: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

fn make(folder: &Path, name: &str, extensions: &str, signer: &[&Path]) {
    let config = folder.join(format!("{name}.cnf"));
    let text = format!(
        "[req]\nprompt = no\ndistinguished_name = name\nx509_extensions = extensions\n[name]\nCN = {name}\n[extensions]\n{extensions}\n"
    );
    std::fs::write(&config, text).expect("the folder is writable");
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-days", "1", "-nodes", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1", "-config"])
        .arg(&config)
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")))
        .args(signer);
    run(&mut command);
}
