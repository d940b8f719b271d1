//! Who a request comes from: adds the key or the token to requests for the run's own server.
//!
//! A key is added at once. A token is fetched in exchange for the identity in a file, shared by all requests, renewed
//! before it ends or when the server refuses it, and kept in a file between runs. Requests wait while there is none.
//! The requests' meaning is nothing to it, and neither is who asks: that is a key of the caller's.

mod token;

use super::{
    call::{Call, Step},
    policy::{Policies, Policy},
    request::HttpRequest,
    secret::Secret,
    verdict::{Class, Outcome},
};
use crate::{
    completion::{Failure, FailureKind},
    notice::Notice,
    settings::text,
    time::Wake,
    uplink::Cx,
};
use alloc::{
    boxed::Box,
    collections::VecDeque,
    format,
    string::{String, ToString},
    vec::Vec,
};
use bytes::Bytes;
use runwire_proto::wire::Settings;
use token::{Cache, Token};

/// Most bytes of a file that are read: both are small, and a wrong path may name anything.
pub(crate) const FILE_BYTES_MAX: u32 = 1 << 20;

const UNAUTHORIZED: u16 = 401;

/// Which file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    /// The tokens of earlier runs.
    Cache,
    /// What is exchanged for a token.
    Identity,
}

/// What the credentials want. `K` is the caller's name of a request.
#[derive(Debug)]
pub(crate) enum Action<K> {
    /// Read a file up to [`FILE_BYTES_MAX`]; answer with [`Credentials::on_read`].
    Read(Ask, String),
    /// Ask for a token; answer with [`Credentials::on_http`].
    Exchange(Box<HttpRequest>),
    /// Write a file that only its owner may read; answer with [`Credentials::on_stored`].
    Store(String, Secret),
    /// The request may go; give what comes of it to [`Credentials::on_answer`] first.
    Send(K, Box<HttpRequest>),
    /// The token that was asked for by [`Credentials::on_token_wanted`].
    Token(K, Secret),
    /// There will be no token for this request.
    Refuse(K, Failure),
    Notice(Notice),
}

/// The credentials of one run or connection.
#[derive(Debug)]
pub(crate) struct Credentials<K> {
    /// `None`: the link's key, if it has one, is all there is.
    tokens: Option<Tokens<K>>,
}

#[derive(Debug)]
struct Tokens<K> {
    identity_path: String,
    /// Empty: tokens are not kept.
    cache_path: String,
    policy: Policy,
    stage: Stage,
    cache: Cache,
    token: Option<Token>,
    /// A token that the server did not accept: of no use, wherever it is found.
    refused: Option<Secret>,
    waiting: Vec<Entry<K>>,
    sent: Vec<Entry<K>>,
}

/// How far the way to a token is.
#[derive(Debug)]
enum Stage {
    Idle,
    Cache,
    Identity,
    Exchange(Box<Call>),
}

#[derive(Debug)]
struct Entry<K> {
    key: K,
    /// `None`: only the token itself is wanted.
    request: Option<Box<HttpRequest>>,
    /// The token that it was sent with.
    used: Option<Secret>,
    /// It was refused once and is not sent a third time.
    again: bool,
}

impl<K: Clone + PartialEq> Credentials<K> {
    /// Reads `identity_token_file` and `credentials_file`. Without the former, the key of the link is used.
    pub(crate) fn new(settings: &Settings) -> Self {
        let identity_path = text(&settings.identity_token_file);
        let tokens = (!identity_path.is_empty()).then(|| Tokens {
            identity_path: identity_path.to_string(),
            cache_path: text(&settings.credentials_file).to_string(),
            policy: Policies::new(settings).token,
            stage: Stage::Idle,
            cache: Cache::default(),
            token: None,
            refused: None,
            waiting: Vec::new(),
            sent: Vec::new(),
        });
        Credentials { tokens }
    }

    /// A request that wants to go. It comes back as [`Action::Send`] or [`Action::Refuse`], now or later.
    pub(crate) fn on_request(
        &mut self,
        cx: &mut Cx<'_>,
        key: K,
        mut request: Box<HttpRequest>,
        out: &mut VecDeque<Action<K>>,
    ) {
        match &mut self.tokens {
            Some(tokens) if cx.link.takes_credentials(&request) => {
                tokens.waiting.push(Entry { key, request: Some(request), used: None, again: false });
                tokens.serve(cx, out);
            }
            Some(_) => out.push_back(Action::Send(key, request)),
            None => {
                cx.link.sign(&mut request);
                out.push_back(Action::Send(key, request));
            }
        }
    }

