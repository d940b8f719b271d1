//! Scripted faults and the record of requests, for tests of clients. Only a server started with `test_controls` has them.
//!
//! From Rust: [`Controls`]. Over HTTP, without a key:
//!
//! | request | what it does |
//! |---|---|
//! | `POST /_runwire/faults` | adds the faults of the body: one [`Fault`] as JSON, or a list of them |
//! | `GET /_runwire/faults` | the faults that have not been used up |
//! | `DELETE /_runwire/faults` | removes them |
//! | `GET /_runwire/requests` | the recorded requests, oldest first; `?on=file_stream` only those that a fault `on` that would match |
//! | `DELETE /_runwire/requests` | forgets them |
//! | `POST /_runwire/settings` | changes what is in the body of `features`, `upload_headers`, `upload_status`, `crashed_after_ms`, `body_max`; `{"stop": "entity/project/run"}` asks a run to stop |
//! | `GET /_runwire/state/{entity}/{project}/{run}` | the run (see `state.rs`) |
//!
//! A fault: `{"on": "file_stream", "times": 2, "status": 503}`. All keys but `on` may be left out.
//!
//! | key | meaning |
//! |---|---|
//! | `on` | which requests: `graphql:UpsertBucket` (by operation), `graphql`, `file_stream`, `upload`, `download`, `token`, `any` |
//! | `contains` | only requests whose path or (decompressed) body holds this text |
//! | `skip` | lets so many matching requests pass first (0) |
//! | `times` | how many requests it meets (1); -1: all |
//! | `hold_ms` | waits before the request is applied |
//! | `apply` | whether the request does its work; if left out: only when neither `status`, `body`, `close` nor `cut` is given |
//! | `delay_ms` | waits before the answer |
//! | `close` | closes the connection without an answer |
//! | `status` | status of the answer (200 if only `body` is given) |
//! | `headers` | headers of the answer, `{"Retry-After": "3"}`; with `apply` and no `status` they are added to the true answer |
//! | `body` | body of the answer: text, or any JSON value; if left out with `status`: an error text |
//! | `cut` | sends only so many bytes of the body, then closes the connection |
//!
//! The first fault that matches is used. Examples: applied, then closed: `{"on": "file_stream", "apply": true, "close": true}`;
//! rate limit: `{"on": "file_stream", "status": 429, "headers": {"Retry-After": "0.5"}}`; rate-limit headers on good answers:
//! `{"on": "file_stream", "times": -1, "headers": {"RateLimit-Remaining": "1", "RateLimit-Reset": "60"}}`; garbage:
//! `{"on": "file_stream", "status": 200, "body": "<html>"}`; a null payload:
//! `{"on": "graphql:UpsertBucket", "status": 200, "body": {"data": {"upsertBucket": null}}}`; Azure: settings
//! `{"upload_headers": ["x-ms-blob-type: BlockBlob"], "upload_status": 201}`.
//!
//! A recorded request: `n`, `conn` (number of the connection), `on` (as above), `method`, `path` (as sent), `headers` (names
//! in lower case; of `authorization` and `proxy-authorization` only the scheme), `auth` (`ok`, `bad` or null), `t_ms` (arrival since the
//! start of the server), `gap_ms` (since the last answer to a request of the same `on`, null for the first), `answered_ms`
//! (null while under way, or closed), `body_bytes`, `gzip` (bool), `body` (JSON if it is JSON, else text; null if longer than
//! 4 MiB or not text), `body_md5` (hex, as sent), `fault` (the fault or null), `status` (0 if closed), `response` (JSON or text).

use crate::{
    graphql,
    request::{Request, Response},
};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    io::Read,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Bodies are recorded up to this size.
const BODY_MAX: usize = 4 << 20;

