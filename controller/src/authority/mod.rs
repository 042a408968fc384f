//! A fleet's authority: a folder with the key that vouches for broker and clients, and the register of what was given to whom. It
//! knows no broker's configuration and no agent's.
mod files;
mod issue;
mod password;
mod register;

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, Mode, flock};

pub use files::{make_private_folder, write_private, write_public};
pub use issue::Certificate;
pub use register::{Entry, Given, Login, Role};

use issue::Identity;
use register::Register;

/// The open authority; nobody else can change it meanwhile.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    register: Register,
    _lock: File,
}

/// How clients say who they are.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Credential {
    /// A password over TLS: whoever is revoked is thrown out at once
    Password,
    /// A client certificate: nothing secret ever leaves the client
    Certificate,
}

/// Which of its keys. Pis have one of their own, so that what it vouches for can be kept out where people come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Branch {
    /// Vouches for the broker and for people and collectors; everybody trusts it.
    Main,
    /// Vouches for Pis; only the broker's listener for Pis trusts it.
    Pis,
}

/// What a client gets, its secret too.
#[derive(Debug)]
pub enum Secret {
    /// Its password.
    Password(String),
    /// Its certificate and key.
    Certificate(Certificate),
}

impl Authority {
    /// Makes a new one in a folder that must not be there, or be empty.
    ///
    /// # Errors
    /// The folder can't be made, or something is in it.
    pub fn create(folder: &Path, name: &str, credential: Credential) -> Result<Self> {
        make_private_folder(folder)?;
        let shown = folder.display();
        ensure!(
            !folder.join(register::FILE).exists(),
            "there is an authority in {shown} already; `picket authority renew` gives it a new key"
        );
        let mut authority = Self {
            register: Register::default(),
            _lock: lock(folder)?,
            folder: folder.to_owned(),
        };
        authority.note(Entry::Begun {
            name: name.to_owned(),
            credential,
        })?;
        authority.renew()?;
        Ok(authority)
    }

    /// Opens one.
    ///
    /// # Errors
    /// There is none, or its register can't be read.
    pub fn open(folder: &Path) -> Result<Self> {
        ensure!(
            folder.join(register::FILE).exists(),
            "there is no authority in {}; make one with `picket authority new`",
            folder.display()
        );
        Ok(Self {
            // Safety-order: nobody else may add to what is read.
            _lock: lock(folder)?,
            register: Register::read(folder)?,
            folder: folder.to_owned(),
        })
    }

    /// How its clients say who they are.
    #[must_use]
    pub fn credential(&self) -> Credential {
        self.register.credential
    }

    /// Who has valid credentials, by name.
    #[must_use]
    pub fn given(&self) -> &BTreeMap<String, Given> {
        &self.register.given
    }

    /// Who has valid credentials as that.
    pub fn names(&self, role: Role) -> impl Iterator<Item = (&str, &Given)> {
        let given = self.register.given.iter();
        given
            .filter(move |(_, given)| given.role == role)
            .map(|(name, given)| (name.as_str(), given))
    }

    /// Gives credentials; those that it had before are no longer valid.
    ///
    /// # Errors
    /// The name has another role, or something can't be written.
    pub fn give(&mut self, name: &str, role: Role) -> Result<Secret> {
        if let Some(given) = self.register.given.get(name) {
            ensure!(
                given.role == role,
                "{name} is known as {}; revoke it first, or take another name",
                given.role
            );
        }
        let (login, secret) = match self.credential() {
            Credential::Password => {
                let password = password::fresh()?;
                let login = Login::Password(password::hashed(&password)?);
                (login, Secret::Password(password))
            }
            Credential::Certificate => {
                let branch = match role {
                    Role::Pi => Branch::Pis,
                    Role::Collector | Role::Operator => Branch::Main,
                };
                let certificate = self.issue(branch, &Identity::Client(name.to_owned()))?;
                let login = Login::Certificate(certificate.serial.clone());
                (login, Secret::Certificate(certificate))
            }
        };
        self.note(Entry::Given(name.to_owned(), Given { role, login }))?;
        Ok(secret)
    }