    /// Somebody wants the token itself. It comes as [`Action::Token`] or [`Action::Refuse`], now or later; an empty one if
    /// there is no identity to exchange.
    pub(crate) fn on_token_wanted(&mut self, cx: &mut Cx<'_>, key: K, out: &mut VecDeque<Action<K>>) {
        match &mut self.tokens {
            Some(tokens) => {
                tokens.waiting.push(Entry { key, request: None, used: None, again: false });
                tokens.serve(cx, out);
            }
            None => out.push_back(Action::Token(key, Secret::default())),
        }
    }

    /// What came of a request that was sent. Returns it, unless the request is sent again with a new token.
    pub(crate) fn on_answer(
        &mut self,
        cx: &mut Cx<'_>,
        key: &K,
        outcome: Outcome,
        out: &mut VecDeque<Action<K>>,
    ) -> Option<Outcome> {
        let Some(tokens) = &mut self.tokens else { return Some(outcome) };
        let Some(index) = tokens.sent.iter().position(|entry| entry.key == *key) else { return Some(outcome) };
        let entry = tokens.sent.swap_remove(index);
        let unauthorized = outcome.as_ref().is_ok_and(|response| response.status == UNAUTHORIZED);
        if !unauthorized || entry.again {
            return Some(outcome);
        }
        // Another request may have brought a newer token meanwhile.
        if tokens.token.as_ref().map(|token| &token.text) == entry.used.as_ref() {
            tokens.token = None;
            tokens.refused = entry.used;
        }
        tokens.waiting.push(Entry { used: None, again: true, ..entry });
        tokens.serve(cx, out);
        None
    }

    /// Nobody waits for this request any more.
    pub(crate) fn forget(&mut self, key: &K) {
        if let Some(tokens) = &mut self.tokens {
            tokens.waiting.retain(|entry| entry.key != *key);
            tokens.sent.retain(|entry| entry.key != *key);
        }
    }

    /// A file that was asked for.
    pub(crate) fn on_read(
        &mut self,
        cx: &mut Cx<'_>,
        ask: Ask,
        outcome: Result<Bytes, Failure>,
        out: &mut VecDeque<Action<K>>,
    ) {
        let Some(tokens) = &mut self.tokens else { return };
        match (ask, &tokens.stage) {
            (Ask::Cache, Stage::Cache) => tokens.on_cache(cx, outcome, out),
            (Ask::Identity, Stage::Identity) => tokens.on_identity(cx, outcome, out),
            (Ask::Cache | Ask::Identity, Stage::Idle | Stage::Cache | Stage::Identity | Stage::Exchange(_)) => {}
        }
    }

    /// What came of the exchange.
    pub(crate) fn on_http(&mut self, cx: &mut Cx<'_>, outcome: Outcome, out: &mut VecDeque<Action<K>>) {
        let Some(tokens) = &mut self.tokens else { return };
        let Stage::Exchange(call) = &mut tokens.stage else { return };
        match call.on_outcome(cx.now, cx.wall, cx.rng.next_u64(), outcome) {
            Step::Waiting => {}
            Step::Done(response) => match Token::from_answer(&response.body, cx.wall) {
                Some(token) => {
                    if !tokens.cache_path.is_empty() {
                        let content = tokens.cache.store(cx.link.base(), &token);
                        out.push_back(Action::Store(tokens.cache_path.clone(), content));
                    }
                    tokens.accept(cx, token, out);
                }
                None => tokens.fail(FailureKind::Denied, "the server's answer to the exchange holds no token", out),
            },
            Step::Failed(error) => {
                let kind = match (error.certificate, error.exhausted) {
                    (true, _) => FailureKind::Certificate,
                    // Whoever waits has a patience of its own.
                    (false, true) => FailureKind::Unreachable,
                    (false, false) => FailureKind::Denied,
                };
                tokens.fail(kind, &format!("failed to retrieve access token: {error}"), out);
            }
        }
    }

    /// What came of writing the file.
    pub(crate) fn on_stored(&mut self, outcome: Result<(), Failure>, out: &mut VecDeque<Action<K>>) {
        if let (Some(tokens), Err(failure)) = (&self.tokens, outcome) {
            out.push_back(Action::Notice(Notice::warn(format!(
                "the access token can't be kept in {}: {}; the next run asks for a new one",
                tokens.cache_path, failure.message
            ))));
        }
    }

    pub(crate) fn on_tick(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action<K>>) {
        if let Some(Tokens { stage: Stage::Exchange(call), .. }) = &mut self.tokens
            && let Some(request) = call.on_tick(cx.now)
        {
            out.push_back(Action::Exchange(Box::new(request)));
        }
    }