/// One scripted fault. The table above says what the fields mean.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests.
    pub on: String,
    /// A text in path or body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Matching requests that pass first.
    #[serde(default)]
    pub skip: u32,
    /// Requests it meets; negative: all.
    #[serde(default = "once")]
    pub times: i64,
    /// Milliseconds before the request is applied.
    #[serde(default)]
    pub hold_ms: u64,
    /// Whether the request does its work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<bool>,
    /// Milliseconds before the answer.
    #[serde(default)]
    pub delay_ms: u64,
    /// No answer.
    #[serde(default)]
    pub close: bool,
    /// Status of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers of the answer.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Body of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
    /// Bytes of the body that are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<usize>,
}

fn once() -> i64 {
    1
}

impl Fault {
    /// A fault that meets one request and does nothing yet.
    pub fn on(on: &str) -> Self {
        Self { on: on.to_owned(), times: 1, ..Self::default() }
    }

    /// Whether the request does its work.
    pub fn applies(&self) -> bool {
        let replaced = self.status.is_some() || self.body.is_some() || self.close || self.cut.is_some();
        self.apply.unwrap_or(!replaced)
    }

    /// The answer, made from the true one if the request was applied.
    pub fn answer(&self, real: Option<Response>) -> Response {
        let body = self.body.as_ref().map(|body| match body.as_str() {
            Some(text) => Response::of(200, "text/html; charset=utf-8", text.as_bytes().to_vec()),
            None => Response::json(200, body),
        });
        let mut answer = match (self.status, body, real) {
            (status, Some(body), _) => Response { status: status.unwrap_or(200), ..body },
            (Some(status), None, _) => Response::error(status, &format!("scripted fault {status}")),
            (None, None, real) => real.unwrap_or_default(),
        };
        answer.headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), value.clone())));
        answer
    }

    fn matches(&self, request: &Request, on: &str, body: &str) -> bool {
        let kind = self.on == "any"
            || self.on == on
            || on.strip_prefix(self.on.as_str()).is_some_and(|rest| rest.starts_with(':'));
        let text = self.contains.as_deref();
        kind && text.is_none_or(|text| request.target.contains(text) || body.contains(text))
    }
}

/// Which kind of request it is: what [`Fault::on`] is compared with. None for the controls themselves.
pub fn kind(request: &Request) -> Option<String> {
    let path = request.path();
    let body = || serde_json::from_str::<Value>(&plain(request)).ok();
    Some(match path {
        "/graphql" => {
            let operation = body().and_then(|body| graphql::operation_name(&body));
            operation.map_or_else(|| "graphql".to_owned(), |name| format!("graphql:{name}"))
        }
        "/oidc/token" => "token".to_owned(),
        // Usage statistics of the official client go to a server that does not offer to take them, too.
        _ if path.starts_with("/_runwire/") || path.starts_with("/sdk/otel/") => return None,
        _ if path.starts_with("/files/") && path.ends_with("/file_stream") => "file_stream".to_owned(),
        _ if path.starts_with("/storage/") && request.method == "PUT" => "upload".to_owned(),
        _ if path.starts_with("/storage/") || path.starts_with("/files/") => "download".to_owned(),
        _ => "page".to_owned(),
    })
}

/// The body as text without compression; empty if it is not text.
fn plain(request: &Request) -> String {
    let mut body = request.body.clone();
    if request.header("content-encoding") == Some("gzip") {
        body = Vec::new();
        let decoder = flate2::read::MultiGzDecoder::new(request.body.as_slice());
        if decoder.take(BODY_MAX as u64 * 16).read_to_end(&mut body).is_err() {
            return String::new();
        }
    }
    String::from_utf8(body).unwrap_or_default()
}

/// Faults to come and requests seen.
pub struct Controls {
    inner: Mutex<Inner>,
    start: Instant,
}

#[derive(Default)]
struct Inner {
    faults: Vec<Fault>,
    requests: Vec<Value>,
    answered: BTreeMap<String, u64>,
}

impl Default for Controls {
    fn default() -> Self {
        Self { inner: Mutex::default(), start: Instant::now() }
    }
}

