//! Requests of connections that are about no run of the service: the public API, logins, sweeps.
//!
//! Owns: the API clients of each connection, the effects that they ask for, and which outcome is whose. It knows nothing
//! of what is asked. A connection that ends takes its clients with it, and the end of the service waits for none of them.

mod answer;
mod client;
mod console;
mod features;
mod graphql;
mod history;
mod plan;
mod queues;
mod signing;
mod sweep;

#[cfg(test)]
mod tests;

use super::{Service, ServiceOutput, response};
use crate::{
    completion::Completion,
    effect::Effect,
    error::InputError,
    id::{ClientId, EffectId, StreamKey},
    ledger::Ledger,
    net::credentials::{Ask, FILE_BYTES_MAX},
    settings::text,
    time::{Duration, Wake},
};
use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};
use client::{Action, ApiClient, Cx, JobId, Out};
use runwire_proto::wire::{
    self, api_response::Response, server_request::ServerRequestType as Request,
    server_response::ServerResponseType as Answer,
};

/// The key of effects that belong to no run: those of API clients.
pub(super) const OWN: StreamKey = StreamKey(0);
/// API clients of one connection at a time. Clients often forget to say that they need one no longer.
const CLIENTS_MAX: usize = 4096;
/// What a client is told whose API client is not there.
const UNKNOWN: &str = "WandbAPI is not initialized";

/// One API client of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    client: ClientId,
    which: Which,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    /// `api-N`.
    Api(u64),
    /// The only request of it is that of an older client to check its key.
    Login(u64),
}

/// What an effect of an API client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Errand {
    Job(JobId),
    /// A file of its credentials.
    Read(Ask),
    /// Its identity is exchanged for a token.
    Exchange,
    /// The token is kept.
    Store,
}

/// The API clients of a service.
#[derive(Default)]
pub(super) struct Apis {
    clients: BTreeMap<Key, ApiClient>,
    ledger: Ledger<(Key, Errand)>,
    /// The effect that each errand waits for.
    effects: BTreeMap<(Key, Errand), EffectId>,
    last_login: u64,
    /// The client that is being given something: where a panic comes from.
    feeding: Option<Key>,
}

impl Service {
    /// Takes a request of `bytes` length.
    pub(super) fn on_api(&mut self, client: ClientId, request_id: &str, request: Request, bytes: usize) {
        match request {
            Request::Authenticate(login) => self.on_login(client, &login),
            Request::ApiInitRequest(init) => {
                self.on_api_init(client, request_id, &init.settings.unwrap_or_default());
            }
            Request::ApiRequest(wire::ApiRequest { api_id, request }) => {
                match api_key(client, &api_id).filter(|key| self.apis.clients.contains_key(key)) {
                    Some(key) => self.with_api(key, |api, _, out| api.on_request(request_id, bytes, request, out)),
                    None if request_id.is_empty() => {}
                    None => {
                        let refusal = answer::message(Err(answer::ApiError::new(UNKNOWN)));
                        self.send(client, response::of(request_id, Answer::ApiResponse(refusal)));
                    }
                }
            }
            Request::ApiCleanupRequest(cleanup) => {
                if let Some(key) = api_key(client, &cleanup.api_id) {
                    self.end_api(key, "the API client was given up while it waited for this");
                }
            }
            Request::SweepSchedulerInit(init) => self.on_scheduler_init(client, request_id, &init),
            Request::SweepSchedulerNextTask(_) => self.on_scheduler_task(client, request_id),
            Request::SweepSchedulerStop(_)
            | Request::InitSync(_)
            | Request::Sync(_)
            | Request::SyncStatus(_)
            | Request::RecordPublish(_)
            | Request::RecordCommunicate(_)
            | Request::InformInit(_)
            | Request::InformAttach(_)
            | Request::InformFinish(_)
            | Request::InformDetach(_)
            | Request::InformTeardown(_)
            | Request::Cancel(_) => {}
        }
    }

    fn on_api_init(&mut self, client: ClientId, request_id: &str, settings: &wire::Settings) {
        if let Err(why) = check_address(text(&settings.base_url)) {
            return self.decline(client, request_id, format!("error parsing base URL: {why}"));
        }
        if self.api_keys(client).len() >= CLIENTS_MAX {
            let why = format!("this connection has {CLIENTS_MAX} API clients; give up some of them");
            return self.decline(client, request_id, why);
        }
        let Some(connection) = self.connections.get_mut(&client) else { return };
        let number = connection.apis;
        connection.apis += 1;
        self.apis.clients.insert(Key { client, which: Which::Api(number) }, ApiClient::new(settings));
        let answer = wire::ServerApiInitResponse { api_id: format!("api-{number}"), ..Default::default() };
        self.send(client, response::of(request_id, Answer::ApiInitResponse(answer)));
    }

