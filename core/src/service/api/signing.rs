//! Requests of an API client go by its credentials, and so do their answers: one that was refused for its token is sent
//! again before its job hears of it.

use super::{
    client::{Action, ApiClient, Cx, JobId, Out},
    plan,
};
use crate::{
    completion::Failure,
    net::{
        HttpRequest, Outcome,
        credentials::{self, Ask, Credentials},
    },
    uplink,
};
use alloc::{boxed::Box, collections::VecDeque};
use bytes::Bytes;

impl ApiClient {
    /// A file of the credentials.
    pub(super) fn on_read(&mut self, cx: &mut Cx<'_>, ask: Ask, outcome: Result<Bytes, Failure>, out: &mut Out) {
        self.with_credentials(cx, out, |credentials, cx, out| credentials.on_read(cx, ask, outcome, out));
    }

    /// What came of the exchange.
    pub(super) fn on_exchanged(&mut self, cx: &mut Cx<'_>, outcome: Outcome, out: &mut Out) {
        self.with_credentials(cx, out, |credentials, cx, out| credentials.on_http(cx, outcome, out));
    }

    /// What came of keeping the token.
    pub(super) fn on_stored(&mut self, cx: &mut Cx<'_>, outcome: Result<(), Failure>, out: &mut Out) {
        self.with_credentials(cx, out, |credentials, _, out| credentials.on_stored(outcome, out));
    }

    /// Sends the request, now or when there is a token.
    pub(super) fn send(&mut self, cx: &mut Cx<'_>, id: JobId, request: HttpRequest, out: &mut Out) {
        self.with_credentials(cx, out, |credentials, cx, out| credentials.on_request(cx, id, Box::new(request), out));
    }

    /// Calls the credentials and does what they want.
    pub(super) fn with_credentials(
        &mut self,
        cx: &mut Cx<'_>,
        out: &mut Out,
        call: impl FnOnce(&mut Credentials<JobId>, &mut uplink::Cx<'_>, &mut VecDeque<credentials::Action<JobId>>),
    ) {
        let mut wants = VecDeque::new();
        let mut inner = uplink::Cx { now: cx.now, wall: cx.wall, limits: cx.limits, rng: cx.rng, link: &self.link };
        call(&mut self.credentials, &mut inner, &mut wants);
        for want in wants {
            match want {
                credentials::Action::Read(ask, path) => out.push_back(Action::Read(ask, path)),
                credentials::Action::Exchange(request) => out.push_back(Action::Exchange(request)),
                credentials::Action::Store(path, content) => out.push_back(Action::Store(path, content)),
                credentials::Action::Send(id, request) => out.push_back(Action::Http(id, request)),
                credentials::Action::Token(id, token) => self.settle(id, plan::token_answer(&token), out),
                credentials::Action::Refuse(id, failure) => self.on_outcome(cx, id, Err(failure), out),
                credentials::Action::Notice(notice) => out.push_back(Action::Notice(notice)),
            }
        }
    }
}