impl Controls {
    /// Adds a fault behind those that are there.
    pub fn inject(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// The faults that have not been used up.
    pub fn faults(&self) -> Vec<Fault> {
        self.lock().faults.clone()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.lock().faults.clear();
    }

    /// Recorded requests, oldest first; with `on` only those that such a fault would match.
    pub fn requests(&self, on: Option<&str>) -> Vec<Value> {
        let wanted = |request: &&Value| {
            let kind = request["on"].as_str().unwrap_or_default();
            on.is_none_or(|on| Fault::on(on).matches(&Request::default(), kind, ""))
        };
        self.lock().requests.iter().filter(wanted).cloned().collect()
    }

    /// Forgets the recorded requests.
    pub fn clear_requests(&self) {
        let mut inner = self.lock();
        inner.requests.clear();
        inner.answered.clear();
    }

    /// Records a request that has arrived; gives its number in the record and the fault that meets it.
    pub(crate) fn arrived(&self, conn: u64, request: &Request, admitted: bool) -> (u64, Option<Fault>) {
        let Some(on) = kind(request) else { return (u64::MAX, None) };
        let now = self.now_ms();
        let body = plain(request);
        let mut inner = self.lock();
        let fault = take(&mut inner.faults, request, &on, &body);
        let n = inner.requests.last().map_or(0, |last| last["n"].as_u64().unwrap_or(0) + 1);
        let gap = inner.answered.get(&on).map(|answered| now.saturating_sub(*answered));
        let auth = request.header("authorization").map(|_| if admitted { "ok" } else { "bad" });
        let shown = if body.len() > BODY_MAX || (body.is_empty() && !request.body.is_empty()) {
            Value::Null
        } else {
            serde_json::from_str(&body).unwrap_or(Value::String(body))
        };
        let md5: String = Md5::digest(&request.body).iter().map(|byte| format!("{byte:02x}")).collect();
        inner.requests.push(json!({
            "n": n, "conn": conn, "on": on, "method": request.method, "path": request.target, "headers": headers(request),
            "auth": auth, "t_ms": now, "gap_ms": gap, "answered_ms": null, "body_bytes": request.body.len(),
            "gzip": request.header("content-encoding") == Some("gzip"), "body": shown, "body_md5": md5,
            "fault": fault, "status": 0, "response": null,
        }));
        (n, fault)
    }

    /// Records the answer to a request; none if the connection was closed instead.
    pub(crate) fn answered(&self, n: u64, response: Option<&Response>) {
        let now = self.now_ms();
        let mut inner = self.lock();
        let inner = &mut *inner;
        let Some(record) = inner.requests.iter_mut().rev().find(|record| record["n"] == n) else { return };
        if let Some(on) = record["on"].as_str() {
            inner.answered.insert(on.to_owned(), now);
        }
        let Some(response) = response else { return };
        record["answered_ms"] = Value::from(now);
        record["status"] = Value::from(response.status);
        if response.body.len() <= BODY_MAX
            && let Ok(text) = std::str::from_utf8(&response.body)
        {
            record["response"] = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first fault that matches, counted.
fn take(faults: &mut Vec<Fault>, request: &Request, on: &str, body: &str) -> Option<Fault> {
    let at = faults.iter_mut().position(|fault| {
        let hit = fault.times != 0 && fault.matches(request, on, body);
        if hit && fault.skip > 0 {
            fault.skip -= 1;
            return false;
        }
        hit
    })?;
    let found = faults[at].clone();
    if faults[at].times > 0 {
        faults[at].times -= 1;
        if faults[at].times == 0 {
            faults.remove(at);
        }
    }
    Some(found)
}

fn headers(request: &Request) -> Map<String, Value> {
    let shown = |name: &str, value: &str| {
        if matches!(name, "authorization" | "proxy-authorization" | "cookie") {
            format!("{} <redacted>", value.split(' ').next().unwrap_or_default())
        } else {
            value.to_owned()
        }
    };
    request.headers.iter().map(|(name, value)| (name.clone(), Value::from(shown(name, value)))).collect()
}

/// Milliseconds as a time to sleep.
pub(crate) fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[cfg(test)]
mod tests;
