//! HTTP/1.1 on a byte stream: reading one request, writing one response. Knows no socket and no endpoint.

use crate::request::{Request, Response};
use std::io::{self, BufRead, Read, Write};

/// Bytes of request line and headers.
const HEAD_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 100;

/// A request with what the connection must know.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub request: Request,
    /// The client will send another one on this connection.
    pub keep_alive: bool,
}

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client has closed the connection between requests, or it is broken.
    Closed,
    /// The client is to be told, and the connection to be closed.
    Refused(Response),
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

fn refused<T>(status: u16, message: &str) -> Result<T, Stop> {
    Err(Stop::Refused(Response::error(status, message)))
}

/// Reads one request. `interim` is where a client that asks first is told to go on.
pub(crate) fn read(from: &mut impl BufRead, interim: &mut impl Write, body_max: usize) -> Result<Incoming, Stop> {
    let head = read_head(from)?;
    let mut slots = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut slots);
    match parsed.parse(&head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) | Err(_) => return refused(400, "this is not an HTTP request"),
    }
    let mut headers = Vec::with_capacity(parsed.headers.len());
    for header in parsed.headers.iter() {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        headers.push((header.name.to_ascii_lowercase(), value));
    }
    let mut request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: origin_form(parsed.path.unwrap_or_default()),
        headers,
        body: Vec::new(),
    };
    let connection = request.header("connection").unwrap_or_default().to_ascii_lowercase();
    let keep_alive = if parsed.version == Some(1) { connection != "close" } else { connection == "keep-alive" };
    let length = body_length(&request)?;
    if matches!(length, Length::Bytes(length) if length > body_max) {
        return refused(413, "the body is too large for this server");
    }
    if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        interim.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        interim.flush()?;
    }
    request.body = match length {
        Length::Bytes(length) => {
            // The length is only a promise: memory is taken as bytes arrive.
            let mut body = Vec::with_capacity(length.min(1 << 20));
            from.take(length as u64).read_to_end(&mut body)?;
            if body.len() < length {
                return Err(Stop::Closed);
            }
            body
        }
        Length::Chunked => read_chunks(from, body_max)?,
    };
    Ok(Incoming { request, keep_alive })
}

enum Length {
    Bytes(usize),
    Chunked,
}

fn body_length(request: &Request) -> Result<Length, Stop> {
    let all = |name: &str| -> Vec<&str> {
        request.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    };
    // Two statements about the length of one body are how requests are smuggled.
    match (all("transfer-encoding").as_slice(), all("content-length").as_slice()) {
        ([], []) => Ok(Length::Bytes(0)),
        ([], [length]) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            length.parse().map(Length::Bytes).or_else(|_| refused(413, "the body is too large for this server"))
        }
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Length::Chunked),
        _ => refused(400, "the length of the body is not clear"),
    }
}

/// The head with its blank line. Empty lines before it are passed over.
fn read_head(from: &mut impl BufRead) -> Result<Vec<u8>, Stop> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        let room = (HEAD_MAX - before) as u64;
        if from.take(room).read_until(b'\n', &mut head)? == 0 {
            return if before == 0 || room > 0 { Err(Stop::Closed) } else { refused(431, "the headers are too long") };
        }
        let line = &head[before..];
        if !line.ends_with(b"\n") {
            continue;
        }
        if line == b"\r\n" || line == b"\n" {
            if before > 0 {
                return Ok(head);
            }
            head.clear();
        }
    }
}

fn read_chunks(from: &mut impl BufRead, body_max: usize) -> Result<Vec<u8>, Stop> {
    let mut body = Vec::new();
    loop {
        let line = read_line(from)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let Ok(size) = usize::from_str_radix(size, 16) else { return refused(400, "a chunk has no length") };
        if size > body_max - body.len() {
            return refused(413, "the body is too large for this server");
        }
        if size == 0 {
            // Trailers are read and not looked at.
            while !read_line(from)?.is_empty() {}
            return Ok(body);
        }
        let before = body.len();
        from.take(size as u64).read_to_end(&mut body)?;
        if body.len() - before < size || !read_line(from)?.is_empty() {
            return refused(400, "a chunk is shorter or longer than it says");
        }
    }
}

