//! How a run's requests are addressed and what they carry: base URL, identity, the user's own headers.
//!
//! Credentials and the user's headers go to the server's own origin only; storage gets what the server asks for.

use super::{
    header::Header,
    request::{Body, HttpRequest, Method, Purpose, Wire},
    secret::Secret,
};
use crate::{settings::text, uplink::Place};
use alloc::{
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use bytes::Bytes;
use runwire_proto::wire::Settings;

/// Answers to queries may be long; those to a stream or an upload say little.
const GRAPHQL_ANSWER_BYTES_MAX: usize = 64 << 20;
const SHORT_ANSWER_BYTES_MAX: usize = 64 << 10;

/// The way to one server.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    base: String,
    wire: Arc<Wire>,
    /// Headers of every request to the server.
    common: Vec<Header>,
    /// Headers of queries and mutations only.
    graphql: Vec<Header>,
    /// Headers of the stream only.
    stream: Vec<Header>,
    /// The run has several writers, which the server must tell apart.
    shared: bool,
    /// The id of this one, if so.
    writer: String,
    authorization: Option<Secret>,
}

impl Link {
    /// Reads the address, the key and the headers from a run's settings, which still have their secrets.
    pub(crate) fn new(settings: &Settings) -> Self {
        let secret = |value: &Option<String>| Some(text(value)).filter(|t| !t.is_empty()).map(Secret::new);
        let mut common: Vec<Header> = settings
            .x_extra_http_headers
            .iter()
            .flat_map(|headers| &headers.value)
            .map(|(name, value)| Header::new(name.clone(), value.clone()))
            .collect();
        // What is for a proxy is told to nobody else.
        let for_proxy =
            common.iter().find(|header| header.is("Proxy-Authorization")).map(|header| header.value.clone());
        common.retain(|header| !header.is("Proxy-Authorization"));
        common.sort_by(|a, b| a.name.cmp(&b.name));
        if !common.iter().any(|header| header.is("User-Agent")) {
            common.push(Header::new("User-Agent", "wandb-core"));
        }
        let derived = settings.x_server_side_derived_summary.unwrap_or(false);
        let derived = derived.then(|| Header::new("X-WANDB-SERVER-SIDE-DERIVED-SUMMARY", "true"));
        Link {
            stream: derived.iter().cloned().collect(),
            shared: settings.shared.unwrap_or(false),
            writer: String::new(),
            base: text(&settings.base_url).trim_end_matches('/').to_string(),
            wire: Arc::new(Wire {
                http_proxy: secret(&settings.http_proxy),
                https_proxy: secret(&settings.https_proxy),
                proxy_authorization: for_proxy,
                insecure: settings.insecure_disable_ssl.unwrap_or(false),
            }),
            common,
            graphql: [
                Header::new("X-Wandb-Username", text(&settings.username)),
                Header::new("X-Wandb-User-Email", text(&settings.email)),
            ]
            .into_iter()
            .chain(derived)
            .collect(),
            authorization: secret(&settings.api_key)
                .map(|key| Secret::new(format!("Basic {}", base64(format!("api:{}", key.reveal()).as_bytes())))),
        }
    }

    /// The same link as that of one writer of a run that may have several: the server keeps their lines apart by an id,
    /// made of the time in milliseconds since the epoch and of two random numbers.
    pub(crate) fn for_writer(self, at_ms: u64, random: (u64, u64)) -> Self {
        if !self.shared {
            return self;
        }
        let (a, b) = random;
        self.with_writer(&format!(
            "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
            (at_ms >> 16) & 0xffff_ffff,
            at_ms & 0xffff,
            a & 0xfff,
            0x8000 | ((a >> 16) & 0x3fff),
            b & 0xffff_ffff_ffff
        ))
    }

    /// The same link as that of the writer with this id: its lines go on where they ended.
    pub(crate) fn with_writer(mut self, id: &str) -> Self {
        self.writer = id.into();
        let shared = || Header::new("X-WANDB-USE-ASYNC-FILESTREAM", "true");
        let headers = [
            (&mut self.graphql, Header::new("X-WANDB-CLIENT-ID", id)),
            (&mut self.stream, Header::new("X-WANDB-ASYNC-CLIENT-ID", id)),
        ];
        for (headers, own) in headers {
            headers.retain(|header| !header.is(&own.name) && !header.is("X-WANDB-USE-ASYNC-FILESTREAM"));
            headers.extend([shared(), own]);
        }
        self
    }

