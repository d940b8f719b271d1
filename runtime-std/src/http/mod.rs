//! Performs one attempt of a request. Any status is an answer; only what got none is a failure. Nothing is retried here.

mod agents;

use flate2::{Compression, write::GzEncoder};
use runwire_core::{
    Completion, Failure, FailureKind,
    net::{Body, HttpRequest, HttpResponse, Method},
};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};
use ureq::{SendBody, http};

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 10;
/// Rest of a cut answer that is read so that the connection can be used again.
const DRAINED_BYTES_MAX: u64 = 1 << 20;
/// Bound of making a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A transfer without a bound of its own fails when the other side is silent for so long.
const SILENCE_MAX: Duration = Duration::from_secs(300);

/// Does what `request` says.
pub(crate) fn perform(request: &HttpRequest) -> Completion {
    match attempt(request) {
        Ok(response) => Completion::Http(Box::new(response)),
        Err(failure) => Completion::Failed(failure),
    }
}

fn attempt(request: &HttpRequest) -> Result<HttpResponse, Failure> {
    let bad = |what: &dyn std::fmt::Display| Failure {
        kind: FailureKind::BadRequest,
        message: format!("{} can't be asked: {what}", request.shown_url()),
    };
    let compressed = match &request.body {
        Body::Bytes(bytes) if request.gzip => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(bytes).and_then(|()| encoder.finish()).map(Some).map_err(|error| bad(&error))?
        }
        Body::Empty | Body::Bytes(_) | Body::File { .. } => None,
    };
    let mut url: http::Uri = request.url.parse().map_err(|error: http::uri::InvalidUri| bad(&error))?;
    let asked = url.clone();
    if !matches!(url.scheme_str(), Some("http" | "https")) || url.host().is_none() {
        return Err(bad(&"it is no http or https address"));
    }
    for _ in 0..=REDIRECTS_MAX {
        let own = origin(&url) == origin(&asked);
        let response = send(request, &url, compressed.as_deref(), own)?;
        match redirect(request.method, &response, &url) {
            Some(next) => url = next,
            None => return read(request, response),
        }
    }
    Err(bad(&"it redirects without end"))
}

fn send(
    request: &HttpRequest,
    url: &http::Uri,
    compressed: Option<&[u8]>,
    own_origin: bool,
) -> Result<http::Response<ureq::Body>, Failure> {
    let method = match request.method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
    };
    let mut builder = http::Request::builder().method(method).uri(url.clone());
    for header in &request.headers {
        // Credentials are for the address that was asked, not for where it points to.
        if own_origin || !header.is("authorization") {
            builder = builder.header(&header.name, header.value.reveal());
        }
    }
    if compressed.is_some() {
        builder = builder.header("Content-Encoding", "gzip");
    }
    let agent = agents::find(request, url).map_err(|error| failure(request, error))?;
    let built = |error: http::Error| failure(request, ureq::Error::Http(error));
    let run = |request: http::Request<SendBody<'_>>, bounds: &HttpRequest| {
        let mut config = agent.configure_request(request).timeout_connect(Some(CONNECT_TIMEOUT));
        config = match bounds.timeout {
            Some(timeout) => config.timeout_global(Some(timeout)),
            None => config.timeout_per_read(Some(SILENCE_MAX)).timeout_per_write(Some(SILENCE_MAX)),
        };
        agent.run(config.build())
    };
    let length = match (&request.body, compressed) {
        (_, Some(bytes)) => bytes.len() as u64,
        (body, None) => body.len(),
    };
    if request.method != Method::Get {
        builder = builder.header("Content-Length", length);
    }
    let outcome = match (&request.body, compressed) {
        (_, Some(mut bytes)) => run(builder.body(SendBody::from_reader(&mut bytes)).map_err(built)?, request),
        (Body::Empty, None) if request.method == Method::Get => {
            run(builder.body(SendBody::none()).map_err(built)?, request)
        }
        (Body::Empty, None) => run(builder.body(SendBody::from_reader(&mut io::empty())).map_err(built)?, request),
        (Body::Bytes(bytes), None) => {
            run(builder.body(SendBody::from_reader(&mut &bytes[..])).map_err(built)?, request)
        }
        (Body::File { path, len }, None) => {
            let file = File::open(path).map_err(|error| file_failure(path, &error))?;
            let mut body = Exactly { file: io::BufReader::new(file).take(*len), left: *len };
            run(builder.body(SendBody::from_reader(&mut body)).map_err(built)?, request)
        }
    };
    outcome.map_err(|error| failure(request, error))
}