    /// Checks a key, for clients that have no API client. The answer has no id, as ever.
    fn on_login(&mut self, client: ClientId, login: &wire::ServerAuthenticateRequest) {
        let settings = wire::Settings {
            api_key: Some(login.api_key.clone()),
            base_url: Some(login.base_url.clone()),
            ..Default::default()
        };
        self.apis.last_login += 1;
        let key = Key { client, which: Which::Login(self.apis.last_login) };
        self.apis.clients.insert(key, ApiClient::new(&settings));
        let asked = wire::auth_request::Request::AuthenticateRequest(wire::AuthenticateRequest {});
        let request = wire::api_request::Request::AuthRequest(wire::AuthRequest { request: Some(asked) });
        self.with_api(key, |api, _, out| api.on_request("login", 0, Some(request), out));
    }

    /// The outcome of an effect of [`OWN`].
    pub(super) fn on_own_completed(&mut self, id: EffectId, completion: Completion) -> Result<(), InputError> {
        if let Some(origin) = self.apis.ledger.complete(id, &completion)? {
            self.settle_api(origin, completion);
        }
        Ok(())
    }

    pub(super) fn tick_apis(&mut self) {
        let now = self.last_now;
        for (id, origin) in self.apis.ledger.expire(now) {
            self.outbox.push_back(ServiceOutput::Cancel(OWN, id));
            self.settle_api(origin, Completion::Failed(crate::completion::Failure::timed_out()));
        }
        let due = |api: &ApiClient| api.wake().is_some_and(|wake| wake.at <= now);
        let keys: Vec<Key> = self.apis.clients.iter().filter(|(_, api)| due(api)).map(|(key, _)| *key).collect();
        for key in keys {
            self.with_api(key, |api, cx, out| api.on_tick(cx, out));
        }
    }

    pub(super) fn api_wake(&self) -> Option<Wake> {
        let clients = self.apis.clients.values().filter_map(ApiClient::wake).min_by_key(|wake| wake.at);
        Wake::soonest(clients, self.apis.ledger.wake())
    }

    /// Whether `request_id` was a request of the API; its work is dropped.
    pub(super) fn cancel_api(&mut self, client: ClientId, request_id: &str) -> bool {
        let mut found = false;
        for key in self.api_keys(client) {
            self.with_api(key, |api, _, out| found = found || api.on_cancel(request_id, out));
        }
        found
    }

    /// The connection takes answers again.
    pub(super) fn resume_apis(&mut self, client: ClientId) {
        for key in self.api_keys(client) {
            self.with_api(key, |_, _, _| {});
        }
    }

    /// The connection is over, or the service is: nothing that it asked for is wanted any more.
    pub(super) fn end_apis(&mut self, client: ClientId) {
        for key in self.api_keys(client) {
            self.end_api(key, "the connection or the service ended before the server's answer came");
        }
    }

    /// A panic came out of an API client: it is given up, and whoever waits for it is told.
    pub(super) fn give_up_panicked_api(&mut self) {
        if let Some(key) = self.apis.feeding.take() {
            self.end_api(key, "this API client was ended by a bug in runwire; please report it");
        }
    }

    fn end_api(&mut self, key: Key, why: &str) {
        self.with_api(key, |api, _, out| api.on_end(why, out));
        self.apis.clients.remove(&key);
    }

    fn api_keys(&self, client: ClientId) -> Vec<Key> {
        let first = Key { client, which: Which::Api(0) };
        let last = Key { client, which: Which::Login(u64::MAX) };
        self.apis.clients.range(first..=last).map(|(key, _)| *key).collect()
    }

