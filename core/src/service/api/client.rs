//! One client of the public API: what it asks, how much of it at once, and what becomes of it.
//!
//! Each has its own settings, so its own server, key and patience. It knows neither connections nor effects: it is given
//! requests and outcomes, and says what to send and what to answer.

use super::{
    answer::{self, ApiError},
    features::{self, Features},
    history::Scans,
    plan::{self, Identity, Plan, Want},
};
use crate::{
    completion::FileStat,
    limits::Limits,
    net::{
        Call, CallError, Class, Header, HttpRequest, HttpResponse, Link, Method, Outcome, Policies, Purpose, Secret,
        Step,
        credentials::{Ask, Credentials},
    },
    notice::Notice,
    rng::Rng,
    settings::text,
    time::{Duration, Instant, Timer, UnixNanos, Wake},
};
use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    vec::Vec,
};
use runwire_proto::wire::{self, Settings, api_request::Request, api_response::Response, features_response};

/// Requests that are worked on at once; the others wait in order.
pub(super) const AT_ONCE: usize = 10;
/// Requests that may wait, and their bytes.
pub(super) const WAITING_MAX: usize = 1000;
const WAITING_BYTES_MAX: usize = 32 << 20;
/// How long a login check or a question about features may take with all its attempts: clients give up after ten seconds
/// and can say less about it.
pub(super) const PATIENCE: Duration = Duration::from_secs(8);

/// One thing that is asked of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct JobId(u64);

/// What the client wants from the service around it.
#[derive(Debug)]
pub(super) enum Action {
    /// Make this attempt.
    Http(JobId, Box<HttpRequest>),
    /// Look at this file.
    Stat(JobId, String),
    /// Read a file of the credentials; answer with [`ApiClient::on_read`].
    Read(Ask, String),
    /// Ask for a token; answer with [`ApiClient::on_exchanged`].
    Exchange(Box<HttpRequest>),
    /// Keep the token; answer with [`ApiClient::on_stored`].
    Store(String, Secret),
    /// For the service's debug log.
    Notice(Notice),
    /// What this job has asked for last is no longer wanted.
    Cancel(JobId),
    /// The answer to the request of this id.
    Answer(String, Box<wire::ApiResponse>),
}

/// What is passed with each call and never stored.
pub(super) struct Cx<'a> {
    pub(super) now: Instant,
    pub(super) wall: UnixNanos,
    pub(super) limits: &'a Limits,
    pub(super) rng: &'a mut Rng,
}

pub(super) type Out = VecDeque<Action>;

#[derive(Debug)]
struct Waiting {
    request_id: String,
    request: Request,
    bytes: usize,
}

#[derive(Debug)]
struct Job {
    /// Empty if nobody waits for the answer.
    request_id: String,
    want: Want,
    /// `None` while its file is looked at.
    call: Option<Call>,
    give_up: Timer,
}

/// The state of one client.
pub(super) struct ApiClient {
    pub(super) link: Link,
    pub(super) credentials: Credentials<JobId>,
    policies: Policies,
    identity: Identity,
    features: Features,
    scans: Scans,
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    jobs: BTreeMap<JobId, Job>,
    last_job: u64,
}

impl ApiClient {
    /// A client that has asked nothing yet. `settings` still have their secrets.
    pub(super) fn new(settings: &Settings) -> Self {
        ApiClient {
            link: Link::new(settings),
            credentials: Credentials::new(settings),
            policies: Policies::new(settings),
            identity: Identity {
                key: !text(&settings.api_key).is_empty(),
                token_file: !text(&settings.identity_token_file).is_empty(),
            },
            features: Features::default(),
            scans: Scans::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            jobs: BTreeMap::new(),
            last_job: 0,
        }
    }

    /// Takes a request of `bytes` length. Without an id its answer goes nowhere.
    pub(super) fn on_request(&mut self, request_id: &str, bytes: usize, request: Option<Request>, out: &mut Out) {
        let Some(request) = request else {
            let why = "unsupported API request type: <nil>; the request names none that this version knows";
            return reply(request_id, Err(ApiError::new(why)), out);
        };
        if self.waiting.len() >= WAITING_MAX || self.waiting_bytes.saturating_add(bytes) > WAITING_BYTES_MAX {
            let why = "too many requests are waiting for the server; ask again when some of them are answered";
            return reply(request_id, Err(ApiError::new(why)), out);
        }
        self.waiting_bytes += bytes;
        self.waiting.push_back(Waiting { request_id: request_id.into(), request, bytes });
    }