fn read(request: &HttpRequest, response: http::Response<ureq::Body>) -> Result<HttpResponse, Failure> {
    let status = response.status().as_u16();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.as_str().to_string(), text(value))).collect();
    let mut reader = response.into_body().into_reader();
    let broken = |error: io::Error| failure(request, ureq::Error::Io(error));
    let mut body = Vec::new();
    match &request.save_to {
        Some(path) if (200..300).contains(&status) => save(Path::new(path), &mut reader, &broken)?,
        Some(_) | None => {
            (&mut reader).take(request.answer_bytes_max as u64).read_to_end(&mut body).map_err(broken)?;
            if body.len() == request.answer_bytes_max {
                // What is beyond is of no interest, so neither is its failing.
                let _ = io::copy(&mut reader.take(DRAINED_BYTES_MAX), &mut io::sink());
            }
        }
    }
    Ok(HttpResponse { status, headers, body: body.into() })
}

/// Writes what comes to a file beside `path` that takes its name when it is whole.
fn save(path: &Path, reader: &mut impl Read, broken: &dyn Fn(io::Error) -> Failure) -> Result<(), Failure> {
    let shown = path.to_string_lossy();
    let local = |error: io::Error| file_failure(&shown, &error);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(local)?;
    }
    let scratch = path.with_file_name(format!(
        "{}.{}.part",
        path.file_name().unwrap_or_default().to_string_lossy(),
        std::process::id()
    ));
    let mut file = File::create(&scratch).map_err(local)?;
    let mut buffer = vec![0; 64 << 10];
    let outcome = loop {
        match reader.read(&mut buffer) {
            Ok(0) => break fs::rename(&scratch, path).map_err(local),
            Ok(count) => {
                if let Err(error) = file.write_all(&buffer[..count]) {
                    break Err(local(error));
                }
            }
            Err(error) => break Err(broken(error)),
        }
    };
    if outcome.is_err() {
        let _ = fs::remove_file(&scratch);
    }
    outcome
}

/// A file that must have as many bytes as were announced.
struct Exactly<R> {
    file: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file became shorter while it was sent"));
        }
        Ok(count)
    }
}

/// Where the answer points to, if the request may be repeated there.
fn redirect(method: Method, response: &http::Response<ureq::Body>, from: &http::Uri) -> Option<http::Uri> {
    let followed = match response.status().as_u16() {
        307 | 308 => true,
        301..=303 => method == Method::Get,
        _ => false,
    };
    let location = response.headers().get("location").filter(|_| followed)?.to_str().ok()?;
    let absolute = if location.starts_with('/') {
        format!("{}://{}{location}", from.scheme_str()?, from.authority()?)
    } else {
        location.to_string()
    };
    absolute.parse().ok().filter(|url: &http::Uri| url.host().is_some())
}

fn origin(url: &http::Uri) -> (Option<&str>, Option<&str>) {
    (url.scheme_str(), url.authority().map(http::uri::Authority::as_str))
}

fn file_failure(path: &str, error: &io::Error) -> Failure {
    let known = crate::disk::failure(error);
    Failure { message: format!("{path}: {}", known.message), ..known }
}

/// The class of an error, and words for it that hold no secret.
#[allow(clippy::wildcard_enum_match_arm)]
fn failure(request: &HttpRequest, error: ureq::Error) -> Failure {
    let (kind, why) = match &error {
        ureq::Error::Http(error) => (FailureKind::BadRequest, error.to_string()),
        ureq::Error::BadUri(_) => (FailureKind::BadRequest, "the address is not valid".into()),
        ureq::Error::InvalidProxyUrl => (FailureKind::BadRequest, "the address of the proxy is not valid".into()),
        ureq::Error::Timeout(_) => (FailureKind::TimedOut, "no answer in time".into()),
        ureq::Error::HostNotFound => (FailureKind::Unreachable, "its name is not known".into()),
        ureq::Error::Rustls(error) if is_untrusted(error) => (FailureKind::Certificate, error.to_string()),
        ureq::Error::Tls(why) => (FailureKind::Unreachable, (*why).into()),
        ureq::Error::Io(error) => return io_failure(request, error),
        other => (FailureKind::Unreachable, other.to_string()),
    };
    Failure { kind, message: format!("{}: {why}", request.shown_url()) }
}

#[allow(clippy::wildcard_enum_match_arm)]
fn io_failure(request: &HttpRequest, error: &io::Error) -> Failure {
    let inner = error.get_ref();
    if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>())
        && is_untrusted(tls)
    {
        return Failure { kind: FailureKind::Certificate, message: format!("{}: {tls}", request.shown_url()) };
    }
    let kind = match error.kind() {
        io::ErrorKind::TimedOut => FailureKind::TimedOut,
        io::ErrorKind::InvalidData if matches!(request.body, Body::File { .. }) => FailureKind::Other,
        _ => FailureKind::Unreachable,
    };
    Failure { kind, message: format!("{}: {error}", request.shown_url()) }
}

fn is_untrusted(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)
}

#[cfg(test)]
mod tests;
