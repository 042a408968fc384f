//! Who may sign: the lines of `allowed_signers`, and which of them admits a key, an actor and a privilege now.
use picket_proto::{Privilege, Quality, WallClock};
use ssh_key::public::KeyData;

use super::{
    crypto,
    line::Signer,
    problem::LineProblem,
    refusal::{Distrust, Refusal},
    time::UnixTime,
};

/// Whoever may sign commands here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowedSigners {
    signers: Vec<Signer>,
}

/// What becomes of a line with times while the clock is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unjudged {
    /// It admits nobody.
    #[default]
    Refuse,
    /// It admits as if it had no times.
    Accept,
}

/// What is known about the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Known(UnixTime),
    Unknown(Unjudged),
}

impl Moment {
    /// A clock counts as known when the kernel calls it synchronised: a Pi has none of its own, and after boot it believes
    /// whatever it was left with.
    pub(super) fn new(wall: WallClock, boottime_ms: u64, unjudged: Unjudged) -> Self {
        match wall.quality {
            Quality::Synchronised => {
                Self::Known(UnixTime(wall.unix_ms(boottime_ms).div_euclid(1_000)))
            }
            Quality::Unset | Quality::Unsynchronised => Self::Unknown(unjudged),
        }
    }
}

impl AllowedSigners {
    /// Reads the text of an `allowed_signers` file. A wrong line counts for nothing and is told; the others count.
    #[must_use]
    pub fn parse(text: &str) -> (Self, Vec<LineProblem>) {
        let mut signers = Vec::new();
        let mut problems = Vec::new();
        for (number, text) in (1..).zip(text.split('\n')) {
            match Signer::parse(number, text) {
                Ok(signer) => signers.extend(signer),
                Err(flaw) => problems.push(LineProblem { line: number, flaw }),
            }
        }
        (Self { signers }, problems)
    }

    /// Whether nobody may sign.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.signers.is_empty()
    }

    /// Every good line, in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = &Signer> {
        self.signers.iter()
    }

    /// Whether any line has that key.
    pub(super) fn knows(&self, key: &KeyData) -> bool {
        self.signers.iter().any(|signer| signer.key == *key)
    }

    /// Whether a line with that key admits the actor with that privilege now. If none does, the one that came closest says why.
    pub(super) fn admit(
        &self,
        key: &KeyData,
        actor: &str,
        privilege: Privilege,
        moment: Moment,
    ) -> Result<(), Distrust> {
        let unknown = || Distrust::UnknownSigner(crypto::fingerprint(key));
        let admitted = self.any(key, |signer| signer.admit(actor, privilege, moment));
        admitted.map_err(|closest| closest.unwrap_or_else(unknown))
    }

    /// Whether a line with that key admits files of that namespace now. If none does, the one that came closest says why.
    pub(super) fn admit_file(
        &self,
        key: &KeyData,
        namespace: &'static str,
        moment: Moment,
    ) -> Result<(), Distrust> {
        let unknown = || Distrust::UnknownFileSigner(crypto::fingerprint(key));
        let admitted = self.any(key, |signer| signer.admit_file(namespace, moment));
        admitted.map_err(|closest| closest.unwrap_or_else(unknown))
    }

    /// Whether a line with that key admits; else the refusal that was nearest to none, if there is such a line.
    fn any(
        &self,
        key: &KeyData,
        admit: impl Fn(&Signer) -> Result<(), Distrust>,
    ) -> Result<(), Option<Distrust>> {
        let mut closest = None;
        for signer in self.signers.iter().filter(|signer| signer.key == *key) {
            match admit(signer) {
                Ok(()) => return Ok(()),
                Err(distrust) => closest = Some(closer(closest, distrust)),
            }
        }
        Err(closest)
    }
}

/// Which of two refusals was nearer to none; the first of equals.
fn closer(before: Option<Distrust>, distrust: Distrust) -> Distrust {
    let steps = |distrust: &Distrust| match distrust {
        Distrust::WrongActor { .. } => 0,
        Distrust::WrongNamespace { .. } | Distrust::NotForFile { .. } => 1,
        _ => 2,
    };
    match before {
        Some(before) if steps(&before) >= steps(&distrust) => before,
        _ => distrust,
    }
}

impl Signer {
    /// Whether this is a line of that key.
    #[must_use]
    pub fn is_of(&self, key: &KeyData) -> bool {
        self.key == *key
    }

    /// Whether this line admits the actor with that privilege, by that clock.
    ///
    /// # Errors
    /// What speaks against it first: the actor, the namespace, the time.
    pub fn admits(
        &self,
        actor: &str,
        privilege: Privilege,
        wall: WallClock,
        boottime_ms: u64,
    ) -> Result<(), Refusal> {
        let moment = Moment::new(wall, boottime_ms, Unjudged::Refuse);
        let admitted = self.admit(actor, privilege, moment);
        admitted.map_err(|distrust| Refusal::new(&distrust, None))
    }

    fn admit(&self, actor: &str, privilege: Privilege, moment: Moment) -> Result<(), Distrust> {
        if actor.is_empty() || !self.principals.matches(actor) {
            return Err(Distrust::WrongActor {
                line: self.line,
                key: self.fingerprint(),
                actor: actor.into(),
            });
        }
        if !self.privileges().any(|has| has == privilege) {
            return Err(Distrust::WrongNamespace {
                line: self.line,
                key: self.fingerprint(),
                privilege,
            });
        }
        self.valid(moment)
    }

    fn admit_file(&self, namespace: &'static str, moment: Moment) -> Result<(), Distrust> {
        let namespaces = self.options.namespaces.as_ref();
        if !namespaces.is_none_or(|patterns| patterns.matches(namespace)) {
            return Err(Distrust::NotForFile {
                line: self.line,
                key: self.fingerprint(),
                namespace,
            });
        }
        self.valid(moment)
    }

    /// Both ends are within, as in OpenSSH.
    fn valid(&self, moment: Moment) -> Result<(), Distrust> {
        let (line, after, before) = (self.line, self.options.after, self.options.before);
        match (moment, after, before) {
            (_, None, None) | (Moment::Unknown(Unjudged::Accept), ..) => Ok(()),
            (Moment::Unknown(Unjudged::Refuse), ..) => Err(Distrust::ClockUnknown { line }),
            (Moment::Known(now), Some(from), _) if now < from => {
                Err(Distrust::NotYet { line, from, now })
            }
            (Moment::Known(now), _, Some(until)) if now > until => {
                Err(Distrust::Expired { line, until, now })
            }
            (Moment::Known(_), ..) => Ok(()),
        }
    }
}