    /// The id of this writer of a shared run; empty if the run is not shared.
    pub(crate) fn writer(&self) -> &str {
        &self.writer
    }

    /// A query or mutation. `operation` is its name, or empty if it has none; `variables` is JSON text, or empty for none.
    pub(crate) fn graphql(&self, purpose: Purpose, operation: &str, query: &str, variables: &str) -> HttpRequest {
        let mut body = String::from("{\"query\":");
        crate::json::write_string(query, &mut body);
        if !operation.is_empty() {
            body.push_str(",\"operationName\":");
            crate::json::write_string(operation, &mut body);
        }
        if !variables.is_empty() {
            body.push_str(",\"variables\":");
            body.push_str(variables);
        }
        body.push('}');
        let mut request = self.to_server(purpose, "/graphql", body.into(), GRAPHQL_ANSWER_BYTES_MAX);
        self.graphql.iter().for_each(|header| request.add_header(header.clone()));
        request
    }

    /// A request of the stream of a run's files.
    pub(crate) fn file_stream(&self, place: &Place, body: Bytes, gzip: bool) -> HttpRequest {
        let path = format!(
            "/files/{}/{}/{}/file_stream",
            percent_encode(&place.entity),
            percent_encode(&place.project),
            percent_encode(&place.run_id)
        );
        let mut request = self.to_server(Purpose::FileStream, &path, body, SHORT_ANSWER_BYTES_MAX);
        request.gzip = gzip;
        self.stream.iter().for_each(|header| request.add_header(header.clone()));
        request
    }

    /// The upload of a file to where the server said, with the headers that the server asked for.
    pub(crate) fn put_file(&self, url: &str, headers: Vec<Header>, path: String, len: u64) -> HttpRequest {
        let mut request = HttpRequest {
            purpose: Purpose::PutFile,
            method: Method::Put,
            url: url.into(),
            headers,
            body: if len == 0 { Body::Empty } else { Body::File { path, len } },
            gzip: false,
            timeout: None,
            answer_bytes_max: SHORT_ANSWER_BYTES_MAX,
            save_to: None,
            wire: Arc::clone(&self.wire),
        };
        if self.is_own(url) {
            self.common.iter().for_each(|header| request.add_header(header.clone()));
        } else {
            request.add_header(Header::new("User-Agent", "wandb-core"));
        }
        request
    }

    /// Adds the key, if there is one and `request` goes to the server itself.
    pub(crate) fn sign(&self, request: &mut HttpRequest) {
        if let Some(value) = &self.authorization
            && self.takes_credentials(request)
        {
            set_authorization(request, value.clone());
        }
    }

    /// Adds a token instead of a key. The caller has made sure that `request` [takes it](Self::takes_credentials).
    pub(crate) fn sign_with_token(&self, request: &mut HttpRequest, token: &Secret) {
        set_authorization(request, Secret::new(format!("Bearer {}", token.reveal())));
    }

    /// Whether `request` is one that the server wants credentials for, and goes to nobody else.
    pub(crate) fn takes_credentials(&self, request: &HttpRequest) -> bool {
        !matches!(request.purpose, Purpose::PutFile | Purpose::Token) && self.is_own(&request.url)
    }

    /// The exchange of an identity token for an access token.
    pub(crate) fn token_exchange(&self, identity: &str) -> HttpRequest {
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let body = format!("grant_type={grant}&assertion={}", percent_encode(identity));
        let mut request = self.to_server(Purpose::Token, "/oidc/token", body.into(), SHORT_ANSWER_BYTES_MAX);
        request.headers.retain(|header| !header.is("Authorization") && !header.is("Content-Type"));
        request.headers.push(Header::new("Content-Type", "application/x-www-form-urlencoded"));
        request
    }