    /// A new certificate for the broker, by the newest key.
    ///
    /// # Errors
    /// The key can't be read, or a name can't stand in a certificate.
    pub fn vouch_for_broker(&self, names: &[String]) -> Result<Certificate> {
        self.issue(Branch::Main, &Identity::Broker(names.to_vec()))
    }

    fn issue(&self, branch: Branch, identity: &Identity) -> Result<Certificate> {
        issue::issue(&self.signer(branch, self.register.newest())?, identity)
    }

    /// Takes somebody's credentials back.
    ///
    /// # Errors
    /// Nobody of that name has any.
    pub fn revoke(&mut self, name: &str) -> Result<()> {
        ensure!(
            self.register.given.contains_key(name),
            "nobody called {name} has credentials; `picket authority list` tells who has"
        );
        self.note(Entry::Revoked(name.to_owned()))
    }

    /// Makes a new key, which vouches from now on. The ones before are trusted until they are retired.
    ///
    /// # Errors
    /// Something can't be written.
    pub fn renew(&mut self) -> Result<()> {
        let generation = self.register.newest() + 1;
        for branch in [Branch::Main, Branch::Pis] {
            let (certificate, key) = issue::authority(&self.title(branch, generation))?;
            write_private(&self.path(branch, generation, "key"), key.as_bytes())?;
            write_public(
                &self.path(branch, generation, "pem"),
                certificate.as_bytes(),
            )?;
        }
        self.note(Entry::Renewed(generation))
    }

    /// Trusts only the newest key. What the ones before vouched for is worth nothing to whoever hears of it.
    ///
    /// # Errors
    /// There is only one.
    pub fn retire(&mut self) -> Result<()> {
        if self.register.trusted.len() < 2 {
            bail!("there is one key only; make a new one with `picket authority renew`");
        }
        let newest = self.register.newest();
        self.note(Entry::Retired(newest))
    }

    /// The certificates of all keys of that branch that are trusted, PEM.
    ///
    /// # Errors
    /// One can't be read.
    pub fn trust(&self, branch: Branch) -> Result<String> {
        let trusted = self.register.trusted.iter();
        trusted
            .map(|generation| files::read(&self.path(branch, *generation, "pem")))
            .collect()
    }

    /// What is revoked, one list for each key of that branch that is trusted, PEM.
    ///
    /// # Errors
    /// A key can't be read.
    pub fn revocations(&self, branch: Branch) -> Result<String> {
        let trusted = self.register.trusted.iter();
        trusted
            .map(|generation| {
                let signer = self.signer(branch, *generation)?;
                issue::revocations(&signer, &self.register.revoked)
            })
            .collect()
    }

    fn signer(&self, branch: Branch, generation: u32) -> Result<issue::Signer> {
        let key = files::read(&self.path(branch, generation, "key"))?;
        issue::Signer::new(&self.title(branch, generation), &key)
    }

    fn note(&mut self, entry: Entry) -> Result<()> {
        self.register.append(&self.folder, entry)
    }

    /// The name in a key's own certificate.
    fn title(&self, branch: Branch, generation: u32) -> String {
        let name = &self.register.name;
        match branch {
            Branch::Main => format!("{name} {generation}"),
            Branch::Pis => format!("{name} for Pis {generation}"),
        }
    }

    fn path(&self, branch: Branch, generation: u32, kind: &str) -> PathBuf {
        let word = match branch {
            Branch::Main => "authority",
            Branch::Pis => "pis",
        };
        self.folder.join(format!("{word}-{generation}.{kind}"))
    }
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join("lock");
    let shown = path.display();
    let file = rustix::fs::open(
        &path,
        rustix::fs::OFlags::CREATE | rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    );
    let file = File::from(file.with_context(|| format!("{shown} can't be opened"))?);
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .with_context(|| format!("another picket works with this authority ({shown})"))?;
    Ok(file)
}

/// Opens a file to append to it, which only its owner may read.
fn appending(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}