fn read_line(from: &mut impl BufRead) -> Result<String, Stop> {
    let mut line = Vec::new();
    from.take(1024).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(Stop::Closed);
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

/// A proxy's form of a target (`http://host/path`) as a path.
fn origin_form(target: &str) -> String {
    match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => rest.find('/').map_or("/", |at| &rest[at..]).to_owned(),
        _ => target.to_owned(),
    }
}

/// Writes a response. `cut` sends only so many bytes of the body, although the head promises all.
pub(crate) fn write(
    to: &mut impl Write,
    response: &Response,
    head_only: bool,
    keep_alive: bool,
    cut: Option<usize>,
) -> io::Result<()> {
    let mut out = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status)).into_bytes();
    for (name, value) in &response.headers {
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if response.status != 204 && response.status != 304 {
        out.extend_from_slice(format!("Content-Length: {}\r\n", response.body.len()).as_bytes());
    }
    out.extend_from_slice(if keep_alive { b"\r\n" } else { b"Connection: close\r\n\r\n" });
    if !head_only {
        let end = cut.unwrap_or(response.body.len()).min(response.body.len());
        out.extend_from_slice(&response.body[..end]);
    }
    to.write_all(&out)?;
    to.flush()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Incoming, Stop> {
        read(&mut text.as_bytes(), &mut Vec::new(), 10)
    }

    fn status(text: &str) -> u16 {
        match parse(text) {
            Err(Stop::Refused(response)) => response.status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bodies_come_with_a_length_or_in_chunks() {
        let request =
            parse("\r\nPOST http://h/p?q HTTP/1.1\r\nHost: h\r\nX-A:  b \r\nContent-Length: 3\r\n\r\nabcd").unwrap();
        assert_eq!((request.request.target.as_str(), request.request.body.as_slice()), ("/p?q", b"abc".as_slice()));
        assert_eq!((request.request.header("x-a"), request.keep_alive), (Some("b"), true));
        let chunked = "PUT /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\n";
        let request = parse(chunked).unwrap();
        assert_eq!((request.request.body.as_slice(), request.keep_alive), (b"abc".as_slice(), false));
    }

    #[test]
    fn a_client_that_asks_first_is_told_to_go_on() {
        let mut interim = Vec::new();
        let text = "PUT / HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\nx";
        read(&mut text.as_bytes(), &mut interim, 10).unwrap();
        assert_eq!(interim, b"HTTP/1.1 100 Continue\r\n\r\n");
        assert_eq!(status("PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"), 413);
    }

    #[test]
    fn what_is_too_long_or_unclear_is_refused() {
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"), 400);
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n"), 413);
        assert_eq!(status("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 400);
        assert_eq!(status("nonsense\r\n\r\n"), 400);
        assert_eq!(status(&format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "y".repeat(HEAD_MAX))), 431);
        assert!(matches!(parse(""), Err(Stop::Closed)));
        assert!(matches!(parse("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab"), Err(Stop::Closed)));
    }

    #[test]
    fn a_header_value_cannot_start_another_header() {
        let response = Response::of(200, "a\r\nX: y", b"abc".to_vec());
        let mut out = Vec::new();
        write(&mut out, &response, false, false, Some(1)).unwrap();
        assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-Type: aX: y\r\nContent-Length: 3\r\nConnection: close\r\n\r\na");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_end_in_a_request_or_a_refusal(noise in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), at in 0usize..80) {
            let good = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
            let mut text = good.to_vec();
            text.splice(at.min(good.len())..(at + 3).min(good.len()), noise);
            if let Ok(incoming) = read(&mut text.as_slice(), &mut Vec::new(), 64) {
                assert!(incoming.request.body.len() <= 64);
            }
        }
    }
}