    /// Begins what may begin now. To be called after anything else, if the connection takes more answers.
    pub(super) fn pump(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        while self.running() < AT_ONCE {
            let Some(Waiting { request_id, request, bytes }) = self.waiting.pop_front() else { return };
            self.waiting_bytes -= bytes;
            match plan::plan(&self.link, self.identity, &mut self.scans, request) {
                Ok(Plan::Answer(response)) => reply(&request_id, Ok(response), out),
                Ok(Plan::Silence) => {}
                Ok(Plan::Http(http, class, want)) => {
                    self.begin(cx, request_id, http, class, want, out);
                }
                Ok(Plan::LookAt(upload)) => {
                    let path = upload.path.clone();
                    let id = self.insert(request_id, Want::Upload(upload), None);
                    out.push_back(Action::Stat(id, path));
                }
                Ok(Plan::Features(asked)) => self.ask_features(cx, request_id, asked, out),
                Ok(Plan::Token) => {
                    let id = self.insert(request_id, Want::Token, None);
                    self.with_credentials(cx, out, |credentials, cx, out| credentials.on_token_wanted(cx, id, out));
                }
                Err(error) => reply(&request_id, Err(error), out),
            }
        }
    }

    /// What an attempt came to.
    pub(super) fn on_http(&mut self, cx: &mut Cx<'_>, id: JobId, outcome: Outcome, out: &mut Out) {
        let mut given = None;
        self.with_credentials(cx, out, |credentials, cx, out| given = credentials.on_answer(cx, &id, outcome, out));
        if let Some(outcome) = given {
            self.on_outcome(cx, id, outcome, out);
        }
    }

