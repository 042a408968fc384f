//! Images on an HTTP or HTTPS server. A line that drops or falls silent is taken up again where it ended (RFC 9110, sections 13.1.5
//! and 14.2), also from a server that can't: what came before is read again and dropped then. A file that changes meanwhile is noticed.
mod answer;

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ureq::{
    Agent,
    tls::{Certificate, PemItem, RootCerts, TlsConfig},
};

use super::Patience;
use crate::reinstall::{cancel::Cancel, fault::Fault};
use answer::{Answer, Ask};

/// Where Debian and its kin keep the authorities of the system.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";
const MAX_REDIRECTS: u32 = 5;
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// A server, and the folder on it.
pub(crate) struct Server {
    agent: Agent,
    base: String,
    patience: Patience,
    cancel: Cancel,
}

impl Server {
    pub(super) fn new(
        url: &str,
        ca: Option<&Path>,
        patience: Patience,
        cancel: Cancel,
    ) -> Result<Self, Fault> {
        let base = url.trim_end_matches('/').to_owned();
        let is_https = base.starts_with("https://");
        if !is_https && !base.starts_with("http://") {
            return Err(Fault::Fetch(format!("{url} is no http:// or https:// URL")));
        }
        let builder = Agent::config_builder()
            .user_agent(concat!("picketd/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            // What the environment says is not what the configuration says.
            .proxy(None)
            // A redirect doesn't take the encryption off.
            .https_only(is_https)
            .max_redirects(MAX_REDIRECTS)
            .max_idle_connections(0)
            .timeout_resolve(Some(patience.silence))
            .timeout_connect(Some(patience.silence))
            .timeout_recv_response(Some(patience.silence))
            .timeout_per_read(Some(patience.silence));
        let config = match is_https {
            true => builder.tls_config(tls(ca)?).build(),
            false => builder.build(),
        };
        let agent = config.new_agent();
        cancel.wake({
            let agent = agent.clone();
            move || agent.shutdown()
        });
        Ok(Self {
            agent,
            base,
            patience,
            cancel,
        })
    }

    pub(super) fn stream(&self, name: &str, size: Option<u64>) -> Result<Download, Fault> {
        let mut download = Download {
            agent: self.agent.clone(),
            url: format!("{}/{name}", self.base),
            patience: self.patience,
            cancel: self.cancel.clone(),
            ask: Ask::default(),
            size,
            body: None,
            failed: 0,
        };
        // A name that isn't there is told at once.
        download.connect_in_time()?;
        Ok(download)
    }
}

/// One file on its way.
pub(super) struct Download {
    agent: Agent,
    url: String,
    patience: Patience,
    cancel: Cancel,
    ask: Ask,
    size: Option<u64>,
    body: Option<Box<dyn Read + Send>>,
    /// Tries in a row that brought no byte.
    failed: u32,
}

impl Download {
    fn connect_in_time(&mut self) -> Result<(), Fault> {
        while self.body.is_none() {
            match self.connect() {
                Ok(answer) => self.body = Some(answer.body),
                Err(why) => self.again(&why)?,
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<Answer, Why> {
        let request = self.ask.write(self.agent.get(&self.url));
        let response = request.call().map_err(Why::of)?;
        let answer = Answer::read(response, &mut self.ask)?;
        match (self.size, answer.whole) {
            (Some(size), Some(whole)) if size != whole => Err(Why::Final(Fault::Digest(format!(
                "{} has {whole} bytes, and {size} by the catalogue",
                self.url
            )))),
            _ => Ok(answer),
        }
    }

    /// Waits before the next try, unless there is none.
    fn again(&mut self, why: &Why) -> Result<(), Fault> {
        self.body = None;
        self.cancel.check()?;
        self.failed += 1;
        let words = match why {
            Why::Final(Fault::Fetch(words)) => return Err(self.fault(words)),
            Why::Final(Fault::Digest(words)) => return Err(Fault::Digest(words.clone())),
            Why::Final(fault) => return Err(self.fault(&fault.to_string())),
            Why::Passing(words) => words,
        };
        if self.failed >= self.patience.tries {
            return Err(self.fault(&format!("{words}; given up after {} tries", self.failed)));
        }
        let pause = self.patience.pause * 2_u32.saturating_pow((self.failed - 1).min(16));
        self.cancel.wait(pause.min(MAX_PAUSE))
    }

    fn fault(&self, words: &str) -> Fault {
        Fault::Fetch(format!("{} can't be fetched: {words}", self.url))
    }

    fn read_on(&mut self, into: &mut [u8]) -> Result<usize, Fault> {
        loop {
            self.connect_in_time()?;
            let body = self.body.as_mut().expect("it is connected");
            let why = match body.read(into) {
                Ok(0) if self.size.is_none_or(|size| self.ask.from >= size) => return Ok(0),
                Ok(0) => Why::Passing("the server ended it too early".to_owned()),
                Ok(count) => {
                    self.failed = 0;
                    self.ask.from += count as u64;
                    return Ok(count);
                }
                Err(error) => Why::Passing(error.to_string()),
            };
            self.again(&why)?;
        }
    }
}

impl Read for Download {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match into.is_empty() {
            true => Ok(0),
            false => self.read_on(into).map_err(Fault::carried),
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Why {
    /// Asking again can't help.
    Final(Fault),
    /// It may be otherwise the next time.
    Passing(String),
}

impl Why {
    fn of(error: ureq::Error) -> Self {
        use ureq::Error::{BadUri, RedirectFailed, RequireHttpsOnly, Rustls, TooManyRedirects};
        match error {
            BadUri(_) | RedirectFailed | RequireHttpsOnly(_) | TooManyRedirects | Rustls(_) => {
                Self::Final(Fault::Fetch(error.to_string()))
            }
            error => Self::Passing(error.to_string()),
        }
    }
}

fn tls(ca: Option<&Path>) -> Result<TlsConfig, Fault> {
    let path = ca.map_or_else(|| PathBuf::from(SYSTEM_CA), Path::to_owned);
    let shown = path.display();
    let pem = std::fs::read(&path).map_err(|error| {
        Fault::Fetch(format!(
            "the authorities of HTTPS servers, {shown}, can't be read: {error}; `ca` names them"
        ))
    })?;
    let roots: Vec<Certificate<'static>> = ureq::tls::parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if roots.is_empty() {
        return Err(Fault::Fetch(format!(
            "{shown} has no certificate of an authority (PEM)"
        )));
    }
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build())
}
