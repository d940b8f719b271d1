//! Performs one attempt of a request. Any status is an answer; only what got none is a failure. Nothing is retried here.

mod agents;
mod answer;
mod failure;
mod proxy;
mod redirect;
mod transport;

use failure::{Local, failed, refused};
use flate2::{Compression, write::GzEncoder};
use runwire_core::{
    Completion, Failure,
    net::{Body, HttpRequest, HttpResponse, Method},
};
use std::{
    fs::File,
    io::{self, Read, Write},
    time::{Duration, Instant},
};
use ureq::{SendBody, http};

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 10;
/// Bound of making a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A transfer without a bound of its own fails when the other side is silent for so long.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// Does what `request` says. Calls `moving` with each piece of a file that was taken.
pub(crate) fn perform(request: &HttpRequest, moving: &mut dyn FnMut()) -> Completion {
    match attempt(request, moving) {
        Ok(response) => Completion::Http(Box::new(response)),
        Err(failure) => Completion::Failed(failure),
    }
}

fn attempt(request: &HttpRequest, moving: &mut dyn FnMut()) -> Result<HttpResponse, Failure> {
    let until = request.timeout.map(|timeout| Instant::now() + timeout);
    let compressed = match &request.body {
        Body::Bytes(bytes) if request.gzip && !has(request, "content-encoding") => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let done = encoder.write_all(bytes).and_then(|()| encoder.finish());
            Some(done.map_err(|error| refused(request, &error))?)
        }
        Body::Empty | Body::Bytes(_) | Body::File { .. } => None,
    };
    let asked: http::Uri =
        request.url.parse().map_err(|error: http::uri::InvalidUri| refused(request, &error.to_string()))?;
    if !redirect::is_usable(&asked) {
        return Err(refused(request, &"it is no http or https address"));
    }
    let mut url = asked.clone();
    for _ in 0..=REDIRECTS_MAX {
        let own = redirect::origin(&url) == redirect::origin(&asked);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
        let response = send(request, &url, compressed.as_deref(), own, left, moving)?;
        match redirect::next(request.method, &response, &url) {
            Some(next) => {
                answer::drain(response);
                url = next;
            }
            None => return answer::read(request, response),
        }
    }
    Err(refused(request, &"it redirects without end"))
}

fn send(
    request: &HttpRequest,
    url: &http::Uri,
    compressed: Option<&[u8]>,
    own_origin: bool,
    timeout: Option<Duration>,
    moving: &mut dyn FnMut(),
) -> Result<http::Response<ureq::Body>, Failure> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
    };
    let mut builder = http::Request::builder().method(method).uri(url.clone());
    for header in &request.headers {
        // Credentials are for the address that was asked, not for where it points to. How long the body is, and how it
        // is framed, is decided here.
        let private = ["authorization", "proxy-authorization", "cookie"].iter().any(|name| header.is(name));
        let framing = ["content-length", "transfer-encoding"].iter().any(|name| header.is(name));
        if (own_origin || !private) && !framing {
            builder = builder.header(&header.name, header.value.reveal());
        }
    }
    if compressed.is_some() {
        builder = builder.header("Content-Encoding", "gzip");
    }
    let length = compressed.map_or(request.body.len(), |bytes| bytes.len() as u64);
    if request.method != Method::Get {
        builder = builder.header("Content-Length", length);
    }
    let agent = agents::find(request, url).map_err(|error| failed(request, &error))?;
    let outcome = match (&request.body, compressed) {
        (_, Some(mut bytes)) => run(&agent, builder, SendBody::from_reader(&mut bytes), timeout),
        (Body::Empty, None) if request.method == Method::Get => run(&agent, builder, SendBody::none(), timeout),
        (Body::Empty, None) => run(&agent, builder, SendBody::from_reader(&mut io::empty()), timeout),
        (Body::Bytes(bytes), None) => run(&agent, builder, SendBody::from_reader(&mut &bytes[..]), timeout),
        (Body::File { path, len }, None) => {
            let file = File::open(path).map_err(|error| failure::of_file(path, &error))?;
            let mut body = Exactly { path, file: file.take(*len), left: *len, moving };
            run(&agent, builder, SendBody::from_reader(&mut body), timeout)
        }
    };
    outcome.map_err(|error| failed(request, &error))
}

fn run(
    agent: &ureq::Agent,
    builder: http::request::Builder,
    body: SendBody<'_>,
    timeout: Option<Duration>,
) -> Result<http::Response<ureq::Body>, ureq::Error> {
    let config = agent.configure_request(builder.body(body)?).timeout_connect(Some(CONNECT_TIMEOUT));
    let config = match timeout {
        Some(timeout) => config.timeout_global(Some(timeout)),
        None => config.timeout_per_read(Some(SILENCE_MAX)).timeout_per_write(Some(SILENCE_MAX)),
    };
    agent.run(config.build())
}

fn has(request: &HttpRequest, name: &str) -> bool {
    request.headers.iter().any(|header| header.is(name))
}

/// A file that must have as many bytes as were announced.
struct Exactly<'a, R> {
    path: &'a str,
    file: R,
    left: u64,
    /// Hears that what was read before is gone.
    moving: &'a mut dyn FnMut(),
}

impl<R: Read> Read for Exactly<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.moving)();
        let count = self.file.read(buffer).map_err(|error| Local::wrap(self.path, error))?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(Local::wrap(self.path, io::Error::other("the file became shorter while it was sent")));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
