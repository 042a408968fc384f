//! What is asked of the server, and what its answer means: the file from its beginning, the rest of it, another file, or none.
use std::io::{self, Read};

use ureq::{
    Body, RequestBuilder,
    http::{HeaderMap, Response, StatusCode, header},
    typestate::WithoutBody,
};

use super::Why;
use crate::reinstall::fault::Fault;

/// What is to be asked for.
#[derive(Debug, Default)]
pub(super) struct Ask {
    /// From which byte on.
    pub(super) from: u64,
    /// What names the file as it was when it was first asked for: a strong ETag, else the time of its last change.
    validator: Option<String>,
}

/// A good answer.
pub(super) struct Answer {
    /// What follows, from the asked byte on.
    pub(super) body: Box<dyn Read + Send>,
    /// Length of the whole file, in bytes, if the server says it.
    pub(super) whole: Option<u64>,
}

impl Ask {
    pub(super) fn write(
        &self,
        request: RequestBuilder<WithoutBody>,
    ) -> RequestBuilder<WithoutBody> {
        // Compressed on the way it would be other bytes.
        let request = request.header(header::ACCEPT_ENCODING, "identity");
        if self.from == 0 {
            return request;
        }
        let request = request.header(header::RANGE, format!("bytes={}-", self.from));
        match &self.validator {
            Some(validator) => request.header(header::IF_RANGE, validator),
            None => request,
        }
    }
}

impl Answer {
    pub(super) fn read(response: Response<Body>, ask: &mut Ask) -> Result<Self, Why> {
        let (head, body) = response.into_parts();
        let found = validator(&head.headers);
        let length = number(&head.headers, header::CONTENT_LENGTH);
        let body = Box::new(body.into_with_config().limit(u64::MAX).reader());
        match head.status {
            StatusCode::OK => {
                if ask.from > 0 && ask.validator.is_some() && found != ask.validator {
                    return Err(changed());
                }
                ask.validator = found;
                Ok(Self {
                    body: Box::new(Behind {
                        body,
                        unwanted: ask.from,
                    }),
                    whole: length,
                })
            }
            StatusCode::PARTIAL_CONTENT if ask.from > 0 => {
                let (start, whole) = range(&head.headers)
                    .ok_or_else(|| wrong("a Content-Range that can't be read"))?;
                if start != ask.from {
                    return Err(wrong(&format!(
                        "the bytes from {start} on instead of {}",
                        ask.from
                    )));
                }
                if ask.validator.is_some() && found.is_some() && found != ask.validator {
                    return Err(changed());
                }
                Ok(Self { body, whole })
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Err(changed()),
            status
                if status.is_server_error()
                    || matches!(
                        status,
                        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS
                    ) =>
            {
                Err(Why::Passing(format!("the server answers {status}")))
            }
            status => Err(Why::Final(Fault::Fetch(format!(
                "the server answers {status}"
            )))),
        }
    }
}

/// A body that begins before what is wanted.
struct Behind<R> {
    body: R,
    unwanted: u64,
}

impl<R: Read> Read for Behind<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut dropped = [0; 4096];
        while self.unwanted > 0 {
            let most = usize::try_from(self.unwanted)
                .unwrap_or(usize::MAX)
                .min(dropped.len());
            match self.body.read(&mut dropped[..most])? {
                0 => return Ok(0),
                count => self.unwanted -= count as u64,
            }
        }
        self.body.read(into)
    }
}

/// Only a strong one may be asked with (RFC 9110, section 13.1.5).
fn validator(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let strong = text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
    strong
        .or_else(|| text(header::LAST_MODIFIED))
        .map(str::to_owned)
}

fn number(headers: &HeaderMap, name: header::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// First byte, and the whole length if it is said: `bytes 5-9/10`.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (span, whole) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = span.split_once('-')?;
    Some((start.parse().ok()?, whole.parse().ok()))
}

fn wrong(what: &str) -> Why {
    Why::Final(Fault::Fetch(format!("the server sends {what}")))
}

fn changed() -> Why {
    Why::Final(Fault::Fetch(
        "it changed on the server meanwhile; order again".to_owned(),
    ))
}
