//! The heart: a request in, a response out. No socket, no clock, no randomness: the same requests at the same times give
//! the same answers, so it also serves a simulator.

use crate::{
    api::Api,
    auth::Auth,
    graphql,
    model::{Bucket, Counters, Model, Push, PushFailure},
    page,
    request::{Request, Response, form_value},
    state,
    store::{Barrier, Store, StoreError},
};
use serde_json::{Value, json};
use std::{borrow::Cow, io::Read};

/// Requests between two looks at the memory that rows take.
const SHRINK_EVERY: u64 = 128;

mod storage;

/// Stands in addresses of objects where those of files of runs have an entity.
const OBJECT: &str = "_object";

/// How a backend behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Entity and user name of whoever asks.
    pub entity: String,
    /// API keys that are let in; empty: any.
    pub keys: Vec<String>,
    /// Names of features that the server says it has.
    pub features: Vec<String>,
    /// A run that has not been heard of for so many milliseconds has crashed.
    pub crashed_after_ms: u64,
    /// Bodies larger than this after decompression are refused with 413.
    pub body_max: usize,
    /// Bytes that indexes of rows take in memory, about; those of the run in use are kept in any case.
    pub memory_max: usize,
    /// Signs upload addresses and tokens, if the store has no secret yet. A simulator gives a fixed one.
    pub secret: String,
    /// `uploadHeaders` of the answer to `CreateRunFiles`.
    pub upload_headers: Vec<String>,
    /// Status of a successful upload.
    pub upload_status: u16,
    /// `/_runwire/state` needs no key.
    pub open_state: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            entity: "local".to_owned(),
            keys: Vec::new(),
            features: ["STRUCTURED_CONSOLE_LOGS", "FILESTREAM_GZIP", "MARK_RUN_FILES_UPLOADED"]
                .map(str::to_owned)
                .to_vec(),
            crashed_after_ms: 5 * 60 * 1000,
            body_max: 256 << 20,
            memory_max: 512 << 20,
            secret: String::new(),
            upload_headers: Vec::new(),
            upload_status: 200,
            open_state: false,
        }
    }
}

/// The server without its sockets.
pub struct Backend {
    pub(crate) model: Model,
    pub(crate) auth: Auth,
    pub(crate) settings: Settings,
    /// The last request has changed something.
    wrote: bool,
    requests: u64,
}

impl Backend {
    /// Opens a store. Rows are read when they are first asked for.
    pub fn open(store: Box<dyn Store>, settings: Settings) -> Result<Self, StoreError> {
        let model = Model::open(store, &settings.secret)?;
        let auth = Auth { keys: settings.keys.clone(), secret: model.secret().to_owned() };
        Ok(Self { model, auth, settings, wrote: false, requests: 0 })
    }