    /// Calls an API client, does what it wants, and lets it begin what may begin now: what it just answered counts.
    fn with_api(&mut self, key: Key, call: impl FnOnce(&mut ApiClient, &mut Cx<'_>, &mut Out)) {
        self.call_api(key, call);
        if self.connections.get(&key.client).is_some_and(|connection| connection.takes_answers(&self.config.limits)) {
            self.call_api(key, |api, cx, out| api.pump(cx, out));
        }
    }

    fn call_api(&mut self, key: Key, call: impl FnOnce(&mut ApiClient, &mut Cx<'_>, &mut Out)) {
        let wall = self.wall();
        let Some(api) = self.apis.clients.get_mut(&key) else { return };
        let mut out = Out::new();
        let mut cx = Cx { now: self.last_now, wall, limits: &self.config.limits, rng: &mut self.rng };
        self.apis.feeding = Some(key);
        call(api, &mut cx, &mut out);
        self.apis.feeding = None;
        out.into_iter().for_each(|action| self.on_api_action(key, action));
    }

    fn on_api_action(&mut self, key: Key, action: Action) {
        match action {
            Action::Http(job, http) => {
                let attempt = http.timeout.unwrap_or(self.config.limits.transfer_deadline);
                self.issue_own(key, Errand::Job(job), Effect::Http(http), attempt);
            }
            Action::Stat(job, path) => {
                self.issue_own(key, Errand::Job(job), Effect::StatFiles { paths: vec![path] }, Duration::ZERO);
            }
            Action::Read(ask, path) => {
                let effect = Effect::ReadFile { path, at: 0, len: FILE_BYTES_MAX };
                self.issue_own(key, Errand::Read(ask), effect, Duration::ZERO);
            }
            Action::Exchange(http) => {
                let attempt = http.timeout.unwrap_or(self.config.limits.transfer_deadline);
                self.issue_own(key, Errand::Exchange, Effect::Http(http), attempt);
            }
            Action::Store(path, content) => {
                self.issue_own(key, Errand::Store, Effect::WriteSecret { path, content }, Duration::ZERO);
            }
            Action::Notice(notice) => self.outbox.push_back(ServiceOutput::Notice(None, notice)),
            Action::Cancel(job) => {
                if let Some(id) = self.apis.effects.remove(&(key, Errand::Job(job))) {
                    self.apis.ledger.cancel(id);
                    self.outbox.push_back(ServiceOutput::Cancel(OWN, id));
                }
            }
            Action::Answer(request_id, answer) => match key.which {
                Which::Api(_) => self.send(key.client, response::of(&request_id, Answer::ApiResponse(*answer))),
                Which::Login(_) => {
                    self.apis.clients.remove(&key);
                    self.send(key.client, response::of("", Answer::AuthenticateResponse(login_answer(*answer))));
                }
            },
        }
    }

    /// The runtime ends an attempt at its own bound; the deadline here is for an outcome that got lost.
    fn issue_own(&mut self, key: Key, errand: Errand, effect: Effect, attempt: Duration) {
        let within = attempt + self.config.limits.disk_deadline;
        let id = self.apis.ledger.issue(effect.kind(), (key, errand), self.last_now, within);
        self.apis.effects.insert((key, errand), id);
        self.outbox.push_back(ServiceOutput::Effect(OWN, id, effect));
    }

    fn settle_api(&mut self, origin: (Key, Errand), completion: Completion) {
        let (key, errand) = origin;
        self.apis.effects.remove(&origin);
        match (errand, completion) {
            (Errand::Job(job), Completion::Stats(stats)) => {
                self.with_api(key, |api, cx, out| api.on_stat(cx, job, stats.first().copied().flatten(), out));
            }
            (Errand::Read(ask), Completion::Read(bytes)) => {
                self.with_api(key, |api, cx, out| api.on_read(cx, ask, Ok(bytes), out));
            }
            (errand, completion) => {
                let Some(outcome) = completion.into_http() else { return };
                self.with_api(key, |api, cx, out| match (errand, outcome) {
                    (Errand::Job(job), outcome) => api.on_http(cx, job, outcome, out),
                    (Errand::Exchange, outcome) => api.on_exchanged(cx, outcome, out),
                    (Errand::Read(ask), Err(failure)) => api.on_read(cx, ask, Err(failure), out),
                    (Errand::Store, Err(failure)) => api.on_stored(cx, Err(failure), out),
                    // No answer of a server comes of these.
                    (Errand::Read(_) | Errand::Store, Ok(_)) => {}
                });
            }
        }
    }
}

fn api_key(client: ClientId, id: &str) -> Option<Key> {
    Some(Key { client, which: Which::Api(id.strip_prefix("api-")?.parse().ok()?) })
}

/// What older clients know: a default entity, or a word.
fn login_answer(answer: wire::ApiResponse) -> wire::ServerAuthenticateResponse {
    let mut login = wire::ServerAuthenticateResponse::default();
    match answer.response {
        Some(Response::AuthResponse(wire::AuthResponse {
            response: Some(wire::auth_response::Response::AuthenticateResponse(user)),
        })) => login.default_entity = user.default_entity,
        Some(Response::ApiErrorResponse(error))
            if !matches!(error.http_status, 401 | 403) && !error.message.starts_with("invalid credentials") =>
        {
            login.error_status = error.message;
        }
        _ => login.error_status = "Invalid credentials".into(),
    }
    login
}

/// An address that a request can go to. An empty one is not judged: a client may never use it.
fn check_address(url: &str) -> Result<(), String> {
    let bad = |what: &str| Err(format!("{url:?}: {what}; it looks like https://api.wandb.ai"));
    if url.is_empty() {
        return Ok(());
    }
    let Some((scheme, rest)) = url.split_once("://") else { return bad("it has no scheme") };
    if !matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https") {
        return bad("only http and https are known");
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return bad("it has a space or a control character in it");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let port = match host.strip_prefix('[') {
        Some(v6) => match v6.split_once(']') {
            Some((_, after)) => after.strip_prefix(':').or((after.is_empty()).then_some("")),
            None => return bad("a bracket is missing"),
        },
        None => Some(host.split_once(':').map_or("", |(_, port)| port)),
    };
    match port {
        Some(port) if port.is_empty() || port.parse::<u16>().is_ok() => {}
        Some(_) | None => return bad("its port is no number up to 65535"),
    }
    if host.is_empty() || host.starts_with(':') { bad("it names no host") } else { Ok(()) }
}