    /// What is left of it when the credentials are content.
    pub(super) fn on_outcome(&mut self, cx: &mut Cx<'_>, id: JobId, outcome: Outcome, out: &mut Out) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Some(call) = &mut job.call else {
            // The file could not even be looked at, or there is no token.
            let why = outcome.map_or_else(|failure| failure.message, |_| "it is no request".into());
            let why = if job.want == Want::Token { why } else { format!("the file can't be read: {why}") };
            return self.finish(id, Err(ApiError::new(why)), out);
        };
        let messages = answer::messages(&outcome);
        let result = match call.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting => return,
            Step::Done(response) => Ok(response),
            Step::Failed(error) => Err(failed(call.request(), &error, messages)),
        };
        self.finish(id, result, out);
    }

    /// What the file of an upload is.
    pub(super) fn on_stat(&mut self, cx: &mut Cx<'_>, id: JobId, stat: Option<FileStat>, out: &mut Out) {
        let Some(Job { request_id, want: Want::Upload(upload), .. }) = self.jobs.remove(&id) else { return };
        let Some(stat) = stat else {
            let why = format!("open {}: no such file or directory, or not a readable file", upload.path);
            return reply(&request_id, Err(ApiError::new(why)), out);
        };
        let headers = upload.headers.iter().map(|(name, value)| Header::new(name.clone(), value.clone())).collect();
        let http = self.link.put_file(&upload.url, headers, upload.path.clone(), stat.len);
        self.begin(cx, request_id, http, Class::Transfer, Want::Upload(upload), out);
    }

    /// Time has passed.
    pub(super) fn on_tick(&mut self, cx: &mut Cx<'_>, out: &mut Out) {
        let ids: Vec<JobId> = self.jobs.keys().copied().collect();
        for id in ids {
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            if job.give_up.take_due(cx.now) {
                let trouble = job.call.as_ref().and_then(Call::trouble).map(|error| format!(": {error}"));
                let why = format!(
                    "{} did not answer within {} s{}",
                    self.link.base(),
                    PATIENCE.as_secs(),
                    trouble.unwrap_or_default()
                );
                out.push_back(Action::Cancel(id));
                self.finish(id, Err(ApiError::new(why)), out);
            } else if let Some(http) = job.call.as_mut().and_then(|call| call.on_tick(cx.now)) {
                self.send(cx, id, http, out);
            }
        }
        self.with_credentials(cx, out, |credentials, cx, out| credentials.on_tick(cx, out));
    }

    /// When the next tick is wanted.
    pub(super) fn wake(&self) -> Option<Wake> {
        let of = |job: &Job| Wake::soonest(job.give_up.wake(), job.call.as_ref().and_then(Call::wake));
        Wake::soonest(self.credentials.wake(), self.jobs.values().filter_map(of).min_by_key(|wake| wake.at))
    }

    /// Nobody waits for this request any more. Returns whether it was known.
    pub(super) fn on_cancel(&mut self, request_id: &str, out: &mut Out) -> bool {
        let why = || Err(ApiError::new("the request was cancelled"));
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.request_id == request_id) {
            if let Some(waiting) = self.waiting.remove(at) {
                self.waiting_bytes -= waiting.bytes;
            }
        } else if let Some(at) = self.features.askers.iter().position(|(asker, _)| asker == request_id) {
            // The query goes on: its answer is good for the next one who asks.
            self.features.askers.remove(at);
        } else if let Some(id) = self.jobs.iter().find(|(_, job)| job.request_id == request_id).map(|(id, _)| *id) {
            self.jobs.remove(&id);
            self.credentials.forget(&id);
            out.push_back(Action::Cancel(id));
        } else {
            return false;
        }
        reply(request_id, why(), out);
        true
    }

    /// Nothing is wanted any more; whoever waits is told `why`.
    pub(super) fn on_end(&mut self, why: &str, out: &mut Out) {
        let error = || Err(ApiError::new(why));
        for (id, job) in core::mem::take(&mut self.jobs) {
            self.credentials.forget(&id);
            out.push_back(Action::Cancel(id));
            reply(&job.request_id, error(), out);
        }
        self.features.asking = None;
        self.features.askers.drain(..).for_each(|(request_id, _)| reply(&request_id, error(), out));
        self.waiting.drain(..).for_each(|waiting| reply(&waiting.request_id, error(), out));
        self.waiting_bytes = 0;
    }

    /// The job is done, and its answer was found without a request.
    pub(super) fn settle(&mut self, id: JobId, response: Response, out: &mut Out) {
        if let Some(job) = self.jobs.remove(&id) {
            reply(&job.request_id, Ok(response), out);
        }
    }

    /// Requests that are being worked on.
    fn running(&self) -> usize {
        self.jobs.len() + self.features.askers.len() - usize::from(self.features.asking.is_some())
    }

    fn ask_features(&mut self, cx: &mut Cx<'_>, request_id: String, asked: Vec<i32>, out: &mut Out) {
        if let Some(enabled) = self.features.of(&asked) {
            return reply(&request_id, Ok(server_features(enabled)), out);
        }
        self.features.askers.push((request_id, asked));
        if self.features.asking.is_none() {
            let http = self.link.graphql(Purpose::Features, "ServerFeaturesQuery", features::QUERY, "");
            self.features.asking = Some(self.begin(cx, String::new(), http, Class::Graphql, Want::Features, out));
        }
    }

    fn begin(
        &mut self,
        cx: &mut Cx<'_>,
        request_id: String,
        http: HttpRequest,
        class: Class,
        want: Want,
        out: &mut Out,
    ) -> JobId {
        let policy = match class {
            Class::Transfer => &self.policies.transfer,
            Class::Graphql | Class::Upsert | Class::FileStream | Class::Token => &self.policies.graphql,
        };
        let patient = match want {
            Want::Viewer(_) | Want::Features => Some(PATIENCE),
            Want::Data
            | Want::OrgFeatures(_)
            | Want::Download
            | Want::Upload(_)
            | Want::Done(_)
            | Want::Chart
            | Want::Queue(_)
            | Want::Console(_)
            | Want::Rows(_)
            | Want::Token => None,
        };
        let mut call = Call::new(http, class, policy);
        let first = call.start();
        let id = self.insert(request_id, want, Some(call));
        if let (Some(patience), Some(job)) = (patient, self.jobs.get_mut(&id)) {
            job.give_up.set(cx.now.after(patience));
        }
        self.send(cx, id, first, out);
        id
    }

    fn insert(&mut self, request_id: String, want: Want, call: Option<Call>) -> JobId {
        self.last_job += 1;
        let id = JobId(self.last_job);
        self.jobs.insert(id, Job { request_id, want, call, give_up: Timer::new("api.give_up") });
        id
    }

    fn finish(&mut self, id: JobId, result: Result<HttpResponse, ApiError>, out: &mut Out) {
        let Some(job) = self.jobs.remove(&id) else { return };
        self.credentials.forget(&id);
        let bytes_max = job.call.as_ref().map_or(usize::MAX, |call| call.request().answer_bytes_max);
        if self.features.asking != Some(id) {
            let outcome = result.and_then(|response| job.want.read(&response, bytes_max));
            return reply(&job.request_id, outcome, out);
        }
        self.features.asking = None;
        if let Ok(data) = result.as_ref().map_err(Clone::clone).and_then(|r| answer::read(r, bytes_max)?.data()) {
            self.features.learn(data);
        }
        // A server that does not say what it can do is taken to be an old one; it is asked again next time.
        for (request_id, asked) in core::mem::take(&mut self.features.askers) {
            let enabled = self.features.of(&asked).unwrap_or_default();
            reply(&request_id, Ok(server_features(enabled)), out);
        }
    }
}

fn reply(request_id: &str, outcome: Result<Response, ApiError>, out: &mut Out) {
    if !request_id.is_empty() {
        out.push_back(Action::Answer(request_id.into(), Box::new(answer::message(outcome))));
    }
}

fn server_features(enabled: Vec<i32>) -> Response {
    let response = Some(features_response::Response::Server(wire::ServerFeaturesResponse { enabled }));
    Response::FeaturesResponse(wire::FeaturesResponse { response })
}

fn failed(request: &HttpRequest, error: &CallError, messages: Vec<String>) -> ApiError {
    let (what, method) = match request.method {
        Method::Get => ("download: failed to download", "GET"),
        Method::Put => ("upload: failed to upload", "PUT"),
        Method::Post => return answer::failed(error, messages, &request.shown_url()),
    };
    match error.status {
        _ if error.exhausted => answer::given_up(error, method, &request.shown_url()),
        0 => ApiError::new(format!("file transfer: {what}: {}", error.text)),
        status => {
            let message = format!("file transfer: {what}: status: {status}: body: {}", error.text);
            ApiError { message, status }
        }
    }
}