    /// Answers one request. `now_ms` is the time since 1970 in milliseconds.
    pub fn handle(&mut self, now_ms: u64, request: &Request) -> Response {
        let response = self.route(now_ms, request).unwrap_or_else(|error| self.failed(&error));
        match self.model.commit() {
            Ok(wrote) => {
                self.wrote = wrote;
                self.requests += 1;
                if self.requests.is_multiple_of(SHRINK_EVERY) {
                    self.model.shrink(self.settings.memory_max);
                }
                response
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Something to wait on before the last answer is sent: then what it says survives a crash.
    pub fn barrier(&self) -> Barrier {
        if self.wrote { self.model.store().barrier() } else { Barrier::none() }
    }

    /// Changes how it behaves from now on. Keys stay.
    pub fn configure(&mut self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.settings);
    }

    /// A run's state as JSON; null if there is none. What is in it stands in `state.rs`.
    pub fn snapshot(&mut self, now_ms: u64, entity: &str, project: &str, run: &str) -> Result<Value, StoreError> {
        state::snapshot(self, now_ms, entity, project, run)
    }

    /// What happened on a run's file stream; none if there is no such run.
    pub fn counters(&self, [entity, project, run]: [&str; 3]) -> Option<Counters> {
        let id = self.model.run_id(entity, project, run)?;
        self.model.run(id).map(|run| run.meta.counters.clone())
    }

    /// Whether the request carries a key or token that is let in.
    pub fn admits(&self, now_ms: u64, request: &Request) -> bool {
        self.auth.admits(request, now_ms)
    }

    /// Asks a run to stop: its client is told with the answer to its next push. False if there is no such run.
    pub fn stop_run(&mut self, entity: &str, project: &str, run: &str) -> Result<bool, StoreError> {
        let Some(id) = self.model.run_id(entity, project, run) else { return Ok(false) };
        self.model.change_run(id, |meta| meta.stop = true);
        self.model.commit()
    }

    /// A chart of a metric of a run: smallest and largest value in each of `buckets` equal parts of the x axis. `axis` is
    /// another metric or none for the step; `limits` bounds x. Empty if run or metric are not there.
    pub fn chart(
        &mut self,
        [entity, project, run]: [&str; 3],
        metric: &str,
        axis: Option<&str>,
        limits: (f64, f64),
        buckets: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        let Some(id) = self.model.run_id(entity, project, run) else { return Ok(Vec::new()) };
        let shown = [metric, axis.unwrap_or(metric)];
        let columns = self.model.columns(id, &shown, axis.is_none_or(|axis| axis == "_step"))?;
        let found = columns.map_or_else(Vec::new, |columns| columns.chart(metric, axis, limits, buckets));
        // Rows of older data may have been put into pages.
        self.model.commit()?;
        Ok(found)
    }

    /// Makes memory what the store is, after a panic in the middle of a request.
    pub(crate) fn recover(&mut self) {
        // If even that fails, so will the next request, and say so.
        let _reloaded = self.model.reload();
        self.wrote = false;
    }

    fn failed(&mut self, error: &StoreError) -> Response {
        self.recover();
        Response::error(500, &error.to_string())
    }

    fn route(&mut self, now_ms: u64, request: &Request) -> Result<Response, StoreError> {
        let segments = request.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let admitted = self.auth.admits(request, now_ms);
        Ok(match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["oidc", "token"]) => self.token(now_ms, request),
            ("PUT" | "GET" | "HEAD", ["storage", signature, place, entity, object, md5, ..]) if *place == OBJECT => {
                self.object(request, signature, [entity, object, md5])?
            }
            ("PUT" | "GET" | "HEAD", ["storage", signature, entity, project, run, name @ ..]) => {
                let name = name.join("/");
                self.storage(now_ms, request, signature, [*entity, *project, *run, &name])?
            }
            ("GET", ["healthz" | "ready"]) => Response::of(200, "text/plain; charset=utf-8", b"ok".to_vec()),
            ("GET" | "HEAD", segments) if is_page(segments) && (admitted || self.is_open()) => {
                page::answer(self, now_ms, request, segments)?
            }
            ("GET", ["_runwire", "state", entity, project, run]) if admitted || self.settings.open_state => {
                let found = self.snapshot(now_ms, entity, project, run)?;
                if found.is_null() { Response::error(404, "no such run") } else { Response::json(200, &found) }
            }
            ("GET" | "HEAD", ["files", entity, project, run, name @ ..]) if admitted || self.is_open() => {
                self.download([*entity, *project, *run, &name.join("/")])?
            }
            ("GET" | "HEAD", segments)
                if !admitted && (is_page(segments) || matches!(segments, ["files" | "_runwire", ..])) =>
            {
                let answer = Response::error(401, "give an API key as the password");
                answer.with("WWW-Authenticate", "Basic realm=\"Runwire: user api, password your key\"")
            }
            // The official client then sends no more usage statistics here.
            (_, ["sdk", "otel", ..]) => Response::error(404, "this server takes no telemetry"),
            _ if !admitted => Response::error(401, "the API key is missing or not one of this server's"),
            ("POST", ["graphql"]) => match self.body(request) {
                Ok(body) => {
                    let (status, answer) = graphql::execute(&body, &mut Api::new(self, now_ms, request));
                    Response::json(status, &answer)
                }
                Err(refused) => refused,
            },
            ("POST", ["files", entity, project, run, "file_stream"]) => {
                self.file_stream(now_ms, request, [*entity, *project, *run])?
            }
            ("GET" | "HEAD", ["artifacts", entity, object]) => self.read_object(entity, object)?,
            ("GET" | "HEAD", ["artifactsV2", _, entity, _, _, .., object, _]) => self.read_object(entity, object)?,
            (_, ["graphql"] | ["files", ..] | ["storage", ..] | ["oidc", "token"]) => {
                Response::error(405, "this method is not allowed here")
            }
            _ => Response::error(404, "there is nothing here"),
        })
    }