    pub(crate) fn wake(&self) -> Option<Wake> {
        match &self.tokens {
            Some(Tokens { stage: Stage::Exchange(call), .. }) => call.wake(),
            Some(_) | None => None,
        }
    }
}

impl<K: Clone + PartialEq> Tokens<K> {
    /// Sends what waits if there is a token, or else goes for one.
    fn serve(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action<K>>) {
        match (&self.token, &self.stage) {
            (Some(token), Stage::Idle) if token.is_fresh(cx.wall) => self.release(cx, out),
            (_, Stage::Idle) if self.cache_path.is_empty() => self.ask_identity(out),
            (_, Stage::Idle) => {
                // Read again for each renewal: another process may have been faster.
                self.stage = Stage::Cache;
                out.push_back(Action::Read(Ask::Cache, self.cache_path.clone()));
            }
            (_, Stage::Cache | Stage::Identity | Stage::Exchange(_)) => {}
        }
    }

    fn ask_identity(&mut self, out: &mut VecDeque<Action<K>>) {
        self.stage = Stage::Identity;
        out.push_back(Action::Read(Ask::Identity, self.identity_path.clone()));
    }

    fn on_cache(&mut self, cx: &mut Cx<'_>, outcome: Result<Bytes, Failure>, out: &mut VecDeque<Action<K>>) {
        match outcome {
            Ok(bytes) => self.cache = Cache::read(&bytes),
            Err(failure) if failure.kind == FailureKind::NotFound => self.cache = Cache::default(),
            Err(failure) => out.push_back(Action::Notice(Notice::warn(format!(
                "access tokens of earlier runs can't be read from {}: {}",
                self.cache_path, failure.message
            )))),
        }
        let kept = self.cache.token(cx.link.base());
        match kept.filter(|token| token.is_fresh(cx.wall) && self.refused.as_ref() != Some(&token.text)) {
            Some(token) => self.accept(cx, token, out),
            None => self.ask_identity(out),
        }
    }

    fn on_identity(&mut self, cx: &mut Cx<'_>, outcome: Result<Bytes, Failure>, out: &mut VecDeque<Action<K>>) {
        let path = &self.identity_path;
        let bytes = match outcome {
            Ok(bytes) => bytes,
            Err(failure) => {
                let kind = match failure.kind {
                    FailureKind::NotFound | FailureKind::Denied => FailureKind::Denied,
                    FailureKind::Exists
                    | FailureKind::NoSpace
                    | FailureKind::TimedOut
                    | FailureKind::Unreachable
                    | FailureKind::Certificate
                    | FailureKind::BadRequest
                    | FailureKind::Other => FailureKind::Other,
                };
                let why = format!("the identity token can't be read from {path}: {}", failure.message);
                return self.fail(kind, &why, out);
            }
        };
        let identity = core::str::from_utf8(&bytes).map(str::trim).unwrap_or_default();
        if identity.is_empty() {
            let why = format!("{path} holds no identity token");
            return self.fail(FailureKind::Denied, &why, out);
        }
        let mut call = Call::new(cx.link.token_exchange(identity), Class::Token, &self.policy);
        out.push_back(Action::Exchange(Box::new(call.start())));
        self.stage = Stage::Exchange(Box::new(call));
    }

    fn accept(&mut self, cx: &mut Cx<'_>, token: Token, out: &mut VecDeque<Action<K>>) {
        self.stage = Stage::Idle;
        self.refused = None;
        self.token = Some(token);
        self.release(cx, out);
    }

    /// Sends all that waits, even with a token that is short-lived: it is the newest there is.
    fn release(&mut self, cx: &mut Cx<'_>, out: &mut VecDeque<Action<K>>) {
        let Some(token) = &self.token else { return };
        for mut entry in self.waiting.drain(..) {
            let Some(request) = &mut entry.request else {
                out.push_back(Action::Token(entry.key, token.text.clone()));
                continue;
            };
            cx.link.sign_with_token(request, &token.text);
            self.sent.retain(|earlier| earlier.key != entry.key);
            out.push_back(Action::Send(entry.key.clone(), request.clone()));
            self.sent.push(Entry { used: Some(token.text.clone()), ..entry });
        }
    }

    fn fail(&mut self, kind: FailureKind, why: &str, out: &mut VecDeque<Action<K>>) {
        self.stage = Stage::Idle;
        let message = format!("api: couldn't fetch access token: {why}");
        for entry in self.waiting.drain(..) {
            out.push_back(Action::Refuse(entry.key, Failure { kind, message: message.clone() }));
        }
    }
}

#[cfg(test)]
mod tests;
