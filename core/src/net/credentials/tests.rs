//! The credentials driven by hand.

use super::*;
use crate::{
    limits::Limits,
    net::{HttpResponse, Link, Purpose},
    rng::Rng,
    time::{Duration, Instant, UnixNanos},
};

struct World {
    limits: Limits,
    rng: Rng,
    link: Link,
    seconds: u64,
    credentials: Credentials<u32>,
    out: VecDeque<Action<u32>>,
}

fn settings(identity: Option<&str>, cache: Option<&str>) -> Settings {
    Settings {
        base_url: Some("http://h/".into()),
        api_key: Some("K".into()),
        identity_token_file: identity.map(Into::into),
        credentials_file: cache.map(Into::into),
        ..Default::default()
    }
}

impl World {
    fn new(settings: &Settings) -> Self {
        World {
            limits: Limits::default(),
            rng: Rng::new(1),
            link: Link::new(settings),
            seconds: 0,
            credentials: Credentials::new(settings),
            out: VecDeque::new(),
        }
    }

    fn with(&mut self, call: impl FnOnce(&mut Credentials<u32>, &mut Cx<'_>, &mut VecDeque<Action<u32>>)) {
        let now = Instant::ZERO.after(Duration::from_secs(self.seconds));
        let wall = UnixNanos(1_709_164_800_000_000_000).after(Duration::from_secs(self.seconds));
        let mut cx = Cx { now, wall, limits: &self.limits, rng: &mut self.rng, link: &self.link };
        call(&mut self.credentials, &mut cx, &mut self.out);
    }

    fn ask(&mut self, key: u32) {
        let request = Box::new(self.link.graphql(Purpose::Graphql, "Q", "query", ""));
        self.with(|credentials, cx, out| credentials.on_request(cx, key, request, out));
    }

    fn read(&mut self, ask: Ask, outcome: Result<&'static str, FailureKind>) {
        let outcome = outcome.map(Bytes::from).map_err(|kind| Failure { kind, message: "no".into() });
        self.with(|credentials, cx, out| credentials.on_read(cx, ask, outcome, out));
    }

    fn answer_exchange(&mut self, status: u16, body: &'static str) {
        let response = HttpResponse { status, body: body.into(), ..Default::default() };
        self.with(|credentials, cx, out| credentials.on_http(cx, Ok(response), out));
    }

    /// Whether the answer was given back.
    fn answer(&mut self, key: u32, status: u16) -> bool {
        let mut given = None;
        let response = HttpResponse { status, ..Default::default() };
        self.with(|credentials, cx, out| given = credentials.on_answer(cx, &key, Ok(response), out));
        given.is_some()
    }

    /// Everything that is wanted now, as text with secrets.
    fn take(&mut self) -> Vec<String> {
        self.out
            .drain(..)
            .map(|action| match action {
                Action::Read(ask, path) => format!("read {ask:?} {path}"),
                Action::Exchange(request) => format!("exchange {}", request.url),
                Action::Store(path, content) => format!("store {path} {}", content.reveal()),
                Action::Send(key, request) => {
                    let found = request.headers.iter().find(|header| header.is("authorization"));
                    format!("send {key} {}", found.map_or("-", |header| header.value.reveal()))
                }
                Action::Token(key, token) => format!("token {key} {}", token.reveal()),
                Action::Refuse(key, failure) => format!("refuse {key} {:?} {}", failure.kind, failure.message),
                Action::Notice(notice) => format!("notice {notice}"),
            })
            .collect()
    }
}

#[test]
fn a_key_is_added_at_once_and_storage_gets_none() {
    let mut world = World::new(&settings(None, Some("/c")));
    world.ask(1);
    let put = Box::new(world.link.put_file("http://h/put", Vec::new(), "f".into(), 1));
    world.with(|credentials, cx, out| credentials.on_request(cx, 2, put, out));
    assert_eq!(world.take(), ["send 1 Basic YXBpOks=", "send 2 -"]);
    assert!(world.answer(1, 401), "there is nothing to renew");
}

#[test]
fn backend_67_one_exchange_serves_all_requests_until_the_token_ends() {
    let mut world = World::new(&settings(Some("/id"), Some("/c")));
    world.ask(1);
    world.ask(2);
    assert_eq!(world.take(), ["read Cache /c"]);
    world.read(Ask::Cache, Err(FailureKind::NotFound));
    assert_eq!(world.take(), ["read Identity /id"]);
    world.read(Ask::Identity, Ok(" jwt+1\n"));
    let Some(Action::Exchange(exchange)) = world.out.pop_front() else { panic!("no exchange") };
    let crate::net::Body::Bytes(body) = &exchange.body else { panic!("no body") };
    assert_eq!(body, "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=jwt%2B1");
    assert_eq!(exchange.url, "http://h/oidc/token");
    assert!(!exchange.headers.iter().any(|header| header.is("authorization")));
    world.answer_exchange(200, r#"{"access_token":"T","expires_in":3600}"#);
    let stored = r#"store /c {"credentials":{"http://h":{"access_token":"T","expires_at":"2024-02-29 01:00:00"}}}"#;
    assert_eq!(world.take(), [stored, "send 1 Bearer T", "send 2 Bearer T"]);
    assert!(world.answer(1, 200));
    world.seconds = 3299;
    world.ask(3);
    assert_eq!(world.take(), ["send 3 Bearer T"]);
    world.seconds = 3300;
    world.ask(4);
    assert_eq!(world.take(), ["read Cache /c"]);
}

#[test]
fn backend_67_a_warm_cache_needs_no_exchange() {
    let mut world = World::new(&settings(Some("/id"), Some("/c")));
    world.ask(1);
    world.read(
        Ask::Cache,
        Ok(r#"{"credentials":{"http://h":{"access_token":"C","expires_at":"2024-02-29 01:00:00"}}}"#),
    );
    assert_eq!(world.take(), ["read Cache /c", "send 1 Bearer C"]);
}

#[test]
fn backend_67_a_refused_exchange_fails_what_waits_with_the_servers_words() {
    let mut world = World::new(&settings(Some("/id"), None));
    world.ask(1);
    world.ask(2);
    world.read(Ask::Identity, Ok("jwt"));
    assert_eq!(world.take(), ["read Identity /id", "exchange http://h/oidc/token"]);
    world.answer_exchange(403, "who are you");
    let why = "Denied api: couldn't fetch access token: failed to retrieve access token: HTTP 403: who are you";
    assert_eq!(world.take(), [format!("refuse 1 {why}"), format!("refuse 2 {why}")]);
    world.ask(3);
    world.read(Ask::Identity, Err(FailureKind::NotFound));
    let text = world.take().join("\n");
    assert!(text.contains("refuse 3 Denied") && text.contains("from /id: no"), "{text}");
    world.ask(4);
    world.read(Ask::Identity, Ok(" \n"));
    assert!(world.take().join("\n").contains("/id holds no identity token"));
}

#[test]
fn backend_67_a_short_token_is_used_for_most_of_its_life() {
    let mut world = World::new(&settings(Some("/id"), None));
    world.ask(1);
    world.read(Ask::Identity, Ok("jwt"));
    world.answer_exchange(200, r#"{"access_token":"S","expires_in":200}"#);
    assert_eq!(world.take().last().unwrap(), "send 1 Bearer S");
    world.seconds = 179;
    world.ask(2);
    assert_eq!(world.take(), ["send 2 Bearer S"]);
    world.seconds = 180;
    world.ask(3);
    assert_eq!(world.take(), ["read Identity /id"]);
}

#[test]
fn a_token_without_life_serves_what_waited_and_nothing_else() {
    let mut world = World::new(&settings(Some("/id"), None));
    world.ask(1);
    world.read(Ask::Identity, Ok("jwt"));
    world.answer_exchange(200, r#"{"access_token":"S"}"#);
    assert_eq!(world.take().last().unwrap(), "send 1 Bearer S");
    world.ask(2);
    assert_eq!(world.take(), ["read Identity /id"]);
}

#[test]
fn an_exchange_is_tried_again_and_an_outage_leaves_the_patience_to_others() {
    let mut world = World::new(&settings(Some("/id"), None));
    world.ask(1);
    world.read(Ask::Identity, Ok("jwt"));
    for _ in 0..3 {
        assert!(world.take().last().unwrap().starts_with("exchange"));
        world.answer_exchange(503, "busy");
        assert!(world.credentials.wake().is_some() && world.out.is_empty());
        world.seconds += 10;
        world.with(|credentials, cx, out| credentials.on_tick(cx, out));
    }
    world.answer_exchange(503, "busy");
    let text = world.take().join("\n");
    assert!(text.contains("refuse 1 Unreachable") && text.ends_with("HTTP 503: busy"), "{text}");
    assert!(world.credentials.wake().is_none());
    world.ask(2);
    assert_eq!(world.take(), ["read Identity /id"], "the next request tries anew");
}

#[test]
fn a_refused_token_is_renewed_once_for_all_and_not_taken_from_the_cache_again() {
    let mut world = World::new(&settings(Some("/id"), Some("/c")));
    let cached = r#"{"credentials":{"http://h":{"access_token":"C","expires_at":"2024-02-29 09:00:00"}}}"#;
    world.ask(1);
    world.ask(2);
    world.read(Ask::Cache, Ok(cached));
    let _ = world.take();
    assert!(!world.answer(1, 401) && !world.answer(2, 401), "both are kept");
    assert_eq!(world.take(), ["read Cache /c"]);
    world.read(Ask::Cache, Ok(cached));
    assert_eq!(world.take(), ["read Identity /id"]);
    world.read(Ask::Identity, Ok("jwt"));
    world.answer_exchange(200, r#"{"access_token":"N","expires_in":3600}"#);
    let text = world.take().join("\n");
    assert!(text.ends_with("send 1 Bearer N\nsend 2 Bearer N"), "{text}");
    assert!(world.answer(1, 401), "the new one is refused as well: that is the answer");
    assert!(world.answer(2, 200));
    world.ask(3);
    assert_eq!(world.take(), ["send 3 Bearer N"], "a 401 of a second try says nothing of the token");
}

#[test]
fn what_was_cancelled_does_not_come_back() {
    let mut world = World::new(&settings(Some("/id"), None));
    world.ask(1);
    world.ask(2);
    world.credentials.forget(&1);
    world.read(Ask::Identity, Ok("jwt"));
    world.answer_exchange(200, r#"{"access_token":"T","expires_in":3600}"#);
    assert_eq!(world.take().last().unwrap(), "send 2 Bearer T");
    world.credentials.forget(&2);
    assert!(world.answer(2, 401));
    world.credentials.on_stored(Err(Failure { kind: FailureKind::Denied, message: "no".into() }), &mut world.out);
    assert!(world.take()[0].starts_with("notice Warn: the access token can't be kept"));
}

#[test]
fn nothing_secret_is_shown() {
    let mut world = World::new(&settings(Some("/id"), Some("/c")));
    world.ask(1);
    world.read(Ask::Cache, Err(FailureKind::NotFound));
    world.read(Ask::Identity, Ok("hidden-jwt"));
    world.answer_exchange(200, r#"{"access_token":"hidden-token","expires_in":3600}"#);
    let shown = format!("{:?} {:?}", world.out, world.credentials.tokens.as_ref().map(|tokens| &tokens.token));
    assert!(!shown.contains("hidden"), "{shown}");
}