    /// Pages are open to whoever reaches the port if any key is let in: a key would protect nothing.
    fn is_open(&self) -> bool {
        self.settings.keys.is_empty()
    }

    fn token(&self, now_ms: u64, request: &Request) -> Response {
        let form = String::from_utf8_lossy(&request.body);
        let grant = form_value(&form, "grant_type");
        if grant.as_deref() != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
            return Response::error(400, "unsupported grant_type");
        }
        match form_value(&form, "assertion").and_then(|assertion| self.auth.exchange(&assertion, now_ms)) {
            Some((token, seconds)) => Response::json(
                200,
                &json!({
                    "access_token": token, "expires_in": seconds, "token_type": "Bearer",
                }),
            ),
            None => Response::error(403, "this identity token is not known here"),
        }
    }

    fn file_stream(
        &mut self,
        now_ms: u64,
        request: &Request,
        [entity, project, run]: [&str; 3],
    ) -> Result<Response, StoreError> {
        let body = match self.body(request) {
            Ok(body) => body,
            Err(refused) => return Ok(refused),
        };
        let push: Push = match serde_json::from_slice(&body) {
            Ok(push) => push,
            Err(error) => return Ok(Response::error(400, &format!("the body is not a push: {error}"))),
        };
        let Some(id) = self.model.run_id(entity, project, run) else {
            return Ok(Response::error(404, &format!("run {entity}/{project}/{run} not found")));
        };
        let shared = request.header("x-wandb-async-client-id").or_else(|| request.header("x-wandb-client-id"));
        let derives = request.header("x-wandb-server-side-derived-summary").is_some_and(|value| value == "true");
        match self.model.push(now_ms, id, shared.unwrap_or_default(), derives, push) {
            Ok(()) => {}
            Err(PushFailure::Offset) => return Ok(Response::error(400, &PushFailure::Offset.to_string())),
            Err(PushFailure::Store(error)) => return Err(error),
        }
        let mut answer = json!({ "exitcode": null, "limits": {} });
        if self.model.run(id).is_some_and(|run| run.meta.stop) {
            answer["stopped"] = Value::Bool(true);
        }
        Ok(Response::json(200, &answer))
    }

    /// The body without its compression, or the refusal.
    fn body<'a>(&self, request: &'a Request) -> Result<Cow<'a, [u8]>, Response> {
        let too_large = || Response::error(413, "the body is too large for this server");
        let body = match request.header("content-encoding") {
            None | Some("identity" | "") => Cow::Borrowed(request.body.as_slice()),
            Some("gzip") => {
                let mut body = Vec::new();
                let limit = self.settings.body_max as u64 + 1;
                let read =
                    flate2::read::MultiGzDecoder::new(request.body.as_slice()).take(limit).read_to_end(&mut body);
                read.map_err(|error| Response::error(400, &format!("the body is not gzip: {error}")))?;
                Cow::Owned(body)
            }
            Some(other) => return Err(Response::error(415, &format!("bodies in {other} are not understood"))),
        };
        if body.len() > self.settings.body_max { Err(too_large()) } else { Ok(body) }
    }
}

/// Addresses of the page, and those that clients print for projects and runs.
fn is_page(segments: &[&str]) -> bool {
    const OTHERS: [&str; 9] =
        ["artifacts", "artifactsV2", "graphql", "files", "storage", "oidc", "sdk", "healthz", "_runwire"];
    match segments {
        [""] | ["_page", ..] => true,
        [entity, _] | [entity, _, "runs", _] | [entity, _, ""] => !OTHERS.contains(entity),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
