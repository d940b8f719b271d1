//! Every request of the uplink goes by the credentials, and so does its answer: one that was refused for its token is sent
//! again before its owner hears of it.

use super::{Action, Cx, Env, Tag, Uplink};
use crate::{
    completion::{Completion, Failure},
    effect::Effect,
    net::{
        Outcome,
        credentials::{self, Ask, Credentials, FILE_BYTES_MAX},
    },
};
use alloc::collections::VecDeque;
use bytes::Bytes;

impl Uplink {
    pub(super) fn with_credentials(
        &mut self,
        env: &Env<'_>,
        call: impl FnOnce(&mut Credentials<Tag>, &mut Cx<'_>, &mut VecDeque<credentials::Action<Tag>>),
    ) {
        let Uplink { credentials, rng, link, queues, .. } = self;
        let mut cx = Cx { now: env.now, wall: env.wall, limits: env.limits, rng, link };
        call(credentials, &mut cx, &mut queues.credentials);
    }

    pub(super) fn on_credentials(&mut self, env: &Env<'_>, action: credentials::Action<Tag>) {
        let (tag, effect) = match action {
            credentials::Action::Read(ask, path) => {
                (Tag::Credentials(ask), Effect::ReadFile { path, at: 0, len: FILE_BYTES_MAX })
            }
            credentials::Action::Exchange(request) => (Tag::Exchange, Effect::Http(request)),
            credentials::Action::Store(path, content) => (Tag::StoreToken, Effect::WriteSecret { path, content }),
            credentials::Action::Send(tag, request) => (tag, Effect::Http(request)),
            credentials::Action::Refuse(tag, failure) => return self.on_outcome(env, tag, Err(failure)),
            // Nobody here asks for the token itself.
            credentials::Action::Token(..) => return,
            credentials::Action::Notice(notice) => return self.actions.push_back(Action::Notice(notice)),
        };
        self.actions.push_back(Action::Effect(tag, effect));
    }

    /// What came of a request of one of the machines.
    pub(super) fn on_answer(&mut self, env: &Env<'_>, tag: Tag, outcome: Outcome) {
        let mut given = None;
        self.with_credentials(env, |credentials, cx, out| given = credentials.on_answer(cx, &tag, outcome, out));
        if let Some(outcome) = given {
            self.on_outcome(env, tag, outcome);
        }
    }

    pub(super) fn on_identity(&mut self, env: &Env<'_>, ask: Ask, outcome: Result<Bytes, Failure>) {
        self.with_credentials(env, |credentials, cx, out| credentials.on_read(cx, ask, outcome, out));
    }

    pub(super) fn on_token_stored(&mut self, completion: Completion) {
        let outcome = match completion.into_http() {
            Some(Err(failure)) => Err(failure),
            Some(Ok(_)) | None => Ok(()),
        };
        self.credentials.on_stored(outcome, &mut self.queues.credentials);
    }

    fn on_outcome(&mut self, env: &Env<'_>, tag: Tag, outcome: Outcome) {
        match tag {
            Tag::Sender(tag) => self.with_sender(env, |sender, cx, out| sender.on_http(cx, tag, outcome, out)),
            Tag::Stream(tag) => self.with_stream(env, |stream, cx, out| stream.on_http(cx, tag, outcome, out)),
            Tag::Uploader(tag) => self.with_uploader(env, |uploader, cx, out| uploader.on_http(cx, tag, outcome, out)),
            Tag::Stat(_)
            | Tag::Hash(_)
            | Tag::Log
            | Tag::LoadCursor
            | Tag::StoreCursor
            | Tag::Credentials(_)
            | Tag::Exchange
            | Tag::StoreToken => {}
        }
    }
}