    /// Whether `url` has the server's origin and lies under its path.
    pub(crate) fn is_own(&self, url: &str) -> bool {
        url.strip_prefix(self.base.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    }

    /// The server's address, without a trailing slash.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    fn to_server(&self, purpose: Purpose, path: &str, body: Bytes, answer_bytes_max: usize) -> HttpRequest {
        let mut headers = alloc::vec![Header::new("Content-Type", "application/json")];
        headers.extend(self.common.iter().cloned());
        HttpRequest {
            purpose,
            method: Method::Post,
            url: format!("{}{path}", self.base),
            headers,
            body: Body::Bytes(body),
            gzip: false,
            timeout: None,
            answer_bytes_max,
            save_to: None,
            wire: Arc::clone(&self.wire),
        }
    }
}

fn set_authorization(request: &mut HttpRequest, value: Secret) {
    request.headers.retain(|header| !header.is("Authorization"));
    request.headers.push(Header { name: "Authorization".into(), value });
}

/// One segment of a path: everything but unreserved characters is escaped.
pub(crate) fn percent_encode(segment: &str) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Standard base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * place) & 63) as usize];
            out.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_of_a_shared_run_are_told_apart() {
        let settings = Settings { shared: Some(true), ..Settings::default() };
        let place = Place { entity: "e".into(), project: "p".into(), run_id: "r".into() };
        let id = |random| {
            let link = Link::new(&settings).for_writer(0x0190_0000_0001, random);
            let push = link.file_stream(&place, Bytes::new(), false);
            let query = link.graphql(Purpose::UpsertRun, "", "query", "");
            let of = |request: &HttpRequest, name: &str| {
                request.headers.iter().find(|header| header.is(name)).map(|header| header.value.reveal().to_string())
            };
            assert_eq!(of(&push, "X-WANDB-ASYNC-CLIENT-ID"), of(&query, "X-WANDB-CLIENT-ID"));
            of(&push, "X-WANDB-ASYNC-CLIENT-ID")
        };
        let first = id((1, 2));
        assert_eq!(first.as_deref(), Some("01900000-0001-7001-8000-000000000002"));
        assert_ne!(first, id((3, 4)));
        let again = Link::new(&settings).for_writer(1, (3, 4)).with_writer("w");
        let push = again.file_stream(&place, Bytes::new(), false);
        let ids: Vec<&str> =
            push.headers.iter().filter(|h| h.is("X-WANDB-ASYNC-CLIENT-ID")).map(|h| h.value.reveal()).collect();
        assert_eq!((ids, again.writer()), (alloc::vec!["w"], "w"));
    }

    #[test]
    fn what_is_for_a_proxy_is_no_header_of_requests() {
        let value = [("proxy-authorization".to_string(), "Bearer t".to_string())].into();
        let headers = runwire_proto::wire::MapStringKeyStringValue { value };
        let settings = Settings { x_extra_http_headers: Some(headers), ..Settings::default() };
        let request = Link::new(&settings).graphql(Purpose::Viewer, "Viewer", "query", "");
        assert!(!request.headers.iter().any(|header| header.is("Proxy-Authorization")));
        assert_eq!(
            request.wire.proxy_authorization.as_ref().map(|value| value.reveal().to_string()),
            Some("Bearer t".into())
        );
    }

    #[test]
    fn base64_has_its_padding() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("api:K", "YXBpOks=")];
        for (plain, encoded) in cases {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }

    #[test]
    fn credentials_go_to_the_server_only() {
        let settings = Settings {
            base_url: Some("https://h.example/sub/".into()),
            api_key: Some("K".into()),
            ..Default::default()
        };
        let link = Link::new(&settings);
        let place = Place { entity: "e t".into(), project: "my proj".into(), run_id: "r".into() };
        let mut own = link.file_stream(&place, Bytes::new(), false);
        assert_eq!(own.url, "https://h.example/sub/files/e%20t/my%20proj/r/file_stream");
        link.sign(&mut own);
        assert!(own.headers.iter().any(|h| h.is("authorization") && h.value.reveal() == "Basic YXBpOks="));
        let mut other = link.graphql(Purpose::Viewer, "Viewer", "query", "");
        other.url = "https://h.example/subway/graphql".into();
        link.sign(&mut other);
        assert!(!other.headers.iter().any(|h| h.is("authorization")));
    }
}
