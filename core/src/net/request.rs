//! One attempt of a request, and its answer, as the runtime sees them.

use super::{header::Header, secret::Secret};
use crate::time::Duration;
use alloc::{string::String, sync::Arc, vec::Vec};
use bytes::Bytes;
use core::fmt;

/// What a request is for. Only names it: in traces, in operations shown to the user, in tests that fail one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Purpose {
    Viewer,
    Features,
    ResumeStatus,
    Rewind,
    UpsertRun,
    FileStream,
    CreateRunFiles,
    PutFile,
    GetFile,
    Alert,
    Graphql,
    Token,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Method {
    Get,
    Post,
    Put,
}

/// What is sent after the headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// Nothing; a `PUT` or `POST` still says `Content-Length: 0`.
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// The first `len` bytes of a file, streamed. A file that is shorter by then fails the request.
    File {
        /// Path of the file.
        path: String,
        /// Bytes of it that are sent.
        len: u64,
    },
}

/// How requests of one run reach the network. Shared by all of them; an adapter may keep one connection pool for each
/// distinct value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// Proxy for `http` addresses; without one the process environment decides.
    pub http_proxy: Option<Secret>,
    /// Proxy for `https` addresses; without one the process environment decides.
    pub https_proxy: Option<Secret>,
    /// Value of `Proxy-Authorization` for a proxy whose address has no user and password.
    pub proxy_authorization: Option<Secret>,
    /// Certificates are not checked.
    pub insecure: bool,
}

/// One attempt. The answer is any status at all: only a request that got no answer fails.
#[derive(Clone, PartialEq)]
pub struct HttpRequest {
    /// What it is for.
    pub purpose: Purpose,
    /// Its method.
    pub method: Method,
    /// The whole URL. Its query may be a signature, so it is not shown.
    pub url: String,
    /// Its headers, without `Content-Length` and `Host`, which are the runtime's.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Body,
    /// Compress the body with gzip and say so.
    pub gzip: bool,
    /// Bound of the whole attempt; `None` only for file transfers, which fail when they stop moving.
    pub timeout: Option<Duration>,
    /// Bytes of the answer's body that are kept; a longer one is cut, which is no error.
    pub answer_bytes_max: usize,
    /// Write the body of a 2xx answer into this file instead of keeping it.
    pub save_to: Option<String>,
    /// How it reaches the network.
    pub wire: Arc<Wire>,
}

/// What a server said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// Headers that mean something here, with lower-case names: `retry-after`, `ratelimit-remaining`, `ratelimit-reset`,
    /// `runwire-interval`, `content-type`. An adapter may give all of them.
    pub headers: Vec<(String, String)>,
    /// The body, cut at [`HttpRequest::answer_bytes_max`].
    pub body: Bytes,
}

impl HttpResponse {
    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether the status says success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl HttpRequest {
    /// The URL without what may be secret: user, query and fragment.
    pub fn shown_url(&self) -> String {
        let bare = self.url.split(['?', '#']).next().unwrap_or_default();
        match bare.split_once("://") {
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                let host = authority.rsplit('@').next().unwrap_or_default();
                alloc::format!("{scheme}://{host}{path}")
            }
            None => bare.into(),
        }
    }

    /// Adds a header unless one of that name is there.
    pub fn add_header(&mut self, header: Header) {
        if !self.headers.iter().any(|known| known.is(&header.name)) {
            self.headers.push(header);
        }
    }
}

impl Body {
    /// Its length in bytes, uncompressed.
    pub fn len(&self) -> u64 {
        match self {
            Body::Empty => 0,
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File { len, .. } => *len,
        }
    }

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = match self.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
        };
        write!(f, "{:?} {method} {} len={}", self.purpose, self.shown_url(), self.body.len())
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn neither_signature_nor_user_is_shown() {
        let request = HttpRequest {
            purpose: Purpose::PutFile,
            method: Method::Put,
            url: "https://key:pw@store.example/b/f.txt?X-Signature=abc".into(),
            headers: alloc::vec![Header::new("Authorization", "Basic abc")],
            body: Body::Empty,
            gzip: false,
            timeout: None,
            answer_bytes_max: 0,
            save_to: None,
            wire: Arc::default(),
        };
        assert_eq!(request.to_string(), "PutFile PUT https://store.example/b/f.txt len=0");
        assert!(!alloc::format!("{request:?} {:?}", request.headers).contains("abc"));
    }
}
