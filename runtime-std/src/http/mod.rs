//! Performs one attempt of a request. Any status is an answer; only what got none is a failure. Nothing is retried here.

mod agents;
mod answer;
mod failure;
mod transport;

use failure::failed;
use runwire_core::{
    Completion, Failure,
    net::{HttpRequest, HttpResponse},
};
use runwire_effects::http::{CONNECT_TIMEOUT, Outgoing, REDIRECTS_MAX, SILENCE_MAX, gzipped, head, redirect, refused};
use std::{
    io::{self, Read},
    time::{Duration, Instant},
};
use ureq::{SendBody, http};

/// Does what `request` says. Calls `moving` with each piece of a file that was taken.
pub(crate) fn perform(request: &HttpRequest, moving: &mut dyn FnMut()) -> Completion {
    match attempt(request, moving) {
        Ok(response) => Completion::Http(Box::new(response)),
        Err(failure) => Completion::Failed(failure),
    }
}

fn attempt(request: &HttpRequest, moving: &mut dyn FnMut()) -> Result<HttpResponse, Failure> {
    let until = request.timeout.map(|timeout| Instant::now() + timeout);
    let compressed = gzipped(request)?;
    let asked: http::Uri =
        request.url.parse().map_err(|error: http::uri::InvalidUri| refused(request, &error.to_string()))?;
    if !redirect::is_usable(&asked) {
        return Err(refused(request, &"it is no http or https address"));
    }
    let mut url = asked.clone();
    for _ in 0..=REDIRECTS_MAX {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1)));
        let response = send(request, &url, compressed.as_ref(), left, moving)?;
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
    compressed: Option<&bytes::Bytes>,
    timeout: Option<Duration>,
    moving: &mut dyn FnMut(),
) -> Result<http::Response<ureq::Body>, Failure> {
    let (builder, body) = head(request, url, compressed)?;
    let agent = agents::find(request, url).map_err(|error| failed(request, &error))?;
    let outcome = match body {
        Outgoing::Nothing => run(&agent, builder, SendBody::none(), timeout),
        Outgoing::Bytes(bytes) => run(&agent, builder, SendBody::from_reader(&mut &bytes[..]), timeout),
        Outgoing::File(file, _) => {
            let mut body = Heard { file, moving };
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

/// A body that is heard of: who asks for more of it has sent what came before.
struct Heard<'a, R> {
    file: R,
    moving: &'a mut dyn FnMut(),
}

impl<R: Read> Read for Heard<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.moving)();
        self.file.read(buffer)
    }
}

#[cfg(test)]
mod tests;
